"""Receipt: the reader's signed statement of one use, in the log before any key is released.

``onefile-receipt+jwt`` ``{jti, iat, iss, aud, grant | show, scenario, officer, items, retain_until,
nonce?, card}``; see ``docs/spec/receipt.md``. It carries no use number: the vault counts. With
``grant`` it names the items it takes; with ``show`` it has a nonce and no items, since the window
cannot know them before it collects.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocol import forms
from protocol.canonical import Json
from protocol.encoding import b64u, hex0x, unhex0x
from protocol.errors import Malformed
from protocol.fields import Fields
from protocol.jose import EcSigner, PublicJwk, parse_jws, sign_typed
from protocol.signed import Signed, check_audience, check_clock

RECEIPT_TYP = "onefile-receipt+jwt"
RECEIPT_SKEW_S = 120
MAX_ITEMS = 64
MAX_CLAIMS = 128
MAX_DOCUMENTS = 64
MAX_REF = 64  # characters of the reference to an officer
_MAX_CHARS = 64 << 10


@dataclass(frozen=True, slots=True)
class Officer:
    """Who acts at the reader: a class, and a reference that only the reader resolves.

    A grant may demand a class, by ``protocol.grant.officer_class_hash``.
    """

    officer_class: str
    ref: str

    def to_json(self) -> dict[str, Json]:
        return {"class": self.officer_class, "ref": self.ref}


@dataclass(frozen=True, slots=True)
class ReceiptItem:
    """One item: ``claims`` are sorted RFC 6901 pointers, ``documents`` sorted payload digests."""

    item: bytes
    claims: tuple[str, ...]
    documents: tuple[bytes, ...]

    def to_json(self) -> dict[str, Json]:
        return {
            "item": b64u(self.item),
            "claims": list(self.claims),
            "documents": [b64u(d) for d in self.documents],
        }


@dataclass(frozen=True, slots=True)
class Receipt:
    """Exactly one of ``grant`` (32 bytes) and ``show`` (the session, 16 bytes) is set."""

    jti: str
    iat: int
    iss: str
    aud: str
    grant: bytes | None
    show: bytes | None
    scenario: bytes
    officer: Officer
    items: tuple[ReceiptItem, ...]
    retain_until: int
    nonce: bytes | None
    card: bytes

    def to_json(self) -> dict[str, Json]:
        body: dict[str, Json] = {
            "jti": self.jti,
            "iat": self.iat,
            "iss": self.iss,
            "aud": self.aud,
            "scenario": b64u(self.scenario),
            "officer": self.officer.to_json(),
            "items": [i.to_json() for i in self.items],
            "retain_until": self.retain_until,
            "card": hex0x(self.card),
        }
        for name, value in (("grant", self.grant), ("show", self.show), ("nonce", self.nonce)):
            if value is not None:
                body[name] = b64u(value)
        return body


def sign_receipt(receipt: Receipt, signer: EcSigner) -> str:
    """The receipt as JWS; refuses to sign what ``parse_receipt`` would refuse to read."""
    raw = sign_typed(RECEIPT_TYP, receipt.to_json(), signer)
    parse_receipt(raw)
    return raw


def parse_receipt(raw: str | bytes) -> Signed[Receipt]:
    """Parse strictly; nothing is verified. Raises ``Malformed`` only."""
    jws = parse_jws(raw, typ=RECEIPT_TYP, limit=_MAX_CHARS)
    fields = Fields(jws.claims(), "receipt")
    if fields.has("grant") == fields.has("show"):
        raise Malformed("receipt_subject", "a receipt has exactly one of grant and show")
    receipt = Receipt(
        jti=fields.text("jti", pattern=forms.RANDOM16),
        iat=fields.time("iat"),
        iss=fields.text("iss", pattern=forms.AGENCY_URN),
        aud=fields.text("aud", pattern=forms.LOG_ORIGIN),
        grant=fields.bytes32("grant") if fields.has("grant") else None,
        show=fields.octets("show", 16) if fields.has("show") else None,
        scenario=fields.bytes32("scenario"),
        officer=_officer(fields.object("officer")),
        items=tuple(_item(f) for f in fields.objects("items", most=MAX_ITEMS)),
        retain_until=fields.time("retain_until"),
        nonce=fields.octets("nonce", 16) if fields.has("nonce") else None,
        card=unhex0x(fields.take("card"), length=32, what="receipt.card"),
    )
    fields.done()
    _check(receipt)
    return Signed(receipt, jws)


def verify_receipt(raw: str | bytes, key: PublicJwk, *, log: str, now: int) -> Signed[Receipt]:
    """The receipt if ``key`` signed it for this log within 120 s of ``now`` (seconds).

    Raises ``Untrusted`` (signature, audience) or ``Denied("iat_off")``. That ``key`` is the present key
    of ``card``, and ``card`` the newest of ``iss``, are the caller's facts.
    """
    signed = parse_receipt(raw).verified_by(key)
    check_audience(signed.body.aud, log)
    check_clock(signed.body.iat, now, RECEIPT_SKEW_S)
    return signed


def _officer(fields: Fields) -> Officer:
    found = Officer(officer_class=fields.text("class", pattern=forms.SLUG), ref=fields.text("ref", limit=MAX_REF))
    fields.done()
    return found


def _item(fields: Fields) -> ReceiptItem:
    found = ReceiptItem(
        item=fields.bytes32("item"),
        claims=fields.texts("claims", most=MAX_CLAIMS, pattern=forms.POINTER),
        documents=fields.bytes32s("documents", most=MAX_DOCUMENTS),
    )
    fields.done()
    if list(found.claims) != sorted(found.claims) or list(found.documents) != sorted(found.documents):
        raise Malformed("receipt_order", "claims and documents of a receipt are sorted")
    return found


def _check(receipt: Receipt) -> None:
    if (receipt.nonce is None) != (receipt.show is None):
        raise Malformed("receipt_nonce", "a receipt has a nonce if it is for a show, and only then")
    if bool(receipt.items) != (receipt.grant is not None):
        raise Malformed("receipt_items", "a receipt names items if it is for a grant, and only then")
    if len({i.item for i in receipt.items}) != len(receipt.items):
        raise Malformed("receipt_items", "an item stands twice in the receipt")
    if receipt.retain_until < receipt.iat:
        raise Malformed("receipt_retention", "retain_until lies before iat")
