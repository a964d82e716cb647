"""What the registry says of this agency now: admitted, its key card the newest, and what it may do.

Asked before anything is made, so that a refusal costs nothing; the vault and every verifier ask again.
"""

from __future__ import annotations

from dataclasses import dataclass

from chain.ledger import ROLE_ISSUER, ROLE_SCENARIO, AgencyState, CardState
from client import deployment as deployments
from client.session import Session
from protocol.encoding import hex0x
from protocol.errors import Denied, Untrusted
from protocol.hashing import ZERO32, sha256
from protocol.identifiers import agency_urn
from protocol.keycard import KeyCard

MAX_AHEAD_S = 60


@dataclass(frozen=True, slots=True)
class Standing:
    """``card`` is the newest one, with our keys; ``at`` the time (seconds) that this was asked for.

    ``ahead_s``: by how many seconds the chain's clock is ahead of ours, as far as we follow it.
    """

    state: AgencyState
    card: CardState
    at: int
    ahead_s: int
    urn: str

    @property
    def account(self) -> bytes:
        return self.state.account

    def require_type(self, licence_type: str) -> None:
        """``Denied`` unless the agency may issue this licence type now."""
        if not self.state.has_role(ROLE_ISSUER, self.at):
            raise Denied("not_an_issuer", "the agency is not registered as an issuer")
        if not self.state.may_issue(licence_type, self.at):
            raise Denied(
                "licence_type_not_allowed",
                "the registry does not let {name} issue {licence_type}",
                name=self.state.name,
                licence_type=licence_type,
            )

    def require_scenario_authority(self) -> None:
        """``Denied`` unless the agency may publish scenarios now."""
        if not self.state.has_role(ROLE_SCENARIO, self.at):
            raise Denied("not_a_scenario_authority", "the agency is not registered as a scenario authority")


def own_account(session: Session) -> bytes:
    """Our account, 20 bytes."""
    return session.party.controller


def own_urn(session: Session) -> str:
    """Our urn on the chain that the profile is tied to."""
    record = session.deployment
    return agency_urn(record.chain_id, record.contracts.agency_registry, own_account(session))


def admitted(session: Session) -> AgencyState:
    """Our record in the registry; ``Denied("agency_not_admitted")`` before the governor admitted us."""
    state = session.ledger.agency(own_account(session))
    if state is None:
        raise Denied(
            "agency_not_admitted",
            "the registry does not know the account {account} yet",
            account=hex0x(own_account(session)),
        )
    return state


def standing(session: Session) -> Standing:
    """Our standing; ``Denied`` or ``Untrusted`` unless our key card is the newest one on chain and good."""
    state = admitted(session)
    card = state.card
    if card is None:
        raise Denied(
            "agency_not_registered", "the agency of profile {name} has no published key card", name=session.profile.name
        )
    own_card(session, state)
    if card.seq != session.party.card_seq:
        raise Denied(
            "agency_card_behind",
            "the registry's newest key card is number {newest}, this profile uses number {ours}",
            newest=card.seq,
            ours=session.party.card_seq,
        )
    if card.compromised_since is not None:
        raise Denied("agency_compromised", "the agency's key card is reported compromised")
    now, ahead_s = session.clock.now(), _ahead(session)
    return Standing(state, card, now + ahead_s, ahead_s, own_urn(session))


def _ahead(session: Session) -> int:
    """A right that the chain gave a moment ago, by a clock that runs a little ahead, holds by that clock."""
    ahead = session.ledger.head().time - session.clock.now()
    return ahead if 0 < ahead <= MAX_AHEAD_S else 0


def own_card(session: Session, state: AgencyState) -> KeyCard:
    """The newest registered card, made again from our keys; ``Untrusted`` if it holds other keys."""
    assert state.card is not None
    seq = state.card.seq
    card = KeyCard(
        subject=session.party.subject,
        seq=seq,
        present_key_thumbprint=session.keys.present(seq).thumbprint(),
        sealing_key_hash=sha256(session.keys.sealing(seq).recipient().public),
        valid_from=state.card.valid_from,
        revoked_below=state.card.revoked_below,
        previous=state.cards[-2].hash if len(state.cards) > 1 else ZERO32,
    )
    if card.digest(deployments.agency_domain(session.deployment)) != state.card.hash:
        raise Untrusted("card_foreign_keys", "the newest key card holds keys that this profile does not have")
    return card
