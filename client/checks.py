"""The facts that a program verifies by: the chain if it answers, else what this machine's trust file kept.

A ``Desk`` is opened once for a command. It never raises because the chain is away: what then is not covered
stays unknown, and the policy decides (``protocol/verdict.py``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from client import deployment as deployments
from client.cards import Cards
from client.facts import AnchorHistory, FactSource, LedgerFacts
from client.session import Session
from client.toolkey import tool_key
from client.trust import Trust, TrustedAgency, TrustFacts, read_trust, write_trust
from protocol.errors import Denied, OneFileError, Unavailable
from protocol.facts import AgencyFacts, DossierFacts
from protocol.identifiers import checksum_address
from protocol.keycard import KeyCardEnvelope, VerifiedKeyCard


@dataclass(slots=True)
class Desk:
    """Facts, and the key cards that fit them. ``live`` tells whether the chain was asked."""

    session: Session
    facts: FactSource
    cards: Cards
    live: bool
    kept: Trust | None

    def issuer_card(self, account: bytes, thumbprint: bytes) -> VerifiedKeyCard:
        """The registered card of an agency with this present key; asks the vault for it if need be."""
        agency = self.facts.agency(account)
        try:
            return self.cards.by_key(agency, thumbprint)
        except Unavailable:
            self._fetch_card(account)
            return self.cards.by_key(agency, thumbprint)

    def newest_card(self, account: bytes) -> VerifiedKeyCard:
        """The agency's newest card, to seal to; asks the vault for it if need be."""
        agency = self.facts.agency(account)
        try:
            return self.cards.newest(agency)
        except Unavailable:
            self._fetch_card(account)
            return self.cards.newest(agency)

    def name_of(self, account: bytes) -> str:
        """The registered name of an agency; its account where the registry can't be asked."""
        try:
            return self.facts.agency(account).name
        except OneFileError:
            return checksum_address(account)

    def _fetch_card(self, account: bytes) -> None:
        card = self.session.public_api.agency(account).card
        if card is not None:
            self.cards.add(KeyCardEnvelope.from_json(card))


def open_desk(session: Session) -> Desk:
    """The desk of this command: live if the chain answers now."""
    kept = kept_trust(session)
    envelopes = [envelope for agency in kept.agencies for envelope in agency.cards] if kept else []
    cards = Cards(deployments.agency_domain(session.deployment), envelopes)
    ledger = session.ledger_if_reachable()
    if ledger is not None:
        history = kept.history() if kept else AnchorHistory()
        facts = LedgerFacts(
            ledger,
            session.clock,
            session.log.origin,
            confirmations=session.settings.confirmations,
            history=history,
        )
        return Desk(session, facts, cards, live=True, kept=kept)
    if kept is None:
        raise Unavailable("no_facts", "the chain does not answer, and this profile has no trust file from when it did")
    return Desk(session, TrustFacts(kept), cards, live=False, kept=kept)


def kept_trust(session: Session) -> Trust | None:
    """The profile's own trust file; None if there is none or it is of another deployment."""
    if not session.profile.trust_file.exists():
        return None
    kept = read_trust(session.profile.trust_file, [tool_key(session.settings.home).public_jwk().thumbprint()])
    same = kept.deployment.deploy_block_hash == session.deployment.deploy_block_hash
    return kept if same else None


def assemble(session: Session, desk: Desk, dossiers: Iterable[bytes] = ()) -> Trust:
    """Read every agency and anchored head from the chain, with the full cards that the vault has.

    Our own dossier is always among the dossiers.
    """
    ledger = session.ledger
    head = ledger.head()
    assert isinstance(desk.facts, LedgerFacts)
    desk.facts.anchors()
    now = session.clock.now()
    agencies = []
    for row in session.public_api.agencies():
        if row.card is not None:
            desk.cards.add(KeyCardEnvelope.from_json(row.card))
    for state in ledger.agencies():
        facts = desk.facts.agency(state.account)
        agencies.append(TrustedAgency(facts, _proven(desk.cards, facts)))
    wanted = {*dossiers, *([session.party.subject] if session.is_holder else [])}
    known = tuple(found for found in (_dossier(desk, dossier) for dossier in sorted(wanted)) if found is not None)
    history = desk.facts.history
    keys = (history.vkey, tuple(history.former)) if history.former else ("", ())
    return Trust(session.deployment, head, tuple(history.heads), tuple(agencies), known, now, *keys)


def _dossier(desk: Desk, dossier: bytes) -> DossierFacts | None:
    try:
        return desk.facts.dossier(dossier)
    except Denied:
        return None


def refresh_trust(session: Session, desk: Desk) -> Trust | None:
    """Write the profile's trust file anew; None if the chain does not answer."""
    if not desk.live:
        return None
    trust = assemble(session, desk)
    write_trust(session.profile.trust_file, trust, tool_key(session.settings.home))
    return trust


def _proven(cards: Cards, facts: AgencyFacts) -> tuple[KeyCardEnvelope, ...]:
    """The cards at hand whose keys prove themselves; a garbled one is left out."""
    good = []
    for envelope in cards.of(facts):
        try:
            cards.verified(facts, envelope)
        except OneFileError:
            continue
        good.append(envelope)
    return tuple(good)
