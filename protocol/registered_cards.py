"""Which key card stands behind a signature, and whether it was in force: shared by the verifiers.

Full key cards come from anywhere; they count only where the registry keeps their hash. Times are those of the chain or
of the verifier, never of the signer.
"""

from __future__ import annotations

from collections.abc import Iterable

from protocol.eip712 import Domain
from protocol.encoding import b64u
from protocol.errors import Unavailable, Untrusted
from protocol.facts import AgencyFacts
from protocol.identifiers import agency_subject, parse_agency_urn
from protocol.keycard import KeyCardEnvelope, VerifiedKeyCard, verify_key_card


def named_agency(urn: str, facts: AgencyFacts | None, registry: Domain) -> AgencyFacts:
    """``facts`` if they are of the agency that ``urn`` names, in this registry on this chain.

    Raises ``Unavailable`` if there are none, ``Untrusted("agency_other")`` if the urn names another.
    """
    named = parse_agency_urn(urn)
    if facts is None:
        raise Unavailable("agency_facts_missing", "what the registry says of the agency is not at hand")
    known = (registry.chain_id, registry.verifying_contract, facts.account)
    if (named.chain_id, named.registry, named.account) != known:
        raise Untrusted("agency_other", "{urn} is not the agency of this chain and registry that is known", urn=urn)
    return facts


def card_with_key(cards: Iterable[KeyCardEnvelope], thumbprint: bytes) -> KeyCardEnvelope:
    """The card at hand with this present key; one that is not at hand is unknown, not false."""
    for found in cards:
        if found.card.present_key_thumbprint == thumbprint:
            return found
    raise Unavailable("card_missing", "no key card with key {key} is at hand", key=b64u(thumbprint))


def agency_card(
    thumbprint: bytes, agency: AgencyFacts, cards: Iterable[KeyCardEnvelope], registry: Domain
) -> VerifiedKeyCard:
    """The card of the agency with this present key, if the registry keeps it."""
    found = card_with_key(cards, thumbprint)
    recorded = {card.hash for card in agency.cards}
    return verify_key_card(found, registry, subject=agency_subject(agency.account), recorded=recorded)


def check_in_force_at(card: VerifiedKeyCard, agency: AgencyFacts, at: int) -> None:
    """Raise ``Untrusted`` unless the agency's card, one that the registry keeps, was in force at ``at``."""
    fact = next(known for known in agency.cards if known.hash == card.hash)
    if at < fact.since:
        raise Untrusted(
            "agency_card_later", "the agency's key card counts from {since}, not yet at {at}", since=fact.since, at=at
        )
    if fact.compromised_since is not None and at >= fact.compromised_since:
        raise Untrusted(
            "agency_compromised",
            "the agency's key is reported compromised since {since}; this is of {at}",
            since=fact.compromised_since,
            at=at,
        )
    if any(fact.seq < later.revoked_below and later.since <= at for later in agency.cards):
        raise Untrusted("agency_card_revoked", "the agency had revoked this key by {at}", at=at)
