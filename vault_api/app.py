"""The application: routes, handlers of errors, bounded bodies, counted requests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from protocol.errors import OneFileError
from vault_api import docs_page, problems
from vault_api.bodies import BodyLimit
from vault_api.counted import Counted
from vault_api.limits.admission import Admission
from vault_api.openapi import describe
from vault_api.routes import me, notices, operator, paper, parties, public, rings, shares, uploads, uses
from vault_api.services.readiness import Readiness
from vault_api.vault import VERSION, Vault

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
    app.state.readiness = Readiness(vault)
    # Routes are tried in turn: the most frequent first. They are taken as they are: ``include_router`` would work each
    # of them out once more, and look every request up twice.
    for module in (uses, notices, me, parties, uploads, rings, shares, public, paper, operator):
        app.router.routes.extend(module.router.routes)
    app.add_exception_handler(OneFileError, problems.on_our_error)
    app.add_exception_handler(RequestValidationError, problems.on_validation_error)
    app.add_exception_handler(HTTPException, problems.on_http_error)
    app.add_exception_handler(ClientDisconnect, problems.on_cut)
    settings = vault.settings
    app.add_middleware(
        BodyLimit, json_bytes=settings.body_bytes, payload_bytes=settings.payload_bytes, body_s=settings.body_s
    )
    app.add_middleware(
        Admission,
        addresses=vault.load.addresses,
        rates=vault.load.rates,
        gates=vault.load.gates,
        answer_s=settings.answer_s,
        refusal=problems.problem,
    )
    app.add_middleware(Counted)
    return app
