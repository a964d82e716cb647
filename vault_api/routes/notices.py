"""Notices by polling, and what agencies say to holders."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import Response

from protocol import wire
from protocol.wire_notices import Notices
from vault_api.requests import AHolder, AnAgency, APage, Served, rendered, wait_of
from vault_api.routes.late import late_router
from vault_api.services import notices, said
from vault_api.services.long_poll import until

router = late_router("/v1")


@router.get("/me/notices")
async def my_notices(
    vault: Served, holder: AHolder, page: APage, request: Request, wait: float | None = None
) -> Notices:
    """What is new for the holder; waits for something if there is nothing."""
    look = lambda: notices.feed(vault, holder, page)  # noqa: E731 (one expression, given to one call)
    return await until(vault, holder.dossier, wait_of(wait), look, _something, request.is_disconnected)


@router.get("/notices")
async def agency_notices(
    vault: Served, agency: AnAgency, page: APage, request: Request, wait: float | None = None
) -> Notices:
    """What is new for the agency; waits for something if there is nothing."""
    look = lambda: notices.feed(vault, agency, page)  # noqa: E731 (one expression, given to one call)
    return await until(vault, agency.account, wait_of(wait), look, _something, request.is_disconnected)


@router.post("/statements", status_code=201, response_model=wire.Logged, responses={200: {"model": wire.Logged}})
def post_statement(vault: Served, agency: AnAgency, body: wire.Statement) -> Response:
    """Log what an agency says about its own use, grant, notice or item, and tell the holder."""
    return rendered(said.add_statement(vault, agency, body.statement))


def _something(found: Notices) -> bool:
    return bool(found.rows)
