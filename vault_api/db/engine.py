"""The engine: SQLite with WAL by default, PostgreSQL (15 or newer, by psycopg 3) by URL.

Both give the vault the same: a reader sees one state of the database for as long as its transaction lasts, a writer
sees what was committed before it began, and a commit that has returned survives a power cut. On SQLite a writer
takes its lock at BEGIN (``IMMEDIATE``), so that it never fails half-way, and every commit reaches the disk
(``synchronous=FULL``). On PostgreSQL readers run REPEATABLE READ and writers READ COMMITTED, with
``synchronous_commit=on``; who wants to write in turn takes a row lock first.

A database that does not answer, or not in time, is ``Unavailable("database_unreachable")``: the same request may be
sent again. A connection that broke is thrown away, the next one is tried before it is used.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Dialect, Engine, Table, create_engine, event, insert
from sqlalchemy.engine import ExceptionContext, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from protocol.errors import Malformed, Unavailable
from vault_api.storage_full import is_full, storage_full

WRITER = {"onefile_writer": True}
BUSY_TIMEOUT_MS = 5000
POOL_CONNECTIONS = 8  # kept open by one process; the one that was used last is lent first, the others may sleep
SQLITE_CACHE_KIB = 8192  # of pages, that each connection may hold; the system's own cache has the rest of the file
POOL_WAIT_S = 5.0  # for a connection while all are in use
SQLITE_MORE_CONNECTIONS = 64  # beyond these under load: an open file each
POSTGRES_MORE_CONNECTIONS = 8  # a server process each, of the server's 100 for all
POSTGRES_MAX_AGE_S = 1800  # of a connection: a server that was put in another's place is found again
CONNECT_TIMEOUT_S = 5
STATEMENT_TIMEOUT_MS = 30_000
LOCK_TIMEOUT_MS = 10_000
IDLE_IN_TRANSACTION_MS = 60_000  # a process that stands still loses its locks
TCP_DEAD_AFTER_S = 30  # a connection on which nothing arrives any more
OLDEST_POSTGRES = (15,)
STOOD_STILL = "25P03"  # PostgreSQL's idle_in_transaction_session_timeout
# What a deletion or a revocation empties (vault_api/db/tables.py): of these no old version shall stay.
ERASED = ("events", "items", "objects", "grant_parcels", "grant_headers", "shows", "show_headers", "idempotency")


class _Pool(QueuePool):
    """A pool that is used up for too long is a database that does not answer in time."""

    def _do_get(self) -> ConnectionPoolEntry:
        try:
            return super()._do_get()
        except PoolTimeoutError:
            raise unreachable() from None


def open_engine(url: str) -> Engine:
    """An engine for ``url``; the folder of a SQLite file is made if need be."""
    parsed = _parsed(url)
    engine = _sqlite(parsed) if parsed.get_backend_name() == "sqlite" else _postgres(parsed)
    event.listen(engine, "handle_error", _unavailable)
    return engine


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except SQLAlchemyError:
        raise _no_url("not a URL") from None
    if parsed.drivername in {"postgresql", "postgres"}:
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in {"sqlite", "postgresql+psycopg"}:
        raise _no_url("expected sqlite:///… or postgresql://…")
    return parsed


def _no_url(problem: str) -> Malformed:
    return Malformed("setting", "{name}: {problem}", name="ONEFILE_DATABASE_URL", problem=problem)


def _sqlite(url: URL) -> Engine:
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url,
        poolclass=_Pool,
        pool_size=POOL_CONNECTIONS,
        max_overflow=SQLITE_MORE_CONNECTIONS,
        pool_timeout=POOL_WAIT_S,
        pool_use_lifo=True,
        connect_args={"check_same_thread": False, "cached_statements": 512},
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _postgres(url: URL) -> Engine:
    options = {
        "statement_timeout": STATEMENT_TIMEOUT_MS,
        "lock_timeout": LOCK_TIMEOUT_MS,
        "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION_MS,
        "synchronous_commit": "on",
    }
    engine = create_engine(
        url,
        poolclass=_Pool,
        pool_size=POOL_CONNECTIONS,
        max_overflow=POSTGRES_MORE_CONNECTIONS,
        pool_timeout=POOL_WAIT_S,
        pool_use_lifo=True,
        pool_recycle=POSTGRES_MAX_AGE_S,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            "tcp_user_timeout": TCP_DEAD_AFTER_S * 1000,
            "application_name": "onefile-vault",
            "client_encoding": "utf8",
            "options": " ".join(f"-c {name}={value}" for name, value in options.items()),
        },
    )
    event.listen(engine, "connect", _reads)
    event.listen(engine, "checkin", _reads)
    event.listen(engine, "begin", _begin_on_postgres)
    return engine


def ping(engine: Engine) -> None:
    """Ask the database for nothing; ``Unavailable`` if it does not answer."""
    try:
        with engine.connect() as conn:
            conn.exec_driver_sql("SELECT 1")
    except SQLAlchemyError:
        raise unreachable() from None


def settle(engine: Engine) -> None:
    """Let what was erased leave the database's files, too, as far as the database does that when asked.

    SQLite writes its log of changes into the database, which overwrites what it frees. PostgreSQL removes old versions
    of rows from their pages; copies in its write-ahead log are overwritten when their turn comes (docs/storage.md).
    """
    connection = engine.raw_connection()
    try:
        if engine.dialect.name == "sqlite":
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            _vacuum(connection.driver_connection)
    except engine.dialect.loaded_dbapi.OperationalError as error:
        raise unreachable() from error
    finally:
        connection.close()


def _vacuum(driver: Any) -> None:
    driver.autocommit = True  # VACUUM runs in no transaction, and for as long as it takes
    try:
        driver.execute("SET statement_timeout = 0")
        driver.execute(f"VACUUM (SKIP_LOCKED) {', '.join(ERASED)}")
        driver.execute("RESET statement_timeout")
    finally:
        driver.autocommit = False


def _prepare(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # the driver shall not begin by itself: `_begin` does
    connection.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
        f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}; PRAGMA secure_delete=ON; PRAGMA cache_size=-{SQLITE_CACHE_KIB};"
    )


def _begin(conn: Connection) -> None:
    writer = conn.get_execution_options().get("onefile_writer", False)
    conn.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")


def _reads(driver: Any, _record: Any) -> None:
    # Nothing is sent here nor below: the driver writes the level into the BEGIN that goes with the first statement.
    from psycopg import IsolationLevel

    if driver is not None:  # one that broke is thrown away
        driver.isolation_level = IsolationLevel.REPEATABLE_READ


def _begin_on_postgres(conn: Connection) -> None:
    from psycopg import IsolationLevel

    if conn.get_execution_options().get("onefile_writer", False):
        driver: Any = conn.connection.driver_connection
        driver.isolation_level = IsolationLevel.READ_COMMITTED


def _unavailable(context: ExceptionContext) -> None:
    """What the driver calls operational is nobody's fault who asked: no server, no answer in time, a full disk."""
    dialect = context.dialect
    if dialect is not None and did_not_answer(dialect, context.original_exception):
        full = is_full(context.original_exception)
        raise (storage_full() if full else unreachable()) from context.original_exception


def did_not_answer(dialect: Dialect, error: BaseException) -> bool:
    """Whether this error of the driver is the database's not answering, and nobody's fault who asked.

    A transaction that stood still for too long was ended by PostgreSQL, which the driver calls an internal error.
    """
    if isinstance(error, dialect.loaded_dbapi.OperationalError):
        return True
    return getattr(error, "sqlstate", None) == STOOD_STILL


def unreachable() -> Unavailable:
    """The answer while the database does not work."""
    return Unavailable("database_unreachable", "the database does not answer")


def insert_row(conn: Connection, table: Table, values: dict[str, Any]) -> int:
    """Insert one row and return the number that the database gave it."""
    key = conn.execute(insert(table), values).inserted_primary_key
    assert key is not None  # every table of ours has one
    row: int = key[0]
    return row
