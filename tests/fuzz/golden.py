"""Seeds from the golden vectors of each structure: what a fuzzer begins with."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from protocol.encoding import unb64u
from protocol.errors import Malformed
from protocol.jose import parse_jws
from tests.strangers import ROOT

VECTORS = ROOT / "tests" / "vectors" / "golden"
_CLEAR = ("raw", "text", "path")


@cache
def cases(structure: str) -> list[dict[str, Any]]:
    """The inputs of all cases of a structure, accepted and refused ones."""
    found = json.loads((VECTORS / f"{structure}.json").read_text(encoding="utf-8"))
    return [case["input"] for case in found["cases"]]


def octets_of(value: Any) -> bytes:
    """The bytes of a member: ``{"text"}``, ``{"b64u"}``, or text as it stands."""
    if isinstance(value, dict):
        return str(value["text"]).encode("utf-8") if "text" in value else unb64u(value["b64u"])
    return str(value).encode("utf-8", "surrogatepass")


def raws(structure: str, member: str = "", *, most: int = 60) -> list[bytes]:
    """A member of each case as bytes; without a name the one that holds the object itself."""
    found = []
    for case in cases(structure):
        name = member or next((name for name in _CLEAR if name in case), "")
        if case.get(name) is not None:
            found.append(octets_of(case[name]))
    return list(dict.fromkeys(found))[:most]


def bodies(structure: str, typ: str) -> list[bytes]:
    """The payloads of JWS cases: seeds of the form that ``as_jws`` wraps."""
    found = []
    for raw in raws(structure):
        try:
            found.append(parse_jws(raw, typ=typ).payload)
        except Malformed:
            continue
    return list(dict.fromkeys(found))


def disclosed(raw: bytes) -> bytes:
    """A presentation in the form that ``as_sdjwt`` takes, with its digests as they are."""
    parts = raw.decode("ascii").split("~")
    lines = [_payload(parts[0]), *(unb64u(part) for part in parts[1:-1])]
    binding = b"\n\n" + _payload(parts[-1]) if parts[-1] else b""
    return b"\n".join(lines) + binding


def disclosed_all(structure: str) -> list[bytes]:
    """Those presentations and credentials of a structure that come apart."""
    found = []
    for raw in raws(structure):
        try:
            found.append(disclosed(raw))
        except (Malformed, UnicodeDecodeError, IndexError):
            continue
    return found


def base64url_of(structure: str, member: str) -> list[bytes]:
    """A member that is base64url text, decoded; what does not decode is left out."""
    found = []
    for case in cases(structure):
        try:
            found.append(unb64u(case[member]))
        except (Malformed, KeyError):
            continue
    return found


def _payload(jws: str) -> bytes:
    return unb64u(jws.split(".")[1])
