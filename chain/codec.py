"""Our contracts' calls, answers, events and refusals as bytes and back, by the ABI of the committed artifacts.

Bytes that come from a chain are a stranger's: whatever does not decode is `Unavailable("chain_garbage")`. An event
of our contracts that we do not know is skipped, never guessed.

This module imports eth_abi (0.2 s), not web3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from chain.compile import CONTRACTS, load_artifact
from chain.deployment import Contracts
from chain.garbage import garbage
from chain.reverts import refusal
from chain.sizes import sized
from protocol.eip712 import snake
from protocol.encoding import hex0x
from protocol.errors import Denied, OneFileError
from protocol.hashing import keccak256

Args = tuple[Any, ...]
MAX_ABI_BYTES = 128 << 10  # of an answer or an event: the first entry of a log, the longest, has 64 KiB


@dataclass(frozen=True, slots=True)
class Signature:
    """A function, event or error of an ABI: its name, and the names and types of what it takes."""

    contract: str
    name: str
    names: tuple[str, ...]
    types: tuple[str, ...]
    indexed: tuple[bool, ...]
    outputs: tuple[str, ...]

    @property
    def hash(self) -> bytes:
        """Keccak-256 of `name(type,…)`: an event's topic, and in its first four bytes a selector."""
        return keccak256(f"{self.name}({','.join(self.types)})".encode())


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a function of one of our contracts, ready to be sent or asked."""

    to: bytes
    data: bytes
    signature: Signature


@dataclass(frozen=True, slots=True)
class DecodedEvent:
    """An event's name and arguments, by their ABI names; addresses are 20 bytes."""

    contract: str
    name: str
    args: Mapping[str, Any]


class Codec:
    """Encodes and decodes for the four contracts of one deployment."""

    def __init__(self, contracts: Contracts) -> None:
        self.addresses = dict(
            zip(
                ("AgencyRegistry", "DossierRegistry", "GrantRegistry", "ArchiveLog"),
                (
                    contracts.agency_registry,
                    contracts.dossier_registry,
                    contracts.grant_registry,
                    contracts.archive_log,
                ),
                strict=True,
            )
        )
        self._contract_at = {address: name for name, address in self.addresses.items()}

    def call(self, contract: str, function: str, *args: Any) -> Call:
        """The call of a contract's function."""
        signature = _abi()[contract, "function", function]
        return Call(self.addresses[contract], signature.hash[:4] + encode(signature.types, args), signature)

    def answer(self, call: Call, raw: bytes) -> Args:
        """What the call returned."""
        return decode(call.signature.outputs, raw)

    def topic(self, contract: str, event: str) -> bytes:
        """The first topic of an event."""
        return _abi()[contract, "event", event].hash

    def event(self, address: bytes, topics: Sequence[bytes], data: bytes) -> DecodedEvent | None:
        """The event that a contract of ours emitted; None if we do not know it."""
        contract = self._contract_at.get(address)
        if contract is None:
            raise garbage("an event of a contract that we did not ask for")
        signature = _events().get((contract, topics[0])) if topics else None
        return None if signature is None else _decoded(signature, topics[1:], data)


def refusal_of(data: bytes) -> OneFileError:
    """Our error for the bytes with which a contract reverted."""
    signature = _errors().get(data[:4])
    if signature is None:
        return Denied("contract_refused", "the contract refused: {name}", name=hex0x(data[:4]))
    args = zip(signature.names, decode(signature.types, data[4:]), strict=True)
    return refusal(signature.name, **{snake(name): value for name, value in args})


def encode(types: Sequence[str], args: Sequence[Any]) -> bytes:
    """The ABI encoding of `args`. eth_abi pads what is short: so lengths are checked here."""
    from eth_abi.abi import encode as abi_encode

    for kind, value in zip(types, args, strict=True):
        _check(kind, value)
    return bytes(abi_encode(types, args))


def decode(types: Sequence[str], raw: bytes) -> Args:
    """The values of an ABI encoding; addresses as 20 bytes."""
    from eth_abi.abi import decode as abi_decode

    if len(raw) > MAX_ABI_BYTES:
        raise garbage("longer than any value of ours")
    try:
        values = abi_decode(types, raw)
    except Exception as fault:  # noqa: BLE001 (eth_abi lets foreign exceptions out on hostile bytes)
        raise garbage(f"not an answer of {len(types)} values: {type(fault).__name__}") from None
    return tuple(_plain(kind, value) for kind, value in zip(types, values, strict=True))


def _check(kind: str, value: Any) -> None:
    if kind == "bytes32":
        sized(value, 32, kind)
    elif kind == "address":
        sized(value, 20, kind)
    elif kind in {"bytes32[]", "address[]"}:
        for item in value:
            _check(kind[:-2], item)
    elif kind.startswith("("):
        # Our structs hold no structs: their members stand between commas.
        for part, item in zip(kind[1:-1].split(","), value, strict=True):
            _check(part, item)


def _plain(kind: str, value: Any) -> Any:
    if kind == "address":
        return bytes.fromhex(value[2:])
    if kind.startswith("(") and not kind.endswith("]"):
        return tuple(_plain(part, item) for part, item in zip(kind[1:-1].split(","), value, strict=True))
    return value


def _decoded(signature: Signature, topics: Sequence[bytes], data: bytes) -> DecodedEvent:
    marked = tuple(zip(signature.names, signature.types, signature.indexed, strict=True))
    in_topics = [(name, kind) for name, kind, indexed in marked if indexed]
    in_data = [(name, kind) for name, kind, indexed in marked if not indexed]
    if len(topics) != len(in_topics):
        raise garbage("an event with too few or too many topics")
    args = {name: decode([kind], topic)[0] for (name, kind), topic in zip(in_topics, topics, strict=True)}
    values = decode([kind for _, kind in in_data], data)
    args |= {name: value for (name, _), value in zip(in_data, values, strict=True)}
    return DecodedEvent(signature.contract, signature.name, args)


@cache
def _abi() -> dict[tuple[str, str, str], Signature]:
    """Every function, event and error of the four contracts, by contract, kind and name."""
    found = {}
    for contract in CONTRACTS:
        for entry in load_artifact(contract).abi:
            if entry["type"] in {"function", "event", "error"}:
                found[contract, entry["type"], entry["name"]] = _signature(contract, entry)
    return found


@cache
def _events() -> dict[tuple[str, bytes], Signature]:
    return {(contract, s.hash): s for (contract, kind, _), s in _abi().items() if kind == "event"}


@cache
def _errors() -> dict[bytes, Signature]:
    return {s.hash[:4]: s for (_, kind, _), s in _abi().items() if kind == "error"}


def error_names() -> set[str]:
    """The names of all errors that our contracts can raise."""
    return {s.name for s in _errors().values()}


def event_names() -> set[tuple[str, str]]:
    """Contract and name of all events that our contracts can emit."""
    return {(s.contract, s.name) for s in _events().values()}


def _signature(contract: str, entry: Mapping[str, Any]) -> Signature:
    inputs = entry["inputs"]
    return Signature(
        contract,
        entry["name"],
        tuple(item["name"] for item in inputs),
        tuple(_type(item) for item in inputs),
        tuple(item.get("indexed", False) for item in inputs),
        tuple(_type(item) for item in entry.get("outputs", ())),
    )


def _type(item: Mapping[str, Any]) -> str:
    """The ABI type of an input or output: a struct is written as the tuple of its members."""
    kind: str = item["type"]
    if not kind.startswith("tuple"):
        return kind
    return "(" + ",".join(_type(part) for part in item["components"]) + ")" + kind[len("tuple") :]
