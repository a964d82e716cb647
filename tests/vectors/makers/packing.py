"""zlib data that is the same whatever zlib is installed: long runs of one byte, packed by hand (RFC 1950, 1951)."""

from __future__ import annotations

import zlib
from itertools import groupby

LONGEST = 258


def pack(data: bytes) -> bytes:
    """``data`` as zlib."""
    return b"\x78\x01" + deflate(data) + zlib.adler32(data).to_bytes(4, "big")


def deflate(data: bytes) -> bytes:
    """``data`` as one block with fixed codes: each run is a literal and matches of length 258 at distance 1."""
    bits = _Bits()
    bits.put(0b1, 1)  # the last block
    bits.put(0b01, 2)  # fixed codes
    for value, run in groupby(data):
        size = len(list(run))
        _literal(bits, value)
        for _ in range((size - 1) // LONGEST):
            bits.code(0b11000000 + 285 - 280, 8)  # length 258
            bits.code(0, 5)  # distance 1
        for _ in range((size - 1) % LONGEST):
            _literal(bits, value)
    bits.code(0, 7)  # end of the block
    return bits.bytes()


def _literal(bits: _Bits, value: int) -> None:
    if value < 144:
        bits.code(0b00110000 + value, 8)
    else:
        bits.code(0b110010000 + value - 144, 9)


class _Bits:
    """Bits from the lowest of each byte upwards; codes of Huffman come with their highest bit first."""

    def __init__(self) -> None:
        self._bits: list[int] = []

    def put(self, value: int, width: int) -> None:
        self._bits += [value >> i & 1 for i in range(width)]

    def code(self, value: int, width: int) -> None:
        self._bits += [value >> i & 1 for i in reversed(range(width))]

    def bytes(self) -> bytes:
        padded = self._bits + [0] * (-len(self._bits) % 8)
        return bytes(sum(bit << i for i, bit in enumerate(padded[at : at + 8])) for at in range(0, len(padded), 8))
