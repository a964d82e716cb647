"""An agency's key cards: the first one published, the next one, and the vault's copy; all harmless to repeat.

The agency signs, the vault pays the gas. A card follows from our keys and from what the registry keeps of it, so
that a registration that the network broke off is simply taken up again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from agency_cli.services.standing import admitted, own_account, own_card
from chain.ledger import AgencyState
from client import deployment as deployments
from client.session import Session
from protocol import wire
from protocol.encoding import hex0x
from protocol.errors import Conflict, Untrusted
from protocol.keycard import KeyCard, KeyCardEnvelope, first_card, next_card, seal_card

Done = Literal["registered", "rotated", "unchanged"]


@dataclass(frozen=True, slots=True)
class Registration:
    """What was done, and the card that now stands in the registry and at the vault."""

    done: Done
    card: KeyCardEnvelope
    state: AgencyState


def register(session: Session, *, rotate: bool = False) -> Registration:
    """Publish the first key card, or with ``rotate`` the next one, and bring it to the vault.

    ``Denied("agency_not_admitted")`` before admission. Without ``rotate``, a second call changes nothing on chain.
    """
    state = admitted(session)
    done: Done = "unchanged"
    if state.card is None:
        state, done = _publish(session, _first(session)), "registered"
    elif rotate:
        state, done = _publish(session, _next(session, own_card(session, state))), "rotated"
    envelope = sealed_card(session, own_card(session, state))
    _bring(session, envelope)
    session.save_party(session.party.with_changes(card_seq=envelope.card.seq, opened=True))
    return Registration(done, envelope, state)


def sealed_card(session: Session, card: KeyCard) -> KeyCardEnvelope:
    """A card of ours with its full keys, signed by the account and by its present key."""
    domain = deployments.agency_domain(session.deployment)
    present, sealing = session.keys.present(card.seq), session.keys.sealing(card.seq).recipient().public
    return seal_card(card, domain, present, sealing, session.keys.hot.sign_digest(card.digest(domain)))


def _first(session: Session) -> KeyCard:
    sealing = session.keys.sealing(1).recipient().public
    present = session.keys.present(1).public_jwk()
    return first_card(session.party.subject, present, sealing, valid_from=session.clock.now())


def _next(session: Session, before: KeyCard) -> KeyCard:
    seq = before.seq + 1
    return next_card(
        before,
        deployments.agency_domain(session.deployment),
        session.keys.present(seq).public_jwk(),
        session.keys.sealing(seq).recipient().public,
        valid_from=max(session.clock.now(), before.valid_from),
    )


def _publish(session: Session, card: KeyCard) -> AgencyState:
    """Have the vault bring the card to the chain; the state that shows it there."""
    envelope = sealed_card(session, card)
    request = wire.Relay(
        contract="agency_registry",
        function="publish_card",
        message=card.to_json(),
        signatures=[hex0x(envelope.account_signature)],
        card=envelope.to_json(),
    )
    session.public_api.relay(request, session.keys.present(card.seq))
    state = admitted(session)
    digest = card.digest(deployments.agency_domain(session.deployment))
    if state.card is None or state.card.hash != digest:
        raise Untrusted(
            "card_not_published", "the vault says that the key card is published; the chain does not show it"
        )
    return state


def _bring(session: Session, envelope: KeyCardEnvelope) -> None:
    """Give the vault its copy, unless it has it."""
    signer = session.keys.present(envelope.card.seq)
    card = wire.Card(card=envelope.to_json())
    _unless("card_exists", lambda: session.public_api.put_agency_card(own_account(session), card, signer))


def _unless(code: str, act: Callable[[], object]) -> None:
    try:
        act()
    except Conflict as error:
        if error.code != code:
            raise
