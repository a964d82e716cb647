"""A whole system whose vault is several processes on PostgreSQL and S3."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from scripts.cluster.table import PROCESSES, Process
from scripts.processes import Child, Children, free_port, listening, program
from scripts.servers.postgres import Postgres, postgres
from scripts.servers.seaweed import S3, seaweed
from scripts.stack import Stack

DATABASE = "onefile"
READY = "is ready"
Make = Callable[[Path, int, int, Children, dict[str, str]], Stack]


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the vault's processes store."""

    postgres: Postgres
    s3: S3
    bucket: str

    def environment(self) -> dict[str, str]:
        """The vault's settings."""
        return {"ONEFILE_DATABASE_URL": self.postgres.url(DATABASE), **self.s3.environment(self.bucket)}


@contextmanager
def servers(home: Path, *, hasty: bool = False) -> Iterator[Servers]:
    """PostgreSQL and S3 with their state below ``home``."""
    with postgres(home / "postgres", hasty=hasty) as database, seaweed(home / "seaweed") as s3:
        _make_database(database)
        kept = home / "bucket"
        if not kept.exists():
            kept.write_text(s3.create())
        yield Servers(database, s3, kept.read_text())


def forget_servers(home: Path) -> None:
    """Remove what the servers keep: for a first start that was broken off."""
    for name in ("postgres", "seaweed"):
        shutil.rmtree(home / name, ignore_errors=True)
    (home / "bucket").unlink(missing_ok=True)


@dataclass(slots=True)
class ClusterStack(Stack):
    """``make up``, with the processes of the table in the place of one."""

    vault: list[Child] = field(default_factory=list)

    @classmethod
    def on(cls, servers: Servers) -> Make:
        """What makes a stack on these servers, in the place of ``Stack.at``."""

        def at(home: Path, chain_port: int, vault_port: int, children: Children, env: dict[str, str]) -> Stack:
            plain = Stack.at(home, chain_port, vault_port, children, env)
            return cls(home, chain_port, vault_port, children, {**plain.env, **servers.environment()})

        return at

    def start_vault(self) -> Child:
        """Every process of the table, and the balancer before the API."""
        self.call("vault-api", "migrate")
        ports: list[int] = []
        for process in PROCESSES:
            for number in range(1, process.count + 1):
                self._begin(process, number, ports)
            if process.name == "sequencer":
                self._wait()  # it opens the log
        self._wait()
        for port in ports:
            self.vault[-1].wait_ready(lambda port=port: listening(port))  # type: ignore[misc]  # mypy takes no default of a lambda
        command = [sys.executable, "-m", "scripts.cluster.balancer", str(self.vault_port), *map(str, ports)]
        balancer = self.children.start("balancer", command, self.env)
        balancer.wait_ready(lambda: listening(self.vault_port))
        return balancer

    def child(self, name: str) -> Child:
        """A process by its name and number, as ``api-1``."""
        return next(child for child in self.vault if child.name == name)

    def _begin(self, process: Process, number: int, ports: list[int]) -> None:
        name, (first, *arguments) = f"{process.name}-{number}", process.command
        own = {key: str(self.home / value) for key, value in process.env(number).items()}
        if process.name == "api":
            ports.append(free_port())
            arguments += ["--port", str(ports[-1])]
        (self.children.logs / f"{name}.log").unlink(missing_ok=True)  # it is read to see that this start is ready
        self.vault.append(self.children.start(name, [program(first), *arguments], {**self.env, **own}))

    def _wait(self) -> None:
        for child in self.vault:
            if not child.name.startswith("api"):
                child.wait_ready(lambda child=child: READY in child.log.read_text())  # type: ignore[misc]  # as above


def _make_database(server: Postgres) -> None:
    with psycopg.connect(f"dbname=postgres user=postgres host={server.folder}", autocommit=True) as connection:
        there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
        if there is None:
            connection.execute(f"CREATE DATABASE {DATABASE} TEMPLATE template0")
