"""Several byte strings in one small one, for codes on paper: length and bytes of each, then raw DEFLATE (RFC 1951).

    packed = DEFLATE(for each part: length (2 bytes, big-endian) ‖ part)

What is unpacked was verified by nobody. DEFLATE has many spellings of one text: nothing is named by these bytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from protocol.encoding import b64u, unb64u
from protocol.errors import Malformed

MAX_UNPACKED_BYTES = 8192
JWS_PARTS = 3


def pack(parts: Sequence[bytes]) -> bytes:
    """``parts`` in one; ``Malformed("code_too_large")`` for more than ``unpack`` would take."""
    if any(len(part) > 0xFFFF for part in parts):
        raise too_large()
    raw = b"".join(len(part).to_bytes(2, "big") + part for part in parts)
    if len(raw) > MAX_UNPACKED_BYTES:
        raise too_large()
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return packer.compress(raw) + packer.flush()


def unpack(packed: bytes, count: int) -> tuple[bytes, ...]:
    """The ``count`` parts in ``packed``, never more than a bounded size. Raises ``Malformed`` only."""
    left, found = _inflate(packed), []
    for _ in range(count):
        size = int.from_bytes(left[:2], "big")
        part, rest = left[2 : 2 + size], left[2 + size :]
        if len(left) < 2 or len(part) != size:
            raise _malformed()
        found.append(part)
        left = rest
    if left:
        raise _malformed()
    return tuple(found)


def jws_parts(raw: str) -> tuple[bytes, ...]:
    """The three parts of a compact JWS, their base64url decoded."""
    return tuple(unb64u(part, what="JWS") for part in raw.split("."))


def jws_of(parts: Sequence[bytes]) -> str:
    """The compact JWS of its three parts: the text that was signed, since base64url has one spelling."""
    return ".".join(b64u(part) for part in parts)


def too_large() -> Malformed:
    """What was to be drawn has no room in a code."""
    return Malformed("code_too_large", "this has no room in a code: leave something out")


def _inflate(raw: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    try:
        found = unpacker.decompress(raw, MAX_UNPACKED_BYTES + 1)
    except zlib.error:
        raise _malformed() from None
    if len(found) > MAX_UNPACKED_BYTES or not unpacker.eof or unpacker.unused_data:
        raise _malformed()
    return found


def _malformed() -> Malformed:
    return Malformed("code_packed", "the code holds nothing that can be unpacked")
