"""Requests straight into an application (ASGI), without sockets, client library and worker threads.

A test that asks a thousand times spends most of its time in these three. The application cannot tell the difference, but
for two plain routes, which never run at once: who wants to see that takes a real server.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import anyio.to_thread
import httpx2


@dataclass(frozen=True, slots=True)
class Reply:
    """What the application answered."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def text(self) -> str:
        return self.content.decode(errors="replace")


class Desk:
    """Hands requests to an application, one at a time or several at once."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self._loop = asyncio.new_event_loop()
        self._one_at_a_time = threading.Lock()

    def request(
        self, method: str, url: str, *, content: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Reply:
        with self._one_at_a_time, unthreaded():
            return self._loop.run_until_complete(self._one(method, url, content, headers or {}))

    def together(self, requests: Sequence[tuple[str, str, bytes, Mapping[str, str]]]) -> list[Reply]:
        """All of them at once."""

        async def all_of_them() -> list[Reply]:
            return list(await asyncio.gather(*(self._one(*request) for request in requests)))

        with self._one_at_a_time, unthreaded():
            return self._loop.run_until_complete(all_of_them())

    def close(self) -> None:
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    async def _one(self, method: str, url: str, content: bytes, headers: Mapping[str, str]) -> Reply:
        asked_for = urlsplit(url)
        given = {"host": asked_for.netloc, "content-length": str(len(content)), **headers}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": method,
            "scheme": asked_for.scheme,
            "path": unquote(asked_for.path),
            "raw_path": asked_for.path.encode(),
            "query_string": asked_for.query.encode(),
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in given.items()],
            "client": ("127.0.0.1", 1),
            "server": (asked_for.hostname, 443),
        }
        status, answered, parts, asked = 0, {}, [], False

        async def receive() -> Mapping[str, Any]:
            nonlocal asked
            if asked:
                await asyncio.Future()  # the caller stays on the line
            asked = True
            return {"type": "http.request", "body": content, "more_body": False}

        async def send(message: Mapping[str, Any]) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status = message["status"]
                answered = {name.decode(): value.decode("latin-1") for name, value in message["headers"]}
            else:
                parts.append(message.get("body", b""))

        await self.app(scope, receive, send)
        return Reply(status, answered, b"".join(parts))


@contextmanager
def unthreaded() -> Iterator[None]:
    """The framework runs plain routes where they are called: its worker threads would cost more than the routes.

    The vault's own writer thread stays, and so does what two uses at once may do to each other: that route is async.
    """
    threaded = anyio.to_thread.run_sync
    anyio.to_thread.run_sync = _here  # type: ignore[assignment]  # what a route needs of it
    try:
        yield
    finally:
        anyio.to_thread.run_sync = threaded


async def _here(work: Callable[..., Any], *given: Any, **_how: Any) -> Any:
    return work(*given)


class DeskTransport(httpx2.BaseTransport):
    """The same for a client of ours."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        got = self._desk.request(request.method, str(request.url), content=request.read(), headers=request.headers)
        return httpx2.Response(got.status_code, headers=got.headers, content=got.content)
