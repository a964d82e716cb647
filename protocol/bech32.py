"""Bech32 (BIP-173) as age uses it: no limit of 90 characters, one case, strict padding.

Left out: Bech32m (BIP-350), segwit addresses, error location.
"""

from __future__ import annotations

from functools import reduce
from operator import xor

from protocol.errors import Malformed

# The longest string that we use is a post-quantum recipient: 7 + 1,946 + 6 characters.
MAX_BECH32_CHARS = 4096

_CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VALUE = {c: i for i, c in enumerate(_CHARSET)}
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM_CHARS = 6
# What the five bits that leave the register feed back, for each of their values.
_FEEDBACK = tuple(reduce(xor, (term for i, term in enumerate(_GENERATOR) if top >> i & 1), 0) for top in range(32))


def encode(hrp: str, data: bytes) -> str:
    """``data`` under the lower-case prefix ``hrp``, in lower case."""
    values = _regroup(data, 8, 5)
    return hrp + "1" + "".join(_CHARSET[v] for v in values + _checksum(hrp, values))


def decode(text: str, *, hrp: str, length: int, what: str) -> bytes:
    """The ``length`` bytes of a Bech32 string under exactly the prefix ``hrp`` (in lower case).

    All upper or all lower case is accepted, a mixture is not. Raises ``Malformed`` and never
    repeats the text, which may be a secret key.
    """
    lowered = _one_case(text, what)
    if not lowered.startswith(hrp + "1") or lowered.rindex("1") != len(hrp):
        raise Malformed("bech32_prefix", "{what}: expected a string that begins {hrp}1", what=what, hrp=hrp)
    try:
        values = [_VALUE[c] for c in lowered[len(hrp) + 1 :]]
    except KeyError:
        raise Malformed("bech32_character", "{what}: holds a character outside Bech32", what=what) from None
    if len(values) < _CHECKSUM_CHARS or _polymod(_expanded(hrp) + values) != 1:
        raise Malformed("bech32_checksum", "{what}: the Bech32 checksum is wrong", what=what)
    data = _ungroup(values[:-_CHECKSUM_CHARS], what)
    if len(data) != length:
        raise Malformed("length", "{what}: expected {want} bytes, got {got}", what=what, want=length, got=len(data))
    return data


def _one_case(text: str, what: str) -> str:
    if len(text) > MAX_BECH32_CHARS:
        raise Malformed("too_large", "{what}: at most {limit} characters", what=what, limit=MAX_BECH32_CHARS)
    # str.lower() maps some characters outside ASCII into it (the Kelvin sign), so ASCII is asked first.
    if not text.isascii() or text not in {text.lower(), text.upper()}:
        raise Malformed("bech32_case", "{what}: expected ASCII in one case", what=what)
    return text.lower()


def _ungroup(values: list[int], what: str) -> bytes:
    spare = len(values) * 5 % 8
    # BIP-173: fewer than five bits of padding, and all of them zero; else one value has two spellings.
    if spare >= 5 or (spare and values[-1] & ((1 << spare) - 1)):
        raise Malformed("bech32_padding", "{what}: the Bech32 padding is not canonical", what=what)
    return bytes(_regroup(values, 5, 8)[: len(values) * 5 // 8])


def _regroup(values: bytes | list[int], width: int, wanted: int) -> list[int]:
    """The bits of ``values`` in groups of ``wanted``, the last one filled with zero bits."""
    out: list[int] = []
    held = bits = 0
    for value in values:
        held = (held << width | value) & 0xFFFF
        bits += width
        while bits >= wanted:
            bits -= wanted
            out.append(held >> bits & ((1 << wanted) - 1))
    if bits:
        out.append(held << (wanted - bits) & ((1 << wanted) - 1))
    return out


def _expanded(hrp: str) -> list[int]:
    return [ord(c) >> 5 for c in hrp] + [0] + [ord(c) & 31 for c in hrp]


def _polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value ^ _FEEDBACK[top]
    return check


def _checksum(hrp: str, values: list[int]) -> list[int]:
    check = _polymod(_expanded(hrp) + values + [0] * _CHECKSUM_CHARS) ^ 1
    return [check >> 5 * (5 - i) & 31 for i in range(_CHECKSUM_CHARS)]
