"""The outermost layer of a request: its name, its count, its time, its line in the log, and no fault told outside."""

from __future__ import annotations

import time

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.i18n import accept_language
from vault_api import metrics, problems
from vault_api.logs import place_of
from vault_api.request_ids import CURRENT, HEADER, request_id_of

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})  # a label for each and no other
_log = structlog.get_logger("vault_api.http")


class Counted:
    """ASGI middleware: counts and times requests by the pattern of their route, names and hardens every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        name = request_id_of(scope)
        token = CURRENT.set(name)
        answer = _Answer(send, name)
        try:
            await self._whole(answer, scope, receive)
        finally:
            _note(scope, answer)
            CURRENT.reset(token)

    async def _whole(self, answer: _Answer, scope: Scope, receive: Receive) -> None:
        try:
            await self._app(scope, receive, answer.send)
        except Exception as error:  # noqa: BLE001 (whatever it is, its text may repeat what was being read)
            _log.error("fault", route=_route(scope), kind=type(error).__name__, place=place_of(error))
            if not answer.begun:
                language = accept_language(Headers(scope=scope).get("accept-language"))
                await problems.fault(language)(scope, receive, answer.send)


class _Answer:
    """What goes out: the status is remembered, the headers are added to."""

    def __init__(self, send: Send, name: str) -> None:
        self._send = send
        self._name = name
        self._began = time.perf_counter()
        self.begun = False
        self.status = 500

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun, self.status = True, message["status"]
            own = [(b"x-content-type-options", b"nosniff"), (HEADER, self._name.encode())]
            message["headers"] = [*message["headers"], *own]
        await self._send(message)

    @property
    def took_s(self) -> float:
        return time.perf_counter() - self._began


def _note(scope: Scope, answer: _Answer) -> None:
    method = scope["method"] if scope["method"] in METHODS else "other"
    route, took = _route(scope), answer.took_s
    metrics.REQUESTS.labels(method, route, answer.status).inc()
    metrics.SECONDS.labels(method, route).observe(took)
    if answer.status >= 400:
        _log.info("refused", method=method, route=route, status=answer.status, ms=round(took * 1000, 1))


def _route(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", "none"))
