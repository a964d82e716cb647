"""The engine: SQLite with WAL by default, PostgreSQL by URL.

One thread writes (``vault_api/sequencer.py``); everybody reads. On SQLite a writer takes its lock at
BEGIN (``IMMEDIATE``) so that it never fails half-way, and every commit reaches the disk
(``synchronous=FULL``): an answer that names a log index must survive a power cut.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, insert
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool

from protocol.errors import Malformed, Unavailable

WRITER = {"onefile_writer": True}
BUSY_TIMEOUT_MS = 5000


def open_engine(url: str) -> Engine:
    """An engine for ``url``; the folder of a SQLite file is made if need be."""
    try:
        parsed = make_url(url)
    except SQLAlchemyError:
        raise Malformed(
            "setting", "{name}: {problem}", name="ONEFILE_DATABASE_URL", problem="not a URL"
        ) from None
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, pool_pre_ping=True)
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        parsed,
        poolclass=QueuePool,
        pool_size=8,
        max_overflow=64,
        connect_args={"check_same_thread": False, "cached_statements": 512},
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def ping(engine: Engine) -> None:
    """Ask the database for nothing; ``Unavailable`` if it does not answer."""
    try:
        with engine.connect() as conn:
            conn.exec_driver_sql("SELECT 1")
    except SQLAlchemyError:
        raise Unavailable("database_unreachable", "the database does not answer") from None


def settle(engine: Engine) -> None:
    """Write SQLite's log of changes into the database: what was erased is then gone from the disk, too."""
    if engine.dialect.name != "sqlite":
        return
    connection = engine.raw_connection()
    try:
        connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def _prepare(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # the driver shall not begin by itself: `_begin` does
    connection.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
        f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}; PRAGMA secure_delete=ON; PRAGMA cache_size=-32768;"
    )


def _begin(conn: Connection) -> None:
    writer = conn.get_execution_options().get("onefile_writer", False)
    conn.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")


def insert_row(conn: Connection, table: Table, values: dict[str, Any]) -> int:
    """Insert one row and return the number that the database gave it."""
    key = conn.execute(insert(table), values).inserted_primary_key
    assert key is not None  # every table of ours has one
    row: int = key[0]
    return row
