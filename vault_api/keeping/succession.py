"""``vault-api succeed``: the only way on from a state whose end is lost (ADR 31).

The old log stays as the chain has it, for ever. A new one begins whose entry 0 commits to the old one's last head, and
carries the entries that are left at their old places: numbers, links, openings and indices of what holders have stay
true. The first new entry says in public what is lost. A grant names its log, so no grant lives on: all are ended and
their headers destroyed.

Order: freeze on chain, convert the database in one transaction, open the new log on chain, name it there as the
successor. Each step looks first whether it was done, so that a crash between them is mended by doing it again.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select, update

from chain.ledger import Ledger, LogState
from protocol import canonical
from protocol.encoding import b64u
from protocol.entries import first_entry, head_statement, origin_hash
from protocol.errors import Conflict
from protocol.merkle import Frontier
from protocol.note import NoteSigner
from vault_api.db import tables as t
from vault_api.db.engine import WRITER
from vault_api.keeping.rebuilding import Rebuilding
from vault_api.keeping.reconcile import Parts, log_loss
from vault_api.keeping.standing import frontier_of, grown, set_mark
from vault_api.keeping.tail import find_tail
from vault_api.log_keys import LogKeys, keep_keys
from vault_api.sequencer import Tx
from vault_api.services.grants import close_grants


@dataclass(frozen=True, slots=True)
class Plan:
    """What would happen, and what has happened already. ``owner`` must be the account that sends."""

    origin: str
    successor: str
    anchored: int
    kept: int
    lost: int
    live_grants: int
    owner: bytes
    frozen: bool
    succeeded: bool


def plan(parts: Parts, successor: str) -> Plan:
    """Look only. ``Conflict("succeed_not_needed")`` for a state that has everything the chain has anchored."""
    state = _state(parts.ledger.log_state(origin_hash(parts.origin)), parts.origin)
    with parts.engine.connect() as conn:
        if _origin_of(conn) == successor:
            kept = frontier_of(conn).size - 1
        else:
            size = frontier_of(conn).size
            kept = size + sum(1 for _entry in find_tail(conn, parts.blobs, size))
            if kept >= state.size:
                raise Conflict(
                    "succeed_not_needed",
                    "all {size} anchored entries are here: run `vault-api reconcile`",
                    size=state.size,
                )
        live = conn.execute(
            select(func.count()).select_from(t.grants).where(t.grants.c.ended_at.is_(None))
        ).scalar_one()
    return Plan(
        parts.origin, successor, state.size, kept, max(0, state.size - kept), live, state.owner, state.frozen,
        state.successor is not None,
    )  # fmt: skip


def succeed(parts: Parts, ledger: Ledger, signer: NoteSigner, name: str) -> None:
    """Do it. ``signer`` is the new log's, whose name is the successor's origin; ``name`` its last part."""
    old, new = origin_hash(parts.origin), origin_hash(signer.name)
    if not _state(ledger.log_state(old), parts.origin).frozen:
        ledger.freeze_log(old)
    state = _state(ledger.log_state(old), parts.origin)
    statement = head_statement(parts.origin, state.size, state.root)
    entry0 = first_entry(signer.name, statement).serialise()
    with parts.engine.connect().execution_options(**WRITER) as conn, conn.begin():
        if _origin_of(conn) != signer.name:
            _convert(conn, parts, state, signer.name, entry0)
            keep_keys(conn, LogKeys.first(str(signer.vkey)))
    if ledger.log_state(new) is None:
        ledger.open_log(name, entry0, str(signer.vkey), ledger.account)
    if state.successor is None:
        ledger.succeed_log(old, new, entry0, [])


def _convert(conn: Connection, parts: Parts, state: LogState, successor: str, entry0: bytes) -> None:
    """The database becomes the successor's: what is left of the old log, under the new entry 0."""
    now = max(parts.clock.now(), parts.ledger.head().time)
    work = Rebuilding(conn, frontier_of(conn), now)
    work.take(find_tail(conn, parts.blobs, work.frontier.size))
    kept = work.frontier.size
    conn.execute(update(t.entries).where(t.entries.c.idx == 0), {"entry": entry0})
    conn.execute(delete(t.public_entries).where(t.public_entries.c.idx == 0))
    conn.execute(delete(t.checkpoints))
    conn.execute(delete(t.anchors))
    conn.execute(update(t.meta).where(t.meta.c.name == "log_origin"), {"value": successor})
    head = {"origin": parts.origin, "size": state.size, "root": b64u(state.root)}
    conn.execute(insert(t.meta), {"name": "succeeds", "value": canonical.dumps(head).decode()})
    tx = Tx(conn, now, now, kept)
    index = log_loss(tx, successor, {"v": 1, "succeeds": head, "kept": kept, "at": now})
    live = list(conn.execute(select(t.grants.c.row).where(t.grants.c.ended_at.is_(None))).scalars())
    if live:
        close_grants(tx, live, index)
    end = {"frontier": grown(conn, Frontier(), tx.size).serialise(), "last_at": now}
    conn.execute(update(t.log_head).where(t.log_head.c.id == 1), end)
    set_mark(conn, canonical.dumps({"state": "succeeds", "from": kept}).decode())


def _origin_of(conn: Connection) -> str | None:
    found: str | None = conn.execute(select(t.meta.c.value).where(t.meta.c.name == "log_origin")).scalar()
    return found


def _state(state: LogState | None, origin: str) -> LogState:
    if state is None:
        raise Conflict("log_not_on_chain", "the chain knows no log {origin}", origin=origin)
    return state
