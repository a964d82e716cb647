"""Deposit slip: what an issuer (or the holder, for own documents) puts into a dossier.

``onefile-slip+jwt`` ``{jti, iat, iss, aud, dossier, item, item_commitment, card, objects}``; see
``docs/spec/credential.md`` §4. It names no licence type and no status index: the vault reads slips.
Law: members are never renamed or reordered in meaning; object 0 is the credential; a new member
needs a new ``typ``.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocol import forms
from protocol.canonical import Json
from protocol.encoding import b64u, hex0x, unhex0x
from protocol.errors import Malformed
from protocol.fields import Fields
from protocol.hashing import sha256
from protocol.jose import EcSigner, PublicJwk, parse_jws, sign_typed
from protocol.signed import Signed, check_audience

SLIP_TYP = "onefile-slip+jwt"
MAX_OBJECTS = 64
MAX_PAYLOAD_BYTES = 4 << 30
MIN_PAYLOAD_BYTES = 32  # age: a nonce of 16 bytes and one empty chunk with its tag of 16
_MAX_CHARS = 64 << 10


@dataclass(frozen=True, slots=True)
class SlipObject:
    """One sealed object: SHA-256 of its payload and of its header, and the payload's size in bytes."""

    payload: bytes
    payload_size: int
    header: bytes

    def __post_init__(self) -> None:
        _lengths(payload=self.payload, header=self.header)

    def to_json(self) -> dict[str, Json]:
        return {
            "payload": b64u(self.payload),
            "payload_size": self.payload_size,
            "header": b64u(self.header),
        }


@dataclass(frozen=True, slots=True)
class Slip:
    """``item`` is the random id of the item; ``card`` the hash of the key card that was sealed to."""

    jti: str
    iat: int
    iss: str
    aud: str
    dossier: bytes
    item: bytes
    item_commitment: bytes
    card: bytes
    objects: tuple[SlipObject, ...]

    def __post_init__(self) -> None:
        _lengths(dossier=self.dossier, item=self.item, commitment=self.item_commitment, card=self.card)

    @property
    def own(self) -> bool:
        """Whether the holder deposited this: such an item satisfies nothing that asks for an issuer."""
        return self.iss.startswith("urn:onefile:dossier:")

    def to_json(self) -> dict[str, Json]:
        return {
            "jti": self.jti,
            "iat": self.iat,
            "iss": self.iss,
            "aud": self.aud,
            "dossier": hex0x(self.dossier),
            "item": b64u(self.item),
            "item_commitment": b64u(self.item_commitment),
            "card": hex0x(self.card),
            "objects": [o.to_json() for o in self.objects],
        }


def item_commitment(salt: bytes, issuer_jwt: str) -> bytes:
    """SHA-256("onefile/item/v1" ‖ salt32 ‖ SHA-256(issuer-signed JWT bytes)): binds slip and credential.

    ``issuer_jwt`` is the SD-JWT's first part, without disclosures; for an own document it is whatever
    object 0 holds, as text.
    """
    _lengths(salt=salt)
    return sha256(b"onefile/item/v1", salt, sha256(issuer_jwt.encode("utf-8")))


def sign_slip(slip: Slip, signer: EcSigner) -> str:
    """The slip as JWS; refuses to sign what ``parse_slip`` would refuse to read."""
    raw = sign_typed(SLIP_TYP, slip.to_json(), signer)
    parse_slip(raw)
    return raw


def parse_slip(raw: str | bytes) -> Signed[Slip]:
    """Parse strictly; nothing is verified. Raises ``Malformed`` only."""
    jws = parse_jws(raw, typ=SLIP_TYP, limit=_MAX_CHARS)
    fields = Fields(jws.claims(), "slip")
    slip = Slip(
        jti=fields.text("jti", pattern=forms.RANDOM16),
        iat=fields.time("iat"),
        iss=fields.text("iss", pattern=forms.PARTY_URN),
        aud=fields.text("aud", pattern=forms.LOG_ORIGIN),
        dossier=unhex0x(fields.take("dossier"), length=32, what="slip.dossier"),
        item=fields.bytes32("item"),
        item_commitment=fields.bytes32("item_commitment"),
        card=unhex0x(fields.take("card"), length=32, what="slip.card"),
        objects=tuple(_object(f) for f in fields.objects("objects", most=MAX_OBJECTS, least=1)),
    )
    fields.done()
    _check(slip)
    return Signed(slip, jws)


def verify_slip(raw: str | bytes, key: PublicJwk, *, log: str) -> Signed[Slip]:
    """The slip if ``key`` signed it for the log with origin ``log``; else ``Untrusted``.

    That ``key`` is a current key of ``iss`` is the caller's fact, from the registry.
    """
    signed = parse_slip(raw).verified_by(key)
    check_audience(signed.body.aud, log)
    return signed


def _object(fields: Fields) -> SlipObject:
    found = SlipObject(
        payload=fields.bytes32("payload"),
        payload_size=fields.uint("payload_size", most=MAX_PAYLOAD_BYTES, least=MIN_PAYLOAD_BYTES),
        header=fields.bytes32("header"),
    )
    fields.done()
    return found


def _check(slip: Slip) -> None:
    if len({o.payload for o in slip.objects}) != len(slip.objects):
        raise Malformed("slip_objects", "two objects of the slip have one payload")
    # A holder may deposit into the holder's own dossier only; another dossier's urn here would let one
    # person's document stand in another's dossier as that person's own.
    if slip.own and slip.iss != "urn:onefile:dossier:" + hex0x(slip.dossier):
        raise Malformed("slip_issuer", "a slip that a dossier issues is for that dossier")


def _lengths(**values: bytes) -> None:
    for name, value in values.items():
        if len(value) != 32:
            raise Malformed("length", "{what}: expected 32 bytes, got {got}", what=name, got=len(value))
