"""The messages by which a dossier changes on chain, as ``contracts/MESSAGES.md`` states them.

Domain: the DossierRegistry. Anyone may bring them; the signature decides. ``deadline`` is the last second of block
time in which the registry takes the message. Key cards stand in ``protocol/keycard.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from protocol.eip712 import StructType, Typed

OPEN_DOSSIER = StructType("OpenDossier(address owner,address controller,bytes32 salt,uint64 deadline)")
ROTATE_DOSSIER = StructType(
    "RotateDossier(bytes32 dossier,address newOwner,address newController,uint64 nonce,uint64 deadline)"
)
BUMP_EPOCH = StructType("BumpEpoch(bytes32 dossier,uint64 nonce,uint64 deadline)")
SET_GUARDIANS = StructType(
    "SetGuardians(bytes32 dossier,bytes32 setHash,uint8 threshold,uint32 delay,uint64 nonce,uint64 deadline)"
)
FREEZE_DOSSIER = StructType("FreezeDossier(bytes32 dossier,address guardian,uint64 nonce,uint64 deadline)")
RECOVER_DOSSIER = StructType(
    "RecoverDossier(bytes32 dossier,address newOwner,address newController,bool byAll,uint64 nonce,uint64 deadline)"
)
VETO_RECOVERY = StructType("VetoRecovery(bytes32 dossier,uint64 recovery,uint64 nonce,uint64 deadline)")


@dataclass(frozen=True, slots=True)
class OpenDossier(Typed):
    """Open a dossier; signed by ``owner``. Its id follows from owner and salt (``identifiers.dossier_id``)."""

    TYPE: ClassVar[StructType] = OPEN_DOSSIER

    owner: bytes
    controller: bytes
    salt: bytes
    deadline: int


@dataclass(frozen=True, slots=True)
class RotateDossier(Typed):
    """Give a dossier other accounts; signed by its present owner. Ends no grant: see ``BumpEpoch``."""

    TYPE: ClassVar[StructType] = ROTATE_DOSSIER

    dossier: bytes
    new_owner: bytes
    new_controller: bytes
    nonce: int
    deadline: int


@dataclass(frozen=True, slots=True)
class BumpEpoch(Typed):
    """End every grant and mandate of a dossier; signed by its controller or owner."""

    TYPE: ClassVar[StructType] = BUMP_EPOCH

    dossier: bytes
    nonce: int
    deadline: int


@dataclass(frozen=True, slots=True)
class SetGuardians(Typed):
    """Name, change or remove the guardians; signed by the owner. ``set_hash``: ``recovery.guardian_set_hash``,
    32 zero bytes (with threshold and delay 0) for none. ``delay`` in seconds."""

    TYPE: ClassVar[StructType] = SET_GUARDIANS

    dossier: bytes
    set_hash: bytes
    threshold: int
    delay: int
    nonce: int
    deadline: int


@dataclass(frozen=True, slots=True)
class FreezeDossier(Typed):
    """Suspend the controller for 7 days; signed by ``guardian``. ``nonce`` counts the dossier's freezes."""

    TYPE: ClassVar[StructType] = FREEZE_DOSSIER

    dossier: bytes
    guardian: bytes
    nonce: int
    deadline: int


@dataclass(frozen=True, slots=True)
class RecoverDossier(Typed):
    """Give the dossier to new accounts after its delay; signed by guardians. ``nonce`` counts its recoveries.

    ``by_all``: signed by every guardian, waits 30 days, and cannot be vetoed.
    """

    TYPE: ClassVar[StructType] = RECOVER_DOSSIER

    dossier: bytes
    new_owner: bytes
    new_controller: bytes
    by_all: bool
    nonce: int
    deadline: int


@dataclass(frozen=True, slots=True)
class VetoRecovery(Typed):
    """End the pending recovery with the nonce ``recovery``; signed by the owner."""

    TYPE: ClassVar[StructType] = VETO_RECOVERY

    dossier: bytes
    recovery: int
    nonce: int
    deadline: int
