"""For who runs the vault: liveness, readiness, metrics, and the description of the interface."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from protocol.errors import Denied
from vault_api import docs_page, metrics
from vault_api.requests import Served
from vault_api.services.readiness import readiness

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
async def healthz() -> Response:
    """The process answers; nothing else is touched."""
    return PlainTextResponse("ok\n")


@router.get("/readyz")
def readyz(vault: Served) -> Response:
    """Database, blobs, log and chain answer."""
    ready, parts = readiness(vault)
    return JSONResponse({"ready": ready, **parts}, 200 if ready else 503)


@router.get("/metrics")
def get_metrics(vault: Served) -> Response:
    """Prometheus text."""
    metrics.LOG_SIZE.set(vault.log.size)
    return Response(generate_latest(metrics.REGISTRY), media_type=CONTENT_TYPE_LATEST)


@router.get("/docs")
async def docs() -> Response:
    """The interface, to be read; every file of it comes from here."""
    return HTMLResponse(docs_page.PAGE, headers=docs_page.HEADERS)


@router.get("/docs/{name}")
def docs_file(vault: Served, name: str) -> Response:
    """A file of the reader (npm swagger-ui-dist), or our own few lines that start it."""
    if name == docs_page.START_NAME:
        return Response(docs_page.START, media_type="text/javascript", headers=docs_page.HEADERS)
    found = docs_page.asset(vault.settings.swagger_folder, name)
    if found is None:
        raise Denied("route_unknown", "nothing is served at this path")
    return Response(found, media_type=docs_page.ASSETS[name], headers=docs_page.HEADERS)
