"""Showing without a network: a presentation in frames, sealed to the window that asked, or to nobody.

What a wallet must know to answer a window, it knows from its pack (``wallet pack update``): that the agency is a reader
and by which key it signs, and what the scenario asks for. Nothing is sent, and the vault learns nothing of it
(docs/spec/window.md §4 and §5).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from client.pack import PackDesk, desk_of, pack_scenario, read_pack
from client.session import Session
from protocol.encoding import b64u
from protocol.errors import Denied, Malformed
from protocol.facts import ROLE_READER, AgencyFacts
from protocol.offline import frames, one_way, two_ways
from protocol.request_code import RequestCode, parse_request, verify_request
from protocol.scenario import Scenario, check_grantee, check_in_force
from protocol.signed import Signed
from wallet_cli.services import presenting
from wallet_cli.services.choosing import chosen
from wallet_cli.services.opening import OpenedItem
from wallet_cli.services.showing import Choice
from wallet_cli.services.tokens import urn_of

CONFIRM_FROM_GRADE = 4


@dataclass(frozen=True, slots=True)
class OfflineRequest:
    """A verified request: who asks, at which desk, for what."""

    code: RequestCode
    agency: AgencyFacts
    scenario: Signed[Scenario]

    @property
    def sensitive(self) -> bool:
        """Whether the person is asked before it is shown."""
        return self.scenario.body.sensitivity >= CONFIRM_FROM_GRADE


@dataclass(frozen=True, slots=True)
class OfflinePlan:
    """What would be shown of one item; ``request`` None for whoever looks."""

    item: OpenedItem
    claims: tuple[str, ...]
    request: OfflineRequest | None


def plan(session: Session, choice: Choice, request: str | None) -> OfflinePlan:
    """What would be shown, checked; nothing is signed.

    Raises ``Denied("show_offline_one")`` for several items, ``Malformed("show_claims_needed")`` where nobody asks and
    nothing is named, what ``read_pack`` raises, ``Untrusted("request_signature")``, ``Denied("request_expired")`` and
    whatever ``chosen`` raises.
    """
    if len(choice.items) != 1:
        raise Denied("show_offline_one", "without a network one item is shown at a time")
    item = choice.items[0]
    if request is None:
        claims = choice.named(item)
        if not claims:
            raise Malformed("show_claims_needed", "where nobody asks, name what is shown with --claim")
        return OfflinePlan(item, claims, None)
    asked = _verified(session, request)
    (part,) = chosen(asked.scenario.body, asked.agency.name, choice)
    return OfflinePlan(item, part.claims, asked)


def present(session: Session, made: OfflinePlan) -> list[str]:
    """The frames to draw, signed now."""
    if made.request is None:
        # (1) For whoever looks, and for a minute: the nonce is ours, so that a window knows a second time.
        nonce = secrets.token_bytes(16)
        shown = presenting.present(session, made.item, made.claims, aud=session.log.origin, nonce=b64u(nonce))
        return frames(one_way(shown))
    # (2) For the window that asked, and for nobody who photographs the frames.
    code = made.request.code
    shown = presenting.present(
        session, made.item, made.claims, aud=urn_of(session, code.agency), nonce=b64u(code.nonce)
    )
    return frames(two_ways(shown, code.sealing))


def _verified(session: Session, text: str) -> OfflineRequest:
    found = parse_request(text)
    pack = read_pack(session)
    desk: PackDesk = desk_of(session, pack)
    agency = desk.facts.agency(found.code.agency)
    now = session.clock.now()
    if not agency.has_role(ROLE_READER, now):
        raise Denied("not_a_reader", "{name} is not registered as a reader", name=agency.name)
    code = verify_request(found, desk.newest_card(found.code.agency).present_key, origin=session.log.origin, now=now)
    scenario = pack_scenario(desk, pack, b64u(code.scenario))
    check_in_force(scenario.body, now)
    check_grantee(scenario.body, agency.division)
    return OfflineRequest(code, agency, scenario)
