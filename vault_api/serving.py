"""The HTTP server: connections that are counted and in a hurry, and an end that lets nobody wait.

What uvicorn leaves open is closed here: how many connections there are, how long a head may take and how large it may
be, and how long somebody may take nothing of an answer. At SIGTERM the server accepts nothing more, long polls end as
if their time were over, what is under way is finished within ``stop_s``, and the process ends with 0.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import structlog
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from protocol.errors import Malformed, OneFileError, Unavailable
from vault_api import metrics, problems
from vault_api.limits.addresses import Addresses, line_of
from vault_api.limits.crowd import Crowd
from vault_api.limits.load import Load
from vault_api.limits.plain import plain_answer
from vault_api.settings import Settings

MAX_HEAD_BYTES = 64 << 10
KEEP_ALIVE_S = 20  # longer than most clients keep a connection themselves
BACKLOG = 1024
_log = structlog.get_logger("vault_api.serving")


def serve(
    app: ASGIApp,
    settings: Settings,
    load: Load,
    stopping: Callable[[], None],
    listener: socket.socket | None = None,
) -> None:
    """Serve until the process is told to end; ``stopping`` is called once nothing more is accepted."""
    server = Server(config_of(app, settings, load), stopping)
    with _ended_in_peace(), contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listener] if listener is not None else None)


def config_of(app: ASGIApp, settings: Settings, load: Load) -> uvicorn.Config:
    """How uvicorn is told all this."""
    crowd = Crowd(load.addresses, load.rates, load.gates, problems.problem)
    limits = Connections(settings, load.addresses, crowd)
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=protocol_of(limits),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        # Addresses are read by ``limits.addresses``: uvicorn would believe any header that comes from this machine.
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=settings.stop_s,
    )


class Server(uvicorn.Server):
    """uvicorn's, which says when it begins to end."""

    def __init__(self, config: uvicorn.Config, stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._stopping = stopping

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept nothing more, wake who waits, then finish what is under way."""
        _log.info("stopping", connections=len(self.server_state.connections), requests=len(self.server_state.tasks))
        for server in self.servers:
            server.close()
        self._stopping()
        await super().shutdown(sockets)
        _log.info("stopped")


@dataclass(slots=True)
class Connections:
    """How many are open, in all and by address, and how long each may take over what."""

    settings: Settings
    addresses: Addresses
    crowd: Crowd
    open: int = 0
    by_line: Counter[str] = field(default_factory=Counter)

    def opened(self, line: str, *, proxy: bool) -> bool:
        """Count a connection; whether it may stay."""
        self.open += 1
        self.by_line[line] += 1
        metrics.CONNECTIONS.set(self.open)
        mine = self.settings.connections_per_address
        return self.open <= self.settings.connections and (proxy or self.by_line[line] <= mine)

    def closed(self, line: str) -> None:
        """A connection that was counted has ended."""
        self.open -= 1
        self.by_line[line] -= 1
        if not self.by_line[line]:
            del self.by_line[line]
        metrics.CONNECTIONS.set(self.open)


def protocol_of(limits: Connections) -> type[HttpToolsProtocol]:
    """The protocol of a connection under these limits."""

    class Bound(Hurried):
        connections_limits = limits

    return Bound


class _Done:
    """Stands for the answer to a request that was refused before it was one: whatever comes of its body is dropped."""

    response_complete = True
    keep_alive = True
    message_event = asyncio.Event()


_DONE: Any = _Done()


class Hurried(HttpToolsProtocol):
    """A connection whose head comes in time and within bounds, and whose answer is taken."""

    connections_limits: Connections
    _line = ""
    _head: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Count it, and wait for its first head."""
        super().connection_made(transport)
        address = str(self.client[0]) if self.client else ""
        self._line = line_of(address)
        limits = self.connections_limits
        if limits.opened(self._line, proxy=limits.addresses.is_proxy(address)):
            self._wait_for_head()
        else:
            metrics.LIMITED.labels("connections").inc()
            self._refuse(Unavailable("busy", "too many connections are open; try again later"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Count it no more."""
        self.connections_limits.closed(self._line)
        self._head_came()
        self._is_read()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes: of a head only so many."""
        if self._refused:
            return
        if self._head is not None:
            self._head_bytes += len(data)
        super().data_received(data)
        # What came is counted before it is parsed, and judged after: a body may have come along with its head.
        if self._head is not None and self._head_bytes > MAX_HEAD_BYTES:
            metrics.LIMITED.labels("head_too_large").inc()
            self._refuse(
                Malformed("head_too_large", "the head of the request has more than {limit} bytes", limit=MAX_HEAD_BYTES)
            )

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        if self._head is None:
            self._wait_for_head()

    def on_headers_complete(self) -> None:
        """A head has come: who would be refused anyway is told so at once, and the rest of the request is dropped."""
        self._head_came()
        answer = self._refusal() if self.cycle is None or self.cycle.response_complete else None
        if answer is None:
            super().on_headers_complete()
            return
        self.cycle = _DONE
        self.transport.write(answer)
        self.on_response_complete()
        # Whoever waits for leave to send its body may or may not send it now: only the end of the connection is clear.
        if self.expect_100_continue or not self.parser.should_keep_alive():
            self.transport.close()

    def _refusal(self) -> bytes | None:
        path, _, query = self.url.partition(b"?")
        method = self.parser.get_method().decode()
        scope = {**self.scope, "method": method, "path": path.decode("latin-1"), "query_string": query}
        return self.connections_limits.crowd.refusal(scope)

    def pause_writing(self) -> None:
        """The other end takes nothing at the moment."""
        self._unread = self.loop.call_later(self.connections_limits.settings.read_s, self._cut)
        super().pause_writing()

    def resume_writing(self) -> None:
        """It takes again."""
        self._is_read()
        super().resume_writing()

    def _wait_for_head(self) -> None:
        self._head = self.loop.call_later(self.connections_limits.settings.head_s, self._head_late)

    def _head_came(self) -> None:
        if self._head is not None:
            self._head.cancel()
        self._head, self._head_bytes = None, 0

    def _is_read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
        self._unread = None

    def _head_late(self) -> None:
        metrics.LIMITED.labels("head_late").inc()
        self._refuse(Malformed("head_late", "the head of the request came too slowly"))

    def _cut(self) -> None:
        metrics.LIMITED.labels("answer_unread").inc()
        self.transport.abort()

    def _refuse(self, error: OneFileError) -> None:
        self._refused = True
        self._head_came()
        if not self.transport.is_closing():
            self.transport.write(plain_answer(problems.problem(error, "en"), close=True))
            self.transport.close()


@contextlib.contextmanager
def _ended_in_peace() -> Iterator[None]:
    """uvicorn raises the signal again that ended it, which would end the process with that signal and not with 0."""
    try:
        before = signal.signal(signal.SIGTERM, _ignored)
    except ValueError:  # not the main thread: there, nobody is told by signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _ignored(_number: int, _frame: Any) -> None:
    """It has been handled."""
