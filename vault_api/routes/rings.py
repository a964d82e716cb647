"""Key rings, and headers that a holder wraps anew."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import Response

from protocol import wire_keys
from vault_api.problems import speaks
from vault_api.requests import AHolder, ASignature, Served, rendered
from vault_api.routes.late import late_router
from vault_api.services import rewraps, rings

router = late_router("/v1")


@router.put("/me/ring", response_model=wire_keys.RingKept)
def put_ring(vault: Served, holder: AHolder, body: wire_keys.PutRing) -> Response:
    """Keep the dossier's key ring in place of the one that it follows."""
    return rendered(rings.put_ring(vault, holder, body))


@router.get("/me/ring")
def get_my_ring(vault: Served, holder: AHolder) -> wire_keys.Ring:
    """The dossier's key ring."""
    return rings.own_ring(vault, holder)


@router.get("/ring")
def get_ring(vault: Served, signature: ASignature) -> wire_keys.Ring:
    """The key ring that the key which signed is a member of."""
    return rings.members_ring(vault, signature)


@router.post("/me/rewraps", response_model=wire_keys.RewrapRows)
def post_rewraps(vault: Served, request: Request, holder: AHolder, body: wire_keys.Rewraps) -> Response:
    """Replace the headers of several items, each by itself."""
    return rendered(rewraps.rewrap_batch(vault, holder, body, speaks(request)))
