"""Key cards: the signed statement of a party's current public keys (docs/spec/keycard.md).

The card is an EIP-712 message in the domain of the registry that keeps its hash; the hash of a card is its digest.
The envelope adds what the chain does not keep: the full public keys, the account's signature, and an ES256
signature of the same digest by the new present key, which proves that whoever publishes the card holds that key.

    {"v": 1, "card": {…}, "present_jwk": {…}, "sealing_key": "…", "account_signature": "0x…", "possession": "…"}

Cannot open anything: the sealing key is 1,216 opaque bytes here, so that the vault may read cards.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

from protocol import canonical
from protocol.canonical import Json
from protocol.eip712 import Domain, StructType, Typed
from protocol.encoding import b64u, hex0x, unb64u, unhex0x
from protocol.errors import Malformed, Untrusted
from protocol.fields import MAX_TIME
from protocol.hashing import ZERO32, sha256
from protocol.jose import EcSigner, PublicJwk, verify_es256
from protocol.signatures import SIGNATURE_BYTES, recover

SEALING_KEY_BYTES = 1216  # ML-KEM-768 encapsulation key ‖ X25519 public key
POSSESSION_BYTES = 64
MAX_ENVELOPE_BYTES = 8192
VERSION = 1
_MEMBERS = {"v", "card", "present_jwk", "sealing_key", "account_signature", "possession"}

KEY_CARD = StructType(
    "KeyCard(bytes32 subject,uint64 seq,bytes32 presentKeyThumbprint,bytes32 sealingKeyHash,uint64 validFrom,"
    "uint64 revokedBelow,bytes32 previous)"
)


@dataclass(frozen=True, slots=True)
class KeyCard(Typed):
    """A party's keys from ``valid_from`` (seconds) on. ``subject``: dossier id, or 12 zero bytes ‖ account."""

    TYPE: ClassVar[StructType] = KEY_CARD

    subject: bytes
    seq: int  # 1 for the first, then one more each
    present_key_thumbprint: bytes  # RFC 7638 SHA-256
    sealing_key_hash: bytes  # SHA-256 of the 1,216 bytes
    valid_from: int
    revoked_below: int  # cards with a lower seq bind no credential any more
    previous: bytes  # hash of the card before; 32 zero bytes for the first

    def __post_init__(self) -> None:
        self.TYPE.check(self.values())
        if self.seq < 1 or self.revoked_below > self.seq or self.valid_from > MAX_TIME:
            raise Malformed("key_card", "a key card counts from 1 and revokes none above itself")
        if (self.seq == 1) != (self.previous == ZERO32):
            raise Malformed("key_card", "the first key card, and no other, follows none")


def first_card(subject: bytes, present_key: PublicJwk, sealing_key: bytes, *, valid_from: int) -> KeyCard:
    """The first key card of a party."""
    return KeyCard(subject, 1, present_key.thumbprint(), sha256(sealing_key), valid_from, 0, ZERO32)


def next_card(
    before: KeyCard,
    domain: Domain,
    present_key: PublicJwk,
    sealing_key: bytes,
    *,
    valid_from: int,
    revoked_below: int | None = None,
) -> KeyCard:
    """The card that follows ``before``; ``revoked_below`` stays as it was unless given."""
    below = before.revoked_below if revoked_below is None else revoked_below
    thumbprint, sealing_hash = present_key.thumbprint(), sha256(sealing_key)
    previous = before.digest(domain)
    return KeyCard(before.subject, before.seq + 1, thumbprint, sealing_hash, valid_from, below, previous)


@dataclass(frozen=True, slots=True)
class KeyCardEnvelope:
    """A parsed envelope; nothing is verified yet. ``raw`` is its JCS form, which the log commits to."""

    card: KeyCard
    present_key: PublicJwk
    sealing_key: bytes
    account_signature: bytes  # 65 bytes; empty where a contract account's approval is the chain's record
    possession: bytes
    raw: bytes

    @classmethod
    def parse(cls, raw: bytes) -> KeyCardEnvelope:
        """The envelope in ``raw``, which must be JCS; ``Malformed`` otherwise."""
        return cls.from_json(canonical.loads_canonical(raw, limit=MAX_ENVELOPE_BYTES, what="key card"))

    @classmethod
    def from_json(cls, value: Json) -> KeyCardEnvelope:
        """The envelope of a JSON value that arrived inside another document; ``Malformed`` otherwise."""
        if not isinstance(value, dict) or set(value) != _MEMBERS:
            raise Malformed("key_card_envelope", "expected a key card envelope with exactly its six members")
        if type(value["v"]) is not int or value["v"] != VERSION:
            raise Malformed("envelope_version", "{member}: expected version {v}", member="card", v=VERSION)
        signature = unhex0x(value["account_signature"], what="account_signature")
        if len(signature) not in (0, SIGNATURE_BYTES):
            raise Malformed("signature_form", "a signature has 65 bytes; got {got}", got=len(signature))
        return cls(
            card=KeyCard.from_json(value["card"]),
            present_key=PublicJwk.from_json(value["present_jwk"]),
            sealing_key=unb64u(value["sealing_key"], length=SEALING_KEY_BYTES, what="sealing_key"),
            account_signature=signature,
            possession=unb64u(value["possession"], length=POSSESSION_BYTES, what="possession"),
            raw=canonical.dumps(value),
        )

    def to_json(self) -> dict[str, Json]:
        """The envelope as a JSON object."""
        return canonical.loads_object(self.raw, limit=MAX_ENVELOPE_BYTES, what="key card")


def seal_card(
    card: KeyCard, domain: Domain, present: EcSigner, sealing_key: bytes, account_signature: bytes
) -> KeyCardEnvelope:
    """The envelope of a card that the account has signed; ``present`` adds the proof of possession."""
    return KeyCardEnvelope.from_json(
        {
            "v": VERSION,
            "card": card.to_json(),
            "present_jwk": present.public_jwk().to_json(),
            "sealing_key": b64u(sealing_key),
            "account_signature": hex0x(account_signature),
            "possession": b64u(present.sign(card.digest(domain))),
        }
    )


@dataclass(frozen=True, slots=True)
class VerifiedKeyCard:
    """A card whose keys belong together and to its subject; ``hash`` is what the registry keeps."""

    card: KeyCard
    hash: bytes
    present_key: PublicJwk
    sealing_key: bytes

    @property
    def thumbprint(self) -> bytes:
        return self.card.present_key_thumbprint


def verify_key_card(
    envelope: KeyCardEnvelope,
    domain: Domain,
    *,
    subject: bytes,
    accounts: Collection[bytes] = (),
    recorded: Collection[bytes] = (),
) -> VerifiedKeyCard:
    """The card of ``subject`` if its keys prove it and either the registry or the account stands for it.

    ``recorded``: card hashes that the registry keeps for the subject; one of them is enough, since the contract
    checked the account's signature when it was published and accounts change. ``accounts``: who may sign a card
    that is not recorded yet. Raises ``Untrusted``. Steps: docs/spec/keycard.md §3.
    """
    card = envelope.card
    # (1) It is the card of the party that we asked for.
    if card.subject != subject:
        raise Untrusted(
            "card_subject", "the key card is of {got}, not of {want}", got=hex0x(card.subject), want=hex0x(subject)
        )
    # (2) The full keys are the ones that the card names.
    if envelope.present_key.thumbprint() != card.present_key_thumbprint:
        raise Untrusted("card_present_key", "the present key is not the one that the key card names")
    if sha256(envelope.sealing_key) != card.sealing_key_hash:
        raise Untrusted("card_sealing_key", "the sealing key is not the one that the key card names")
    # (3) Whoever made the card holds the present key; without this a party could claim another's key as its own.
    digest = card.digest(domain)
    verify_es256(envelope.present_key, digest, envelope.possession, code="card_possession")
    # (4) The registry keeps this card, or an account that may publish it signed it for this chain and registry.
    if digest not in recorded:
        _verify_signed(envelope, digest, accounts)
    return VerifiedKeyCard(card, digest, envelope.present_key, envelope.sealing_key)


def _verify_signed(envelope: KeyCardEnvelope, digest: bytes, accounts: Collection[bytes]) -> None:
    if not envelope.account_signature:
        raise Untrusted("card_unrecorded", "the registry does not keep this key card, and nobody signed it")
    if recover(digest, envelope.account_signature) not in accounts:
        raise Untrusted(
            "card_signature", "the key card is not signed by its party's account for this chain and registry"
        )
