"""``vault-api reconcile``: a restored state compared with chain and blob store, and taken along (ADR 31).

In this order, each step harmless to repeat: (1) what the chain has anchored must be a beginning of what we have, or can
be made so from the bundles in the blob store; (2) entries that the store has beyond the database are taken along; (3)
the log key's file must hold the key that the chain names, and a new one takes over (``vault_api/rotation.py``); (4)
the chain is followed to its head, so that every nullifier and epoch counts; (5) grants of a dossier with a revocation
that we can only see the entry of are ended; (6) a public entry says that this log went on from an older state; (7) the
mark goes, and the vault may serve.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, func, select

from chain.ledger import LedgerReads, LogState
from protocol import canonical
from protocol.entries import origin_hash
from protocol.errors import Conflict
from protocol.merkle import Frontier
from vault_api.blobs import BlobStore
from vault_api.build import Outside, build_vault
from vault_api.clock import Clock
from vault_api.db import tables as t
from vault_api.db.engine import WRITER
from vault_api.keeping.rebuilding import LOST, Rebuilding, Rebuilt
from vault_api.keeping.standing import clear_mark, frontier_of, grown, mark_of, set_mark
from vault_api.keeping.tail import find_tail, forked
from vault_api.keeping.tiling import Tiling
from vault_api.log_store import PREFIX
from vault_api.logbook import log_event, log_own
from vault_api.loops import Following
from vault_api.opening import check_same, log_signer, record_log
from vault_api.rotation import take_over
from vault_api.sequencer import Tx
from vault_api.services.grants import close_grants
from vault_api.settings import Settings
from vault_api.vault import Vault

REBUILT = "rebuilt"  # what the mark says from step 2 on


@dataclass(frozen=True, slots=True)
class Parts:
    """What a comparison asks, before a vault can be built."""

    engine: Engine
    blobs: BlobStore
    ledger: LedgerReads
    clock: Clock
    origin: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What the comparison found. ``behind``: entries that the chain has anchored and nobody here has."""

    anchored: int
    database: int
    found: int
    marked: bool

    @property
    def behind(self) -> int:
        """How many anchored entries are lost."""
        return max(0, self.anchored - self.found)


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What was done. ``ended``: grants that were ended because the log has a revocation of their dossier."""

    entries: int
    taken_along: int
    openings_lost: int
    ended: int
    statement: int | None


def compare(parts: Parts) -> Standing:
    """Where this state stands; changes nothing. ``Untrusted("log_forked")`` for another history."""
    state = _on_chain(parts)
    with parts.engine.connect() as conn:
        frontier = frontier_of(conn)
        found = frontier.size + sum(1 for _entry in find_tail(conn, parts.blobs, frontier.size))
        if state.size <= frontier.size and grown(conn, Frontier(), state.size).root() != state.root:
            raise forked()
        return Standing(state.size, frontier.size, found, mark_of(conn) is not None)


def take_along(parts: Parts) -> Rebuilt:
    """Steps 1 and 2; ``Conflict("log_lost")`` if the chain has anchored what is nowhere to be found."""
    state = _on_chain(parts)
    with parts.engine.connect().execution_options(**WRITER) as conn, conn.begin():
        before = frontier_of(conn)
        work = Rebuilding(conn, before, max(parts.clock.now(), parts.ledger.head().time))
        work.take(find_tail(conn, parts.blobs, before.size))
        if state.size > work.frontier.size:
            raise Conflict(
                "log_lost",
                "the chain has {anchored} entries of this log; only {found} are in the database and the blob store",
                anchored=state.size,
                found=work.frontier.size,
            )
        if grown(conn, Frontier(), state.size).root() != state.root:
            raise forked()
        if work.done.entries:
            set_mark(conn, canonical.dumps({"state": REBUILT, "from": before.size}).decode())
    _lay_edge(parts)
    return work.done


def reconcile(settings: Settings, outside: Outside, origin: str) -> Reconciled:
    """All steps. The vault that does them signs by itself on every database: no other process serves this state."""
    done = take_along(Parts(outside.engine, outside.blobs, outside.ledger, outside.clock, origin))
    signer = log_signer(settings.log_key, origin, may_create=False)
    check_same(outside.engine, outside.ledger, signer)
    take_over(outside.engine, outside.ledger, signer, outside.clock, _state(outside.ledger, origin))
    record_log(settings.deployment, outside.ledger, signer)
    vault = build_vault(settings, outside, first_start=False)
    vault.sequencer.start()
    try:
        return settle(vault, done)
    finally:
        vault.sequencer.stop()


def settle(vault: Vault, done: Rebuilt) -> Reconciled:
    """Steps 4 to 7, with the sequencer of a vault that serves nobody yet."""
    Following(vault).round()
    ended = vault.sequencer.call(_end_grants)
    statement = vault.sequencer.call(lambda tx: _state_loss(vault, tx))
    return Reconciled(vault.log.size, done.entries, done.known, ended, statement)


def _end_grants(tx: Tx) -> int:
    """End what a lost revocation may have ended: the live grants of its dossier that were given before it."""
    wanted = (
        select(t.grants.c.row, t.grants.c.dossier_row)
        .join(t.events, t.events.c.dossier_row == t.grants.c.dossier_row)
        .where(
            t.events.c.t == "revoke",
            t.events.c.object_sha256 == LOST,
            t.grants.c.idx < t.events.c.idx,
            t.grants.c.ended_at.is_(None),
        )
        .distinct()
    )
    live: dict[int, list[int]] = {}
    for row in tx.conn.execute(wanted.order_by(t.grants.c.dossier_row, t.grants.c.row)).all():
        live.setdefault(row.dossier_row, []).append(row.row)
    for dossier, rows in live.items():
        said = canonical.dumps({"v": 1, "kind": "revoked-in-lost-state", "at": tx.now})
        close_grants(tx, rows, log_event(tx, dossier, "note", said).index)
    return sum(len(rows) for rows in live.values())


def _state_loss(vault: Vault, tx: Tx) -> int | None:
    """The public statement, and the end of the mark, in one transaction; None for a state that needs none."""
    if mark_of(tx.conn) is None:
        return None
    lost = select(func.count()).select_from(t.events).where(t.events.c.object_sha256 == LOST)
    said = {"v": 1, "origin": vault.origin, "size": tx.size, "lost": tx.conn.execute(lost).scalar_one(), "at": tx.now}
    clear_mark(tx.conn)
    return log_loss(tx, vault.origin, said)


def log_loss(tx: Tx, origin: str, said: dict[str, Any]) -> int:
    """Append a public entry of the log's own, behind its entry 0 or the last of this kind; its index."""
    return log_own(tx, "loss", origin, canonical.dumps(said))


def _on_chain(parts: Parts) -> LogState:
    return _state(parts.ledger, parts.origin)


def _state(ledger: LedgerReads, origin: str) -> LogState:
    state = ledger.log_state(origin_hash(origin))
    if state is None:
        raise Conflict("log_not_on_chain", "the chain knows no log {origin}", origin=origin)
    return state


def _lay_edge(parts: Parts) -> None:
    """Write the partial tiles of the signed size again: a longer log has replaced them in the store."""
    newest = select(t.checkpoints.c.size).order_by(t.checkpoints.c.size.desc()).limit(1)
    with parts.engine.connect() as conn:
        signed: int = conn.execute(newest).scalar() or 0
        tiling = Tiling(signed, lambda path, data: _put_partial(parts.blobs, path, data))
        rows = select(t.entries.c.idx, t.entries.c.entry).where(t.entries.c.idx < signed).order_by(t.entries.c.idx)
        for row in conn.execution_options(yield_per=4_096).execute(rows):
            tiling.add(row.idx, bytes(row.entry))
        tiling.finish()


def _put_partial(blobs: BlobStore, path: str, data: bytes) -> None:
    if ".p/" in path:
        blobs.put(PREFIX + path, data)
