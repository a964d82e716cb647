"""The values in an RPC answer, read strictly: `Unavailable("chain_garbage")` for whatever no honest node says.

Quantities and bytes are 0x-hex (Ethereum JSON-RPC specification); everything is bounded before it is converted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from chain.garbage import garbage, node_error
from chain.sizes import ADDRESS_BYTES, HASH_BYTES
from chain.values import BlockRef

MAX_NUMBER = 2**64 - 1
MAX_WEI = 2**128 - 1
REVERTED = 3  # the error code of a call that its contract refused
_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}")
_BYTES = re.compile(r"0x[0-9a-fA-F]*")  # one character repeated: a group would take 64 bytes of stack each time


class RevertError(Exception):
    """A contract refused; `data` is what it answered with, empty if nothing."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.data = data


class NodeRefusalError(Exception):
    """The node would not take a transaction; `why` is its own short text."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def result_of(answer: Mapping[str, Any]) -> Any:
    """The result; raises `RevertError` for a contract's refusal, `Unavailable` for any other error."""
    if "result" in answer:
        return answer["result"]
    error = answer["error"]
    text = error.get("message")
    # Nodes differ in the code of a refusal, and agree on the word.
    if error.get("code") == REVERTED or (isinstance(text, str) and "revert" in text.lower()):
        raise RevertError(revert_data(error.get("data")))
    raise node_error(text if isinstance(text, str) else "")


def revert_data(data: object) -> bytes:
    """The bytes of a refusal; empty where the node gives none that are bytes."""
    return bytes.fromhex(data[2:]) if isinstance(data, str) and _is_bytes(data) else b""


def number_in(value: object, most: int = MAX_NUMBER) -> int:
    """A quantity of at most `most`."""
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value) or (number := int(value, 16)) > most:
        raise garbage("not a number")
    return number


def bytes_in(value: object) -> bytes:
    """Bytes of any length; the whole answer is bounded already."""
    if not isinstance(value, str) or not _is_bytes(value):
        raise garbage("not bytes")
    return bytes.fromhex(value[2:])


def hash_in(value: object) -> bytes:
    """Exactly 32 bytes."""
    found = bytes_in(value)
    if len(found) != HASH_BYTES:
        raise garbage("not a hash")
    return found


def account_in(value: object) -> bytes:
    """Exactly 20 bytes, in any case of letters."""
    found = bytes_in(value)
    if len(found) != ADDRESS_BYTES:
        raise garbage("not an address")
    return found


def _is_bytes(text: str) -> bool:
    return len(text) % 2 == 0 and _BYTES.fullmatch(text) is not None


def object_in(value: object) -> Mapping[str, Any]:
    """A JSON object."""
    if not isinstance(value, dict):
        raise garbage("not an object")
    return value


def list_in(value: object, most: int) -> list[Any]:
    """A JSON list of at most `most` entries."""
    if not isinstance(value, list) or len(value) > most:
        raise garbage("not a list of a sensible length")
    return value


def member(value: Mapping[str, Any], name: str) -> object:
    """A member that must be there."""
    if name not in value:
        raise garbage("a member is missing")
    return value[name]


def block_in(value: object) -> BlockRef:
    """A block's number, hash and time."""
    block = object_in(value)
    number, time = number_in(member(block, "number")), number_in(member(block, "timestamp"))
    return BlockRef(number, hash_in(member(block, "hash")), time)
