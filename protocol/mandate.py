"""The mandate: the right to act for a dossier, signed by its controller (docs/spec/grant.md §5).

An officer, an agent or a guardian grants, shows or corrects within it. It ends by its time, by its nullifier, or
with every other grant and mandate when the dossier's epoch rises. This version knows no mandate under a mandate:
``parent`` is zero and ``maxDepth`` 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from protocol.account_envelope import AccountEnvelope
from protocol.eip712 import StructType, Typed
from protocol.errors import Malformed
from protocol.fields import MAX_TIME
from protocol.hashing import ZERO32

POWER_READ = 1
POWER_GRANT = 2
POWER_SHOW = 4
POWER_CORRECT = 8
ALL_POWERS = POWER_READ | POWER_GRANT | POWER_SHOW | POWER_CORRECT
MAX_SCENARIOS = 64

MANDATE = StructType(
    "Mandate(bytes32 mandateId,bytes32 log,bytes32 dossier,uint64 grantEpoch,address agent,uint8 powers,"
    "bytes32[] scenarios,uint32 maxGrants,uint64 notBefore,uint64 notAfter,bytes32 parent,uint8 maxDepth,"
    "bytes32 nullifier)"
)


@dataclass(frozen=True, slots=True)
class Mandate(Typed):
    """One mandate; holds while ``not_before ≤ now < not_after``. No scenarios means any scenario."""

    TYPE: ClassVar[StructType] = MANDATE

    mandate_id: bytes
    log: bytes  # keccak256 of the log's origin string
    dossier: bytes
    grant_epoch: int
    agent: bytes  # 20 bytes: who acts
    powers: int  # sum of POWER_…
    scenarios: tuple[bytes, ...]  # SHA-256 of scenario JWS, ascending, each once
    max_grants: int
    not_before: int
    not_after: int
    parent: bytes
    max_depth: int
    nullifier: bytes

    def __post_init__(self) -> None:
        self.TYPE.check(self.values())
        if not 1 <= self.powers <= ALL_POWERS:
            raise Malformed("mandate_powers", "powers: expected a sum of 1, 2, 4 and 8, got {got}", got=self.powers)
        if not self.not_before < self.not_after <= MAX_TIME:
            raise Malformed("mandate_time", "a mandate must end after it begins")
        if len(self.scenarios) > MAX_SCENARIOS or list(self.scenarios) != sorted(set(self.scenarios)):
            raise Malformed(
                "mandate_scenarios", "scenarios: at most {limit}, ascending, each once", limit=MAX_SCENARIOS
            )
        if self.parent != ZERO32 or self.max_depth:
            raise Malformed("mandate_depth", "a mandate under a mandate is not known in this version")
        if ZERO32 in (self.mandate_id, self.nullifier):
            raise Malformed("mandate_id", "mandateId and nullifier are never zero")


@dataclass(frozen=True, slots=True)
class MandateEnvelope(AccountEnvelope[Mandate]):
    """A mandate and its principal's signature: ``{"v": 1, "mandate": {…}, "signature": "0x…"}``."""

    MEMBER: ClassVar[str] = "mandate"
    MESSAGE: ClassVar[type[Typed]] = Mandate

    @property
    def mandate(self) -> Mandate:
        return self.message
