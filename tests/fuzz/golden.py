"""Seeds from the golden vectors and from the samples of other tests: what a fuzzer begins with."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from protocol.encoding import b64u, unb64u
from protocol.jose import parse_jws
from tests.vectors.book import ACCEPTED, read, unoctets

ROOT = Path(__file__).resolve().parents[2]
# What the parsers of a group are seeded with.
GROUPS = {
    "credential": (
        "slip",
        "receipt",
        "statement",
        "card-token",
        "scenario",
        "presentation",
        "status-list",
        "show-code",
    ),
    "grant": ("account-message", "grant", "mandate", "key-card"),
    "log": ("history", "checkpoint", "tlog-proof"),
}
REFUSED = 16  # refused cases of a structure: what is one change away from good


@cache
def cases(group: str) -> list[dict[str, Any]]:
    """The inputs of the golden cases of a group, accepted ones first; ``kind`` is the structure's name."""
    found = []
    for name in GROUPS[group]:
        every = read(name)["cases"]
        accepted = [case["input"] for case in every if case["expect"] == ACCEPTED]
        refused = [case["input"] for case in every if case["expect"] != ACCEPTED]
        kind = name if name == "tlog-proof" else name.replace("-", " ")
        found += [{"kind": kind, **_plain(given)} for given in (*accepted, *refused[:REFUSED])]
    return found


def raws(group: str, *kinds: str) -> list[bytes]:
    """The raw texts of the cases of these kinds, accepted and refused ones."""
    return [case["raw"] for case in cases(group) if case["kind"] in kinds]


def octets(group: str, kind: str, member: str) -> list[bytes]:
    """A member that is bytes, of the cases of this kind."""
    return [case[member] for case in cases(group) if case["kind"] == kind]


def bodies(group: str, kind: str, typ: str) -> list[bytes]:
    """The payloads of JWS cases: seeds of the form that ``as_jws`` wraps."""
    found = [parse_jws(raw, typ=typ).payload for raw in raws(group, kind) if _parses(raw, typ)]
    return [body for body in found if body.startswith(b"{")]


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


def _plain(given: dict[str, Any]) -> dict[str, Any]:
    """An input with its bytes as bytes; what is parsed is always called ``raw``."""
    plain = {name: unoctets(value) if _is_octets(value) else value for name, value in given.items()}
    if "history" in plain:
        plain["history"] = [_step(step) for step in plain["history"]]
    raw = plain.get("raw", plain.get("text", b""))
    return {**plain, "raw": raw if isinstance(raw, bytes) else raw.encode("utf-8")}


def _step(step: dict[str, Any]) -> dict[str, Any]:
    """A step of a history in the form that the parser of histories here takes."""
    return {name: b64u(unoctets(value)) if _is_octets(value) else value for name, value in step.items()}


def _is_octets(value: object) -> bool:
    return isinstance(value, dict) and set(value) in ({"text"}, {"b64u"})


def _parses(raw: bytes, typ: str) -> bool:
    from protocol.errors import Malformed

    try:
        parse_jws(raw, typ=typ)
    except Malformed:
        return False
    return True
