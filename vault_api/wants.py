"""The outbox of jobs: what is to be done is noted in the transaction that makes it necessary (ADR 26).

One row for each kind of job: wanting it again while it waits adds to its count and no row. The row goes once the job is
done, unless it was wanted again meanwhile. So a job is done at least once after it was last wanted, and perhaps twice.
"""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select, update

from vault_api.db import tables_processes as p
from vault_api.writer import Tx, Work

PAYLOADS = "payloads"  # the kind that services want: bytes that nothing names any more are removed
FIRST_RETRY_S = 10
LAST_RETRY_S = 3600


def want(tx: Tx, kind: str) -> None:
    """Have this kind of job done once the transaction has committed."""
    row = p.jobs.c
    again = update(p.jobs).where(row.kind == kind).values(wanted=row.wanted + 1, due_at=tx.now)
    if tx.conn.execute(again).rowcount == 0:
        tx.conn.execute(insert(p.jobs), {"kind": kind, "wanted": 1, "due_at": tx.now, "tries": 0})


def due(conn: Connection, now: int) -> dict[str, int]:
    """The kinds of job that wait to be done, in the order in which they were wanted, and how often each was."""
    row = p.jobs.c
    rows = conn.execute(select(row.kind, row.wanted).where(row.due_at <= now).order_by(row.row))
    return {found.kind: found.wanted for found in rows}


def done(writer: Work, kind: str, wanted: int) -> None:
    """It was done; if it was wanted more than ``wanted`` times by now, it stays."""
    gone = delete(p.jobs).where(p.jobs.c.kind == kind, p.jobs.c.wanted == wanted)
    writer.call(lambda tx: tx.conn.execute(gone).rowcount)


def failed(writer: Work, kind: str) -> None:
    """It was not: it is tried again later, and later each time."""

    def work(tx: Tx) -> None:
        row = p.jobs.c
        tries = tx.conn.execute(select(row.tries).where(row.kind == kind)).scalar()
        if tries is not None:
            later = tx.now + min(FIRST_RETRY_S << min(tries, 16), LAST_RETRY_S)
            tx.conn.execute(update(p.jobs).where(row.kind == kind), {"tries": tries + 1, "due_at": later})

    writer.call(work)
