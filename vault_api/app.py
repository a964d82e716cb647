"""The application: routes, handlers of errors, bounded bodies, counted requests."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from protocol.errors import OneFileError
from vault_api import docs_page, metrics, problems
from vault_api.bodies import BodyLimit
from vault_api.openapi import describe
from vault_api.routes import me, notices, operator, paper, parties, public, rings, shares, uses
from vault_api.vault import VERSION, Vault

_log = structlog.get_logger("vault_api.http")
Hook = Callable[[], None]
# The framework's own telemetry would carry paths with ids in them to whoever collects it.
SILENT: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}


def create_app(vault: Vault, *, on_start: Hook = lambda: None, on_stop: Hook = lambda: None) -> FastAPI:
    """The ASGI application around a wired vault; ``on_start`` and ``on_stop`` run its threads."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        on_start()
        yield
        on_stop()

    app = FastAPI(
        title="OneFile vault",
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        openapi_url=docs_page.OPENAPI,
        lifespan=lifespan,
        redirect_slashes=False,
        telemetry=SILENT,
    )
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]  # how FastAPI wants it replaced
    app.state.vault = vault
    # Routes are tried in turn: the most frequent first.
    for module in (uses, notices, me, parties, rings, shares, public, paper, operator):
        app.include_router(module.router)
    app.add_exception_handler(OneFileError, problems.on_our_error)
    app.add_exception_handler(RequestValidationError, problems.on_validation_error)
    app.add_exception_handler(HTTPException, problems.on_http_error)
    app.add_exception_handler(ClientDisconnect, problems.on_cut)
    app.add_exception_handler(Exception, problems.on_fault)
    settings = vault.settings
    app.add_middleware(BodyLimit, json_bytes=settings.body_bytes, payload_bytes=settings.payload_bytes)
    app.add_middleware(Counted)
    return app


class Counted:
    """ASGI middleware: counts and times requests by the pattern of their route, and hardens every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-content-type-options", b"nosniff")]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            took = time.perf_counter() - began
            metrics.REQUESTS.labels(scope["method"], route, status).inc()
            metrics.SECONDS.labels(scope["method"], route).observe(took)
            if status >= 400:
                _log.info(
                    "refused", method=scope["method"], route=route, status=status, ms=round(took * 1000, 1)
                )
