"""Full key cards of agencies: the vault has them whole, the chain has their hashes, and only both together count."""

from __future__ import annotations

from collections.abc import Iterable

from protocol.eip712 import Domain
from protocol.encoding import b64u, hex0x
from protocol.errors import Denied, Unavailable
from protocol.facts import AgencyFacts
from protocol.identifiers import agency_subject
from protocol.keycard import KeyCardEnvelope, VerifiedKeyCard, verify_key_card


class Cards:
    """Full key cards of agencies, each good only if the chain keeps its hash."""

    def __init__(self, domain: Domain, envelopes: Iterable[KeyCardEnvelope] = ()) -> None:
        self._domain = domain
        self._by_hash: dict[bytes, KeyCardEnvelope] = {}
        for envelope in envelopes:
            self.add(envelope)

    def add(self, envelope: KeyCardEnvelope) -> None:
        """Keep an envelope; it is checked when it is used."""
        self._by_hash[envelope.card.digest(self._domain)] = envelope

    def of(self, agency: AgencyFacts) -> tuple[KeyCardEnvelope, ...]:
        """The envelopes at hand of the cards that the chain keeps for ``agency``, oldest first."""
        return tuple(self._by_hash[card.hash] for card in agency.cards if card.hash in self._by_hash)

    def by_key(self, agency: AgencyFacts, thumbprint: bytes) -> VerifiedKeyCard:
        """The registered card of ``agency`` with this present key; ``Unavailable("card_not_here")`` if not at hand.

        A key whose card is not at hand may be false or only old: that is unknown, not failed.
        """
        for envelope in self.of(agency):
            if envelope.card.present_key_thumbprint == thumbprint:
                return self.verified(agency, envelope)
        raise Unavailable(
            "card_not_here", "no key card with key {key} is at hand for {name}", key=b64u(thumbprint), name=agency.name
        )

    def newest(self, agency: AgencyFacts) -> VerifiedKeyCard:
        """The agency's newest card, to seal to."""
        if not agency.cards:
            raise Denied("agency_no_card", "the agency {name} has published no key card", name=agency.name)
        envelope = self._by_hash.get(agency.cards[-1].hash)
        if envelope is None:
            raise Unavailable(
                "card_not_here",
                "no key card with key {key} is at hand for {name}",
                key=hex0x(agency.cards[-1].hash),
                name=agency.name,
            )
        return self.verified(agency, envelope)

    def verified(self, agency: AgencyFacts, envelope: KeyCardEnvelope) -> VerifiedKeyCard:
        """The card if the chain keeps its hash for ``agency``."""
        subject, recorded = agency_subject(agency.account), [card.hash for card in agency.cards]
        return verify_key_card(envelope, self._domain, subject=subject, recorded=recorded)
