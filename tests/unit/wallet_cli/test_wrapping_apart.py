"""The process that wraps headers is killed in the middle of its work, and nothing is lost: with real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from sqlalchemy import select
from starlette.types import ASGIApp, Receive, Scope, Send

from client.session import Session
from protocol.encoding import b64u
from protocol.envelope import unwrap
from protocol.errors import Conflict
from tests import wallet_stage
from tests.chain_fixture import free_port
from tests.servers.waiting import soon
from tests.unit.wallet_cli import many_items
from tests.unit.wallet_cli.conftest import Outcome
from tests.wallet_stage import Stage
from vault_api.db import tables, tables_keys
from wallet_cli.services import registration, rewrapping, rotating, wrapping, wrapping_state

ITEMS = 200
NOBODY = {"ONEFILE_RPC_URL": "http://127.0.0.1:9"}  # what is wrapped needs no chain


class SameClock(wallet_stage.Clock):
    """This machine's: a process of its own has no other."""

    def now(self) -> int:
        return int(time.time())


class Gate:
    """Lets one request for headers through, and holds the next until it is told: a process stands in its middle."""

    def __init__(self, app: ASGIApp) -> None:
        self.app, self.seen = app, 0
        self.held, self.go = threading.Event(), threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/v1/me/rewraps":
            self.seen += 1
            if self.seen == 2:
                self.held.set()
                await asyncio.to_thread(self.go.wait, 60)
        await self.app(scope, receive, send)


@contextmanager
def serving(app: ASGIApp, port: int) -> Iterator[None]:
    """``app`` on 127.0.0.1, served by a thread of this process."""
    server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", port, log_level="warning", lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert soon(lambda: server.started)
    try:
        yield
    finally:
        server.should_exit = server.force_exit = True
        thread.join(10)


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Stage, Gate]]:
    port = free_port()
    monkeypatch.setattr(wallet_stage, "ORIGIN", f"http://127.0.0.1:{port}")
    stage = Stage(tmp_path, SameClock())
    gate = Gate(stage.app.app)
    with serving(gate, port):
        yield stage, gate
        gate.go.set()
    stage.close()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The ids of the processes that were started."""
    honest, pids = wrapping.spawn, list[int]()

    def spawn(*given: Any, **more: Any) -> int | None:
        pid = honest(*given, **more)
        pids.extend([] if pid is None else [pid])
        return pid

    monkeypatch.setattr(wrapping, "spawn", spawn)
    return pids


def told(session: Session) -> dict[str, Any]:
    found = wrapping.told(session.profile)
    assert found is not None
    return found


def secret(session: Session) -> list[bytes]:
    """The roots, as they would stand in text and in bytes."""
    found = [entry.root.unsafe_bytes for entry in session.keys.roots]
    return [*found, *(b64u(root).encode() for root in found)]


def places(stage: Stage, pid: int) -> Iterator[bytes]:
    """Where a process's keys must not stand: arguments, environment, and every file of the wallet."""
    for name in ("cmdline", "environ"):
        path = Path(f"/proc/{pid}/{name}")
        try:
            yield path.read_bytes() if path.exists() else b""
        except PermissionError:
            yield b""  # nobody but the system's administrator may look
    for path in stage.home.rglob("*"):
        if path.is_file():
            yield path.read_bytes()


def test_a_process_that_is_killed_in_the_middle_is_started_again_by_the_next_command_and_wraps_all(
    served: tuple[Stage, Gate], started: list[int], run_on: Callable[[Stage], Callable[..., Outcome]]
) -> None:
    stage, gate = served
    wallet = run_on(stage)
    stage.holder("alice")
    alice = stage.session("alice", **NOBODY, ONEFILE_VAULT_URL=wallet_stage.ORIGIN)
    ids = many_items.lay(stage, alice, stage.issuer(), ITEMS)
    rotating.rotate_root(alice)
    wrapping.want(alice)
    wrapping.apart(alice)
    assert gate.held.wait(30)
    # It works: the other commands do too, a second one does not, and every item opens, wrapped or not.
    status = told(alice)
    assert (status["state"], status["done"], status["total"]) == ("running", 64, ITEMS)
    with pytest.raises(Conflict):
        wrapping.apart(alice)
    shown = wallet("keys", "--json", **NOBODY)
    assert (shown.code, shown.json["wrapping"]["state"], len(started)) == (0, "running", 1)
    by = alice.keys.identities(2)
    assert all(unwrap(record.headers[0], by) for record in alice.store.items())

    assert not [where for where in places(stage, started[0]) for key in secret(alice) if key in where]

    os.kill(started[0], signal.SIGKILL)
    os.waitpid(started[0], 0)
    assert told(alice)["state"] == "broken-off"
    gate.go.set()  # what it had sent arrives after its death
    noticed = wallet("keys", **NOBODY)
    assert (noticed.code, len(started)) == (0, 2)
    assert "goes on in the background" in noticed.err
    assert soon(lambda: told(alice)["state"] != "running", 30)

    os.waitpid(started[1], 0)
    status = told(alice)
    assert (status["state"], status["done"], status["total"], status["refused"]) == ("done", ITEMS, ITEMS, [])
    newest = registration.newest_card(alice)
    assert {rewrapping.sealed_to(record) for record in alice.store.items()} == {newest.hash}
    with stage.vault.engine.connect() as conn:
        words = conn.execute(select(tables_keys.rewraps.c.jws)).scalars().all()
        headers = set(conn.execute(select(tables.objects.c.header)).scalars())
    assert len(words) == len(ids) == ITEMS
    assert headers == {record.headers[0] for record in alice.store.items()}
    assert not wrapping_state.running(alice.profile)
