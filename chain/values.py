"""What the ledger says, as frozen values: blocks, contracts, states and events.

Every `bytes` is checked for its length when the value is built. Times are block times in seconds of
Unix time. A *span* is a right with a beginning and, once ended, an end; history is never shortened.
"""

from __future__ import annotations

from dataclasses import dataclass

from chain.sizes import ADDRESS_BYTES, HASH_BYTES, sized

ROLE_ISSUER = 1
ROLE_READER = 2
ROLE_SCENARIO = 4
ROLES = {ROLE_ISSUER: "issuer", ROLE_READER: "reader", ROLE_SCENARIO: "scenario-authority"}


@dataclass(frozen=True, slots=True)
class BlockRef:
    """One block: its number, its hash and its time (seconds)."""

    number: int
    hash: bytes
    time: int

    def __post_init__(self) -> None:
        sized(self.hash, HASH_BYTES, "block hash")


@dataclass(frozen=True, slots=True)
class TxRef:
    """A transaction that was included: its hash, the block that holds it, and the gas it used."""

    hash: bytes
    block: BlockRef
    gas_used: int

    def __post_init__(self) -> None:
        sized(self.hash, HASH_BYTES, "transaction hash")


@dataclass(frozen=True, slots=True)
class CardState:
    """A key card as a registry recorded it: its EIP-712 digest and what counts without its keys.

    `valid_from` and `published_at` (block time) are seconds. What the card's keys signed from
    `compromised_since` on is not trusted; None if never reported (of a dossier's card: always).
    """

    hash: bytes
    seq: int
    valid_from: int
    revoked_below: int
    published_at: int
    compromised_since: int | None = None

    def __post_init__(self) -> None:
        sized(self.hash, HASH_BYTES, "card hash")


@dataclass(frozen=True, slots=True)
class RoleSpan:
    """A role (one of `ROLES`) held since a block time, and until one if it was ended."""

    role: int
    since: int
    until: int | None = None

    def covers(self, at: int) -> bool:
        """Whether the role was held at `at`."""
        return self.since <= at and (self.until is None or at < self.until)


@dataclass(frozen=True, slots=True)
class IssueSpan:
    """The right to issue one licence type (by its name, as `driving-licence`), since and until block times."""

    licence_type: str
    since: int
    until: int | None = None

    def covers(self, at: int) -> bool:
        """Whether the type might be issued at `at`."""
        return self.since <= at and (self.until is None or at < self.until)


@dataclass(frozen=True, slots=True)
class AgencyState:
    """All that the AgencyRegistry says about one agency at one block; spans and cards oldest first.

    A span of `issues` counts only where a span of the issuer's role covers it too: `may_issue`.
    """

    account: bytes
    name: str
    division: str
    admitted_at: int
    roles: tuple[RoleSpan, ...]
    issues: tuple[IssueSpan, ...]
    cards: tuple[CardState, ...]

    def __post_init__(self) -> None:
        sized(self.account, ADDRESS_BYTES, "agency")

    def has_role(self, role: int, at: int) -> bool:
        """Whether the agency held `role` at `at`."""
        return any(span.role == role and span.covers(at) for span in self.roles)

    def may_issue(self, licence_type: str, at: int) -> bool:
        """Whether the agency was an issuer, and of this type, at `at`."""
        allowed = any(span.licence_type == licence_type and span.covers(at) for span in self.issues)
        return allowed and self.has_role(ROLE_ISSUER, at)

    @property
    def card(self) -> CardState | None:
        """The newest card, whether or not its time has come."""
        return self.cards[-1] if self.cards else None


@dataclass(frozen=True, slots=True)
class DossierState:
    """All that the DossierRegistry says about one dossier at one block.

    `nonce` is the one that the next message to rotate or bump must carry. Grants and mandates of an
    epoch below `grant_epoch` are void. The newest card has `card_hash` and `card_seq`; earlier cards
    hang on it by `previous`, and those with a seq below `revoked_below` bind no credential any more.
    Before `frozen_until` the controller's signature counts for nothing.
    """

    dossier: bytes
    owner: bytes
    controller: bytes
    nonce: int
    grant_epoch: int
    card_hash: bytes
    card_seq: int
    card_valid_from: int
    revoked_below: int
    frozen_until: int = 0

    def __post_init__(self) -> None:
        sized(self.dossier, HASH_BYTES, "dossier")
        sized(self.card_hash, HASH_BYTES, "card hash")
        sized(self.owner, ADDRESS_BYTES, "owner")
        sized(self.controller, ADDRESS_BYTES, "controller")


@dataclass(frozen=True, slots=True)
class LogHead:
    """A head of a log that the ArchiveLog vouches for."""

    size: int
    root: bytes

    def __post_init__(self) -> None:
        sized(self.root, HASH_BYTES, "root")


@dataclass(frozen=True, slots=True)
class LogState:
    """The ArchiveLog's record of one log at one block; `origin_hash` is keccak-256 of the origin string.

    `size` and `root` are the last anchored head (size 1 after opening), `vkey` the log's verifier key
    text. `pending_owner` and `successor` are None where there is none.
    """

    origin_hash: bytes
    name: str
    owner: bytes
    pending_owner: bytes | None
    publisher: bytes
    vkey: str
    size: int
    root: bytes
    frozen: bool
    successor: bytes | None

    def __post_init__(self) -> None:
        sized(self.origin_hash, HASH_BYTES, "origin hash")
        sized(self.root, HASH_BYTES, "root")
        sized(self.owner, ADDRESS_BYTES, "log owner")
        sized(self.publisher, ADDRESS_BYTES, "publisher")

    @property
    def head(self) -> LogHead:
        """The last anchored head."""
        return LogHead(self.size, self.root)
