"""Our coder of ABI values beside eth_abi: the same bytes, the same values, and nonsense refused by both."""

from __future__ import annotations

import random
from typing import Any

import pytest
from eth_abi.abi import decode as other_decode
from eth_abi.abi import encode as other_encode

from chain.abi import Kind, decode, encode, kind_of
from chain.codec import _abi

SIGNATURES = sorted({types for one in _abi().values() for types in (one.types, one.outputs) if types})
ROUNDS = 3
WORD_ENDS = (0, 1, 32, 64, 96, 128, 255)


def a_value(kind: Kind, draw: random.Random) -> Any:
    if kind.name == "tuple":
        return tuple(a_value(part, draw) for part in kind.parts)
    if kind.name == "array":
        return tuple(a_value(kind.parts[0], draw) for _ in range(draw.randrange(4)))
    made = {
        "address": lambda: draw.randbytes(20),
        "bool": lambda: draw.random() < 0.5,
        "bytes": lambda: draw.randbytes(draw.randrange(70)),
        "string": lambda: "".join(draw.choice("aé档😀") for _ in range(draw.randrange(20))),
        "uint": lambda: draw.getrandbits(8 * kind.size),
        "bytesN": lambda: draw.randbytes(kind.size),
    }
    return made[kind.name]()


def plain(kind: Kind, value: Any) -> Any:
    """eth_abi's value as ours: addresses are bytes."""
    if kind.name in {"tuple", "array"}:
        parts = kind.parts * len(value) if kind.name == "array" else kind.parts
        return tuple(plain(part, item) for part, item in zip(parts, value, strict=True))
    return bytes.fromhex(value[2:]) if kind.name == "address" else value


def damaged(raw: bytes, draw: random.Random) -> bytes:
    found = bytearray(raw)
    at = draw.randrange(len(found))
    kind = draw.randrange(4)
    if kind == 0:
        found[at] = draw.randrange(256)
    elif kind == 1:
        found[at | 31] = draw.choice(WORD_ENDS)
    elif kind == 2:
        del found[at:]
    else:
        found += draw.randbytes(40)
    return bytes(found)


def counts_its_struct_as_one_word(types: tuple[str, ...]) -> bool:
    """eth_abi takes a struct's head for one word when it checks where a dynamic part may begin; Solidity does not."""
    return any(kind.head > 32 for kind in map(kind_of, types))


@pytest.mark.parametrize("types", SIGNATURES, ids=",".join)
def test_values_are_encoded_and_read_as_eth_abi_does(types: tuple[str, ...]) -> None:
    draw = random.Random(repr(types))
    for _ in range(ROUNDS):
        values = tuple(a_value(kind_of(kind), draw) for kind in types)
        raw = encode(types, values)
        assert raw == other_encode(types, values)
        assert decode(types, raw) == values


@pytest.mark.parametrize("types", SIGNATURES, ids=",".join)
def test_damaged_bytes_are_refused_by_both_or_read_alike(types: tuple[str, ...]) -> None:
    draw = random.Random(repr(types))
    for _ in range(ROUNDS * 4):
        raw = damaged(encode(types, tuple(a_value(kind_of(kind), draw) for kind in types)), draw)
        try:
            expected = tuple(
                plain(kind_of(kind), value) for kind, value in zip(types, other_decode(types, raw), strict=True)
            )
        except Exception:  # noqa: BLE001 (eth_abi lets foreign exceptions out)
            expected = None
        try:
            found = decode(types, raw)
        except ValueError:
            found = None
        assert found == expected or (found is None and counts_its_struct_as_one_word(types))


def word(value: int) -> bytes:
    return value.to_bytes(32, "big")


@pytest.mark.parametrize(
    ("types", "raw"),
    [
        (["uint8"], word(256)),
        (["bool"], word(2)),
        (["address"], word(1 << 160)),
        (["bytes1"], bytes(31) + b"\x01"),
        (["bytes32"], bytes(31)),
        (["string"], word(0) + word(0)),
        (["string"], word(32) + word(1) + b"\xff" + bytes(31)),
        (["bytes"], word(32) + word(1) + b"\x01" + bytes(30) + b"\x01"),
        (["bytes"], word(32) + word(1 << 255)),
        (["uint64[]"], word(32) + word(2) + word(1)),
        (["uint64[]"], word(1 << 255)),
    ],
    ids=repr,
)
def test_what_is_no_encoding_of_a_value_is_refused(types: list[str], raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(types, raw)


def test_a_number_that_its_type_does_not_hold_is_not_encoded() -> None:
    with pytest.raises(OverflowError):
        encode(["uint8"], [256])
    with pytest.raises(OverflowError):
        encode(["uint64"], [-1])


def test_a_type_that_no_contract_of_ours_uses_is_unknown() -> None:
    with pytest.raises(ValueError, match="int256"):
        kind_of("int256")
