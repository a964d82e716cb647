"""The agency at a glance: its keys, and what the registry says of them."""

from __future__ import annotations

from dataclasses import dataclass

from agency_cli.services.standing import admitted, own_card, own_urn
from chain.ledger import ROLES
from client.session import Session
from protocol.encoding import hex0x
from protocol.identifiers import checksum_address


@dataclass(frozen=True, slots=True)
class AgencyView:
    """``card_seq`` is 0 before the first card is published; the keys are then those that it will have."""

    account: str
    urn: str
    name: str
    division: str
    roles: tuple[str, ...]
    licence_types: tuple[str, ...]
    card_seq: int
    card_hash: str
    present_key: str
    recipient: str
    compromised_since: int | None


def view(session: Session) -> AgencyView:
    """What we are; ``Denied("agency_not_admitted")`` before admission."""
    state, now = admitted(session), session.clock.now()
    if state.card is not None:
        own_card(session, state)
    seq = state.card.seq if state.card is not None else 1
    types = {span.licence_type for span in state.issues if state.may_issue(span.licence_type, now)}
    return AgencyView(
        account=checksum_address(state.account),
        urn=own_urn(session),
        name=state.name,
        division=state.division,
        roles=tuple(name for role, name in ROLES.items() if state.has_role(role, now)),
        licence_types=tuple(sorted(types)),
        card_seq=seq if state.card is not None else 0,
        card_hash=hex0x(state.card.hash) if state.card is not None else "",
        present_key=session.keys.present(seq).public_jwk().kid(),
        recipient=str(session.keys.sealing(seq).recipient()),
        compromised_since=state.card.compromised_since if state.card is not None else None,
    )
