"""The ledger in memory: the contracts' rules without a chain, for tests and for trying things out.

It obeys the same rules as the contracts (one conformance suite runs over both), verifies signatures and
consistency proofs, makes a block for each transaction, can be reorganised, and fails on demand (`Faults`).

    chain = MemoryChain(governor=account)
    ledger = chain.ledger(account)
    chain.faults.fail("anchor", after=True)   # the next anchor is persisted, and its sender never learns it
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chain import memory_log_rules as log_rules
from chain import memory_rules as rules
from chain.deployment import Contracts, Deployment
from chain.events import Event, EventRef, LogEvent
from chain.faults import Faults
from chain.guardians import GuardianState
from chain.ledger import Ledger, check_range
from chain.memory_guardians import MemoryGuardians, Rule
from chain.memory_rules import Approver, Happening, Turn
from chain.reverts import refusal
from chain.sizes import sized
from chain.values import AgencyState, BlockRef, CardState, DossierState, LogHead, LogState, TxRef
from chain.world import World, cards_of, dossier_named
from protocol.dossier_messages import BumpEpoch, OpenDossier, RotateDossier
from protocol.encoding import u64
from protocol.errors import Malformed
from protocol.hashing import ZERO32, sha256
from protocol.keycard import KeyCard

CHAIN_ID = 31337
FIRST_TIME = 1_800_000_000
GAS = 100_000  # nothing is metered; every transaction says this


@dataclass(frozen=True, slots=True)
class _Block:
    ref: BlockRef
    events: tuple[Event, ...] = ()


class MemoryChain:
    """A chain of blocks of events. `clock` gives seconds; a block is never older than the one before."""

    def __init__(
        self,
        *,
        governor: bytes,
        chain_id: int = CHAIN_ID,
        contracts: Contracts | None = None,
        clock: Callable[[], int] | None = None,
    ) -> None:
        self.governor = governor
        self.faults = Faults()
        self.approvers: dict[bytes, Approver] = {}
        self._skew = 0
        self._clock = clock or (lambda: FIRST_TIME)
        self._forks = 0
        self._lock = threading.RLock()
        self._blocks: list[_Block] = []
        self._world = World()
        self.mine(2)  # genesis, and the block of the deployment
        made = contracts or Contracts(*(sha256(b"contract", bytes([i]))[:20] for i in range(4)))
        self.deployment = Deployment(chain_id, made, 1, self._blocks[1].ref.hash)

    def ledger(self, account: bytes) -> MemoryLedger:
        """The ledger as it is for whoever sends from `account`."""
        return MemoryLedger(self, account)

    def advance(self, seconds: int) -> None:
        """Let the clock of the blocks to come be later."""
        self._skew += seconds

    def mine(self, blocks: int = 1) -> None:
        """Add empty blocks."""
        with self._lock:
            for _ in range(blocks):
                self._blocks.append(_Block(self._next_ref()))

    def reorganise(self, depth: int) -> None:
        """Replace the newest `depth` blocks by empty ones; what happened in them did not happen."""
        with self._lock:
            self._forks += 1
            del self._blocks[-depth:]
            self._world = World.after(self.events(0, len(self._blocks)))
            self.mine(depth)

    @property
    def head(self) -> BlockRef:
        """The newest block."""
        return self._blocks[-1].ref

    def block(self, number: int) -> BlockRef | None:
        """The block of that number; None above the head."""
        return self._blocks[number].ref if 0 <= number < len(self._blocks) else None

    def events(self, first: int, last: int) -> list[Event]:
        """What happened in these blocks."""
        return [event for block in self._blocks[first : last + 1] for event in block.events]

    def world(self, block: int | None) -> World:
        """The state after a block; whoever gets it only reads it."""
        if block is None:
            return self._world
        if block > self.head.number:
            raise Malformed("block_unknown", "the chain has no block {number} yet", number=block)
        return World.after(self.events(0, block))

    def transact(
        self, sender: bytes, rule: Rule, confirmations: int, tx_hash: bytes | None = None, *, join: bool = False
    ) -> TxRef:
        """Run a transaction in a block of its own, or `join` the newest; raises the contract's refusal and adds
        nothing then."""
        with self._lock:
            ref = self.head if join else self._next_ref()
            turn = Turn(self.world(None), ref.time, sender, self.governor, self.deployment, self.approvers)
            happenings = rule(turn)
            tx_hash = tx_hash or sha256(b"transaction", ref.hash)
            before = self._blocks.pop().events if join else ()
            events = [make(EventRef(ref, tx_hash, i)) for i, make in enumerate(happenings, len(before))]
            self._blocks.append(_Block(ref, (*before, *events)))
            for event in events:
                self._world.apply(event)
            self.mine(confirmations)
            return TxRef(tx_hash, ref, GAS)

    def _next_ref(self) -> BlockRef:
        before = self._blocks[-1].ref if self._blocks else BlockRef(-1, ZERO32, 0)
        number = before.number + 1
        name = sha256(b"block", before.hash, u64(number), u64(self._forks))
        return BlockRef(number, name, max(before.time, self._clock() + self._skew))


class MemoryLedger(MemoryGuardians):
    """The port over a `MemoryChain`, for one sending account. Promises: `chain.ledger.Ledger`."""

    def __init__(self, chain: MemoryChain, account: bytes) -> None:
        sized(account, 20, "account")
        self.chain = chain
        self._account = account

    @property
    def account(self) -> bytes:
        return self._account

    @property
    def deployment(self) -> Deployment:
        return self.chain.deployment

    # --- reads ------------------------------------------------------------------------------------

    def head(self) -> BlockRef:
        with self.chain.faults.around("head"):
            return self.chain.head

    def block(self, number: int) -> BlockRef | None:
        with self.chain.faults.around("block"):
            return self.chain.block(number)

    def agency(self, account: bytes, *, block: int | None = None) -> AgencyState | None:
        sized(account, 20, "agency")
        with self.chain.faults.around("agency"):
            return self.chain.world(block).agencies.get(account)

    def agencies(self, *, block: int | None = None) -> tuple[AgencyState, ...]:
        with self.chain.faults.around("agencies"):
            return tuple(self.chain.world(block).agencies.values())

    def dossier(self, dossier: bytes, *, block: int | None = None) -> DossierState | None:
        sized(dossier, 32, "dossier")
        with self.chain.faults.around("dossier"):
            return self.chain.world(block).dossiers.get(dossier)

    def dossiers(self, dossiers: Sequence[bytes], *, block: int | None = None) -> tuple[DossierState | None, ...]:
        return tuple(self.dossier(dossier, block=block) for dossier in dossiers)

    def dossier_cards(self, dossier: bytes, *, block: int | None = None) -> tuple[CardState, ...]:
        return cards_of(self.dossier_history(dossier, block=block))

    def dossier_history(self, dossier: bytes, *, block: int | None = None) -> tuple[Event, ...]:
        sized(dossier, 32, "dossier")
        with self.chain.faults.around("dossier_history"):
            last = self.chain.head.number if block is None else block
            return tuple(event for event in self.chain.events(0, last) if dossier_named(event) == dossier)

    def guardians(self, dossier: bytes, *, block: int | None = None) -> GuardianState | None:
        sized(dossier, 32, "dossier")
        with self.chain.faults.around("guardians"):
            return self.chain.world(block).guardians.get(dossier)

    def attested_at(self, dossier: bytes, digest: bytes, *, block: int | None = None) -> int | None:
        sized(digest, 32, "digest")
        with self.chain.faults.around("attested_at"):
            return self.chain.world(block).attested.get((dossier, digest))

    def nullified_at(self, nullifier: bytes, *, block: int | None = None) -> int | None:
        sized(nullifier, 32, "nullifier")
        with self.chain.faults.around("nullified_at"):
            return self.chain.world(block).nullified.get(nullifier)

    def log_state(self, origin_hash: bytes, *, block: int | None = None) -> LogState | None:
        sized(origin_hash, 32, "origin hash")
        with self.chain.faults.around("log_state"):
            return self.chain.world(block).logs.get(origin_hash)

    def verify_inclusion(self, origin_hash: bytes, index: int, entry: bytes, proof: Sequence[bytes]) -> LogHead:
        with self.chain.faults.around("verify_inclusion"):
            log = self._known_log(origin_hash)
            log_rules.included(entry, index, log, proof)
            return log.head

    def verify_older(self, origin_hash: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> LogHead:
        with self.chain.faults.around("verify_older"):
            log = self._known_log(origin_hash)
            log_rules.consistent(size, log.size, root, log.root, proof)
            return log.head

    def log_events(self, origin_hash: bytes, first: int, last: int) -> Sequence[LogEvent]:
        check_range(first, last)
        with self.chain.faults.around("log_events"):
            found = [event for event in self.chain.events(first, last) if isinstance(event, LogEvent)]
            return [event for event in found if event.origin_hash == origin_hash]

    def events(self, first: int, last: int) -> Sequence[Event]:
        check_range(first, last)
        with self.chain.faults.around("events"):
            return self.chain.events(first, last)

    # --- writes -----------------------------------------------------------------------------------

    def tend(self) -> None:
        """Nothing waits here: a transaction is in a block at once."""

    def admit_agency(self, account: bytes, name: str, division: str, *, confirmations: int = 0) -> TxRef:
        return self._write("admit_agency", lambda t: rules.admit(t, account, name, division), confirmations)

    def set_role(self, account: bytes, role: int, *, confirmations: int = 0) -> TxRef:
        return self._write("set_role", lambda t: rules.set_role(t, account, role), confirmations)

    def end_role(self, account: bytes, role: int, *, confirmations: int = 0) -> TxRef:
        return self._write("end_role", lambda t: rules.end_role(t, account, role), confirmations)

    def allow_issue(self, account: bytes, licence_type: str, *, confirmations: int = 0) -> TxRef:
        return self._write("allow_issue", lambda t: rules.allow_issue(t, account, licence_type), confirmations)

    def end_issue(self, account: bytes, licence_type: str, *, confirmations: int = 0) -> TxRef:
        return self._write("end_issue", lambda t: rules.end_issue(t, account, licence_type), confirmations)

    def set_compromised(self, seq: int, since: int, *, confirmations: int = 0) -> TxRef:
        def rule(turn: Turn) -> Sequence[Happening]:
            return rules.set_compromised(turn, self._account, seq, since, by_governor=False)

        return self._write("set_compromised", rule, confirmations)

    def set_compromised_by_governor(self, account: bytes, seq: int, since: int, *, confirmations: int = 0) -> TxRef:
        def rule(turn: Turn) -> Sequence[Happening]:
            return rules.set_compromised(turn, account, seq, since, by_governor=True)

        return self._write("set_compromised_by_governor", rule, confirmations)

    def publish_agency_card(self, card: KeyCard, signature: bytes, *, confirmations: int = 0) -> TxRef:
        return self._write(
            "publish_agency_card", lambda t: rules.publish_agency_card(t, card, signature), confirmations
        )

    def open_dossier(
        self,
        message: OpenDossier,
        owner_signature: bytes,
        card: KeyCard,
        card_signature: bytes,
        *,
        confirmations: int = 0,
    ) -> TxRef:
        def rule(turn: Turn) -> Sequence[Happening]:
            return rules.open_dossier(turn, message, owner_signature, card, card_signature)

        return self._write("open_dossier", rule, confirmations)

    def rotate_dossier(self, message: RotateDossier, signature: bytes, *, confirmations: int = 0) -> TxRef:
        return self._write("rotate_dossier", lambda t: rules.rotate_dossier(t, message, signature), confirmations)

    def publish_dossier_card(self, card: KeyCard, signature: bytes, *, confirmations: int = 0) -> TxRef:
        return self._write(
            "publish_dossier_card", lambda t: rules.publish_dossier_card(t, card, signature), confirmations
        )

    def bump_epoch(self, message: BumpEpoch, signature: bytes, *, confirmations: int = 0) -> TxRef:
        return self._write("bump_epoch", lambda t: rules.bump_epoch(t, message, signature), confirmations)

    def attest(self, dossier: bytes, digest: bytes, signature: bytes, *, confirmations: int = 0) -> TxRef:
        return self._write("attest", lambda t: rules.attest(t, dossier, digest, signature), confirmations)

    def revoke(self, secret: bytes, *, confirmations: int = 0) -> TxRef:
        sized(secret, 32, "secret")
        return self._write("revoke", lambda t: rules.revoke(t, secret), confirmations)

    def open_log(self, name: str, entry0: bytes, vkey: str, publisher: bytes, *, confirmations: int = 0) -> TxRef:
        return self._write("open_log", lambda t: log_rules.open_log(t, name, entry0, vkey, publisher), confirmations)

    def anchor(
        self,
        origin_hash: bytes,
        size: int,
        root: bytes,
        checkpoint_hash: bytes,
        proof: Sequence[bytes],
        *,
        confirmations: int = 0,
    ) -> TxRef:
        def rule(turn: Turn) -> Sequence[Happening]:
            return log_rules.anchor(turn, origin_hash, size, root, checkpoint_hash, proof)

        return self._write("anchor", rule, confirmations)

    def freeze_log(self, origin_hash: bytes, *, confirmations: int = 0) -> TxRef:
        return self._write("freeze_log", lambda t: log_rules.freeze_log(t, origin_hash), confirmations)

    def succeed_log(
        self,
        origin_hash: bytes,
        successor: bytes,
        entry0: bytes,
        proof: Sequence[bytes],
        *,
        confirmations: int = 0,
    ) -> TxRef:
        def rule(turn: Turn) -> Sequence[Happening]:
            return log_rules.succeed_log(turn, origin_hash, successor, entry0, proof)

        return self._write("succeed_log", rule, confirmations)

    def rotate_log_publisher(self, origin_hash: bytes, publisher: bytes, *, confirmations: int = 0) -> TxRef:
        return self._write(
            "rotate_log_publisher",
            lambda t: log_rules.rotate_log_publisher(t, origin_hash, publisher),
            confirmations,
        )

    def rotate_log_vkey(self, origin_hash: bytes, vkey: str, *, confirmations: int = 0) -> TxRef:
        return self._write("rotate_log_vkey", lambda t: log_rules.rotate_log_vkey(t, origin_hash, vkey), confirmations)

    def propose_log_owner(self, origin_hash: bytes, owner: bytes | None, *, confirmations: int = 0) -> TxRef:
        return self._write(
            "propose_log_owner", lambda t: log_rules.propose_log_owner(t, origin_hash, owner), confirmations
        )

    def accept_log_owner(self, origin_hash: bytes, *, confirmations: int = 0) -> TxRef:
        return self._write("accept_log_owner", lambda t: log_rules.accept_log_owner(t, origin_hash), confirmations)

    def _write(self, method: str, rule: Rule, confirmations: int) -> TxRef:
        with self.chain.faults.around(method):
            return self.chain.transact(self._account, rule, confirmations)

    def _known_log(self, origin_hash: bytes) -> LogState:
        log = self.chain.world(None).logs.get(origin_hash)
        if log is None:
            raise refusal("LogUnknown", origin=origin_hash)
        return log


if TYPE_CHECKING:
    _PORT: type[Ledger] = MemoryLedger
