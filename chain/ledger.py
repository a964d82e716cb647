"""The ledger behind one port: what the contracts say, and the calls that change it.

Two implementations pass one conformance suite (`tests/conformance/test_ledger.py`): an EVM chain
(`chain/ethereum.py`) and an in-memory fake that can fail (`chain/memory.py`).

*Consistency.* A read sees one block: the head, or the block number given. Two reads without a number
may see two heads; who needs them to agree passes `block=head.number`. What was read of a block may
vanish with it in a reorganisation: compare hashes (`chain/follower.py`). What takes rights away
counts at the head; what gives rights counts `confirmations` blocks below it (FORMATS, Verdict).

*Durability.* A write returns when its transaction is in a block and has as many blocks on it as
`confirmations` says (0: none). It may raise `Unavailable` after the transaction was accepted:
read before you send again. A contract's refusal is `Denied`, `Conflict`, `Untrusted` or `Malformed`
by the table in `chain/reverts.py`, and changes nothing. `Unavailable("chain_unreachable")` means no
answer; `Unavailable("chain_garbage")` an answer that is not one. No method raises anything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from chain.deployment import Contracts, Deployment, LogRecord
from chain.events import Event, LogEvent
from chain.guardians import GuardianState
from chain.values import (
    ROLE_ISSUER,
    ROLE_READER,
    ROLE_SCENARIO,
    ROLES,
    AgencyState,
    BlockRef,
    CardState,
    DossierState,
    IssueSpan,
    LogHead,
    LogState,
    RoleSpan,
    TxRef,
)
from protocol.dossier_messages import (
    BumpEpoch,
    FreezeDossier,
    OpenDossier,
    RecoverDossier,
    RotateDossier,
    SetGuardians,
    VetoRecovery,
)
from protocol.errors import Malformed
from protocol.guardians import GuardianSet
from protocol.keycard import KeyCard

MAX_EVENT_RANGE = 2_000  # blocks in one call of `events` or `log_events`
MAX_GROWTH = 1 << 20  # entries that one anchor may add (ArchiveLog.MAX_GROWTH)

__all__ = [
    "MAX_EVENT_RANGE",
    "MAX_GROWTH",
    "ROLES",
    "ROLE_ISSUER",
    "ROLE_READER",
    "ROLE_SCENARIO",
    "AgencyState",
    "BlockRef",
    "CardState",
    "Contracts",
    "Deployment",
    "DossierState",
    "Event",
    "GuardianState",
    "IssueSpan",
    "Ledger",
    "LedgerReads",
    "LedgerWrites",
    "LogHead",
    "LogRecord",
    "LogState",
    "RoleSpan",
    "TxRef",
    "check_range",
]


class LedgerReads(Protocol):
    """Questions to the chain. `block` is a block number; None means the head at the time of the call."""

    @property
    def deployment(self) -> Deployment:
        """The chain and the contracts that this ledger speaks to; set when it is made."""

    def head(self) -> BlockRef:
        """The newest block."""

    def block(self, number: int) -> BlockRef | None:
        """The block of that number on the chain as it stands; None above the head."""

    def agency(self, account: bytes, *, block: int | None = None) -> AgencyState | None:
        """The agency of that account (20 bytes), with the history of its roles and cards; None if never
        admitted."""

    def agencies(self, *, block: int | None = None) -> tuple[AgencyState, ...]:
        """All agencies in the order of their admission, also those whose roles have all ended."""

    def dossier(self, dossier: bytes, *, block: int | None = None) -> DossierState | None:
        """The dossier of that id (32 bytes); None if never opened."""

    def dossiers(self, dossiers: Sequence[bytes], *, block: int | None = None) -> tuple[DossierState | None, ...]:
        """As `dossier`, for several: one for each, in their order; the questions travel together."""

    def dossier_cards(self, dossier: bytes, *, block: int | None = None) -> tuple[CardState, ...]:
        """All key cards of the dossier, oldest first; empty if never opened."""

    def dossier_history(self, dossier: bytes, *, block: int | None = None) -> tuple[Event, ...]:
        """Every event of the dossier, oldest first: opened, rotated, cards, epochs, attestations, guardians."""

    def guardians(self, dossier: bytes, *, block: int | None = None) -> GuardianState | None:
        """The dossier's guardians, the change of them that waits and the recovery that is pending; None if
        the dossier was never opened."""

    def attested_at(self, dossier: bytes, digest: bytes, *, block: int | None = None) -> int | None:
        """The block time at which the dossier attested `digest`; None if it did not."""

    def nullified_at(self, nullifier: bytes, *, block: int | None = None) -> int | None:
        """The block time at which the nullifier was spent; None if it was not."""

    def log_state(self, origin_hash: bytes, *, block: int | None = None) -> LogState | None:
        """The log with that keccak-256 of its origin string; None if never opened."""

    def verify_inclusion(self, origin_hash: bytes, index: int, entry: bytes, proof: Sequence[bytes]) -> LogHead:
        """The anchored head, of which `entry` is entry `index` by an inclusion proof made for that head.

        The contract itself checks it; `Untrusted` if the proof does not hold.
        """

    def verify_older(self, origin_hash: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> LogHead:
        """The anchored head, which extends the head (`size`, `root`) by a consistency proof.

        The contract itself checks it; `Untrusted` if the proof does not hold.
        """

    def log_events(self, origin_hash: bytes, first: int, last: int) -> Sequence[LogEvent]:
        """What tells this log's heads and keys, in blocks `first` to `last`, oldest first: its opening, what was
        anchored, and each new key."""

    def events(self, first: int, last: int) -> Sequence[Event]:
        """The events of our contracts in blocks `first` to `last` (both included, at most
        `MAX_EVENT_RANGE` blocks), in chain order. Blocks above the head hold none."""


class LedgerWrites(Protocol):
    """Calls that change the ledger, sent from this ledger's own account, which pays.

    Who sends matters only where the docstring names a sender; everything else is decided by the
    signature inside, so anyone may relay it. Signatures are 65 bytes r, s, v with v 27 or 28.
    """

    @property
    def account(self) -> bytes:
        """The account (20 bytes) that sends."""

    def tend(self) -> None:
        """Look after what was sent and did not come into a block, or fell out of one: it is broadcast again. To be
        called now and then by whoever keeps a journal of it; does nothing where nothing can wait."""

    def admit_agency(self, account: bytes, name: str, division: str, *, confirmations: int = 0) -> TxRef:
        """Sent by the governor: admit an agency. It holds no role yet."""

    def set_role(self, account: bytes, role: int, *, confirmations: int = 0) -> TxRef:
        """Sent by the governor: give the agency a role (one of `ROLES`) from the block's time on."""

    def end_role(self, account: bytes, role: int, *, confirmations: int = 0) -> TxRef:
        """Sent by the governor: end the role from the block's time on, never earlier."""

    def allow_issue(self, account: bytes, licence_type: str, *, confirmations: int = 0) -> TxRef:
        """Sent by the governor: the agency may issue this licence type (its name) from now on."""

    def end_issue(self, account: bytes, licence_type: str, *, confirmations: int = 0) -> TxRef:
        """Sent by the governor: the agency may issue this licence type no more from now on."""

    def set_compromised(self, seq: int, since: int, *, confirmations: int = 0) -> TxRef:
        """Sent by the agency's own account: what its card `seq` signed from `since` on is not trusted."""

    def set_compromised_by_governor(self, account: bytes, seq: int, since: int, *, confirmations: int = 0) -> TxRef:
        """Sent by the governor: the same for an agency that cannot; `since` at most 90 days ago."""

    def publish_agency_card(self, card: KeyCard, signature: bytes, *, confirmations: int = 0) -> TxRef:
        """Record an agency's next key card, signed (EIP-712) by the agency's account."""

    def open_dossier(
        self,
        message: OpenDossier,
        owner_signature: bytes,
        card: KeyCard,
        card_signature: bytes,
        *,
        confirmations: int = 0,
    ) -> TxRef:
        """Open the dossier whose id follows from owner and salt, with its first key card, which its
        controller or owner signed."""

    def rotate_dossier(self, message: RotateDossier, signature: bytes, *, confirmations: int = 0) -> TxRef:
        """Change owner and controller of a dossier, signed by the present owner. Ends no grant."""

    def publish_dossier_card(self, card: KeyCard, signature: bytes, *, confirmations: int = 0) -> TxRef:
        """Record the dossier's next key card, signed by its controller or owner."""

    def bump_epoch(self, message: BumpEpoch, signature: bytes, *, confirmations: int = 0) -> TxRef:
        """End all grants and mandates of the dossier, signed by its controller or owner."""

    def set_guardians(self, message: SetGuardians, signature: bytes, *, confirmations: int = 0) -> TxRef:
        """Name, change or remove the guardians, signed by the owner. The first set counts at once."""

    def apply_guardians(self, dossier: bytes, *, confirmations: int = 0) -> TxRef:
        """Put a change of guardians into effect whose delay is over."""

    def freeze_dossier(
        self, message: FreezeDossier, guardians: GuardianSet, signature: bytes, *, confirmations: int = 0
    ) -> TxRef:
        """Suspend the controller for 7 days, signed by one of the guardians; once in 30 days."""

    def propose_recovery(
        self,
        message: RecoverDossier,
        guardians: GuardianSet,
        signatures: Sequence[bytes],
        *,
        confirmations: int = 0,
    ) -> TxRef:
        """Begin a recovery. `signatures` has one for each account of the set, empty where one did not sign."""

    def veto_recovery(self, message: VetoRecovery, signature: bytes, *, confirmations: int = 0) -> TxRef:
        """End a recovery that was not carried by all guardians, signed by the owner."""

    def execute_recovery(self, dossier: bytes, *, confirmations: int = 0) -> TxRef:
        """Give the dossier to the accounts of a recovery whose delay is over."""

    def attest(self, dossier: bytes, digest: bytes, signature: bytes, *, confirmations: int = 0) -> TxRef:
        """Record, once, that the dossier's controller (a key or, by ERC-1271, a contract) signs `digest`."""

    def revoke(self, secret: bytes, *, confirmations: int = 0) -> TxRef:
        """Spend the nullifier keccak256(`secret`): its grant or mandate has ended."""

    def open_log(self, name: str, entry0: bytes, vkey: str, publisher: bytes, *, confirmations: int = 0) -> TxRef:
        """Open a log of this name with its entry 0; the sender becomes its owner."""

    def anchor(
        self,
        origin_hash: bytes,
        size: int,
        root: bytes,
        checkpoint_hash: bytes,
        proof: Sequence[bytes],
        *,
        confirmations: int = 0,
    ) -> TxRef:
        """Sent by the log's publisher: move the anchored head to (`size`, `root`), at most `MAX_GROWTH`
        entries further, which `proof` (RFC 9162 §2.1.4, from the anchored size) shows to extend it.
        `checkpoint_hash` is SHA-256 of the signed checkpoint's bytes."""

    def freeze_log(self, origin_hash: bytes, *, confirmations: int = 0) -> TxRef:
        """Sent by the log's owner: nothing is anchored to it any more. There is no way back."""

    def succeed_log(
        self,
        origin_hash: bytes,
        successor: bytes,
        entry0: bytes,
        proof: Sequence[bytes],
        *,
        confirmations: int = 0,
    ) -> TxRef:
        """Sent by the owner of both logs: the frozen log goes on in `successor`, whose `entry0` commits
        the frozen head; `proof` includes it in the successor's anchored head."""

    def rotate_log_publisher(self, origin_hash: bytes, publisher: bytes, *, confirmations: int = 0) -> TxRef:
        """Sent by the log's owner: from now on `publisher` may anchor, and the former may not."""

    def rotate_log_vkey(self, origin_hash: bytes, vkey: str, *, confirmations: int = 0) -> TxRef:
        """Sent by the log's owner: from now on checkpoints are signed by the key of `vkey`."""

    def propose_log_owner(self, origin_hash: bytes, owner: bytes | None, *, confirmations: int = 0) -> TxRef:
        """Sent by the log's owner: offer the log to another owner; None takes the offer back."""

    def accept_log_owner(self, origin_hash: bytes, *, confirmations: int = 0) -> TxRef:
        """Sent by the account to which the log was offered: it becomes the owner."""


class Ledger(LedgerReads, LedgerWrites, Protocol):
    """Reads and writes together; who only verifies takes `LedgerReads`."""


def check_range(first: int, last: int) -> None:
    """`Malformed` unless `first` to `last` is a range that `events` and `log_events` take."""
    if not 0 <= first <= last + 1 or last - first >= MAX_EVENT_RANGE:
        raise Malformed(
            "event_range",
            "events are read of at most {most} blocks at once; got {first} to {last}",
            most=MAX_EVENT_RANGE,
            first=first,
            last=last,
        )
