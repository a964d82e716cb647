"""Seeds from the golden vectors and from the samples of other tests: what a fuzzer begins with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from protocol.encoding import unb64u
from protocol.jose import parse_jws

ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT / "tests" / "vectors"


@cache
def cases(name: str) -> list[dict[str, Any]]:
    """The cases of ``tests/vectors/<name>/vectors.json``."""
    found: list[dict[str, Any]] = json.loads((VECTORS / name / "vectors.json").read_text(encoding="utf-8"))["cases"]
    return found


def raws(name: str, *kinds: str) -> list[bytes]:
    """The raw texts of the cases of these kinds, accepted and refused ones."""
    return [case["raw"].encode("utf-8") for case in cases(name) if case["kind"] in kinds]


def octets(name: str, kind: str, member: str) -> list[bytes]:
    """A member that is base64url, of the cases of this kind."""
    return [unb64u(case[member]) for case in cases(name) if case["kind"] == kind]


def bodies(name: str, kind: str, typ: str) -> list[bytes]:
    """The payloads of JWS cases: seeds of the form that ``as_jws`` wraps."""
    return [parse_jws(raw, typ=typ).payload for raw in raws(name, kind) if _parses(raw, typ)]


def disclosed(raw: bytes) -> bytes:
    """A presentation in the form that ``as_sdjwt`` takes, with its digests as they are."""
    parts = raw.decode("ascii").split("~")
    lines = [_payload(parts[0]), *(unb64u(part) for part in parts[1:-1])]
    binding = b"\n\n" + _payload(parts[-1]) if parts[-1] else b""
    return b"\n".join(lines) + binding


def deduplicated(seeds: Iterator[bytes]) -> list[bytes]:
    return list(dict.fromkeys(seeds))


def _payload(jws: str) -> bytes:
    return unb64u(jws.split(".")[1])


def _parses(raw: bytes, typ: str) -> bool:
    from protocol.errors import Malformed

    try:
        parse_jws(raw, typ=typ)
    except Malformed:
        return False
    return True
