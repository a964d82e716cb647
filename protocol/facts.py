"""Facts that a verifier did not find in what it verifies: from the chain, the vault's records, or a trust file.

Every fact says when it was known (``known_at``, seconds), so that a policy can say how old it may be. Nothing here
asks for anything: ``chain`` and the programs build these values, ``protocol/verify*.py`` reads them. Histories are
oldest first and never shortened; a right held at ``at`` if ``since ≤ at < until``.

A hash here is what a registry keeps. That a full key card belongs to it is shown by ``keycard.verify_key_card``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from protocol.errors import Malformed
from protocol.note import FormerKey

ROLE_ISSUER = 1
ROLE_READER = 2
ROLE_SCENARIO = 4


def fact_age(now: int, *known_at: int) -> int:
    """The age in seconds of the oldest of some facts; a fact from the future is as old as now."""
    return max(0, now - min(known_at))


@dataclass(frozen=True, slots=True)
class CardFact:
    """A key card as a registry keeps it; it counts from ``since``, its block time or later ``validFrom``.

    ``compromised_since``: what its keys signed from then on is not trusted; None if never reported.
    """

    hash: bytes
    seq: int
    since: int
    revoked_below: int = 0
    compromised_since: int | None = None

    def __post_init__(self) -> None:
        _length(self.hash, 32, "card hash")


@dataclass(frozen=True, slots=True)
class RoleFact:
    """A role of an agency (``ROLE_…``) and when it was held."""

    role: int
    since: int
    until: int | None = None

    def covers(self, at: int) -> bool:
        return self.since <= at and (self.until is None or at < self.until)


@dataclass(frozen=True, slots=True)
class IssueFact:
    """A licence type (keccak256 of its name) that an agency might issue, and when."""

    licence_type: bytes
    since: int
    until: int | None = None

    def __post_init__(self) -> None:
        _length(self.licence_type, 32, "licence type")

    def covers(self, at: int) -> bool:
        return self.since <= at and (self.until is None or at < self.until)


@dataclass(frozen=True, slots=True)
class AgencyFacts:
    """What AgencyRegistry says of one agency. ``division``: what scenarios name as grantee class."""

    account: bytes
    name: str
    division: str
    roles: tuple[RoleFact, ...]
    issues: tuple[IssueFact, ...]
    cards: tuple[CardFact, ...]
    known_at: int

    def __post_init__(self) -> None:
        _length(self.account, 20, "agency")

    def has_role(self, role: int, at: int) -> bool:
        """Whether the agency held the role at ``at``."""
        # Plain loops in the methods that every use of a grant calls: a generator costs more than the check.
        for held in self.roles:
            if held.role == role and held.since <= at and (held.until is None or at < held.until):
                return True
        return False

    def may_issue(self, licence_type: bytes, at: int) -> bool:
        """Whether the agency was an issuer, and of this type, at ``at``."""
        allowed = any(held.licence_type == licence_type and held.covers(at) for held in self.issues)
        return allowed and self.has_role(ROLE_ISSUER, at)

    def card(self, card_hash: bytes) -> CardFact | None:
        """The card of that hash."""
        for card in self.cards:
            if card.hash == card_hash:
                return card
        return None

    @property
    def revoked_below(self) -> int:
        # The newest card's: a registry takes none that would lower it.
        return self.cards[-1].revoked_below if self.cards else 0


@dataclass(frozen=True, slots=True)
class ControllerFact:
    """An account that controlled a dossier, and when."""

    account: bytes
    since: int = 0
    until: int | None = None

    def __post_init__(self) -> None:
        _length(self.account, 20, "controller")

    def covers(self, at: int) -> bool:
        return self.since <= at and (self.until is None or at < self.until)


@dataclass(frozen=True, slots=True)
class DossierFacts:
    """What DossierRegistry says of one dossier. ``attested``: EIP-712 digest → block time of the attestation.

    ``controllers`` may be the present one alone: then only what it signs itself is taken.
    """

    dossier: bytes
    controllers: tuple[ControllerFact, ...]
    cards: tuple[CardFact, ...]
    grant_epoch: int
    known_at: int
    frozen_until: int = 0
    attested: Mapping[bytes, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _length(self.dossier, 32, "dossier")

    def controlled_by(self, account: bytes, at: int) -> bool:
        """Whether ``account`` controlled the dossier at ``at``."""
        for held in self.controllers:
            if held.account == account and held.since <= at and (held.until is None or at < held.until):
                return True
        return False

    def card(self, card_hash: bytes) -> CardFact | None:
        """The card of that hash."""
        for card in self.cards:
            if card.hash == card_hash:
                return card
        return None

    @property
    def revoked_below(self) -> int:
        # The newest card's: a registry takes none that would lower it.
        return self.cards[-1].revoked_below if self.cards else 0


class NullifierFact(NamedTuple):
    """Whether the secret of a grant or mandate is out: on chain, or in the vault's own records.

    A length is not checked here: the verifier compares ``nullifier`` with the one that the holder signed.
    """

    nullifier: bytes
    spent_at: int | None
    known_at: int


@dataclass(frozen=True, slots=True)
class Anchor:
    """One anchored head of a log: RFC 6962 size and root, its block's time, and the blocks on top of it."""

    size: int
    root: bytes
    time: int
    confirmations: int

    def __post_init__(self) -> None:
        _length(self.root, 32, "root")


@dataclass(frozen=True, slots=True)
class AnchorFacts:
    """What ArchiveLog says of one log: its keys and its anchored heads, oldest first, the last one always there.

    ``vkey`` is the log's verifier key (C2SP signed note), ``former`` those before it. Times of entries come from the
    heads: an entry is as old as the first head that covers it.
    """

    origin: str
    vkey: str
    anchors: tuple[Anchor, ...]
    known_at: int
    former: tuple[FormerKey, ...] = ()

    @property
    def head(self) -> Anchor | None:
        """The newest anchored head."""
        return self.anchors[-1] if self.anchors else None

    def first_covering(self, index: int) -> Anchor | None:
        """The oldest known head that covers the entry ``index``."""
        return next((anchor for anchor in self.anchors if anchor.size > index), None)

    def of_size(self, size: int) -> Anchor | None:
        """The anchored head of exactly this size."""
        return next((anchor for anchor in self.anchors if anchor.size == size), None)


@dataclass(frozen=True, slots=True)
class StatusFact:
    """A status token as it came (JWS), and when it came. Its age is counted from its issue, not from here."""

    raw: str
    known_at: int


def _length(value: bytes, want: int, what: str) -> None:
    if len(value) != want:
        raise Malformed("length", "{what}: expected {want} bytes, got {got}", what=what, want=want, got=len(value))
