"""A message and the account signature over it, as JSON: the envelope of grants and mandates.

    {"v": 1, "grant": {… EIP-712 names …}, "signature": "0x…"}

``raw`` is the JCS form of the envelope: what is stored, logged and hashed. The signature has 65 bytes, or none at
all when the grantor is a contract account: its approval is then the attestation on chain (docs/spec/grant.md §6).
Wire law: a member may never be added to version 1; a version 2 is another envelope.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Generic, Self, TypeVar

from protocol import canonical
from protocol.canonical import Json
from protocol.eip712 import Domain, Typed
from protocol.encoding import hex0x, unhex0x
from protocol.errors import Malformed
from protocol.hashing import sha256
from protocol.signatures import SIGNATURE_BYTES

MAX_ENVELOPE_BYTES = 1 << 20
VERSION = 1

Message = TypeVar("Message", bound=Typed)


@dataclass(frozen=True, slots=True)
class AccountEnvelope(Generic[Message]):
    """A strictly parsed message beside the signature that came with it; nothing is verified yet."""

    MEMBER: ClassVar[str]
    MESSAGE: ClassVar[type[Typed]]

    message: Message
    signature: bytes
    raw: bytes

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """The envelope in ``raw``, which must be JCS; ``Malformed`` otherwise."""
        value = canonical.loads_canonical(raw, limit=MAX_ENVELOPE_BYTES, what=cls.MEMBER)
        return cls(*cls._parts(value), raw)

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """The envelope of a JSON value that arrived inside another document; ``Malformed`` otherwise."""
        # Read first: what has this form is small, and writing whatever came would cost what it holds.
        parts = cls._parts(value)
        raw = canonical.dumps(value)
        if len(raw) > MAX_ENVELOPE_BYTES:
            raise Malformed(
                "too_large", "{what}: at most {limit} bytes", what=cls.MEMBER, limit=MAX_ENVELOPE_BYTES
            )
        return cls(*parts, raw)

    @classmethod
    def of(cls, message: Message, signature: bytes) -> Self:
        """The envelope of a message that was just signed."""
        value = {"v": VERSION, cls.MEMBER: message.to_json(), "signature": hex0x(signature)}
        return cls.from_json(value)

    @classmethod
    def _parts(cls, value: Json) -> tuple[Message, bytes]:
        if not isinstance(value, dict) or set(value) != {"v", cls.MEMBER, "signature"}:
            raise Malformed(
                "envelope", "expected an object with exactly v, {member} and signature", member=cls.MEMBER
            )
        # `is`, since true == 1 in Python and a boolean is not a version.
        if type(value["v"]) is not int or value["v"] != VERSION:
            raise Malformed("envelope_version", "{member}: expected version {v}", member=cls.MEMBER, v=VERSION)
        signature = unhex0x(value["signature"], what="signature")
        if len(signature) not in (0, SIGNATURE_BYTES):
            raise Malformed("signature_form", "a signature has 65 bytes; got {got}", got=len(signature))
        message: Message = cls.MESSAGE.from_json(value[cls.MEMBER])  # type: ignore[assignment]  # MESSAGE is Message
        return message, signature

    def to_json(self) -> dict[str, Json]:
        """The envelope as a JSON object."""
        return canonical.loads_object(self.raw, limit=MAX_ENVELOPE_BYTES, what=self.MEMBER)

    def digest(self, domain: Domain) -> bytes:
        """The 32 bytes that the account signed."""
        return self.message.digest(domain)

    @property
    def hash(self) -> bytes:
        """SHA-256 of the envelope's bytes, as log entries commit to it."""
        return sha256(self.raw)
