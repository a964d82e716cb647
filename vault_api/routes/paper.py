"""Paper: the page that checks a code in the browser, and the log entry of a stamp (docs/spec/paper.md)."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header
from fastapi.responses import HTMLResponse, Response

from console.i18n import accept_language
from protocol import wire
from protocol.encoding import hex0x
from protocol.errors import Denied
from vault_api import paper_page
from vault_api.requests import AnAgency, Served, rendered
from vault_api.routes.late import late_router
from vault_api.services import stamps

router = late_router()


@router.get("/paper", include_in_schema=False)
async def get_page(vault: Served, accept: Annotated[str | None, Header(alias="accept-language")] = None) -> Response:
    """The page, in the reader's language; what it checks never comes here."""
    text = paper_page.page(
        accept_language(accept),
        log=vault.origin,
        chain=vault.chain_id,
        registry=hex0x(vault.contracts.agency_registry),
    )
    return HTMLResponse(text, headers={**paper_page.HEADERS, "Vary": "Accept-Language"})


@router.get("/paper/{name}", include_in_schema=False)
def get_file(name: str) -> Response:
    """A file of the page."""
    found = paper_page.file(name)
    if found is None:
        raise Denied("route_unknown", "nothing is served at this path")
    return Response(found[0], media_type=found[1], headers=paper_page.HEADERS)


@router.post("/v1/stamps", status_code=201, response_model=wire.Logged)
def post_stamp(vault: Served, agency: AnAgency, body: wire.Statement) -> Response:
    """Log that a reader stamped a copy of what it was handed."""
    return rendered(stamps.add_stamp(vault, agency, body.statement))
