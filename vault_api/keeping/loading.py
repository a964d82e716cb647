"""Where a restore puts rows: all of them at once at the end, or none.

SQLite is filled beside its place, without a journal, and gets its name when it is whole and on the disk. PostgreSQL
is filled in one transaction. A restore that ends half-way leaves a database without a log, which serves nobody.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, Table, select
from sqlalchemy.engine import make_url

from protocol.errors import Conflict
from vault_api.db import tables as t
from vault_api.db.engine import open_engine
from vault_api.db.migrate import check_schema, migrate
from vault_api.keeping.archive import damaged

RESTORED = "restored"  # the row of ``meta`` that says: compare with the chain before serving
STAGING = ".restoring"
Rows = Iterable[Sequence[Any]]

_FORGET = (
    "DELETE FROM payloads WHERE sha256 = {0}",
    "UPDATE objects SET header = NULL WHERE payload = {0}",
    "UPDATE grant_headers SET header = NULL WHERE payload = {0}",
    "UPDATE show_headers SET header = NULL WHERE payload = {0}",
)


class Loading(Protocol):
    """A database that is being filled."""

    def insert(self, table: Table, rows: Rows) -> None:
        """Add rows, the values in the order of the table's columns."""

    def forget(self, payload: bytes) -> None:
        """A payload that was deleted while the backup ran: its headers go too."""

    def mark(self, text: str) -> None:
        """Say that this state came from a backup."""


class NoLoading:
    """For a dry run: takes everything and keeps nothing."""

    def insert(self, table: Table, rows: Rows) -> None:
        """Nothing."""

    def forget(self, payload: bytes) -> None:
        """Nothing."""

    def mark(self, text: str) -> None:
        """Nothing."""


@contextmanager
def loading(url: str) -> Iterator[Loading]:
    """Fill the database ``url``; ``Conflict("restore_not_empty")`` if it has a log already."""
    if make_url(url).get_backend_name() == "sqlite":
        with _sqlite(Path(make_url(url).database or "")) as load:
            yield load
        return
    engine = open_engine(url)
    try:
        check_schema(engine)
        with engine.connect() as conn, conn.begin():
            _check_empty(conn)
            postgres = _Postgres(conn)
            yield postgres
            postgres.finish()
    finally:
        engine.dispose()


@contextmanager
def _sqlite(place: Path) -> Iterator[Loading]:
    if place.exists():
        engine = open_engine(f"sqlite:///{place}")
        _check_file(engine)
    staging = place.with_name(place.name + STAGING)
    _remove(staging)
    lay = open_engine(f"sqlite:///{staging}")
    migrate(lay)
    lay.dispose()
    load = _Sqlite(staging)
    try:
        yield load
        load.finish()
    finally:
        load.close()
    _sync(staging)
    _remove(place)
    staging.replace(place)
    _sync(place.parent)


def _check_file(engine: Engine) -> None:
    try:
        with engine.connect() as conn:
            if engine.dialect.has_table(conn, t.log_head.name):
                _check_empty(conn)
    finally:
        engine.dispose()


def _check_empty(conn: Connection) -> None:
    for table in (t.log_head, t.entries, t.dossiers):
        if conn.execute(select(table).limit(1)).first() is not None:
            raise Conflict(
                "restore_not_empty", "there is a vault already: a restore writes into an empty database only"
            )


class _Sqlite:
    def __init__(self, path: Path) -> None:
        self._conn = sqlite3.connect(path, isolation_level=None)
        self._conn.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA foreign_keys=OFF; PRAGMA cache_size=-65536;"
        )
        self._conn.execute("BEGIN")

    def insert(self, table: Table, rows: Rows) -> None:
        marks = ", ".join("?" * len(table.columns))
        self._conn.executemany(f"INSERT INTO {_named(table)} VALUES ({marks})", rows)  # noqa: S608 (our own names)

    def forget(self, payload: bytes) -> None:
        for statement in _FORGET:
            self._conn.execute(statement.format("?"), (payload,))

    def mark(self, text: str) -> None:
        self._conn.execute("INSERT INTO meta (name, value) VALUES (?, ?)", (RESTORED, text))

    def finish(self) -> None:
        self._conn.execute("COMMIT")
        if self._conn.execute("PRAGMA foreign_key_check").fetchone() is not None:
            raise damaged("a row refers to one that is not there")
        self._conn.execute("PRAGMA journal_mode=WAL")

    def close(self) -> None:
        self._conn.close()


class _Postgres:
    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._filled: dict[str, Table] = {}

    def insert(self, table: Table, rows: Rows) -> None:
        self._filled[table.name] = table
        with self._cursor() as cursor, cursor.copy(f"COPY {_named(table)} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)

    def forget(self, payload: bytes) -> None:
        with self._cursor() as cursor:
            for statement in _FORGET:
                cursor.execute(statement.format("%s"), (payload,))

    def mark(self, text: str) -> None:
        with self._cursor() as cursor:
            cursor.execute("INSERT INTO meta (name, value) VALUES (%s, %s)", (RESTORED, text))

    def finish(self) -> None:
        """Numbers that the database gives go on behind the highest that came."""
        with self._cursor() as cursor:
            for table in self._filled.values():
                for column in table.primary_key.columns:
                    if column.autoincrement is True:
                        cursor.execute(_SEQUENCE.format(table.name, column.name))

    def _cursor(self) -> Any:
        return self._conn.connection.cursor()


_SEQUENCE = "SELECT setval(pg_get_serial_sequence('{0}', '{1}'), max(\"{1}\")) FROM \"{0}\""


def _named(table: Table) -> str:
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    return f'"{table.name}" ({columns})'


def _remove(path: Path) -> None:
    for name in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        with suppress(FileNotFoundError):
            name.unlink()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
