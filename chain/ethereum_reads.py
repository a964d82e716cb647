"""The ledger's questions, asked of an EVM chain. Promises: `chain.ledger.LedgerReads`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from chain.codec import Call, Codec, refusal_of
from chain.deployment import Deployment
from chain.event_table import to_event
from chain.events import Event, EventRef, LogEvent
from chain.guardians import KIND_ALL, KIND_NONE, GuardianChange, GuardianState, GuardianTerms, PendingRecovery
from chain.history import RegistryHistory
from chain.ledger import MAX_EVENT_RANGE, check_range
from chain.node import Node, RawLog, RevertError
from chain.reverts import refusal
from chain.sizes import sized
from chain.values import AgencyState, BlockRef, CardState, DossierState, LogHead, LogState
from chain.world import cards_of
from protocol.errors import Malformed, Unavailable, Untrusted
from protocol.hashing import ZERO32

MAX_TOGETHER = 100  # questions in one request: what usual endpoints take
_ZERO_ADDRESS = bytes(20)


def check_chain(node: Node, deployment: Deployment) -> None:
    """`Untrusted("wrong_chain")` or `Untrusted("other_chain")` unless the endpoint serves the deployment's chain."""
    got, want = node.chain_id(), deployment.chain_id
    if got != want:
        raise Untrusted("wrong_chain", "the node serves chain {got}; the deployment is on {want}", got=got, want=want)
    # Local chains share one id: the block of the deployment tells them apart.
    block = node.block(deployment.deploy_block)
    if block is None or block.hash != deployment.deploy_block_hash:
        raise Untrusted(
            "other_chain",
            "block {number} of the node's chain is not the one of the deployment",
            number=deployment.deploy_block,
        )


class EthereumReads:
    """Reads; made by `chain.ethereum.connect`."""

    def __init__(self, node: Node, deployment: Deployment) -> None:
        self._node = node
        self._deployment = deployment
        self._codec = Codec(deployment.contracts)
        self._agencies = RegistryHistory(node.block, self._registry_events, deployment.deploy_block)
        self._right_chain = False

    @property
    def deployment(self) -> Deployment:
        return self._deployment

    def close(self) -> None:
        """Give the connections back."""
        self._node.close()

    def check_chain(self) -> None:
        """`Untrusted("wrong_chain")` unless the endpoint serves the deployment's chain; asked once."""
        if not self._right_chain:
            check_chain(self._node, self._deployment)
            self._right_chain = True

    def head(self) -> BlockRef:
        self.check_chain()
        return self._node.head()

    def block(self, number: int) -> BlockRef | None:
        self.check_chain()
        return self._node.block(number)

    def agency(self, account: bytes, *, block: int | None = None) -> AgencyState | None:
        sized(account, 20, "agency")
        return self._agencies.at(self._upto(block)).agencies.get(account)

    def agencies(self, *, block: int | None = None) -> tuple[AgencyState, ...]:
        return tuple(self._agencies.at(self._upto(block)).agencies.values())

    def dossier(self, dossier: bytes, *, block: int | None = None) -> DossierState | None:
        return _dossier(
            dossier, self._view("DossierRegistry", "getDossier", dossier, block=block, absent="DossierUnknown")
        )

    def dossiers(self, dossiers: Sequence[bytes], *, block: int | None = None) -> tuple[DossierState | None, ...]:
        self.check_chain()
        calls = [self._codec.call("DossierRegistry", "getDossier", dossier) for dossier in dossiers]
        told = [
            one
            for first in range(0, len(calls), MAX_TOGETHER)
            for one in self._node.ask_all(calls[first : first + MAX_TOGETHER], block=block)
        ]
        found = (self._told(call, raw, "DossierUnknown") for call, raw in zip(calls, told, strict=True))
        return tuple(_dossier(dossier, one) for dossier, one in zip(dossiers, found, strict=True))

    def guardians(self, dossier: bytes, *, block: int | None = None) -> GuardianState | None:
        found = self._view("DossierRegistry", "getGuardianship", dossier, block=block, absent="DossierUnknown")
        return None if found is None else _guardians(*found)

    def dossier_cards(self, dossier: bytes, *, block: int | None = None) -> tuple[CardState, ...]:
        return cards_of(self.dossier_history(dossier, block=block))

    def dossier_history(self, dossier: bytes, *, block: int | None = None) -> tuple[Event, ...]:
        sized(dossier, 32, "dossier")
        # The first indexed argument of each of the registry's events is the dossier.
        first, last = self._deployment.deploy_block, self._upto(block).number
        return tuple(self._events(["DossierRegistry"], [None, dossier], first, last))

    def attested_at(self, dossier: bytes, digest: bytes, *, block: int | None = None) -> int | None:
        return self._time("DossierRegistry", "attestedAt", dossier, digest, block=block)

    def nullified_at(self, nullifier: bytes, *, block: int | None = None) -> int | None:
        return self._time("GrantRegistry", "nullifiedAt", nullifier, block=block)

    def log_state(self, origin_hash: bytes, *, block: int | None = None) -> LogState | None:
        found = self._view("ArchiveLog", "state", origin_hash, block=block, absent="LogUnknown")
        if found is None:
            return None
        name, root, size, publisher, frozen, owner, pending, successor, vkey = found[0]
        return LogState(
            origin_hash=origin_hash,
            name=name,
            owner=owner,
            pending_owner=None if pending == _ZERO_ADDRESS else pending,
            publisher=publisher,
            vkey=vkey,
            size=size,
            root=root,
            frozen=frozen,
            successor=None if successor == ZERO32 else successor,
        )

    def verify_inclusion(self, origin_hash: bytes, index: int, entry: bytes, proof: Sequence[bytes]) -> LogHead:
        return self._head("verifyInclusion", origin_hash, index, entry, list(proof))

    def verify_older(self, origin_hash: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> LogHead:
        return self._head("verifyOlder", origin_hash, size, root, list(proof))

    def log_events(self, origin_hash: bytes, first: int, last: int) -> Sequence[LogEvent]:
        sized(origin_hash, 32, "origin hash")
        check_range(first, last)
        found = self._events(["ArchiveLog"], [None, origin_hash], first, min(last, self.head().number))
        return [event for event in found if isinstance(event, LogEvent)]

    def events(self, first: int, last: int) -> Sequence[Event]:
        check_range(first, last)
        return list(self._events(list(self._codec.addresses), [], first, min(last, self.head().number)))

    def _registry_events(self, first: int, last: int) -> Sequence[Event]:
        return list(self._events(["AgencyRegistry"], [], first, last))

    def _upto(self, block: int | None) -> BlockRef:
        self.check_chain()
        found = self._node.head() if block is None else self._node.block(block)
        if found is None:
            raise Malformed("block_unknown", "the chain has no block {number} yet", number=block or 0)
        return found

    def _events(
        self, contracts: Sequence[str], topics: Sequence[bytes | None], first: int, last: int
    ) -> Iterator[Event]:
        addresses = [self._codec.addresses[name] for name in contracts]
        for begin in range(max(first, self._deployment.deploy_block), last + 1, MAX_EVENT_RANGE):
            for log in self._logs(addresses, topics, begin, min(begin + MAX_EVENT_RANGE - 1, last)):
                event = self._event(log)
                if event is not None:
                    yield event

    def _logs(self, addresses: Sequence[bytes], topics: Sequence[bytes | None], first: int, last: int) -> list[RawLog]:
        try:
            return self._node.logs(addresses, topics, first, last)
        except Unavailable as fault:
            # Too many events for one answer, or more blocks than this node takes: the halves may do.
            if first == last or fault.code == "chain_unreachable":
                raise
        middle = (first + last) // 2
        return [
            *self._logs(addresses, topics, first, middle),
            *self._logs(addresses, topics, middle + 1, last),
        ]

    def _event(self, log: RawLog) -> Event | None:
        decoded = self._codec.event(log.address, log.topics, log.data)
        at = EventRef(log.block, log.tx_hash, log.index)
        return None if decoded is None else to_event(at, decoded)

    def _view(self, contract: str, function: str, *args: Any, block: int | None, absent: str = "") -> Any:
        """What a view answers; None where it refuses with the error `absent`."""
        self.check_chain()
        call = self._codec.call(contract, function, *args)
        try:
            raw: bytes | RevertError = self._node.ask(call, block=block)
        except RevertError as reverted:
            raw = reverted
        return self._told(call, raw, absent)

    def _told(self, call: Call, raw: bytes | RevertError, absent: str) -> Any:
        if not isinstance(raw, RevertError):
            return self._codec.answer(call, raw)
        fault = refusal_of(raw.data)
        if absent and fault.code == refusal(absent).code:
            return None
        raise fault from None

    def _time(self, contract: str, function: str, *args: bytes, block: int | None) -> int | None:
        (time,) = self._view(contract, function, *args, block=block)
        return int(time) or None

    def _head(self, function: str, *args: Any) -> LogHead:
        size, root = self._view("ArchiveLog", function, *args, block=None)
        return LogHead(size, root)


def _dossier(dossier: bytes, found: tuple[Any, ...] | None) -> DossierState | None:
    """The struct that `getDossier` answers."""
    if found is None:
        return None
    owner, nonce, controller, *rest = found[0]
    return DossierState(dossier, owner, controller, nonce, *rest)


def _guardians(set_: tuple[Any, ...], change: tuple[Any, ...], pending: tuple[Any, ...]) -> GuardianState:
    """The three structs that `getGuardianship` answers."""
    set_hash, threshold, delay, recoveries, freezes, freezable_from = set_
    new_owner, ready_at, kind, new_controller = pending
    return GuardianState(
        GuardianTerms(set_hash, threshold, delay),
        recoveries,
        freezes,
        freezable_from,
        GuardianChange(GuardianTerms(*change[:3]), change[3]) if change[3] else None,
        PendingRecovery(new_owner, new_controller, ready_at, kind == KIND_ALL) if kind != KIND_NONE else None,
    )
