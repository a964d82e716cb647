"""The chain's states as the facts that ``protocol/verify*.py`` reads, each with the time when it was known."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from chain.ledger import AgencyState, CardState, DossierState
from protocol.facts import AgencyFacts, CardFact, ControllerFact, DossierFacts, IssueFact, RoleFact
from protocol.hashing import keccak256
from vault_api.chain_facts import Known

REMEMBERED = 512  # facts of agencies: what is older than the newest block is not asked for again


def agency_facts(known: Known[AgencyState], now: int) -> AgencyFacts:
    """What the registry says of an agency, known ``age_s`` before ``now``."""
    return _agency_facts(known.state, now - known.age_s)


@lru_cache(maxsize=REMEMBERED)
def _agency_facts(state: AgencyState, known_at: int) -> AgencyFacts:
    # The same for every use until the chain is heard of again.
    return AgencyFacts(
        account=state.account,
        name=state.name,
        division=state.division,
        roles=tuple(RoleFact(span.role, span.since, span.until) for span in state.roles),
        issues=tuple(
            IssueFact(keccak256(span.licence_type.encode()), span.since, span.until) for span in state.issues
        ),
        cards=tuple(_card(card) for card in state.cards),
        known_at=known_at,
    )


def dossier_facts(
    known: Known[DossierState],
    now: int,
    attested: Mapping[bytes, int] | None = None,
) -> DossierFacts:
    """What the registry says of a dossier: its present controller, its newest card, its epoch, its freeze."""
    state = known.state
    card = CardFact(state.card_hash, state.card_seq, state.card_valid_from, state.revoked_below)
    return DossierFacts(
        dossier=state.dossier,
        controllers=(ControllerFact(state.controller),),
        cards=(card,),
        grant_epoch=state.grant_epoch,
        known_at=now - known.age_s,
        frozen_until=state.frozen_until,
        attested=attested or {},
    )


def _card(card: CardState) -> CardFact:
    since = max(card.valid_from, card.published_at)
    return CardFact(card.hash, card.seq, since, card.revoked_below, card.compromised_since)
