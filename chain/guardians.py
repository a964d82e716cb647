"""What the DossierRegistry says of a dossier's guardians, as frozen values. Times are block times in seconds."""

from __future__ import annotations

from dataclasses import dataclass, replace

from chain.sizes import ADDRESS_BYTES, HASH_BYTES, sized

KIND_NONE = 0
KIND_QUORUM = 1
KIND_ALL = 2

FREEZE_S = 7 * 86_400
FREEZE_PAUSE_S = 30 * 86_400
LONGEST_DELAY_S = 30 * 86_400  # also how long a recovery by all guardians waits


@dataclass(frozen=True, slots=True)
class GuardianTerms:
    """A guardian set by its salted hash, how many of it carry a recovery, and how long everything waits."""

    set_hash: bytes
    threshold: int
    delay_s: int

    def __post_init__(self) -> None:
        sized(self.set_hash, HASH_BYTES, "guardian set")

    @property
    def none(self) -> bool:
        """Whether these terms say that there are no guardians."""
        return not any(self.set_hash)


NO_GUARDIANS = GuardianTerms(bytes(HASH_BYTES), 0, 0)


@dataclass(frozen=True, slots=True)
class GuardianChange:
    """Terms that the owner signed for and that may be applied from `ready_at` on."""

    terms: GuardianTerms
    ready_at: int


@dataclass(frozen=True, slots=True)
class PendingRecovery:
    """A recovery that may be executed from `ready_at` on; one `by_all` guardians cannot be vetoed."""

    new_owner: bytes
    new_controller: bytes
    ready_at: int
    by_all: bool

    def __post_init__(self) -> None:
        sized(self.new_owner, ADDRESS_BYTES, "new owner")
        sized(self.new_controller, ADDRESS_BYTES, "new controller")


@dataclass(frozen=True, slots=True)
class GuardianState:
    """All that the registry says of one dossier's guardians at one block.

    `recoveries` and `freezes` are the nonces of the next recovery and freeze. A guardian may freeze again
    from `freezable_from` on.
    """

    terms: GuardianTerms = NO_GUARDIANS
    recoveries: int = 0
    freezes: int = 0
    freezable_from: int = 0
    change: GuardianChange | None = None
    pending: PendingRecovery | None = None

    def frozen_at(self, time: int) -> GuardianState:
        """The state after a freeze at `time`."""
        return replace(self, freezes=self.freezes + 1, freezable_from=time + FREEZE_PAUSE_S)
