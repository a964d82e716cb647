"""Who is let in: by address, then through the gate of its kind of work, and for a bounded time.

Asked before a body is read, a signature checked or a thread taken. There is a gate for each kind of work, so that one
kind cannot crowd out another: ``work`` (everything in a thread), ``use`` (releases, which wait for the writer and hold
no thread), ``transfer`` (payloads) and ``poll`` (who waits for something to change). What tells of health passes.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.i18n import accept_language
from protocol.errors import OneFileError, Unavailable
from vault_api import metrics
from vault_api.limits.addresses import Addresses, line_of
from vault_api.limits.buckets import Buckets
from vault_api.limits.gates import Gate

FREE = frozenset({"/healthz", "/readyz", "/metrics"})
WORK, USE, TRANSFER, POLL = "work", "use", "transfer", "poll"
Refusal = Callable[[OneFileError, str], Response]


def kind_of(scope: Scope) -> str:
    """Which gate a request has to pass."""
    path: str = scope["path"]
    if path.endswith("/release"):
        return USE
    if "/payloads" in path or "/uploads" in path:
        return TRANSFER
    # A query is the caller's choice, and opens no other gate than that of the routes that know it.
    polls = scope["method"] == "GET" and (path.endswith("/notices") or "/shows/" in path)
    return POLL if polls and b"wait=" in scope["query_string"] else WORK


class Admission:
    """ASGI middleware: counts by address, waits at the gate, ends what takes too long."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        addresses: Addresses,
        rates: Buckets,
        gates: Mapping[str, Gate],
        answer_s: float,
        refusal: Refusal,
    ) -> None:
        self._app = app
        self._addresses = addresses
        self._rates = rates
        self._gates = gates
        self._answer_s = answer_s
        self._refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in FREE:
            await self._app(scope, receive, send)
            return
        try:
            self._count(scope)
            gate = self._gates[kind_of(scope)]
            await gate.enter()
        except Unavailable as error:
            await self._refuse(error, scope, receive, send)
            return
        try:
            await self._inside(gate.name, scope, receive, send)
        finally:
            gate.leave()

    def _count(self, scope: Scope) -> None:
        after = self._rates.take(line_of(self._addresses.of(scope)))
        if after:
            metrics.LIMITED.labels("address").inc()
            raise too_many(after)

    async def _inside(self, kind: str, scope: Scope, receive: Receive, send: Send) -> None:
        # A payload takes as long as it takes, in its own pace, a poll as long as it asked for, a use as long as it
        # waits for the writer.
        if kind != WORK:
            await self._app(scope, receive, send)
            return
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            async with asyncio.timeout(self._answer_s):
                await self._app(scope, receive, sending)
        except TimeoutError:
            metrics.LIMITED.labels("answer_late").inc()
            if not begun:
                await self._refuse(answer_late(), scope, receive, send)

    async def _refuse(self, error: OneFileError, scope: Scope, receive: Receive, send: Send) -> None:
        language = accept_language(Headers(scope=scope).get("accept-language"))
        await self._refusal(error, language)(scope, receive, send)


def too_many(after_s: float) -> Unavailable:
    """The refusal of who asks too often."""
    error = Unavailable("too_many_requests", "too many requests came from here; send this one again later")
    error.facts["retry_after_s"] = max(1, math.ceil(after_s))
    return error


def answer_late() -> Unavailable:
    """The refusal of what was taken and could not be done in time."""
    return Unavailable("answer_late", "this could not be answered in time; send the same request again")
