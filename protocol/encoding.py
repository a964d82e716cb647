"""Strict text encodings of bytes: one spelling for each value, everything else is ``Malformed``.

base64url without padding (RFC 4648 §5) in our JSON, 0x-hex for chain values, Base45 (RFC 9285) in
show codes. Bech32 stands in ``protocol/bech32.py``. Left out: any lenient variant.
"""

from __future__ import annotations

import base64
import re

from protocol.errors import Malformed

_B64U = re.compile(r"[A-Za-z0-9_-]*")
_HEX = re.compile(r"0x[0-9a-f]*")  # one character repeated: a group would take 64 bytes of stack each time
_BASE45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_BASE45_VALUE = {c: i for i, c in enumerate(_BASE45)}


def b64u(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def unb64u(text: object, *, length: int | None = None, what: str = "value") -> bytes:
    """The bytes of a canonical unpadded base64url string, of exactly ``length`` bytes if given."""
    if not isinstance(text, str) or not _B64U.fullmatch(text) or len(text) % 4 == 1:
        raise Malformed("base64url", "{what}: expected unpadded base64url", what=what)
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if b64u(data) != text:
        raise Malformed("base64url", "{what}: base64url is not canonical", what=what)
    return _of_length(data, length, what)


def b64(data: bytes) -> str:
    """Standard base64 with padding (signed notes and tlog-proofs want it)."""
    return base64.b64encode(data).decode("ascii")


def unb64(text: object, *, length: int | None = None, what: str = "value") -> bytes:
    """The bytes of a canonical, padded standard base64 string."""
    if not isinstance(text, str):
        raise Malformed("base64", "{what}: expected base64", what=what)
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise Malformed("base64", "{what}: expected base64", what=what) from None
    if b64(data) != text:
        raise Malformed("base64", "{what}: base64 is not canonical", what=what)
    return _of_length(data, length, what)


def hex0x(data: bytes) -> str:
    """Lower-case hex with 0x, as chain values are written."""
    return "0x" + data.hex()


def unhex0x(text: object, *, length: int | None = None, what: str = "value") -> bytes:
    """The bytes of a 0x-hex string in lower case, of exactly ``length`` bytes if given."""
    if not isinstance(text, str) or not _HEX.fullmatch(text) or len(text) % 2:
        raise Malformed("hex", "{what}: expected lower-case hex with 0x", what=what)
    return _of_length(bytes.fromhex(text[2:]), length, what)


def base45(data: bytes) -> str:
    """Base45 (RFC 9285)."""
    out: list[str] = []
    for i in range(0, len(data) - 1, 2):
        n = data[i] * 256 + data[i + 1]
        out += (_BASE45[n % 45], _BASE45[n // 45 % 45], _BASE45[n // 2025])
    if len(data) % 2:
        out += (_BASE45[data[-1] % 45], _BASE45[data[-1] // 45])
    return "".join(out)


def unbase45(text: object, *, what: str = "value") -> bytes:
    """The bytes of a Base45 string (RFC 9285)."""
    if not isinstance(text, str) or len(text) % 3 == 1 or any(c not in _BASE45_VALUE for c in text):
        raise Malformed("base45", "{what}: expected Base45", what=what)
    out = bytearray()
    for i in range(0, len(text), 3):
        group = [_BASE45_VALUE[c] for c in text[i : i + 3]]
        value = sum(v * 45**k for k, v in enumerate(group))
        size = len(group) - 1
        if value >= 256**size:
            raise Malformed("base45", "{what}: a Base45 group is out of range", what=what)
        out += value.to_bytes(size, "big")
    return bytes(out)


def u32(value: int) -> bytes:
    """Four bytes, big-endian: dossier indices and key sequences in HKDF labels."""
    return value.to_bytes(4, "big")


def u64(value: int) -> bytes:
    """Eight bytes, big-endian: counters in HMAC inputs."""
    return value.to_bytes(8, "big")


def _of_length(data: bytes, length: int | None, what: str) -> bytes:
    if length is not None and len(data) != length:
        raise Malformed(
            "length", "{what}: expected {want} bytes, got {got}", what=what, want=length, got=len(data)
        )
    return data
