"""Strict text encodings of bytes: one spelling for each value, everything else is ``Malformed``.

base64url without padding (RFC 4648 §5) in our JSON, 0x-hex for chain values, Base45 (RFC 9285) in
show codes. Bech32 stands in ``protocol/bech32.py``. Left out: any lenient variant.
"""

from __future__ import annotations

import re
import struct
from binascii import a2b_base64, b2a_base64

from protocol.errors import Malformed

_B64U = re.compile(r"[A-Za-z0-9_-]*")
_TO_URL = bytes.maketrans(b"+/", b"-_")
# By the length of unpadded base64 modulo 4: what is left out, and the last characters whose unused bits are zero.
PADDING = ("", "", "==", "=")
ZERO_ENDS = ("", "", "AQgw", "AEIMQUYcgkosw048")
_HEX = re.compile(r"0x[0-9a-f]*")  # one character repeated: a group would take 64 bytes of stack each time
_BASE45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_NO_BASE45 = 0xFF
_BASE45_VALUES = bytes(_BASE45.find(chr(c)) & 0xFF for c in range(256))
_BASE45_PAIRS = tuple(low + high for high in _BASE45 for low in _BASE45)


def b64u(data: bytes) -> str:
    """Base64url without padding."""
    return b2a_base64(data, newline=False).translate(_TO_URL).rstrip(b"=").decode("ascii")


def unb64u(text: object, *, length: int | None = None, what: str = "value") -> bytes:
    """The bytes of a canonical unpadded base64url string, of exactly ``length`` bytes if given."""
    if not isinstance(text, str) or not _B64U.fullmatch(text) or (rest := len(text) % 4) == 1:
        raise Malformed("base64url", "{what}: expected unpadded base64url", what=what)
    if rest and text[-1] not in ZERO_ENDS[rest]:
        raise Malformed("base64url", "{what}: base64url is not canonical", what=what)
    data = a2b_base64(text.replace("-", "+").replace("_", "/") + PADDING[rest])
    return data if length is None else _of_length(data, length, what)


def b64(data: bytes) -> str:
    """Standard base64 with padding (signed notes and tlog-proofs want it)."""
    return b2a_base64(data, newline=False).decode("ascii")


def unb64(text: object, *, length: int | None = None, what: str = "value") -> bytes:
    """The bytes of a canonical, padded standard base64 string."""
    if not isinstance(text, str):
        raise Malformed("base64", "{what}: expected base64", what=what)
    try:
        data = a2b_base64(text, strict_mode=True)
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
    numbers = struct.unpack(f">{len(data) // 2}H", data[: len(data) & ~1])
    out = [_BASE45_PAIRS[n % 2025] + _BASE45[n // 2025] for n in numbers]
    if len(data) % 2:
        out.append(_BASE45_PAIRS[data[-1]])
    return "".join(out)


def unbase45(text: object, *, what: str = "value") -> bytes:
    """The bytes of a Base45 string (RFC 9285)."""
    digits = text.encode("ascii", "replace").translate(_BASE45_VALUES) if isinstance(text, str) else b"\xff"
    if len(digits) % 3 == 1 or _NO_BASE45 in digits:
        raise Malformed("base45", "{what}: expected Base45", what=what)
    numbers = [a + 45 * b + 2025 * c for a, b, c in zip(digits[::3], digits[1::3], digits[2::3], strict=False)]
    last = [digits[-2] + 45 * digits[-1]] if len(digits) % 3 else []
    if max(numbers, default=0) > 0xFFFF or max(last, default=0) > 0xFF:
        raise Malformed("base45", "{what}: a Base45 group is out of range", what=what)
    return struct.pack(f">{len(numbers)}H", *numbers) + bytes(last)


def u32(value: int) -> bytes:
    """Four bytes, big-endian: dossier indices and key sequences in HKDF labels."""
    return value.to_bytes(4, "big")


def u64(value: int) -> bytes:
    """Eight bytes, big-endian: counters in HMAC inputs."""
    return value.to_bytes(8, "big")


def _of_length(data: bytes, length: int | None, what: str) -> bytes:
    if length is not None and len(data) != length:
        raise Malformed("length", "{what}: expected {want} bytes, got {got}", what=what, want=length, got=len(data))
    return data
