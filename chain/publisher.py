"""Brings the log's signed heads to the chain: newest durable checkpoint, proof, anchor, record.

The publisher works on an `Outbox`, which the vault keeps in its own database. It may die at any point: what
counts is the contract's state, so the next run compares before it sends, and an anchor that the last run sent and
did not record is recorded then, once. What it sent and what is in no block yet is the ledger's affair: it is written
down there before it is sent, and the next anchor takes its place or waits for it (`chain.sender`). It verifies its own
proof before it sends: an honest mistake must not cost a log its future.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from chain.anchored import anchored_heads
from chain.events import Anchored
from chain.ledger import MAX_GROWTH, Ledger, LogState
from chain.sizes import HASH_BYTES, sized
from chain.values import BlockRef
from protocol.entries import origin_hash
from protocol.errors import Conflict, Denied, Unavailable, Untrusted
from protocol.merkle import consistency_proof, verify_consistency

MOVING = "chain_moving"
MOVES = 3  # how often a run looks again before it leaves the rest to the next


@dataclass(frozen=True, slots=True)
class DurableHead:
    """A head whose entries and tiles are durable, and SHA-256 of the checkpoint that signs it."""

    size: int
    root: bytes
    checkpoint_hash: bytes

    def __post_init__(self) -> None:
        sized(self.root, HASH_BYTES, "root")
        sized(self.checkpoint_hash, HASH_BYTES, "checkpoint hash")


@dataclass(frozen=True, slots=True)
class AnchorRecord:
    """A head that is anchored: by which transaction, and in which block."""

    size: int
    root: bytes
    checkpoint_hash: bytes
    tx_hash: bytes
    block: BlockRef


class Outbox(Protocol):
    """The log's heads on their way to the chain. Implemented by whoever keeps the log.

    *Durability.* `recorded` returns after the record is durable; recording a size again replaces its record.
    *Consistency.* `newest_durable` never goes back, also over a restart: it names only what can be read back.
    Checkpoints are kept at least every `MAX_GROWTH` entries, which is as far as one anchor can go.
    """

    def newest_durable(self, *, at_most: int) -> DurableHead | None:
        """The newest checkpoint whose tiles and entries are durable, of a size up to `at_most`; None if none."""

    def node(self, level: int, index: int) -> bytes:
        """The stored hash of the complete subtree of 2^level leaves that begins at leaf index · 2^level."""

    def last_recorded(self) -> AnchorRecord | None:
        """The newest anchor that was recorded."""

    def recorded(self, record: AnchorRecord) -> None:
        """Remember that this head is anchored."""

    def withdrawn(self, size: int) -> None:
        """Forget anchors of more than `size` entries: a reorganisation of the chain undid them."""


class Publisher:
    """Anchors one log from one account, which must be the log's publisher. Run one of it at a time."""

    def __init__(self, ledger: Ledger, outbox: Outbox, origin: str, *, confirmations: int = 0) -> None:
        self._ledger = ledger
        self._outbox = outbox
        self._origin = origin
        self._log = origin_hash(origin)
        self._confirmations = confirmations

    def publish(self) -> AnchorRecord | None:
        """Anchor the newest durable head; None if there is nothing new.

        Raises `Unavailable` when the chain does not answer (call again later), `Untrusted("log_forked")` when the
        anchored head is not a beginning of our log, `Conflict("log_behind")` when our log is shorter than what is
        anchored (restored from an old backup): nothing is sent then, and an operator has to look.
        """
        for _ in range(MOVES):
            try:
                return self._once()
            except Unavailable as fault:
                # What we sent before a crash or a reorganisation came into a block while we looked: look again.
                if fault.code != MOVING:
                    raise
        return self._once()

    def _once(self) -> AnchorRecord | None:
        # (1) The contract's state decides; what we remember may be older (crash) or newer (reorganisation).
        state = self._state()
        self._catch_up(state)
        # (2) What we have that the chain has not.
        head = self._outbox.newest_durable(at_most=state.size + MAX_GROWTH)
        if head is None or head.size <= state.size:
            self._check_same(state, head)
            return None
        if state.frozen:
            raise Denied("log_frozen", "the log is frozen")
        # (3) The proof that our head extends the anchored one, checked by us as the contract will check it.
        proof = consistency_proof(state.size, head.size, self._outbox.node)
        try:
            verify_consistency(state.size, head.size, state.root, head.root, proof)
        except Untrusted:
            raise self._forked(state) from None
        # (4) Send, wait, record. `Unavailable` here may come after the chain took it: step (1) of the next run sees.
        sent = self._ledger.anchor(
            self._log, head.size, head.root, head.checkpoint_hash, proof, confirmations=self._confirmations
        )
        record = AnchorRecord(head.size, head.root, head.checkpoint_hash, sent.hash, sent.block)
        self._outbox.recorded(record)
        return record

    def _state(self) -> LogState:
        state = self._ledger.log_state(self._log)
        if state is None:
            raise Denied("log_unknown", "the chain knows no such log")
        return state

    def _catch_up(self, state: LogState) -> None:
        """Make our records those of the chain: without an anchor that it lost, with one that we did not note."""
        last = self._outbox.last_recorded()
        if last is not None and last.size > state.size:
            self._outbox.withdrawn(state.size)
            last = self._outbox.last_recorded()
        if last is None or last.size < state.size or self._ledger.block(last.block.number) != last.block:
            for anchored in self._anchors(last):
                self._outbox.recorded(
                    AnchorRecord(
                        anchored.size,
                        anchored.root,
                        anchored.checkpoint_hash,
                        anchored.at.tx_hash,
                        anchored.at.block,
                    )
                )

    def _anchors(self, last: AnchorRecord | None) -> Iterator[Anchored]:
        begin = self._ledger.deployment.deploy_block
        if last is not None and self._ledger.block(last.block.number) == last.block:
            begin = last.block.number + 1
        return anchored_heads(self._ledger, self._log, begin, self._ledger.head().number)

    def _check_same(self, state: LogState, head: DurableHead | None) -> None:
        if head is not None and head.size == state.size:
            if head.root != state.root:
                raise self._forked(state)
            return
        # The anchored head may be a moment older than our newest durable one, never longer.
        if head is None and state.size == 1:
            return
        raise Conflict(
            "log_behind",
            "the chain has {anchored} entries of the log {origin}, and {got} of them are here",
            anchored=state.size,
            origin=self._origin,
            got=0 if head is None else head.size,
        )

    def _forked(self, state: LogState) -> Untrusted:
        return Untrusted(
            "log_forked",
            "the head of {size} entries that is anchored is no beginning of the log {origin} as it stands here",
            size=state.size,
            origin=self._origin,
        )
