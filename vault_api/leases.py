"""Leases: what only one process may do at a time, and how a holder that was overtaken is kept from writing (ADR 26).

A lease is a row: holder, epoch, until. It is free once ``until`` has passed in the **database's** time, and whoever
takes it raises the epoch. A holder checks its epoch in each transaction in which it writes (``Lease.check``), and the
row stays locked until that transaction is over: nobody can take the lease between the check and the commit. So a
process that was paused for an hour and wakes up writes nothing, although nothing has told it the time.
"""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from vault_api.db import tables_processes as p
from vault_api.db.prepared import Prepared

SEQUENCER, FOLLOWER, PUBLISHER, HOUSEKEEPING, JOBS = "sequencer", "follower", "publisher", "housekeeping", "jobs"
_JULIAN_1970 = 2440587.5
# FOR SHARE: a renewal waits for who has checked, and so does whoever would take the lease.
_EPOCH: Prepared[Any] = Prepared(
    select(p.leases.c.epoch).where(p.leases.c.name == bindparam("name")).with_for_update(read=True)
)


class LeaseLost(Exception):  # noqa: N818 (not a failure: another process does the work now)
    """This process does not hold the lease (any more): nothing was written."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease that was taken. Whether it is still held, only ``check`` can tell."""

    name: str
    epoch: int

    def check(self, conn: Connection) -> None:
        """Raise ``LeaseLost`` unless this is the newest epoch; it stays so until the transaction is over."""
        newest = _EPOCH.first(conn, {"name": self.name})
        if newest is None or newest.epoch != self.epoch:
            raise LeaseLost(self.name)


def holder_name() -> str:
    """A name for this process, for whoever reads the table: machine, process, and a lot."""
    return f"{socket.gethostname()[:32]}:{os.getpid()}:{secrets.token_hex(4)}"


def take(conn: Connection, name: str, holder: str, ttl_ms: int, *, by_force: bool = False) -> Lease | None:
    """Take the lease in this transaction if it is free, or in any case ``by_force``; None if another has it."""
    row = p.leases.c
    now = database_ms(conn)
    held = conn.execute(select(p.leases).where(row.name == name).with_for_update()).one_or_none()
    if held is None:
        given = {"name": name, "holder": holder, "epoch": 1, "until_ms": now + ttl_ms}
        conn.execute(insert(p.leases), given)
        return Lease(name, 1)
    if held.until_ms > now and not by_force:
        return None
    given = {"holder": holder, "epoch": held.epoch + 1, "until_ms": now + ttl_ms}
    conn.execute(update(p.leases).where(row.name == name), given)
    return Lease(name, held.epoch + 1)


def renew(conn: Connection, lease: Lease, ttl_ms: int) -> bool:
    """Hold the lease for ``ttl_ms`` from now on; False if another has taken it since."""
    row = p.leases.c
    mine = update(p.leases).where(row.name == lease.name, row.epoch == lease.epoch)
    return conn.execute(mine, {"until_ms": database_ms(conn) + ttl_ms}).rowcount == 1


def give_back(conn: Connection, lease: Lease) -> None:
    """End the lease now, unless another has it already."""
    row = p.leases.c
    conn.execute(update(p.leases).where(row.name == lease.name, row.epoch == lease.epoch), {"until_ms": 0})


def database_ms(conn: Connection) -> int:
    """The database's time: of the moment, not of the beginning of the transaction."""
    if conn.dialect.name == "postgresql":
        asked = select(func.date_part("epoch", func.clock_timestamp()) * 1000)
    else:
        asked = select((func.julianday("now") - _JULIAN_1970) * 86_400_000)
    return int(conn.execute(asked).scalar_one())
