"""Answering a window: whose request a code is, what it asks for, and the grant that answers it.

The code says which agency, desk and scenario; that the agency is one, under which name, and that its newest card signed
the code, says the registry. What is granted is what the scenario requires and nothing optional, once, for a day: the
window is waiting, and nobody else is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from client import deployment as deployments
from client.checks import Desk
from client.session import Session
from protocol.encoding import b64u
from protocol.errors import Unavailable
from protocol.request_code import RequestCode, match_number, parse_request, verify_request
from protocol.scenario import DAY_S
from wallet_cli.services import granting
from wallet_cli.services.granting import GrantOrder, Plan

USES = 1


@dataclass(frozen=True, slots=True)
class Asked:
    """A verified request, and what would be granted."""

    request: RequestCode
    plan: Plan


@dataclass(frozen=True, slots=True)
class Answered:
    """The grant's id, and the four digits that both screens show."""

    grant: bytes
    match: str


def read(session: Session, desk: Desk, text: str, *, optional: bool = False) -> Asked:
    """The request in a code's text, and the plan that answers it; nothing is signed or sent.

    Raises ``Malformed``, ``Untrusted("request_signature")``, ``Denied("request_expired")``, whatever
    ``granting.plan`` raises, and ``Unavailable`` while the chain can't say who asks.
    """
    found = parse_request(text)
    if not desk.live:
        raise Unavailable("request_needs_chain", "without the chain nobody can say who asks")
    card = desk.newest_card(found.code.agency)
    # Codes live by the vault's clock, as show codes do.
    now = session.public_api.info().time
    request = verify_request(found, card.present_key, origin=session.log.origin, now=now)
    order = GrantOrder(
        agency=request.agency, scenario=b64u(request.scenario), seconds=DAY_S, uses=USES, optional=optional
    )
    return Asked(request, replace(granting.plan(session, desk, order), answers=request.nonce))


def answer(session: Session, desk: Desk, asked: Asked) -> Answered:
    """Sign and post the grant; ``Conflict`` if somebody has answered the request before."""
    sealed = granting.seal_grant(session, desk, asked.plan)
    digest = sealed.envelope.grant.digest(deployments.grant_domain(session.deployment))
    grant = granting.post(session, asked.plan, sealed)
    return Answered(grant, match_number(asked.request.nonce, digest))
