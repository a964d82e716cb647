"""What happened on the ledger, one frozen value for each event of the contracts.

Every event carries `at`: where it stands. Two readers that see the same block hash see the same
events of it in the same order. Unknown events of our contracts are skipped, never guessed.
"""

from __future__ import annotations

from dataclasses import dataclass

from chain.values import BlockRef


@dataclass(frozen=True, slots=True)
class EventRef:
    """Where an event stands: its block, its transaction, and its place among the block's events."""

    block: BlockRef
    tx_hash: bytes
    log_index: int


@dataclass(frozen=True, slots=True)
class AgencyAdmitted:
    """The governor admitted `account` (20 bytes) as an agency; roles come separately."""

    at: EventRef
    account: bytes
    name: str
    division: str


@dataclass(frozen=True, slots=True)
class RoleSet:
    """The agency holds `role` from this block's time on."""

    at: EventRef
    account: bytes
    role: int


@dataclass(frozen=True, slots=True)
class RoleEnded:
    """The agency holds `role` no more from this block's time on."""

    at: EventRef
    account: bytes
    role: int


@dataclass(frozen=True, slots=True)
class IssueAllowed:
    """The agency may issue `licence_type` (keccak-256 of the name) from this block's time on."""

    at: EventRef
    account: bytes
    licence_type: bytes


@dataclass(frozen=True, slots=True)
class IssueEnded:
    """The agency may issue `licence_type` no more from this block's time on."""

    at: EventRef
    account: bytes
    licence_type: bytes


@dataclass(frozen=True, slots=True)
class CompromiseDeclared:
    """The agency's signatures since `since` (seconds) count no more."""

    at: EventRef
    account: bytes
    since: int


@dataclass(frozen=True, slots=True)
class AgencyCardPublished:
    """An agency published a key card; `card_hash` is its EIP-712 digest."""

    at: EventRef
    account: bytes
    card_hash: bytes
    seq: int
    valid_from: int
    revoked_below: int


@dataclass(frozen=True, slots=True)
class DossierOpened:
    """A dossier was opened by its owner's signature, with its first key card."""

    at: EventRef
    dossier: bytes
    owner: bytes
    controller: bytes


@dataclass(frozen=True, slots=True)
class DossierRotated:
    """The owner changed owner or controller; both are the new ones."""

    at: EventRef
    dossier: bytes
    owner: bytes
    controller: bytes


@dataclass(frozen=True, slots=True)
class DossierCardPublished:
    """A dossier published a key card (also emitted when it opens)."""

    at: EventRef
    dossier: bytes
    card_hash: bytes
    seq: int
    valid_from: int
    revoked_below: int


@dataclass(frozen=True, slots=True)
class EpochBumped:
    """All grants and mandates of the dossier with an epoch below `grant_epoch` have ended."""

    at: EventRef
    dossier: bytes
    grant_epoch: int


@dataclass(frozen=True, slots=True)
class Attested:
    """The dossier's owner or controller accepted `digest` (32 bytes) on chain at this block's time."""

    at: EventRef
    dossier: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class Nullified:
    """A grant or mandate with this `nullifier` has ended; `secret` is public from now on."""

    at: EventRef
    nullifier: bytes


@dataclass(frozen=True, slots=True)
class LogOpened:
    """A log was opened with one entry; `root` is the root of size 1."""

    at: EventRef
    origin_hash: bytes
    name: str
    owner: bytes
    publisher: bytes
    log_key: bytes
    root: bytes


@dataclass(frozen=True, slots=True)
class Anchored:
    """The head (`size`, `root`) was proven to extend the one before and is now the anchored head."""

    at: EventRef
    origin_hash: bytes
    size: int
    root: bytes
    checkpoint_hash: bytes


@dataclass(frozen=True, slots=True)
class LogPublisherChanged:
    """From now on `publisher` may anchor."""

    at: EventRef
    origin_hash: bytes
    publisher: bytes


@dataclass(frozen=True, slots=True)
class LogKeyChanged:
    """From now on checkpoints are signed by `log_key` (Ed25519)."""

    at: EventRef
    origin_hash: bytes
    log_key: bytes


@dataclass(frozen=True, slots=True)
class LogOwnerChanged:
    """The log's owner is `owner` from now on."""

    at: EventRef
    origin_hash: bytes
    owner: bytes


@dataclass(frozen=True, slots=True)
class LogFrozen:
    """Nothing will be anchored to this log any more."""

    at: EventRef
    origin_hash: bytes


@dataclass(frozen=True, slots=True)
class LogSucceeded:
    """The frozen log goes on in `successor` (an origin hash)."""

    at: EventRef
    origin_hash: bytes
    successor: bytes


Event = (
    AgencyAdmitted
    | RoleSet
    | RoleEnded
    | IssueAllowed
    | IssueEnded
    | CompromiseDeclared
    | AgencyCardPublished
    | DossierOpened
    | DossierRotated
    | DossierCardPublished
    | EpochBumped
    | Attested
    | Nullified
    | LogOpened
    | Anchored
    | LogPublisherChanged
    | LogKeyChanged
    | LogOwnerChanged
    | LogFrozen
    | LogSucceeded
)
