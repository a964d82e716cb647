"""Whether this vault's state is the one that the chain knows: asked at every start (docs/operations.md §6).

A log that the chain knows to be longer is an older state that somebody has put back: to append to it would make a
second history. A state that came from a backup is not served before ``vault-api reconcile`` has looked, even if the
chain knows no more: what was revoked since must count first.
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine, delete, insert, select

from chain.ledger import LedgerReads, LogState
from protocol.entries import origin_hash
from protocol.errors import Conflict, Unavailable
from protocol.merkle import Frontier, leaf_hashes
from vault_api.db import tables as t
from vault_api.keeping.loading import RESTORED

PIECE = 65_536  # entries


def check_standing(engine: Engine, ledger: LedgerReads, origin: str) -> LogState | None:
    """``Conflict("not_reconciled")`` or ``Conflict("log_behind")`` for a state that must not serve as it is.

    Returns the log as the chain has it. A chain that does not answer (None) says nothing against a state that no
    backup gave.
    """
    with engine.connect() as conn:
        marked = mark_of(conn)
        size = size_of(conn)
    if marked is not None:
        raise Conflict("not_reconciled", "this state came from a backup and has not been compared with the chain yet")
    try:
        state = ledger.log_state(origin_hash(origin))
    except Unavailable:
        return None
    if state is not None and state.size > size:
        raise behind(state, size)
    return state


def check_anchored(engine: Engine) -> None:
    """``Conflict("log_behind")`` if the follower has seen an anchor of more than we have: for ``readyz``."""
    newest = select(t.anchors.c.size).order_by(t.anchors.c.size.desc()).limit(1)
    with engine.connect() as conn:
        anchored: int = conn.execute(newest).scalar() or 0
        size = size_of(conn)
    if anchored > size:
        raise _behind(anchored, size)


def behind(state: LogState, size: int) -> Conflict:
    """The chain knows more than this state has."""
    return _behind(state.size, size)


def mark_of(conn: Connection) -> str | None:
    """What a restore has left; None where the state was never restored, or is reconciled."""
    marked: str | None = conn.execute(select(t.meta.c.value).where(t.meta.c.name == RESTORED)).scalar()
    return marked


def set_mark(conn: Connection, text: str) -> None:
    """This state is not to be served before it is reconciled."""
    clear_mark(conn)
    conn.execute(insert(t.meta), {"name": RESTORED, "value": text})


def clear_mark(conn: Connection) -> None:
    """The state may be served."""
    conn.execute(delete(t.meta).where(t.meta.c.name == RESTORED))


def size_of(conn: Connection) -> int:
    """How many entries are committed here."""
    return frontier_of(conn).size


def frontier_of(conn: Connection) -> Frontier:
    """The committed end of the log; ``Unavailable("log_not_open")`` before there is one."""
    raw = conn.execute(select(t.log_head.c.frontier)).scalar()
    if raw is None:
        raise Unavailable("log_not_open", "the log is not open yet: run vault-api serve once")
    return Frontier.parse(bytes(raw))


def grown(conn: Connection, frontier: Frontier, size: int) -> Frontier:
    """The frontier after the entries from its size to before ``size``, as the database has them."""
    while frontier.size < size:
        last = min(frontier.size + PIECE, size)
        rows = select(t.entries.c.entry).where(t.entries.c.idx >= frontier.size, t.entries.c.idx < last)
        found = [bytes(entry) for entry in conn.execute(rows.order_by(t.entries.c.idx)).scalars()]
        if len(found) != last - frontier.size:
            raise Unavailable(
                "entries_missing", "entries of the log are missing in the database: run `vault-api scrub`"
            )
        frontier = frontier.extend(leaf_hashes(found))
    return frontier


def _behind(anchored: int, size: int) -> Conflict:
    return Conflict(
        "log_behind",
        "the chain has {anchored} entries of this log, the database has {size}: this is an older state",
        anchored=anchored,
        size=size,
    )
