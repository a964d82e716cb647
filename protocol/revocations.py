"""What a ``revoke`` entry commits to: the secret that ended one grant, or the epoch that ended them all.

    {"id": …, "secret": …}                 base64url, 32 bytes each
    {"epoch": 2, "transaction": "0x…"}     the dossier's new epoch, and the transaction that raised it

JCS; docs/spec/log.md §5. Whoever has the first can show to anybody that the grant's holder ended it: nobody else knew
the secret behind the nullifier that the grant names. The second is a pointer to the chain, which says it itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocol import canonical
from protocol.encoding import b64u, hex0x, unhex0x
from protocol.errors import Malformed, Untrusted
from protocol.fields import Fields
from protocol.grant import nullifier_of
from protocol.hashing import same

MAX_REVOCATION_BYTES = 512


@dataclass(frozen=True, slots=True)
class Revocation:
    """The end of one grant or mandate: its id and the secret behind its nullifier, 32 bytes each."""

    id: bytes
    secret: bytes

    def __post_init__(self) -> None:
        if len(self.id) != 32 or len(self.secret) != 32:
            raise Malformed("revocation", "a revocation has an id and a secret of 32 bytes")

    def serialise(self) -> bytes:
        """The object's bytes."""
        return canonical.dumps({"id": b64u(self.id), "secret": b64u(self.secret)})


@dataclass(frozen=True, slots=True)
class EpochChange:
    """The end of every grant and mandate of an earlier epoch. ``transaction``: 32 bytes."""

    epoch: int
    transaction: bytes

    def serialise(self) -> bytes:
        """The object's bytes."""
        return canonical.dumps({"epoch": self.epoch, "transaction": hex0x(self.transaction)})


def parse_revocation(raw: bytes) -> Revocation | EpochChange:
    """Read the object of a ``revoke`` entry strictly; nothing is verified. Raises ``Malformed`` only."""
    fields = Fields(canonical.loads_canonical(raw, limit=MAX_REVOCATION_BYTES, what="revocation"), "revocation")
    found: Revocation | EpochChange
    if fields.has("epoch"):
        found = EpochChange(
            fields.uint("epoch", least=1), unhex0x(fields.take("transaction"), length=32, what="revocation.transaction")
        )
    else:
        found = Revocation(fields.bytes32("id"), fields.bytes32("secret"))
    fields.done()
    return found


def verify_secret(secret: bytes, nullifier: bytes) -> None:
    """Raise ``Untrusted("revocation_secret")`` unless ``secret`` is the one behind ``nullifier``."""
    if not same(nullifier_of(secret), nullifier):
        raise Untrusted("revocation_secret", "this is not the secret that ends the grant")


def verify_revocation(raw: bytes, *, ident: bytes, nullifier: bytes) -> Revocation:
    """The revocation of the grant or mandate ``ident`` whose message names ``nullifier``; else ``Untrusted``."""
    found = parse_revocation(raw)
    if not isinstance(found, Revocation) or found.id != ident:
        raise Untrusted("revocation_other", "the revocation is of another grant or mandate")
    verify_secret(found.secret, nullifier)
    return found
