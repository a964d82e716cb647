"""A new key for a log that goes on (docs/operations.md §4): the chain names it, then the log itself says so.

Order: the owner names the new key on chain, the operator puts its file in place, and the next start appends a public
entry of kind ``log`` that commits to it. That entry and the row of the log's keys are one transaction: so heads that
cover the entry are signed by the new key, and a process that still has the former one cannot keep such a head
(``check_key``). Repeatable after a crash at any point; never twice for one rotation.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog
from sqlalchemy import Connection, Engine, select, update

from chain.ledger import LedgerReads, LogState
from protocol.entries import LOG_TYPE, Entry, commitment, opening_statement, origin_hash
from protocol.errors import Conflict, OneFileError
from protocol.hashing import ZERO32
from protocol.note import NoteSigner, Vkey, verify_checkpoint
from vault_api.clock import Clock
from vault_api.db import tables as t
from vault_api.db.engine import WRITER
from vault_api.ends import locked_end
from vault_api.log_keys import LogKeys, former_key, keep_keys, keys_of, other_key
from vault_api.logbook import log_own
from vault_api.writer import Tx, keep_grown

_log = structlog.get_logger("vault_api.rotation")


def begin_keys(
    engine: Engine, ledger: LedgerReads, signer: NoteSigner, entry0: Callable[[str], bytes]
) -> LogKeys | None:
    """The log's keys; written now for a database of a program that knew a single one.

    That one is the key of the file or of the deployment record, whichever signed the newest head; None if neither
    did. ``entry0``: as it is under a first key.
    """
    with engine.connect() as conn:
        keys = keys_of(conn)
    if keys is not None:
        return keys
    recorded = ledger.deployment.log
    known = [str(signer.vkey), *([recorded.vkey] if recorded is not None else [])]
    with engine.connect().execution_options(**WRITER) as conn, conn.begin():
        first = next((vkey for vkey in known if _signs(conn, signer.name, vkey, entry0)), None)
        keys = None if first is None else LogKeys.first(first)
        if keys is not None:
            keep_keys(conn, keys)
    return keys


def take_over(
    engine: Engine, ledger: LedgerReads, signer: NoteSigner, clock: Clock, state: LogState | None = None
) -> int | None:
    """Let the signer's key sign from here on, if the chain names it; the index of the entry that says so, else None.

    ``state``: the log as the chain tells it, if it was asked already. A chain that does not answer says nothing
    against a key that signs already. ``Conflict``: ``log_key_former`` (the chain names another key than the file
    holds, which was this log's), ``log_key_other`` (the file's never was). ``Unavailable`` if the chain does not
    answer and the file holds a new key.
    """
    own = str(signer.vkey)
    with engine.connect() as conn:
        keys = keys_of(conn) or LogKeys.first(own)
    if keys.present == own:
        if state is not None and state.vkey != own:
            raise former_key(own, state.vkey)
        return None
    state = state or ledger.log_state(origin_hash(signer.name))
    if state is None:
        raise Conflict("log_not_on_chain", "the chain knows no log {origin}", origin=signer.name)
    if state.vkey != own:
        raise former_key(own, state.vkey) if keys.has(own) else other_key(own, state.vkey)
    now = max(clock.now(), ledger.head().time)
    with engine.connect().execution_options(**WRITER) as conn, conn.begin():
        index = _take_over(conn, signer.name, own, now)
    # commit point: log key (docs/spec/durability.md §3)
    if index is not None:
        _log.info("log key", vkey=own, since=index)
    return index


def _take_over(conn: Connection, origin: str, vkey: str, now: int) -> int | None:
    """The entry and the row, in the transaction of ``conn``; None if another process was quicker."""
    end = locked_end(conn)
    keys = keys_of(conn)
    assert keys is not None  # a log that is open has one
    if keys.present == vkey:
        return None
    moment = max(now, end.last_at)
    tx = Tx(conn, moment, end.last_at, end.size, end.changes)
    statement = opening_statement(origin, vkey)
    index = _logged(conn, origin, statement, keys.since)
    if index is None:
        index = log_own(tx, LOG_TYPE, origin, statement)
        keep_grown(tx, end)
    keep_keys(conn, keys.then(vkey, index))
    return index


def _logged(conn: Connection, origin: str, statement: bytes, since: int) -> int | None:
    """Where the log says it already: a restored database has the entry from the blob store, and not the row."""
    p = t.public_entries
    said = select(t.entries.c.idx, t.entries.c.entry).join(p, p.c.idx == t.entries.c.idx)
    said = said.where(p.c.uri == origin, p.c.t == LOG_TYPE, p.c.idx > since).order_by(p.c.idx.desc())
    want = commitment(ZERO32, statement)
    for row in conn.execute(said).all():
        if Entry.parse(bytes(row.entry)).c == want:
            conn.execute(update(p).where(p.c.idx == row.idx), {"object": statement})
            index: int = row.idx
            return index
    return None


def _signs(conn: Connection, origin: str, vkey: str, entry0: Callable[[str], bytes]) -> bool:
    """Whether this key signed the newest head; before there is one, whether entry 0 may be its own."""
    newest = select(t.checkpoints.c.note).order_by(t.checkpoints.c.size.desc()).limit(1)
    note = conn.execute(newest).scalar()
    if note is None:
        return bool(conn.execute(select(t.entries.c.entry).where(t.entries.c.idx == 0)).scalar() == entry0(vkey))
    try:
        verify_checkpoint(bytes(note), origin, Vkey.parse(vkey))
    except OneFileError:
        return False
    return True
