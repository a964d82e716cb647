"""Grants and their uses, shows at a window, scenarios, and the verdict for anybody."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import Response

from protocol import wire, wire_verify
from protocol.encoding import unb64u
from vault_api.problems import speaks
from vault_api.requests import (
    AHolder,
    AnAgency,
    APage,
    Served,
    id16,
    id32,
    rendered,
    wait_of,
)
from vault_api.routes.late import late_router
from vault_api.routes.streams import ARange, payload_response
from vault_api.services import checks, grants, releases, scenarios, show_documents, shows
from vault_api.services.long_poll import poll
from vault_api.services.use import use_grant

router = late_router("/v1")


@router.post("/grants", status_code=201, response_model=wire.GrantPosted)
def post_grant(vault: Served, holder: AHolder, body: wire.PostGrant) -> Response:
    """Take a grant with its parcels and headers."""
    return rendered(grants.post_grant(vault, holder, body))


@router.get("/grants")
def list_grants(vault: Served, agency: AnAgency, page: APage) -> wire.Page[wire.GrantRow]:
    """The grants that the agency was given."""
    return grants.list_grants(vault, agency, page)


@router.get("/grants/{grant}")
def get_grant(vault: Served, agency: AnAgency, grant: str) -> wire.GrantRow:
    """One grant that the agency was given."""
    return grants.get_grant(vault, agency, id32(grant, "grant"))


@router.post("/grants/{grant}/verify")
def verify_grant(vault: Served, agency: AnAgency, grant: str, request: Request) -> wire_verify.VerdictAnswer:
    """Whether the grant would hold for one more use now. Nothing is counted or logged."""
    return checks.answer(grants.judge(vault, agency, id32(grant, "grant")), speaks(request))


@router.post("/grants/{grant}/release", response_model=wire.Released, responses={202: {"model": wire.Pending}})
async def release(vault: Served, grant: str, body: wire.Release) -> Response:
    """One use: the receipt is logged, then headers and parcels are handed over."""
    status, answer = await use_grant(vault, id32(grant, "grant"), body.receipt)
    return Response(answer.model_dump_json(), status, media_type="application/json")


@router.post("/grants/{grant}/revoke")
def revoke(vault: Served, grant: str, body: wire.Revoke) -> wire.Revoked:
    """End a grant; knowing its secret is the authorisation."""
    secret = unb64u(body.secret, length=32, what="secret")
    return grants.revoke_grant(vault, id32(grant, "grant"), secret)


@router.get("/grants/{grant}/payloads/{sha256}", response_class=Response)
def get_payload(
    vault: Served,
    agency: AnAgency,
    grant: str,
    sha256: str,
    wanted: ARange,
) -> Response:
    """A document's payload, for who was handed its header."""
    digest = id32(sha256, "sha256")
    size = releases.released_payload(vault, agency, id32(grant, "grant"), digest)
    return payload_response(vault, wanted.of(digest, size))


@router.post("/shows/collect")
def collect(vault: Served, agency: AnAgency, body: wire.Collect) -> wire.Show:
    """Collect a shown code against a receipt."""
    return shows.collect(vault, agency, body)


@router.get("/shows/{session}")
async def get_show(
    vault: Served, agency: AnAgency, session: str, request: Request, wait: float | None = None
) -> wire.Show:
    """The session as its collector sees it; waits for the presentation."""
    ident = id16(session, "session")
    return await poll(
        vault,
        ident,
        wait_of(wait),
        lambda: shows.agency_show(vault, agency, ident),
        "collected",
        request.is_disconnected,
    )


@router.get("/shows/{session}/payloads/{sha256}", response_class=Response)
def get_shown_payload(
    vault: Served,
    agency: AnAgency,
    session: str,
    sha256: str,
    wanted: ARange,
) -> Response:
    """A shown document's payload, for who collected the session, while the presentation is kept."""
    digest = id32(sha256, "sha256")
    size = show_documents.shown_payload(vault, agency, id16(session, "session"), digest)
    return payload_response(vault, wanted.of(digest, size))


@router.post(
    "/scenarios", status_code=201, response_model=wire.ScenarioRow, responses={200: {"model": wire.ScenarioRow}}
)
def post_scenario(vault: Served, agency: AnAgency, body: wire.PostScenario) -> Response:
    """Take a version of a scenario from its authority."""
    return rendered(scenarios.post_scenario(vault, agency, body.scenario))


@router.get("/scenarios")
def list_scenarios(vault: Served, page: APage) -> wire.Page[wire.ScenarioRow]:
    """All scenarios."""
    return scenarios.list_scenarios(vault, page)


@router.get("/scenarios/{scenario}")
def get_scenario(vault: Served, scenario: str) -> wire.ScenarioRow:
    """One scenario by its hash."""
    return scenarios.get_scenario(vault, id32(scenario, "scenario"))


@router.post("/verify")
def verify(vault: Served, body: wire_verify.VerifyRequest, request: Request) -> wire_verify.VerdictAnswer:
    """The verdict on a grant, receipt, proof or checkpoint; never on anything that carries values."""
    return checks.answer(checks.verify(vault, body), speaks(request))
