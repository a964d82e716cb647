"""The beginning of a log: its key, its entry 0, and its record on chain. Done once, repeatable after any crash.

Order: key file, chain, database. Entry 0 follows from origin and key alone, so whatever happened before a crash is
found again and not made twice. A log that the chain knows beyond entry 0 is never begun anew: then the database is
missing, and has to be restored.
"""

from __future__ import annotations

from pathlib import Path

import structlog
from sqlalchemy import Engine, insert, select

from chain.files import write_deployment
from chain.ledger import Ledger, LedgerReads, LogState
from protocol.canonical import loads_object
from protocol.encoding import hex0x
from protocol.entries import first_entry, head_statement, opening_statement, origin_hash
from protocol.entries import origin as origin_of
from protocol.errors import Conflict, Unavailable
from protocol.fields import Fields
from protocol.merkle import Frontier, leaf_hash
from protocol.note import NoteSigner
from protocol.note_signer import Ed25519NoteSigner
from vault_api.clock import Clock
from vault_api.db import tables as t
from vault_api.db.engine import WRITER
from vault_api.keeping.standing import check_standing
from vault_api.log_key import create_secret, read_secret
from vault_api.log_keys import LogKeys, keep_keys
from vault_api.rotation import begin_keys, take_over

_log = structlog.get_logger("vault_api.opening")


def log_origin(ledger: Ledger, name: str) -> str:
    """The origin string of the log ``name`` of this deployment."""
    deployment = ledger.deployment
    return origin_of(deployment.chain_id, deployment.contracts.archive_log, name)


def log_signer(path: Path, name: str, *, may_create: bool) -> Ed25519NoteSigner:
    """The signer of the log's checkpoints; drawn anew where there is no file and ``may_create``."""
    seed = read_secret(path)
    if seed is None and may_create:
        seed = create_secret(path)
    if seed is None:
        raise Unavailable("log_key_missing", "there is no log key at {path}", path=str(path))
    return Ed25519NoteSigner(name, seed)


def log_is_open(engine: Engine) -> bool:
    """Whether this database has a log."""
    with engine.connect() as conn:
        return conn.execute(select(t.log_head.c.id)).first() is not None


def open_log(engine: Engine, ledger: Ledger, signer: NoteSigner, clock: Clock, name: str) -> None:
    """Open the log on chain and in the database, unless it is open; ``Conflict`` if the two do not fit."""
    if log_is_open(engine):
        check_same(engine, ledger, signer)
        take_over(engine, ledger, signer, clock, check_standing(engine, ledger, signer.name))
        return
    vkey = str(signer.vkey)
    entry0 = _first_entry(engine, signer.name, vkey)
    state = _open_on_chain(ledger, signer, name, entry0)
    if state.vkey != vkey or state.size != 1 or state.root != leaf_hash(entry0):
        raise Conflict(
            "log_exists",
            "the chain has a log {origin} of size {size} with another key or history: restore the database and "
            "the log key, or choose another name",
            origin=signer.name,
            size=state.size,
        )
    now = max(clock.now(), ledger.head().time)
    with engine.connect().execution_options(**WRITER) as conn, conn.begin():
        conn.execute(insert(t.entries), {"idx": 0, "entry": entry0, "at": now})
        head = {"id": 1, "frontier": Frontier().append(leaf_hash(entry0)).serialise(), "last_at": now}
        conn.execute(insert(t.log_head), head)
        conn.execute(insert(t.meta), {"name": "log_origin", "value": signer.name})
        keep_keys(conn, LogKeys.first(vkey))


def check_same(engine: Engine, ledger: LedgerReads, signer: NoteSigner) -> None:
    """``Conflict("log_key_other")`` unless entry 0 is the one of this origin and of the log's first key."""
    with engine.connect() as conn:
        there = conn.execute(select(t.entries.c.entry).where(t.entries.c.idx == 0)).scalar()
    keys = begin_keys(engine, ledger, signer, lambda vkey: _first_entry(engine, signer.name, vkey))
    if keys is None or there != _first_entry(engine, signer.name, keys.rows[0][0]):
        raise Conflict(
            "log_key_other",
            "this database belongs to a log with another origin or key; entry 0 is {entry}",
            entry=hex0x(leaf_hash(there or b"")),
        )


def record_log(path: Path, ledger: Ledger, signer: NoteSigner) -> None:
    """Name the log in the deployment record, so that clients find its key there.

    A record that may not be written, as in a container, stays as it is: the database and the chain name the key too.
    """
    deployment = ledger.deployment
    vkey = str(signer.vkey)
    if deployment.log is not None and (deployment.log.origin, deployment.log.vkey) == (signer.name, vkey):
        return
    try:
        write_deployment(path, deployment.with_log(signer.name, vkey))
    except OSError as error:
        _log.warning("deployment record not written", path=str(path), why=error.strerror, vkey=vkey)


def _open_on_chain(ledger: Ledger, signer: NoteSigner, name: str, entry0: bytes) -> LogState:
    ident = origin_hash(signer.name)
    state = ledger.log_state(ident)
    if state is None:
        ledger.open_log(name, entry0, str(signer.vkey), ledger.account)
        state = ledger.log_state(ident)
    if state is None:
        raise Unavailable("chain_unreachable", "the log was opened, but the chain does not show it yet")
    return state


def _first_entry(engine: Engine, origin: str, vkey: str) -> bytes:
    """Entry 0: of a log that begins, or of one that goes on after a frozen one (``vault-api succeed``)."""
    with engine.connect() as conn:
        head = conn.execute(select(t.meta.c.value).where(t.meta.c.name == "succeeds")).scalar()
    if head is None:
        return first_entry(origin, opening_statement(origin, vkey)).serialise()
    old = Fields(loads_object(head.encode(), what="succeeds"), "succeeds")
    statement = head_statement(old.text("origin"), old.uint("size"), old.bytes32("root"))
    return first_entry(origin, statement).serialise()
