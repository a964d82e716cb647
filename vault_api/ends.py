"""The end of the committed log: one row, which every writer locks before it appends (ADR 26)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from protocol.errors import Unavailable
from protocol.merkle import Frontier
from vault_api.db import tables as t
from vault_api.db.prepared import Prepared

_END = select(t.log_head.c.frontier, t.log_head.c.last_at, t.log_head.c.changes).where(t.log_head.c.id == 1)
_LOOK: Prepared[Any] = Prepared(_END)
_LOCK: Prepared[Any] = Prepared(_END.with_for_update())  # SQLite knows no such thing: its BEGIN IMMEDIATE locks all
# On PostgreSQL a writer that stands still loses its transaction, and the others go on; told with the same statement.
_IDLE = func.set_config("idle_in_transaction_session_timeout", bindparam("idle"), True).label("idle")  # noqa: FBT003 (SQL's own)
_LOCK_ON_POSTGRES: Prepared[Any] = Prepared(_END.add_columns(_IDLE).with_for_update())
WRITER_IDLE_MS = 5000


@dataclass(frozen=True, slots=True)
class LogEnd:
    """Where the committed log ends, when its last entry was logged, and how often the chain has changed for us."""

    frontier: Frontier
    last_at: int
    changes: int

    @property
    def size(self) -> int:
        """How many entries are committed."""
        return self.frontier.size

    def row(self) -> dict[str, Any]:
        """As ``log_head`` has it."""
        return {"frontier": self.frontier.serialise(), "last_at": self.last_at, "changes": self.changes}


def committed_end(conn: Connection) -> LogEnd:
    """The end as it is; ``Unavailable("log_not_open")`` before there is one."""
    return _end(conn, _LOOK)


def changes_of(conn: Connection) -> int:
    """How often the chain has changed for us; 0 before the log is open."""
    return conn.execute(select(t.log_head.c.changes).where(t.log_head.c.id == 1)).scalar() or 0


def locked_end(conn: Connection) -> LogEnd:
    """The same, and nobody else appends until this transaction is over."""
    if conn.dialect.name == "postgresql":
        return _end(conn, _LOCK_ON_POSTGRES, idle=str(WRITER_IDLE_MS))
    return _end(conn, _LOCK)


def _end(conn: Connection, statement: Prepared[Any], **given: str) -> LogEnd:
    row = statement.first(conn, given)
    if row is None:
        raise Unavailable("log_not_open", "the log is not open yet: run vault-api serve once")
    return LogEnd(_parsed(bytes(row.frontier)), row.last_at, row.changes)


@lru_cache(maxsize=8)
def _parsed(raw: bytes) -> Frontier:
    """Most groups find the log where the same process left it."""
    return Frontier.parse(raw)
