"""A guardian set: the accounts that may bring a dossier back, hidden behind a salted hash until they act.

The registry keeps ``keccak256(abi.encode(bytes32 salt, address[] accounts))`` with strictly ascending accounts
(contracts/src/interfaces/IGuardians.sol). Who knows the salt can find the guardians: holder and guardians alone do.

Wire law: in JSON a set is ``{accounts, salt}`` with 0x-hex accounts and a base64url salt; a third member needs a new
version of whatever carries it. Left out: Merkle proofs, which would hide the other guardians from a single one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from protocol.encoding import b64u, hex0x, unhex0x
from protocol.errors import Malformed
from protocol.fields import Fields
from protocol.hashing import keccak256

MAX_GUARDIANS = 16  # as many shares as SLIP-39 makes of one secret
_WORD = 32


@dataclass(frozen=True, slots=True)
class GuardianSet:
    """The salt (32 bytes) and the accounts (20 bytes each), strictly ascending."""

    salt: bytes
    accounts: tuple[bytes, ...]

    def __post_init__(self) -> None:
        if len(self.salt) != 32 or any(len(account) != 20 for account in self.accounts):
            raise Malformed("guardian_set_form", "a guardian set has a salt of 32 bytes and accounts of 20")
        if not 1 <= len(self.accounts) <= MAX_GUARDIANS:
            raise Malformed(
                "guardian_count",
                "expected 1 to {limit} guardians, got {got}",
                limit=MAX_GUARDIANS,
                got=len(self.accounts),
            )
        for index in range(1, len(self.accounts)):
            if self.accounts[index] <= self.accounts[index - 1]:
                raise Malformed("guardian_order", "the guardians' accounts do not ascend at {index}", index=index)

    @classmethod
    def of(cls, salt: bytes, accounts: Sequence[bytes]) -> GuardianSet:
        """The set of these accounts, in whatever order they come."""
        return cls(salt, tuple(sorted(accounts)))

    @property
    def hash(self) -> bytes:
        """What the registry keeps of it."""
        head = (2 * _WORD).to_bytes(_WORD, "big") + len(self.accounts).to_bytes(_WORD, "big")
        return keccak256(self.salt + head + b"".join(bytes(12) + account for account in self.accounts))

    def to_json(self) -> dict[str, Any]:
        """The set as JSON."""
        return {"salt": b64u(self.salt), "accounts": [hex0x(account) for account in self.accounts]}

    @classmethod
    def take(cls, fields: Fields) -> GuardianSet:
        """The set that ``to_json`` gave; ``Malformed`` on anything else."""
        accounts = fields.array("accounts", most=MAX_GUARDIANS)
        found = cls(fields.bytes32("salt"), tuple(unhex0x(a, length=20, what="guardian") for a in accounts))
        fields.done()
        return found
