"""What the chain says, kept by the vault: known while the follower hears from the chain, then old, then refused.

A fact is read from the ledger when somebody first asks, kept in memory and in the database, and read again
after an event has touched its subject. Its age is the time since the follower last saw the chain's head: a fact
that no event has touched is as fresh as that. Beyond ``chain_max_age`` nothing is known any more
(``Unavailable("chain_stale")``): rights are then neither given nor taken.

What takes rights away counts at the head, unconfirmed; what gives rights counts ``confirmations`` blocks below it
(FORMATS, Verdict): a state is read at both, and only what stands in both gives a right.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from sqlalchemy import Connection, Engine, delete, insert, select, update

from chain.ledger import AgencyState, BlockRef, DossierState, LedgerReads
from protocol.errors import Denied, OneFileError, Unavailable
from protocol.hashing import ZERO32
from protocol.identifiers import agency_subject
from vault_api.clock import Clock
from vault_api.db import tables as t
from vault_api.db import tables_processes as p
from vault_api.ends import changes_of
from vault_api.fact_codec import decode_agency, decode_dossier, encode
from vault_api.writer import Tx, Work

DOSSIER, AGENCY, ALL = "dossier", "agency", "all"  # ALL: the chain was reorganised
NOBODY = bytes(20)
MAX_KEPT = 100_000

_LAST_BLOCK = select(t.chain_blocks).order_by(t.chain_blocks.c.number.desc()).limit(1)

State = TypeVar("State", AgencyState, DossierState)


@dataclass(frozen=True, slots=True)
class Known(Generic[State]):
    """A state and how old it is, in seconds."""

    state: State
    age_s: int


class ChainFacts:
    """Facts of dossiers and agencies. Safe for several threads; ``known_*`` never blocks on the chain."""

    def __init__(
        self,
        engine: Engine,
        ledger: LedgerReads,
        clock: Clock,
        *,
        confirmations: int,
        max_age_s: int,
        shared: bool = False,
    ) -> None:
        self._engine = engine
        self._ledger = ledger
        self._clock = clock
        self._confirmations = confirmations
        self._max_age_s = max_age_s
        self._shared = shared  # another process may follow the chain
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, bytes], AgencyState | DossierState] = {}
        self._generation = 0
        self._unsettled: set[tuple[str, bytes]] = set()
        self._head: BlockRef | None = None
        self._seen_at = 0
        with engine.connect() as conn:
            self._changes = changes_of(conn)
            self._look_at_head(conn)
        self._sequencer: Work | None = None

    def keep_in(self, sequencer: Work) -> None:
        """From now on, write what is read to the database too."""
        self._sequencer = sequencer

    # --- the head ---------------------------------------------------------------------------------

    def seen(self, head: BlockRef) -> None:
        """The follower has heard from the chain and handled every event up to ``head``."""
        with self._lock:
            self._head, self._seen_at = head, self._clock.now()
            self._settle()

    @property
    def block_time(self) -> int:
        """The time of the latest block that was seen; 0 before the first."""
        return self._head.time if self._head is not None else 0

    @property
    def block_number(self) -> int:
        """The number of the latest block that was seen; 0 before the first."""
        return self._head.number if self._head is not None else 0

    @property
    def seen_at(self) -> int:
        """When the chain was last heard of; 0 before the first time."""
        return self._seen_at

    def age_s(self) -> int:
        """Seconds since the chain was last heard of; ``Unavailable("chain_stale")`` beyond the limit."""
        if self._head is None:
            raise Unavailable("chain_unreachable", "the chain has not answered yet")
        age = max(0, self._clock.now() - self._seen_at)
        if age > self._max_age_s:
            raise Unavailable(
                "chain_stale",
                "the chain was last heard of {age_s} s ago; facts are believed for {limit} s",
                age_s=age,
                limit=self._max_age_s,
            )
        return age

    # --- what other processes have followed --------------------------------------------------------

    def follow(self, conn: Connection, changes: int) -> None:
        """There were ``changes`` changes so far, in all processes: forget what is not known here yet (ADR 26)."""
        missed = changes - self._changes
        if missed <= 0:
            return
        told = select(p.chain_changes.c.kind, p.chain_changes.c.subject).where(p.chain_changes.c.no > self._changes)
        rows = conn.execute(told.where(p.chain_changes.c.no <= changes)).all()
        with self._lock:
            self._generation += 1
            if len(rows) < missed or any(row.kind == ALL for row in rows):
                self._kept.clear()
            for row in rows:
                self._kept.pop((row.kind, bytes(row.subject)), None)
            self._changes = max(self._changes, changes)
        self._look_at_head(conn)

    def made(self, changes: int) -> None:
        """Changes up to ``changes`` were made by this process, which has forgotten what they touched."""
        with self._lock:
            self._changes = max(self._changes, changes)

    def before_use(self, conn: Connection) -> None:
        """Somebody acts by what is remembered here: what other processes have followed counts before that."""
        if self._shared:
            self.follow(conn, changes_of(conn))

    def look(self, conn: Connection) -> None:
        """Follow what has been committed by now, and see how far the chain was followed."""
        self.follow(conn, changes_of(conn))
        self._look_at_head(conn)

    def _look_at_head(self, conn: Connection) -> None:
        row = conn.execute(_LAST_BLOCK).one_or_none()
        if row is None:
            return
        head = BlockRef(row.number, bytes(row.hash), row.time)
        with self._lock:
            moved = head != self._head
            self._head, self._seen_at = head, max(self._seen_at, row.seen_at)
            if moved:
                self._settle()

    def _settle(self) -> None:
        for key in self._unsettled:
            self._kept.pop(key, None)
        self._unsettled.clear()

    # --- facts ------------------------------------------------------------------------------------

    def dossier(self, dossier: bytes) -> Known[DossierState]:
        """The dossier's state; ``Denied("dossier_unknown")`` if it was never opened. May ask the chain."""
        state = self._kept.get((DOSSIER, dossier))
        if not isinstance(state, DossierState):
            state = self._read_dossier(dossier)
        return Known(state, self.age_s())

    def agency(self, account: bytes) -> Known[AgencyState]:
        """The agency's state; ``Denied("agency_unknown")`` if never admitted. May ask the chain."""
        state = self._kept.get((AGENCY, account))
        if not isinstance(state, AgencyState):
            state = self._read_agency(account)
        return Known(state, self.age_s())

    def known_dossier(self, dossier: bytes) -> Known[DossierState]:
        """As ``dossier``, from memory alone: for the sequencer. ``Unavailable`` if an event just touched it."""
        state = self._kept.get((DOSSIER, dossier))
        if not isinstance(state, DossierState):
            raise _moving()
        return Known(state, self.age_s())

    def known_agency(self, account: bytes) -> Known[AgencyState]:
        """As ``agency``, from memory alone: for the sequencer."""
        state = self._kept.get((AGENCY, account))
        if not isinstance(state, AgencyState):
            raise _moving()
        return Known(state, self.age_s())

    def forget(self, kind: str, subject: bytes) -> None:
        """An event touched this subject: what was read of it before is not believed any more."""
        with self._lock:
            self._generation += 1
            self._kept.pop((kind, subject), None)

    def forget_all(self) -> None:
        """The chain was reorganised: everything is read again."""
        with self._lock:
            self._generation += 1
            self._kept.clear()

    # --- reading ----------------------------------------------------------------------------------

    def _read_dossier(self, dossier: bytes) -> DossierState:
        generation = self._generation
        try:
            head = self._ledger.head()
            now = self._ledger.dossier(dossier, block=head.number)
            sure = self._ledger.dossier(dossier, block=self._sure_block(head)) if self._confirmations else now
        except Unavailable:
            kept = self._stored(DOSSIER, dossier)
            if kept is None:
                raise
            return self._fall_back(DOSSIER, dossier, decode_dossier(kept), generation)
        if now is None:
            raise Denied("dossier_unknown", "no such dossier is open on this chain")
        if sure is None:
            raise unconfirmed()
        state = _less_dossier(now, sure)
        self._keep(DOSSIER, dossier, state, head, generation, settled=now == sure)
        return state

    def _read_agency(self, account: bytes) -> AgencyState:
        generation = self._generation
        try:
            head = self._ledger.head()
            now = self._ledger.agency(account, block=head.number)
            sure = self._ledger.agency(account, block=self._sure_block(head)) if self._confirmations else now
        except Unavailable:
            kept = self._stored(AGENCY, agency_subject(account))
            if kept is None:
                raise
            return self._fall_back(AGENCY, account, decode_agency(kept), generation)
        if now is None:
            raise Denied("agency_unknown", "no such agency is registered on this chain")
        if sure is None:
            raise unconfirmed()
        state = _less_agency(now, sure)
        self._keep(AGENCY, account, state, head, generation, settled=now == sure)
        return state

    def _sure_block(self, head: BlockRef) -> int:
        return max(0, head.number - self._confirmations)

    def _keep(
        self,
        kind: str,
        subject: bytes,
        state: AgencyState | DossierState,
        head: BlockRef,
        generation: int,
        *,
        settled: bool,
    ) -> None:
        with self._lock:
            if generation != self._generation:
                return  # an event came in between; the next caller reads again
            if len(self._kept) >= MAX_KEPT:
                self._kept.pop(next(iter(self._kept)))
            self._kept[kind, subject] = state
            if not settled:
                self._unsettled.add((kind, subject))
        if settled and self._sequencer is not None:
            key = subject if kind == DOSSIER else agency_subject(subject)
            self._sequencer.submit(lambda tx: self._store(tx, kind, key, state, head, generation))

    def _store(
        self,
        tx: Tx,
        kind: str,
        key: bytes,
        state: AgencyState | DossierState,
        head: BlockRef,
        generation: int,
    ) -> None:
        # What the transaction has followed may be an event that this state does not know yet.
        if generation == self._generation:
            store_fact(tx, kind, key, encode(state), head.number)

    def _fall_back(self, kind: str, subject: bytes, state: State, generation: int) -> State:
        # Kept in memory too: while the chain is silent, nobody shall wait for it at every request.
        with self._lock:
            if generation == self._generation:
                self._kept[kind, subject] = state
        return state

    def _stored(self, kind: str, subject: bytes) -> bytes | None:
        fact = t.chain_facts.c
        wanted = select(fact.fact).where(fact.kind == kind, fact.subject == subject, fact.stale == 0)
        with self._engine.connect() as conn:
            raw: bytes | None = conn.execute(wanted).scalar()
        return raw


def store_fact(tx: Tx, kind: str, subject: bytes, fact: bytes, block: int) -> None:
    """Keep a fact in the database, in place of an older one; a newer one stays."""
    where = (t.chain_facts.c.kind == kind, t.chain_facts.c.subject == subject)
    there = tx.conn.execute(select(t.chain_facts.c.block).where(*where)).scalar()
    if there is not None and there > block:
        return
    tx.conn.execute(delete(t.chain_facts).where(*where))
    row = {"kind": kind, "subject": subject, "fact": fact, "block": block, "stale": 0}
    tx.conn.execute(insert(t.chain_facts), row)


def mark_stale(conn: Connection, kind: str, subject: bytes) -> None:
    """An event touched this subject: the stored fact is not believed any more."""
    where = (t.chain_facts.c.kind == kind, t.chain_facts.c.subject == subject)
    conn.execute(update(t.chain_facts).where(*where), {"stale": 1})


def _less_dossier(now: DossierState, sure: DossierState) -> DossierState:
    """What gives rights in both states: the accounts and card only where they agree, the epoch of the head; a freeze of
    either."""
    return replace(
        now,
        controller=now.controller if now.controller == sure.controller else NOBODY,
        owner=now.owner if now.owner == sure.owner else NOBODY,
        card_hash=now.card_hash if now.card_hash == sure.card_hash else ZERO32,
        frozen_until=max(now.frozen_until, sure.frozen_until),
    )


def _less_agency(now: AgencyState, sure: AgencyState) -> AgencyState:
    """Rights that stand in both states, with the ends of the head."""
    begun = {(span.role, span.since) for span in sure.roles}
    allowed = {(span.licence_type, span.since) for span in sure.issues}
    known = {card.hash for card in sure.cards}
    return replace(
        now,
        roles=tuple(span for span in now.roles if (span.role, span.since) in begun),
        issues=tuple(span for span in now.issues if (span.licence_type, span.since) in allowed),
        cards=tuple(card for card in now.cards if card.hash in known),
    )


def unconfirmed() -> OneFileError:
    """What gives rights is on chain, and not deep enough yet."""
    return Unavailable(
        "chain_unconfirmed", "this is on the chain and not confirmed yet; send the same request again"
    )


def _moving() -> OneFileError:
    return Unavailable("chain_moving", "something on the chain has just changed; send the same request again")
