"""What is looked up when somebody reads ``/metrics``: sizes of queues, ages of what waits; a few rows each."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool

from vault_api import metrics
from vault_api.db import tables as t
from vault_api.db import tables_chain as t_chain
from vault_api.db.tables_processes import jobs
from vault_api.db.tables_uploads import uploads
from vault_api.vault import Vault

_ANCHORED = select(func.max(t.anchors.c.size))
_SIGNED = select(func.max(t.checkpoints.c.size))
_NEWEST = select(func.max(t.entries.c.idx))
_SENT = t_chain.transactions.c
# Of one number there may be several attempts, with rising fees: one of them is mined, or none is yet.
_NUMBERS = select(_SENT.account, _SENT.nonce).group_by(_SENT.account, _SENT.nonce)
_UNSETTLED = _NUMBERS.having(func.max(_SENT.block).is_(None))
_PENDING = select(func.count()).select_from(_UNSETTLED.subquery())
_DUE = select(func.min(jobs.c.due_at))
_COUNTS = (
    (metrics.JOBS, jobs),
    (metrics.PENDING_REVOCATIONS, t.chain_revokes),
    (metrics.DOOMED, t.doomed),
    (metrics.UPLOADS_OPEN, uploads),
)


def look(vault: Vault) -> None:
    """Set every gauge that is looked up; a database that does not answer leaves its own as they were."""
    _here(vault)
    try:
        with vault.engine.connect() as conn:
            _log(conn, vault.clock.now())
            metrics.PENDING_TRANSACTIONS.set(conn.execute(_PENDING).scalar_one())
            due = conn.execute(_DUE).scalar()
            metrics.JOB_AGE.set(0 if due is None else max(0, vault.clock.now() - due))
            for gauge, table in _COUNTS:
                gauge.set(conn.execute(select(func.count()).select_from(table)).scalar_one())
    except SQLAlchemyError:
        metrics.LOOKED.set(0)
        return
    metrics.LOOKED.set(1)


def oldest_age(conn: Connection, now: int, *, beyond: int) -> int:
    """Seconds since the entry at index ``beyond`` was logged; 0 if there is none."""
    wanted: Select[Any] = select(t.entries.c.at).where(t.entries.c.idx == beyond)
    at: int | None = conn.execute(wanted).scalar()
    return 0 if at is None else max(0, now - at)


def signed_size(conn: Connection) -> int:
    """How many entries the newest checkpoint of the database covers."""
    return conn.execute(_SIGNED).scalar() or 0


def _log(conn: Connection, now: int) -> None:
    newest = conn.execute(_NEWEST).scalar()
    size = 0 if newest is None else newest + 1
    # A log is opened on chain with its entry 0, before the first anchor.
    signed, anchored = signed_size(conn), conn.execute(_ANCHORED).scalar() or min(size, 1)
    metrics.LOG_SIZE.set(signed)
    metrics.ANCHORED_SIZE.set(anchored)
    metrics.UNSIGNED.set(size - signed)
    metrics.UNANCHORED.set(size - anchored)
    metrics.UNSIGNED_AGE.set(oldest_age(conn, now, beyond=signed))
    metrics.UNANCHORED_AGE.set(oldest_age(conn, now, beyond=anchored))


def _here(vault: Vault) -> None:
    for gate in vault.load.gates.values():
        metrics.GATE_WITHIN.labels(gate.name).set(gate.within)
        metrics.GATE_WAITING.labels(gate.name).set(gate.waiting)
    facts, now = vault.facts, vault.clock.now()
    metrics.CHAIN_AGE.set(max(0, now - facts.seen_at) if facts.seen_at else 0)
    metrics.FOLLOWED_BLOCK.set(facts.block_number)
    metrics.HEAD_AGE.set(max(0, now - facts.block_time) if facts.block_time else 0)
    pool = vault.engine.pool
    if isinstance(pool, QueuePool):
        metrics.POOL_IN_USE.set(pool.checkedout())
        metrics.POOL_SIZE.set(pool.size() + max(0, pool._max_overflow))  # noqa: SLF001 (nothing public tells it)
