"""The signed word by which a holder replaces the headers of an item (docs/spec/keys.md §5).

``onefile-rewrap+jwt`` ``{iat, iss, aud, item, card, headers}``: every object of ``item`` has from now on the header
whose SHA-256 stands in ``headers`` at its position; they are sealed to key card ``card`` of dossier ``iss``. A header
opens a payload and binds no context, so that a signed hash outside always names it: first the issuer's slip, later
this. Payloads stay as they are, and the slip goes on naming them.

It is kept beside the item and not logged: it gives nobody a right and takes none away. The new card itself is
logged. A reader believes it only under a key card of the dossier.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocol import forms
from protocol.canonical import Json
from protocol.encoding import b64u, hex0x, unhex0x
from protocol.errors import Malformed, Untrusted
from protocol.fields import Fields
from protocol.jose import EcSigner, PublicJwk, parse_jws, sign_typed
from protocol.signed import Signed, check_audience
from protocol.slips import MAX_OBJECTS

REWRAP_TYP = "onefile-rewrap+jwt"
_MAX_CHARS = 16 << 10


@dataclass(frozen=True, slots=True)
class Rewrap:
    """``iss`` the dossier's urn, ``aud`` the log's origin, ``card`` the hash of the card sealed to."""

    iat: int
    iss: str
    aud: str
    item: bytes
    card: bytes
    headers: tuple[bytes, ...]

    def __post_init__(self) -> None:
        for value in (self.item, self.card, *self.headers):
            if len(value) != 32:
                raise Malformed(
                    "length", "{what}: expected {want} bytes, got {got}", what="rewrap", want=32, got=len(value)
                )
        if not 1 <= len(self.headers) <= MAX_OBJECTS:
            raise Malformed(
                "rewrap_headers", "expected 1 to {most} headers, got {got}", most=MAX_OBJECTS, got=len(self.headers)
            )

    def to_json(self) -> dict[str, Json]:
        return {
            "iat": self.iat,
            "iss": self.iss,
            "aud": self.aud,
            "item": b64u(self.item),
            "card": hex0x(self.card),
            "headers": [b64u(header) for header in self.headers],
        }


def sign_rewrap(rewrap: Rewrap, signer: EcSigner) -> str:
    """The statement as JWS, by the present key of the card that is sealed to."""
    raw = sign_typed(REWRAP_TYP, rewrap.to_json(), signer)
    parse_rewrap(raw)
    return raw


def parse_rewrap(raw: str | bytes) -> Signed[Rewrap]:
    """Read a JWS strictly; raises ``Malformed`` only. Nothing is verified."""
    jws = parse_jws(raw, typ=REWRAP_TYP, limit=_MAX_CHARS)
    fields = Fields(jws.claims(), "rewrap")
    body = Rewrap(
        iat=fields.time("iat"),
        iss=fields.text("iss", pattern=forms.DOSSIER_URN),
        aud=fields.text("aud", pattern=forms.LOG_ORIGIN),
        item=fields.bytes32("item"),
        card=unhex0x(fields.take("card"), length=32, what="rewrap.card"),
        # Two objects never have the same header: each is sealed with randomness of its own.
        headers=fields.bytes32s("headers", least=1, most=MAX_OBJECTS),
    )
    fields.done()
    return Signed(body, jws)


def verify_rewrap(raw: str | bytes, key: PublicJwk, *, log: str, dossier: str, item: bytes) -> Signed[Rewrap]:
    """The rewrap of ``item`` of ``dossier`` (its urn), signed by ``key``; ``Malformed`` or ``Untrusted`` otherwise.

    Whose ``key`` is, and whether ``card`` is the card that it belongs to, is the caller's to know.
    """
    signed = parse_rewrap(raw).verified_by(key)
    check_audience(signed.body.aud, log)
    if (signed.body.iss, signed.body.item) != (dossier, item):
        raise Untrusted("rewrap_foreign", "the new headers were signed for another item or dossier")
    return signed
