"""The window asks: a request as a code, and the grant that answers it (docs/spec/window.md §3)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from agency_cli.services.inbox import Given, find_grant
from agency_cli.services.standing import own_account, standing
from client import deployment as deployments
from client.session import Session
from protocol.encoding import b64u
from protocol.errors import Denied, Untrusted
from protocol.recipients import X25519Identity
from protocol.request_code import REQUEST_LIFETIME_S, RequestCode, answer_id, match_number, sign_request
from protocol.scenario import Scenario
from protocol.signed import Signed


@dataclass(frozen=True, slots=True)
class Request:
    """One request on the screen. ``text`` is drawn; ``window`` opens an answer that comes without a network."""

    code: RequestCode
    text: str
    window: X25519Identity = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """The grant that answers a request, and the digits that both screens show; nothing was opened yet."""

    given: Given
    match: str


def ask(session: Session, desk: int, scenario: Signed[Scenario], *, online: bool = True) -> Request:
    """A fresh request for ``scenario``, signed with the present key; it lives a minute by the vault's clock.

    ``online`` False asks nobody: by our own clock, and whoever answers verifies our card by what it has.
    """
    if online:
        standing(session)
    window = X25519Identity(secrets.token_bytes(32))
    now = session.public_api.info().time if online else session.clock.now()
    code = RequestCode(
        agency=own_account(session),
        desk=desk,
        nonce=secrets.token_bytes(16),
        exp=now + REQUEST_LIFETIME_S,
        sealing=window.recipient().public,
        iat=now,
        scenario=scenario.hash,
    )
    text = sign_request(code, session.keys.present(session.party.card_seq), origin=session.log.origin)
    return Request(code, text, window)


def answer_to(session: Session, request: Request) -> Answer | None:
    """The grant that answers ``request``, if it is there; ``Untrusted`` if it is for another scenario."""
    nonce = request.code.nonce
    try:
        given = find_grant(session, b64u(answer_id(nonce)))
    except Denied as error:
        if error.code != "grant_not_found":
            raise
        return None
    if given.grant.scenario != request.code.scenario:
        raise Untrusted("answer_scenario", "the answer is for another scenario than was asked for")
    digest = given.grant.digest(deployments.grant_domain(session.deployment))
    return Answer(given, match_number(nonce, digest))
