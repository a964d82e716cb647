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
    """The agency may issue `licence_type` (its name) from this block's time on."""

    at: EventRef
    account: bytes
    licence_type: str


@dataclass(frozen=True, slots=True)
class IssueEnded:
    """The agency may issue the type no more from this block's time on; `type_hash` is keccak-256 of its name."""

    at: EventRef
    account: bytes
    type_hash: bytes


@dataclass(frozen=True, slots=True)
class CardCompromised:
    """What the agency's card `seq` signed from `since` (seconds) on is not trusted; `reporter` said so."""

    at: EventRef
    account: bytes
    seq: int
    since: int
    reporter: bytes


@dataclass(frozen=True, slots=True)
class CardPublished:
    """A registry recorded a key card; `card_hash` is its EIP-712 digest in that registry's domain.

    `of_agency` tells the registries apart: then `subject` is twelve zero bytes and the account, else a
    dossier's id.
    """

    at: EventRef
    of_agency: bool
    subject: bytes
    card_hash: bytes
    seq: int
    present_key_thumbprint: bytes
    sealing_key_hash: bytes
    valid_from: int
    revoked_below: int
    previous: bytes


@dataclass(frozen=True, slots=True)
class DossierOpened:
    """A dossier was opened by its owner's signature, with its first key card."""

    at: EventRef
    dossier: bytes
    owner: bytes
    controller: bytes
    salt: bytes


@dataclass(frozen=True, slots=True)
class DossierRotated:
    """The owner changed owner or controller; both are the new ones."""

    at: EventRef
    dossier: bytes
    owner: bytes
    controller: bytes


@dataclass(frozen=True, slots=True)
class EpochBumped:
    """All grants and mandates of the dossier with an epoch below `grant_epoch` have ended."""

    at: EventRef
    dossier: bytes
    grant_epoch: int


@dataclass(frozen=True, slots=True)
class Attested:
    """From this block's time on it is a fact that the dossier's controller had signed `digest`."""

    at: EventRef
    dossier: bytes
    digest: bytes
    controller: bytes


@dataclass(frozen=True, slots=True)
class GuardiansProposed:
    """The owner signed for these guardians; they may be applied from `ready_at` (block time) on."""

    at: EventRef
    dossier: bytes
    set_hash: bytes
    threshold: int
    delay_s: int
    ready_at: int


@dataclass(frozen=True, slots=True)
class GuardiansSet:
    """These guardians count from now on; 32 zero bytes: there are none."""

    at: EventRef
    dossier: bytes
    set_hash: bytes
    threshold: int
    delay_s: int


@dataclass(frozen=True, slots=True)
class DossierFrozen:
    """A guardian suspended the controller until `until` (block time)."""

    at: EventRef
    dossier: bytes
    guardian: bytes
    until: int


@dataclass(frozen=True, slots=True)
class RecoveryProposed:
    """Guardians carry a recovery, which may be executed from `ready_at` (block time) on."""

    at: EventRef
    dossier: bytes
    recovery: int
    by_all: bool
    new_owner: bytes
    new_controller: bytes
    ready_at: int


@dataclass(frozen=True, slots=True)
class RecoveryVetoed:
    """The owner ended the recovery of this nonce."""

    at: EventRef
    dossier: bytes
    recovery: int


@dataclass(frozen=True, slots=True)
class DossierRecovered:
    """A recovery was executed: owner and controller are the new ones, and the freeze has ended."""

    at: EventRef
    dossier: bytes
    owner: bytes
    controller: bytes


@dataclass(frozen=True, slots=True)
class Nullified:
    """A grant or mandate with this `nullifier` has ended; `secret` is public from now on."""

    at: EventRef
    nullifier: bytes
    secret: bytes


@dataclass(frozen=True, slots=True)
class LogOpened:
    """A log was opened with its entry 0; `Anchored` with size 1 follows in the same transaction."""

    at: EventRef
    origin_hash: bytes
    name: str
    owner: bytes
    publisher: bytes
    vkey: str
    entry0: bytes


@dataclass(frozen=True, slots=True)
class Anchored:
    """The head (`size`, `root`) was proven to extend the one before and is now the anchored head.

    `checkpoint_hash` is SHA-256 of the signed checkpoint's bytes; 32 zero bytes at size 1, by opening.
    """

    at: EventRef
    origin_hash: bytes
    size: int
    root: bytes
    checkpoint_hash: bytes


@dataclass(frozen=True, slots=True)
class LogPublisherRotated:
    """From now on `publisher` may anchor, and the former may not."""

    at: EventRef
    origin_hash: bytes
    publisher: bytes


@dataclass(frozen=True, slots=True)
class LogVkeyRotated:
    """From now on checkpoints are signed by the key of `vkey`."""

    at: EventRef
    origin_hash: bytes
    vkey: str


@dataclass(frozen=True, slots=True)
class LogOwnerProposed:
    """The log was offered to `pending_owner`; None takes the offer back."""

    at: EventRef
    origin_hash: bytes
    pending_owner: bytes | None


@dataclass(frozen=True, slots=True)
class LogOwnerRotated:
    """The log's owner is `owner` from now on."""

    at: EventRef
    origin_hash: bytes
    owner: bytes


@dataclass(frozen=True, slots=True)
class LogFrozen:
    """Nothing will be anchored to this log any more; `size` and `root` are its last head."""

    at: EventRef
    origin_hash: bytes
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class LogSucceeded:
    """The frozen log goes on in `successor` (an origin hash)."""

    at: EventRef
    origin_hash: bytes
    successor: bytes


LogEvent = LogOpened | Anchored | LogVkeyRotated  # what tells a log's heads and keys

Event = (
    AgencyAdmitted
    | RoleSet
    | RoleEnded
    | IssueAllowed
    | IssueEnded
    | CardCompromised
    | CardPublished
    | DossierOpened
    | DossierRotated
    | EpochBumped
    | Attested
    | GuardiansProposed
    | GuardiansSet
    | DossierFrozen
    | RecoveryProposed
    | RecoveryVetoed
    | DossierRecovered
    | Nullified
    | LogOpened
    | Anchored
    | LogPublisherRotated
    | LogVkeyRotated
    | LogOwnerProposed
    | LogOwnerRotated
    | LogFrozen
    | LogSucceeded
)
