"""A vault's application behind a real socket, and callers that keep their connections and may call at once."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import uvicorn

from scripts.processes import free_port

TIMEOUT_S = 60
CALLERS = 8
KEEP_S = 3600  # how long a connection may be silent


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    method: str
    path: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """One answer."""

    status: int
    body: bytes


class Wire:
    """Serves ``app`` on 127.0.0.1 from a thread; ``callers`` others ask it, each on a connection of its own."""

    def __init__(self, app: Any, callers: int = CALLERS) -> None:
        self.port = free_port()
        config = uvicorn.Config(
            app, port=self.port, log_level="critical", lifespan="off", access_log=False, timeout_keep_alive=KEEP_S
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        self._own = threading.local()
        self._made: list[http.client.HTTPConnection] = []
        self._pool = ThreadPoolExecutor(callers, thread_name_prefix="callers")
        while not self._server.started:
            time.sleep(0.01)

    def close(self) -> None:
        self._pool.shutdown()
        for connection in self._made:
            connection.close()
        self._server.should_exit = True
        self._thread.join(20)

    def ask(self, asked: Asked) -> Told:
        """One request from this thread."""
        connection = getattr(self._own, "connection", None)
        if connection is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
            self._own.connection = connection
            self._made.append(connection)
        connection.request(asked.method, asked.path, asked.body, dict(asked.headers))
        answer = connection.getresponse()
        return Told(answer.status, answer.read())

    def together(self, many: Sequence[Asked]) -> list[Told]:
        """All of them at once, as many as there are callers."""
        return list(self._pool.map(self.ask, many))

    def run(self, work: Callable[[int], None], many: int) -> None:
        """Do ``work`` in ``many`` of the callers' threads at once; raises what one of them raises."""
        list(self._pool.map(work, range(many)))
