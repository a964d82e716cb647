"""Processes of one vault that are processes: forked from the test with its chain in memory, ended by their ids."""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2
import structlog
import uvicorn

from tests.processes.shared import Process, soon
from tests.vault_stage import ORIGIN_URL, VaultStage

OnStep = Callable[[str], None]


class Child:
    """One of them. It runs until ``stop``; ``port`` is where an API process listens."""

    def __init__(self, stage: VaultStage, role: str, log: Path, on_step: OnStep = lambda _step: None) -> None:
        self.role = role
        self.log = log
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.pid = os.fork()
        if self.pid == 0:
            _play(stage, role, self._socket, log, on_step)
        self._socket.close()
        self._http = httpx2.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30, trust_env=False)

    def request(self, method: str, url: str, **given: Any) -> Any:
        """As a test client's: for ``stage.client``."""
        return self._http.request(method, url.removeprefix(ORIGIN_URL), **given)

    def ready(self) -> bool:
        return self.log.exists() and "ready" in self.log.read_text()

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def stopped(self) -> bool:
        """Whether it stands still (SIGSTOP)."""
        return " T" in Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2][:3]

    def stop(self) -> None:
        self._http.close()
        os.kill(self.pid, signal.SIGCONT)
        os.kill(self.pid, signal.SIGTERM)
        gone: list[int] = []

        def ended() -> bool:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                gone.append(status)
            return bool(pid)

        if not soon(ended):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            raise AssertionError(f"{self.role} did not end\n{self.log.read_text()}")
        assert gone == [0], self.log.read_text()


class Family:
    """All children of a test; leaving the context ends them, the last first."""

    def __init__(self, stage: VaultStage) -> None:
        self._stage = stage
        self._children: list[Child] = []

    def child(self, role: str, on_step: OnStep = lambda _step: None) -> Child:
        log = self._stage.folder / f"{role}-{len(self._children)}.log"
        child = Child(self._stage, role, log, on_step)
        self._children.append(child)
        assert soon(child.ready), log.read_text() if log.exists() else role
        return child

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        while self._children:
            self._children.pop().stop()


def _play(stage: VaultStage, role: str, listener: socket.socket, log: Path, on_step: OnStep) -> None:
    gc.disable()  # it would touch, and so copy, all that the parent has in memory
    code = 0
    try:
        with log.open("w", buffering=1) as out:
            sys.stdout = sys.stderr = out  # what is logged is read by the test
            structlog.reset_defaults()  # other tests let the vault log nothing
            _run(stage, role, listener, lambda: out.write("ready\n"), on_step)
    except BaseException:  # noqa: BLE001 (whatever it was, the parent reads it in the log)
        with log.open("a") as out:
            traceback.print_exc(file=out)
        code = 1
    os._exit(code)  # nothing of the test runner is cleared away twice


def _run(stage: VaultStage, role: str, listener: socket.socket, ready: Callable[[], object], on_step: OnStep) -> None:
    process = Process(stage, role, on_step)
    process.duties.start()
    if role != "api":
        ended = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: ended.set())
        ready()
        ended.wait()
    else:
        config = uvicorn.Config(process.app, log_config=None, access_log=False, lifespan="off", ws="none")
        server = uvicorn.Server(config)
        signal.signal(signal.SIGTERM, lambda *_: None)  # uvicorn raises it again when it has ended
        ready()
        server.run(sockets=[listener])
    process.duties.stop()
