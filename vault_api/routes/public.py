"""What anybody may ask: the service itself, key cards, agencies, the log, status lists, verification."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import PlainTextResponse, Response

from protocol import wire, wire_batch
from protocol.encoding import b64u, unhex0x
from protocol.errors import Denied
from protocol.status_list import MAX_LIFETIME_S
from vault_api.requests import AListNumber, APage, Served, account_of
from vault_api.routes.late import late_router
from vault_api.services import agencies, cards, statuses
from vault_api.services.info import info

router = late_router("/v1")

IMMUTABLE = "public, max-age=31536000, immutable"
SHORT = "public, max-age=10"
STATUS_TYPE = "application/statuslist+jwt"
STATUS_CACHE_S = 60


@router.get("/info")
async def get_info(vault: Served) -> wire.Info:
    """What a client must know before the first signature."""
    return info(vault)


@router.post("/cards/query")
def query_card(vault: Served, body: wire.CardQuery) -> wire.Card:
    """The newest key card of a dossier or an agency."""
    return cards.query_card(vault, unhex0x(body.subject, length=32, what="subject"))


@router.post("/cards/batch")
def query_cards(vault: Served, body: wire_batch.CardsQuery) -> wire_batch.Cards:
    """The newest key cards of several dossiers or agencies."""
    return cards.query_cards(vault, [unhex0x(one, length=32, what="subject") for one in body.subjects])


@router.get("/agencies")
def list_agencies(vault: Served, page: APage) -> wire.Page[wire.AgencyRow]:
    """All registered agencies."""
    return agencies.list_agencies(vault, page)


@router.get("/agencies/{account}")
def get_agency(vault: Served, account: str) -> wire.AgencyRow:
    """One agency."""
    return agencies.get_agency(vault, account_of(account))


@router.get("/status-lists/{account}/{n}", response_class=Response)
def get_status_list(vault: Served, account: str, n: AListNumber) -> Response:
    """The newest token of a status list."""
    token = statuses.get_status_list(vault, account_of(account), n)
    assert MAX_LIFETIME_S > STATUS_CACHE_S
    return Response(token, media_type=STATUS_TYPE, headers={"Cache-Control": f"public, max-age={STATUS_CACHE_S}"})


@router.get("/log/checkpoint", response_class=PlainTextResponse)
def get_checkpoint(vault: Served) -> Response:
    """The newest signed checkpoint (C2SP tlog-checkpoint)."""
    vault.log.follow()  # another process may have answered with a newer one already
    return PlainTextResponse(vault.log.head.note, headers={"Cache-Control": "no-cache"})


@router.get("/log/tile/{path:path}", response_class=Response)
def get_tile(vault: Served, path: str, request: Request) -> Response:
    """A tile of hashes or a bundle of entries (C2SP tlog-tiles)."""
    found = vault.log.read_tile(f"tile/{path}")
    if found is None:
        raise Denied("tile_unknown", "the log has no such tile yet")
    # Everything but a partial tile stays as it is for ever, and even that is the beginning of what follows.
    cache = SHORT if ".p/" in request.url.path else IMMUTABLE
    return Response(found, media_type="application/octet-stream", headers={"Cache-Control": cache})


@router.get("/log/proof/{index}", response_class=PlainTextResponse)
def get_proof(vault: Served, index: int, size: Annotated[int | None, Query(ge=1)] = None) -> Response:
    """The C2SP tlog-proof of one entry."""
    return PlainTextResponse(vault.log.proof(index, size))


@router.get("/log/consistency")
def get_consistency(vault: Served, first: int, second: int) -> wire.Consistency:
    """The RFC 9162 proof that the log of size ``second`` extends that of size ``first``."""
    proof = vault.log.consistency(first, second)
    return wire.Consistency(first=first, second=second, proof=[b64u(node) for node in proof])
