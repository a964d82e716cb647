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
