"""For who runs the vault: liveness, readiness, metrics, and the description of the interface."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from protocol.errors import Denied
from vault_api import docs_page, gauges, metrics
from vault_api.limits.addresses import within
from vault_api.requests import Served
from vault_api.routes.late import late_router
from vault_api.services.readiness import OK

NOT_KEPT = {"Cache-Control": "no-store"}
router = late_router(in_schema=False)


@router.get("/healthz")
async def healthz() -> Response:
    """The process answers; nothing else is touched."""
    return PlainTextResponse("ok\n")


@router.get("/readyz")
async def readyz(request: Request) -> Response:
    """What answers and what does not; looked at once a second at most."""
    ready, parts = await request.app.state.readiness.look()
    down = [name for name, said in parts.items() if said != OK]
    return JSONResponse({"ready": ready, "down": down, **parts}, 200 if ready else 503, NOT_KEPT)


@router.get("/metrics")
def get_metrics(vault: Served, request: Request) -> Response:
    """Prometheus text, for whom the settings name: how much is used when is nobody else's business."""
    addresses = vault.load.addresses
    # Who says that it was forwarded, and by no proxy of ours, may come from anywhere, whatever its socket says.
    forwarded = addresses.is_told(request.scope) and not addresses.is_proxy(addresses.socket_of(request.scope))
    if forwarded or not within(addresses.of(request.scope), vault.load.metrics_from):
        raise Denied("route_unknown", "nothing is served at this path")
    gauges.look(vault)
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
