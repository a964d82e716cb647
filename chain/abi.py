"""The ABI encoding of Solidity's types, as far as our contracts use them, and back.

Only the one encoding of a value is taken: padding that is not zero, a number too large for its type, a flag that is
neither 0 nor 1, and text that is not UTF-8 are nonsense. A dynamic part may stand anywhere behind the heads of what
encloses it. eth_abi, which tests hold this against, takes a tenth of a second to import, at each start of each program.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from chain.sizes import ADDRESS_BYTES, sized

WORD = 32
_NUMBER = re.compile(r"uint([0-9]+)|bytes([0-9]+)")


@dataclass(frozen=True, slots=True)
class Kind:
    """A type. ``parts``: a tuple's members or an array's one item; ``head``: bytes of it in its enclosing tuple."""

    name: str  # uint, bytesN, address, bool, bytes, string, tuple or array
    size: int = WORD  # bytes of a uint or a bytesN
    parts: tuple[Kind, ...] = ()
    dynamic: bool = False
    head: int = WORD


@cache
def kind_of(text: str) -> Kind:
    """The type that ``text`` names; ``ValueError`` for what our contracts do not use."""
    if text.endswith("[]"):
        return Kind("array", parts=(kind_of(text[:-2]),), dynamic=True)
    if text.startswith("("):
        return _tuple(tuple(kind_of(part) for part in _members(text[1:-1])))
    if text in {"bytes", "string"}:
        return Kind(text, dynamic=True)
    if text in {"address", "bool"}:
        return Kind(text)
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise ValueError(f"no type of ours: {text}")
    bits, length = found.groups()
    return Kind("uint", int(bits) // 8) if bits else Kind("bytesN", int(length))


def encode(types: Sequence[str], args: Sequence[Any]) -> bytes:
    """The encoding of ``args`` as of one tuple. ``Malformed`` for bytes of a wrong length: nothing is padded."""
    return _encode(_tuple(tuple(map(kind_of, types))), args)


def decode(types: Sequence[str], raw: bytes) -> tuple[Any, ...]:
    """The values of the encoding of a tuple; ``ValueError`` if it is none. Addresses are 20 bytes, arrays tuples."""
    return _items(tuple(map(kind_of, types)), raw, 0)


def _tuple(parts: tuple[Kind, ...]) -> Kind:
    dynamic = any(part.dynamic for part in parts)
    return Kind("tuple", parts=parts, dynamic=dynamic, head=WORD if dynamic else sum(part.head for part in parts))


def _members(text: str) -> Iterator[str]:
    depth = begin = 0
    for at, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if char == "," and not depth:
            yield text[begin:at]
            begin = at + 1
    yield text[begin:]


def _encode(kind: Kind, value: Any) -> bytes:
    if kind.name == "tuple":
        return _encode_items(kind.parts, value)
    if kind.name == "array":
        return _number(len(value)) + _encode_items(kind.parts * len(value), value)
    if kind.name in {"bytes", "string"}:
        raw: bytes = value.encode() if kind.name == "string" else value
        return _number(len(raw)) + raw + bytes(-len(raw) % WORD)
    return _encode_word(kind, value)


def _encode_word(kind: Kind, value: Any) -> bytes:
    if kind.name == "address":
        sized(value, ADDRESS_BYTES, "address")
        return bytes(WORD - ADDRESS_BYTES) + bytes(value)
    if kind.name == "bytesN":
        sized(value, kind.size, f"bytes{kind.size}")
        return bytes(value) + bytes(WORD - kind.size)
    size = 1 if kind.name == "bool" else kind.size
    return bytes(WORD - size) + operator.index(value).to_bytes(size, "big")


def _encode_items(kinds: Sequence[Kind], values: Sequence[Any]) -> bytes:
    heads, tails, at = [], [], sum(kind.head for kind in kinds)
    for kind, value in zip(kinds, values, strict=True):
        raw = _encode(kind, value)
        if kind.dynamic:
            heads.append(_number(at))
            tails.append(raw)
            at += len(raw)
        else:
            heads.append(raw)
    return b"".join((*heads, *tails))


def _number(value: int) -> bytes:
    return value.to_bytes(WORD, "big")


def _items(kinds: Sequence[Kind], raw: bytes, base: int) -> tuple[Any, ...]:
    """The values of a tuple that begins at ``base``, from where its dynamic parts are counted."""
    found, at, heads = [], base, sum(kind.head for kind in kinds)
    for kind in kinds:
        where = at
        if kind.dynamic:
            where = base + _uint(raw, at)
            if where < base + heads:
                raise ValueError("a part that stands among the heads")
        found.append(_decode(kind, raw, where))
        at += kind.head
    return tuple(found)


def _decode(kind: Kind, raw: bytes, at: int) -> Any:
    if kind.name == "tuple":
        return _items(kind.parts, raw, at)
    if kind.name == "array":
        count, (item,) = _uint(raw, at), kind.parts
        if count * item.head > len(raw) - at - WORD:
            raise ValueError("an array of more than there is")
        return _items((item,) * count, raw, at + WORD)
    if kind.name in {"bytes", "string"}:
        value = _padded(raw, at + WORD, _uint(raw, at))
        return value.decode() if kind.name == "string" else value
    return _decode_word(kind, _padded(raw, at, WORD))


def _decode_word(kind: Kind, word: bytes) -> Any:
    if kind.name == "bytesN":
        value, rest = word[: kind.size], word[kind.size :]
    else:
        size = {"address": ADDRESS_BYTES, "bool": 1}.get(kind.name, kind.size)
        rest, value = word[: WORD - size], word[WORD - size :]
    if any(rest):
        raise ValueError("more than its type holds")
    if kind.name in {"bytesN", "address"}:
        return value
    number = int.from_bytes(value, "big")
    if kind.name == "bool":
        if number > 1:
            raise ValueError("neither true nor false")
        return bool(number)
    return number


def _uint(raw: bytes, at: int) -> int:
    return int.from_bytes(_padded(raw, at, WORD), "big")


def _padded(raw: bytes, at: int, length: int) -> bytes:
    """``length`` bytes, whose last word is filled up with zeros."""
    end = at + length
    filled = end + -length % WORD
    if filled > len(raw):
        raise ValueError("it ends too early")
    if any(raw[end:filled]):
        raise ValueError("padding that is not zero")
    return raw[at:end]
