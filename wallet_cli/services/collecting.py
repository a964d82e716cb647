"""Showing at a window, second half: who collected is checked, and a presentation sealed to that agency alone.

The order of FORMATS "Show": (1) the window collects with a receipt, (2) the vault logs it and closes the session's
codes, (3) this wallet checks receipt, log proof, agency card and over-asking before it hands over anything.
"""

from __future__ import annotations

from dataclasses import dataclass

from client import deployment as deployments
from client.checks import Desk, open_desk
from client.scenario_leaves import check_newest
from client.scenarios import scenario_by_hash
from protocol import wire
from protocol.encoding import b64u, unb64u
from protocol.entries import Entry, Opening, grant_tag_key, verify_access
from protocol.envelope import seal_bytes
from protocol.errors import Denied, Untrusted
from protocol.facts import ROLE_READER, AgencyFacts
from protocol.identifiers import agency_subject, parse_agency_urn
from protocol.keycard import KeyCardEnvelope, VerifiedKeyCard, verify_key_card
from protocol.parcel import Parcel, ParcelItem
from protocol.receipts import RECEIPT_SKEW_S, Receipt, parse_receipt
from protocol.recipients import HybridRecipient
from protocol.scenario import Scenario, check_grantee, check_in_force, check_retention
from protocol.signed import Signed, check_audience, check_clock
from wallet_cli.services import presenting
from wallet_cli.services.choosing import chosen
from wallet_cli.services.log_heads import follow_proof
from wallet_cli.services.presenting import Part
from wallet_cli.services.showing import MAX_POLL_S, Showing
from wallet_cli.services.tokens import urn_of

CONFIRM_FROM_GRADE = 4


@dataclass(frozen=True, slots=True)
class Collector:
    """Who collected, checked: what the person is told before anything is handed over."""

    agency: AgencyFacts
    card: VerifiedKeyCard
    receipt: Receipt
    scenario: Signed[Scenario]
    parts: tuple[Part, ...]

    @property
    def claims(self) -> tuple[str, ...]:
        """The claims of all items, each once."""
        return tuple(sorted({claim for part in self.parts for claim in part.claims}))

    @property
    def sensitive(self) -> bool:
        """Whether the person is asked before it is handed over."""
        return self.scenario.body.sensitivity >= CONFIRM_FROM_GRADE


class Collecting:
    """One collected session: ``check`` who it was, then ``deliver``."""

    def __init__(self, showing: Showing) -> None:
        self._showing = showing
        self.session, self.items, self.id = showing.session, showing.choice.items, showing.id
        self._desk: Desk | None = None

    def check(self, show: wire.Show) -> Collector:
        """Who collected: raises unless receipt, log, card and scope hold; nothing was handed over then."""
        if show.state != "collected" or show.receipt is None:
            raise Denied("show_expired", "nobody collected before the session ended at {expires}", expires=show.expires)
        desk = self._open_desk()
        receipt = parse_receipt(show.receipt)
        agency, card = self._check_card(desk, show, receipt)
        self._check_receipt(receipt, card)
        self._check_logged(show, receipt)
        scenario = scenario_by_hash(self.session, desk, receipt.body.scenario)
        check_retention(scenario.body, receipt.body.retain_until, receipt.body.iat)
        parts = self._check_scope(scenario.body, agency)
        check_newest(self.session, desk, scenario)
        return Collector(agency, card, receipt.body, scenario, parts)

    def deliver(self, collector: Collector) -> wire.Show:
        """Seal the presentations to the collector's card and hand them to the vault, with the documents' headers."""
        items = tuple(self._present(part, collector) for part in collector.parts)
        tag_key = grant_tag_key(self.session.keys.tag_key.unsafe_bytes, self.id)
        parcel = Parcel(None, self.id, items, presenting.own_card(self.session), None, tag_key)
        reader = HybridRecipient(collector.card.sealing_key)
        sealed = seal_bytes(parcel.serialise(), [reader])
        headers = presenting.extra_headers(self.session, collector.parts, reader)
        return self.session.api.present(self.id, sealed.file, list(headers))

    def _present(self, part: Part, collector: Collector) -> ParcelItem:
        assert collector.receipt.nonce is not None
        presented = presenting.present(
            self.session,
            part.item,
            part.claims,
            aud=urn_of(self.session, collector.agency.account),
            nonce=b64u(collector.receipt.nonce),
        )
        return presenting.parcel_item(self.session, self._open_desk(), part.item, presented, part.handed())

    def _open_desk(self) -> Desk:
        if self._desk is None:
            self._desk = open_desk(self.session)
        return self._desk

    # the checks of step (3)

    def _check_card(self, desk: Desk, show: wire.Show, receipt: Signed[Receipt]) -> tuple[AgencyFacts, VerifiedKeyCard]:
        """The collector is a registered reader, and the card is its newest."""
        if show.agency_card is None:
            raise Untrusted("show_card", "the vault shows no key card of who collected")
        reader = parse_agency_urn(receipt.body.iss)
        deployment = self.session.deployment
        if (reader.chain_id, reader.registry) != (deployment.chain_id, deployment.contracts.agency_registry):
            raise Untrusted("receipt_registry", "the receipt is by an agency of another chain or registry")
        agency = desk.facts.agency(reader.account)
        if not agency.has_role(ROLE_READER, self.session.clock.now()) or not agency.cards:
            raise Denied("not_a_reader", "{name} is not registered as a reader", name=agency.name)
        envelope = KeyCardEnvelope.from_json(show.agency_card)
        card = verify_key_card(
            envelope,
            deployments.agency_domain(deployment),
            subject=agency_subject(reader.account),
            recorded=[agency.cards[-1].hash],
        )
        if agency.cards[-1].compromised_since is not None:
            raise Untrusted("agency_compromised", "the agency's key card is reported compromised")
        return agency, card

    def _check_receipt(self, receipt: Signed[Receipt], card: VerifiedKeyCard) -> None:
        receipt.verified_by(card.present_key)
        check_audience(receipt.body.aud, self.session.log.origin)
        check_clock(receipt.body.iat, self._showing.now(), RECEIPT_SKEW_S + MAX_POLL_S)
        if receipt.body.show != self.id or receipt.body.card != card.hash:
            raise Untrusted("receipt_session", "the receipt is for another session than the code")

    def _check_logged(self, show: wire.Show, receipt: Signed[Receipt]) -> None:
        """The use stands in the log, with this receipt, where this dossier finds it, before anything is handed over."""
        if show.logged is None or show.logged.opening is None or show.logged.object is None or show.proof is None:
            raise Untrusted("show_not_logged", "the vault does not prove that this use was logged")
        entry = unb64u(show.logged.entry, what="entry")
        index = follow_proof(self.session, show.proof.encode("utf-8"), entry)
        record = verify_access(
            Entry.parse(entry),
            Opening.from_json(show.logged.opening.model_dump()),
            unb64u(show.logged.object, what="object"),
            grant_tag_key(self.session.keys.tag_key.unsafe_bytes, self.id),
        )
        if record.receipt != receipt.hash or record.show != self.id or index != show.logged.index:
            raise Untrusted("show_not_logged", "the vault does not prove that this use was logged")

    def _check_scope(self, scenario: Scenario, agency: AgencyFacts) -> tuple[Part, ...]:
        """What of the items the scenario asks for; what the person named must be part of it."""
        check_in_force(scenario, self.session.clock.now())
        check_grantee(scenario, agency.division)
        return chosen(scenario, agency.name, self._showing.choice)
