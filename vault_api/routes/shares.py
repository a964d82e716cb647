"""Recovery shares: posted by a holder, kept for guardians."""

from __future__ import annotations

from fastapi.responses import Response

from protocol import wire, wire_shares
from vault_api.requests import AHolder, APage, Served, rendered
from vault_api.routes.late import late_router
from vault_api.services import shares

router = late_router("/v1/me/shares")


@router.post("", response_model=wire_shares.SharesKept)
def post_shares(vault: Served, holder: AHolder, body: wire_shares.PostShares) -> Response:
    """Give each guardian a sealed share, in place of those before."""
    return rendered(shares.post_shares(vault, holder, body))


@router.get("")
def list_shares(vault: Served, holder: AHolder, page: APage) -> wire.Page[wire_shares.Share]:
    """The shares that this dossier keeps for others."""
    return shares.list_shares(vault, holder, page)
