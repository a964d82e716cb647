"""How long what the chain knows is, and the check of it."""

from __future__ import annotations

from protocol.errors import Malformed

ADDRESS_BYTES = 20
HASH_BYTES = 32
MAX_U64 = 2**64 - 1


def sized(value: bytes, length: int, what: str) -> None:
    """`Malformed` unless `value` has exactly `length` bytes (eth_abi would pad it in silence)."""
    if len(value) != length:
        raise Malformed("length", "{what}: expected {want} bytes, got {got}", what=what, want=length, got=len(value))
