"""What the ledger says, as the facts that verifiers read (`protocol.facts`).

What takes rights away counts at the head of the chain; what gives rights counts when its block has `confirmations`
blocks on it. `known_at` is the verifier's own clock at the time of asking, in seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from chain import events as e
from chain.ledger import LedgerReads
from chain.values import AgencyState, CardState
from chain.world import cards_of
from protocol.facts import (
    AgencyFacts,
    CardFact,
    ControllerFact,
    DossierFacts,
    IssueFact,
    NullifierFact,
    RoleFact,
)
from protocol.hashing import keccak256


def agency_facts(ledger: LedgerReads, account: bytes, *, known_at: int, confirmations: int = 0) -> AgencyFacts | None:
    """What the registry says of an agency; None if it was never admitted."""
    now = ledger.agency(account)
    if now is None:
        return None
    settled: AgencyState | None = now
    if confirmations:
        settled = ledger.agency(account, block=max(0, ledger.head().number - confirmations))
    # Histories only grow: what is settled is how many of the spans and cards, what they say is said now.
    roles, issues, cards = (len(settled.roles), len(settled.issues), len(settled.cards)) if settled else (0, 0, 0)
    return AgencyFacts(
        account=account,
        name=now.name,
        division=now.division,
        roles=tuple(RoleFact(span.role, span.since, span.until) for span in now.roles[:roles]),
        issues=tuple(
            IssueFact(keccak256(span.licence_type.encode()), span.since, span.until) for span in now.issues[:issues]
        ),
        cards=_cards(now.cards, cards),
        known_at=known_at,
    )


def dossier_facts(ledger: LedgerReads, dossier: bytes, *, known_at: int, confirmations: int = 0) -> DossierFacts | None:
    """What the registry says of a dossier, with its controllers and cards; None if it was never opened."""
    history = ledger.dossier_history(dossier)
    if not history:
        return None
    settled = history
    if confirmations:
        last = ledger.head().number - confirmations
        settled = tuple(event for event in history if event.at.block.number <= last)
    return DossierFacts(
        dossier=dossier,
        controllers=tuple(_controllers(history, settled)),
        cards=_cards(cards_of(history), len(cards_of(settled))),
        grant_epoch=max((x.grant_epoch for x in history if isinstance(x, e.EpochBumped)), default=1),
        known_at=known_at,
        frozen_until=max(_frozen_until(history), _frozen_until(settled)),
        attested={x.digest: x.at.block.time for x in settled if isinstance(x, e.Attested)},
    )


def nullifier_fact(ledger: LedgerReads, nullifier: bytes, *, known_at: int) -> NullifierFact:
    """Whether the nullifier is spent on chain."""
    return NullifierFact(nullifier, ledger.nullified_at(nullifier), known_at)


def _cards(cards: Sequence[CardState], settled: int) -> tuple[CardFact, ...]:
    """The first `settled` of the cards. What a later one revokes is revoked: the last of these says so."""
    facts = [
        CardFact(c.hash, c.seq, max(c.valid_from, c.published_at), c.revoked_below, c.compromised_since)
        for c in cards[:settled]
    ]
    if facts:
        facts[-1] = replace(facts[-1], revoked_below=max(card.revoked_below for card in cards))
    return tuple(facts)


def _frozen_until(history: Sequence[e.Event]) -> int:
    """When the controller counts again. A freeze counts at first sight, a recovery ends it when it is settled."""
    until = 0
    for event in history:
        if isinstance(event, e.DossierFrozen):
            until = event.until
        elif isinstance(event, e.DossierRecovered):
            until = 0
    return until


def _controllers(history: Sequence[e.Event], settled: Iterable[e.Event]) -> Iterator[ControllerFact]:
    """Who controlled the dossier and when; a control that is not settled yet has ended the one before."""
    changes = [x for x in history if isinstance(x, e.DossierOpened | e.DossierRotated | e.DossierRecovered)]
    known = {x.at for x in settled}
    ends: list[int | None] = [x.at.block.time for x in changes[1:]]
    for change, until in zip(changes, [*ends, None], strict=True):
        if change.at in known:
            yield ControllerFact(change.controller, change.at.block.time, until)
