"""The registries' state as it follows from their events: what a follower keeps, and what the fake reads.

Applying the events of blocks 0 … n in order gives the state at block n; there is no other input. Events must come
from a ledger, which took them from contracts that had checked them: nothing is checked here again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from chain import events as e
from chain.guardians import GuardianChange, GuardianState, GuardianTerms, PendingRecovery
from chain.values import AgencyState, CardState, DossierState, IssueSpan, LogState, RoleSpan
from protocol.hashing import ZERO32, keccak256


@dataclass(slots=True)
class World:
    """Agencies by account, dossiers and guardians by id, logs by origin hash; times are block times in seconds."""

    agencies: dict[bytes, AgencyState] = field(default_factory=dict)
    dossiers: dict[bytes, DossierState] = field(default_factory=dict)
    guardians: dict[bytes, GuardianState] = field(default_factory=dict)
    attested: dict[tuple[bytes, bytes], int] = field(default_factory=dict)
    nullified: dict[bytes, int] = field(default_factory=dict)
    logs: dict[bytes, LogState] = field(default_factory=dict)

    @classmethod
    def after(cls, events: Iterable[e.Event]) -> World:
        """The state after these events, from the beginning."""
        world = cls()
        for event in events:
            world.apply(event)
        return world

    def apply(self, event: e.Event) -> None:
        """Go on by one event."""
        _STEPS[type(event)](self, event)


def _admitted(world: World, event: e.AgencyAdmitted) -> None:
    time = event.at.block.time
    world.agencies[event.account] = AgencyState(event.account, event.name, event.division, time, (), (), ())


def _role_set(world: World, event: e.RoleSet) -> None:
    agency = world.agencies[event.account]
    span = RoleSpan(event.role, event.at.block.time)
    world.agencies[event.account] = replace(agency, roles=(*agency.roles, span))


def _role_ended(world: World, event: e.RoleEnded) -> None:
    agency, time = world.agencies[event.account], event.at.block.time
    world.agencies[event.account] = replace(
        agency,
        roles=tuple(
            replace(span, until=time) if span.role == event.role and span.until is None else span
            for span in agency.roles
        ),
    )


def _issue_allowed(world: World, event: e.IssueAllowed) -> None:
    agency = world.agencies[event.account]
    span = IssueSpan(event.licence_type, event.at.block.time)
    world.agencies[event.account] = replace(agency, issues=(*agency.issues, span))


def _issue_ended(world: World, event: e.IssueEnded) -> None:
    agency, time = world.agencies[event.account], event.at.block.time

    def ended(span: IssueSpan) -> bool:
        return span.until is None and keccak256(span.licence_type.encode()) == event.type_hash

    issues = tuple(replace(span, until=time) if ended(span) else span for span in agency.issues)
    world.agencies[event.account] = replace(agency, issues=issues)


def _compromised(world: World, event: e.CardCompromised) -> None:
    agency = world.agencies[event.account]
    cards = tuple(
        replace(card, compromised_since=event.since) if card.seq == event.seq else card for card in agency.cards
    )
    world.agencies[event.account] = replace(agency, cards=cards)


_OF_DOSSIERS = (
    e.DossierOpened
    | e.DossierRotated
    | e.EpochBumped
    | e.Attested
    | e.GuardiansProposed
    | e.GuardiansSet
    | e.DossierFrozen
    | e.RecoveryProposed
    | e.RecoveryVetoed
    | e.DossierRecovered
)


def dossier_named(event: e.Event) -> bytes | None:
    """The dossier that an event is about; None for events of other registries."""
    if isinstance(event, e.CardPublished):
        return None if event.of_agency else event.subject
    return event.dossier if isinstance(event, _OF_DOSSIERS) else None


def card_of(event: e.CardPublished) -> CardState:
    """The card that was recorded."""
    return CardState(event.card_hash, event.seq, event.valid_from, event.revoked_below, event.at.block.time)


def cards_of(history: Iterable[e.Event]) -> tuple[CardState, ...]:
    """The cards in a party's history, oldest first."""
    return tuple(card_of(event) for event in history if isinstance(event, e.CardPublished))


def _card_published(world: World, event: e.CardPublished) -> None:
    card = card_of(event)
    if event.of_agency:
        agency = world.agencies[event.subject[12:]]
        world.agencies[agency.account] = replace(agency, cards=(*agency.cards, card))
        return
    dossier = world.dossiers[event.subject]
    world.dossiers[event.subject] = replace(
        dossier,
        card_hash=card.hash,
        card_seq=card.seq,
        card_valid_from=card.valid_from,
        revoked_below=card.revoked_below,
    )


def _opened(world: World, event: e.DossierOpened) -> None:
    # The first card follows in the same transaction.
    world.dossiers[event.dossier] = DossierState(event.dossier, event.owner, event.controller, 0, 1, ZERO32, 0, 0, 0)
    world.guardians[event.dossier] = GuardianState()


def _rotated(world: World, event: e.DossierRotated) -> None:
    dossier = world.dossiers[event.dossier]
    world.dossiers[event.dossier] = replace(
        dossier, owner=event.owner, controller=event.controller, nonce=dossier.nonce + 1
    )


def _bumped(world: World, event: e.EpochBumped) -> None:
    dossier = world.dossiers[event.dossier]
    world.dossiers[event.dossier] = replace(dossier, grant_epoch=event.grant_epoch, nonce=dossier.nonce + 1)


def _attested(world: World, event: e.Attested) -> None:
    world.attested[event.dossier, event.digest] = event.at.block.time


def _guardians_proposed(world: World, event: e.GuardiansProposed) -> None:
    dossier, guardians = world.dossiers[event.dossier], world.guardians[event.dossier]
    world.dossiers[event.dossier] = replace(dossier, nonce=dossier.nonce + 1)
    terms = GuardianTerms(event.set_hash, event.threshold, event.delay_s)
    world.guardians[event.dossier] = replace(guardians, change=GuardianChange(terms, event.ready_at))


def _guardians_set(world: World, event: e.GuardiansSet) -> None:
    terms = GuardianTerms(event.set_hash, event.threshold, event.delay_s)
    world.guardians[event.dossier] = replace(world.guardians[event.dossier], terms=terms, change=None)


def _frozen(world: World, event: e.DossierFrozen) -> None:
    world.dossiers[event.dossier] = replace(world.dossiers[event.dossier], frozen_until=event.until)
    world.guardians[event.dossier] = world.guardians[event.dossier].frozen_at(event.at.block.time)


def _recovery_proposed(world: World, event: e.RecoveryProposed) -> None:
    pending = PendingRecovery(event.new_owner, event.new_controller, event.ready_at, event.by_all)
    guardians = world.guardians[event.dossier]
    world.guardians[event.dossier] = replace(guardians, pending=pending, recoveries=event.recovery + 1)


def _recovery_vetoed(world: World, event: e.RecoveryVetoed) -> None:
    dossier = world.dossiers[event.dossier]
    world.dossiers[event.dossier] = replace(dossier, nonce=dossier.nonce + 1)
    world.guardians[event.dossier] = replace(world.guardians[event.dossier], pending=None)


def _recovered(world: World, event: e.DossierRecovered) -> None:
    dossier = world.dossiers[event.dossier]
    world.dossiers[event.dossier] = replace(
        dossier, owner=event.owner, controller=event.controller, frozen_until=0
    )
    world.guardians[event.dossier] = replace(world.guardians[event.dossier], pending=None, change=None)


def _nullified(world: World, event: e.Nullified) -> None:
    world.nullified[event.nullifier] = event.at.block.time


def _log_opened(world: World, event: e.LogOpened) -> None:
    # Size and root follow as the `Anchored` of size 1, in the same transaction.
    world.logs[event.origin_hash] = LogState(
        origin_hash=event.origin_hash,
        name=event.name,
        owner=event.owner,
        pending_owner=None,
        publisher=event.publisher,
        vkey=event.vkey,
        size=0,
        root=ZERO32,
        frozen=False,
        successor=None,
    )


def _log_step(*names: str, **fixed: Any) -> Callable[[World, Any], None]:
    """A step that copies the named fields of the event into the log's state, and sets the fixed ones."""

    def step(world: World, event: Any) -> None:
        changes = {name: getattr(event, name) for name in names} | fixed
        world.logs[event.origin_hash] = replace(world.logs[event.origin_hash], **changes)

    return step


_STEPS: dict[type, Callable[[World, Any], None]] = {
    e.AgencyAdmitted: _admitted,
    e.RoleSet: _role_set,
    e.RoleEnded: _role_ended,
    e.IssueAllowed: _issue_allowed,
    e.IssueEnded: _issue_ended,
    e.CardCompromised: _compromised,
    e.CardPublished: _card_published,
    e.DossierOpened: _opened,
    e.DossierRotated: _rotated,
    e.EpochBumped: _bumped,
    e.Attested: _attested,
    e.GuardiansProposed: _guardians_proposed,
    e.GuardiansSet: _guardians_set,
    e.DossierFrozen: _frozen,
    e.RecoveryProposed: _recovery_proposed,
    e.RecoveryVetoed: _recovery_vetoed,
    e.DossierRecovered: _recovered,
    e.Nullified: _nullified,
    e.LogOpened: _log_opened,
    e.Anchored: _log_step("size", "root"),
    e.LogPublisherRotated: _log_step("publisher"),
    e.LogVkeyRotated: _log_step("vkey"),
    e.LogOwnerProposed: _log_step("pending_owner"),
    e.LogOwnerRotated: _log_step("owner", pending_owner=None),
    e.LogFrozen: _log_step(frozen=True),
    e.LogSucceeded: _log_step("successor"),
}
