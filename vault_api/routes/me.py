"""A holder's own dossier: ``/v1/me/…``. No dossier id stands in a path."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import Response

from protocol import wire
from vault_api.requests import AHolder, APage, Served, id16, id32, rendered, wait_of
from vault_api.routes.late import late_router
from vault_api.routes.streams import ARange, payload_response
from vault_api.services import grants, mine, payloads, shows
from vault_api.services.long_poll import poll

router = late_router("/v1/me")


@router.get("")
def get_me(vault: Served, holder: AHolder) -> wire.Me:
    """The dossier at a glance."""
    return mine.me(vault, holder)


@router.get("/items")
def list_items(vault: Served, holder: AHolder, page: APage) -> wire.Page[wire.Item]:
    """The items, in the order in which they came."""
    return mine.list_items(vault, holder, page)


@router.get("/items/{item}")
def get_item(vault: Served, holder: AHolder, item: str) -> wire.Item:
    """One item."""
    return mine.get_item(vault, holder, id32(item, "item"))


@router.post("/items/{item}/delete", response_model=wire.Logged)
def delete_item(vault: Served, holder: AHolder, item: str, body: wire.Statement) -> Response:
    """Destroy an item's payloads, headers and salts."""
    return rendered(mine.delete_item(vault, holder, id32(item, "item"), body.statement))


@router.post("/statements", status_code=201, response_model=wire.Logged)
def post_statement(vault: Served, holder: AHolder, body: wire.Statement) -> Response:
    """Log what the holder says."""
    return rendered(mine.add_statement(vault, holder, body.statement))


@router.get("/payloads/{sha256}", response_class=Response)
def get_payload(
    vault: Served,
    holder: AHolder,
    sha256: str,
    wanted: ARange,
) -> Response:
    """The sealed payload of one of the holder's items."""
    digest = id32(sha256, "sha256")
    size = payloads.own_payload(vault, holder, digest)
    return payload_response(vault, wanted.of(digest, size))


@router.get("/log")
def list_events(vault: Served, holder: AHolder, page: APage) -> wire.Page[wire.LogRow]:
    """Everything that was logged for the dossier, in the order of n."""
    return mine.list_events(vault, holder, page)


@router.get("/grants")
def list_grants(vault: Served, holder: AHolder, page: APage) -> wire.Page[wire.GrantRow]:
    """The grants that the holder gave."""
    return grants.list_grants(vault, holder, page)


@router.get("/grants/{grant}")
def get_grant(vault: Served, holder: AHolder, grant: str) -> wire.GrantRow:
    """One grant that the holder gave."""
    return grants.get_grant(vault, holder, id32(grant, "grant"))


@router.post("/shows", status_code=201, response_model=wire.Show)
def open_show(vault: Served, holder: AHolder, body: wire.OpenShow) -> Response:
    """Open a session for show codes."""
    return rendered(shows.open_show(vault, holder, body))


@router.get("/shows/{session}")
async def get_show(
    vault: Served, holder: AHolder, session: str, request: Request, wait: float | None = None
) -> wire.Show:
    """The session; waits for somebody to collect."""
    ident = id16(session, "session")
    return await poll(
        vault,
        ident,
        wait_of(wait),
        lambda: shows.holder_show(vault, holder, ident),
        "open",
        request.is_disconnected,
    )


@router.put("/shows/{session}/presentation", response_model=wire.Show)
def present(vault: Served, holder: AHolder, session: str, body: wire.Present) -> Response:
    """Hand the presentation over, sealed to the collecting agency alone."""
    return rendered(shows.present(vault, holder, id16(session, "session"), body))


@router.post("/shows/{session}/refuse", response_model=wire.Show)
def refuse(vault: Served, holder: AHolder, session: str) -> Response:
    """Present nothing."""
    return rendered(shows.refuse(vault, holder, id16(session, "session")))
