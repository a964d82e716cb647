"""Vectors of parcels: their plaintext, and what a grant or a show hands over, sealed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from protocol import canonical
from protocol.credential import open_credential, present_credential
from protocol.credential_issue import issue_credential
from protocol.encoding import b64u
from protocol.hashing import sha256
from protocol.identifiers import dossier_urn
from protocol.parcel import Parcel, ParcelDocument, ParcelItem
from protocol.receipts import ReceiptItem, sign_receipt
from protocol.slips import Slip, SlipObject, item_commitment, sign_slip
from tests.credential_samples import BANK_URN, DOSSIER, HOLDER, ISSUER, ISSUER_URN, request
from tests.grant_samples import a_grant, a_scope, b32, signed
from tests.vectors.book import Book, octets
from tests.vectors.judges import uses
from tests.vectors.makers import seals
from tests.vectors.makers.credentials import NAMED
from tests.vectors.makers.seals import BANK, FILE_KEY, OTHER_KEY
from tests.vectors.makers.signed import CREDENTIAL, JTI, LOG, NOW, OTHER_LOG, RECEIPT, SALT, SHOW_RECEIPT, salted

ITEM, SECOND = sha256(b"item"), sha256(b"second item")
PAYLOADS = [sha256(b"payload %d" % n) for n in range(3)]
SESSION = SHOW_RECEIPT.show or b""
GRANT_ID = b32(0x6A)
OTHER_CREDENTIAL = issue_credential(request(files=()), ISSUER, salt=salted())


def slip(raw: str = CREDENTIAL, **changes: Any) -> str:
    """The deposit slip of the golden credential and its two documents."""
    objects = tuple(SlipObject(one, 5000, sha256(b"header", one)) for one in PAYLOADS)
    made = item_commitment(SALT, open_credential(raw).issuer_jwt)
    base = Slip(JTI, NOW, ISSUER_URN, LOG, DOSSIER, ITEM, made, sha256(b"card"), objects)
    signer = HOLDER if changes.get("iss", "").startswith("urn:onefile:dossier") else ISSUER
    return sign_slip(replace(base, **changes), signer)


def presented(nonce: bytes, raw: str = CREDENTIAL) -> str:
    named = NAMED if raw == CREDENTIAL else NAMED[1:]
    return present_credential(raw, named, HOLDER, aud=BANK_URN, nonce=b64u(nonce), iat=NOW)


def item(nonce: bytes = SESSION, **changes: Any) -> ParcelItem:
    base = ParcelItem(
        slip(), SALT, sha256(b"leaf"), "a proof", presented(nonce), (ParcelDocument("证明.pdf", PAYLOADS[1]),)
    )
    return replace(base, **changes)


def parcel(*items: ParcelItem, show: bool = True) -> Parcel:
    basis = {"grant": None, "show": SESSION} if show else {"grant": GRANT_ID, "show": None}
    return Parcel(**basis, items=items, card={"v": 1}, mandate=None, grant_tag_key=b"k" * 32)


def sealed(plain: Parcel | bytes, *, other: bool = False) -> str:
    key = OTHER_KEY if other else FILE_KEY
    raw = plain if isinstance(plain, bytes) else plain.serialise()
    return b64u(seals.sealed(BANK, raw, key))


def parcels() -> Book:
    about = "raw: the plaintext of a parcel, JCS; the result is its grant or session, its items, and documents by name"
    book = Book("parcel", about, uses.parcel)
    plain = item(slip="a slip", presentation="a presentation")
    good = parcel(plain, show=False).serialise()
    book.accept("under a grant", raw=octets(good))
    book.also("for a show", raw=octets(parcel(plain).serialise()))
    book.also("by an agent", raw=octets(replace(parcel(plain, show=False), mandate={"v": 1}).serialise()))
    body = canonical.loads_object(good)
    one = body["items"][0]
    document = one["documents"][0]
    for name, code, members in (
        ("version 2", "field_range", {"v": 2}),
        ("grant and show", "parcel_subject", {"show": b64u(SESSION)}),
        ("neither grant nor show", "parcel_subject", {"grant": ...}),
        ("a grant of 16 bytes", "length", {"grant": b64u(SESSION)}),
        ("no items", "field_count", {"items": []}),
        ("65 items", "field_count", {"items": [one] * 65}),
        ("no card", "field_missing", {"card": ...}),
        ("a card as text", "field_type", {"card": "{}"}),
        ("a mandate of null", "field_type", {"mandate": None}),
        ("a tag key of 31 bytes", "length", {"grant_tag_key": b64u(bytes(31))}),
        ("a note", "field_unknown", {"note": ""}),
        ("a salt in hex", "length", {"items": [{**one, "salt": SALT.hex()}]}),
        ("no leaf salt", "field_missing", {"items": [{n: v for n, v in one.items() if n != "leaf_salt"}]}),
        ("an empty slip", "field_length", {"items": [{**one, "slip": ""}]}),
        ("a file key", "field_unknown", {"items": [{**one, "key": ""}]}),
        ("a document without a name", "field_missing", {"items": [{**one, "documents": [{"payload": document["payload"]}]}]}),
        ("a payload of 33 bytes", "length", {"items": [{**one, "documents": [{**document, "payload": b64u(bytes(33))}]}]}),
    ):  # fmt: skip
        changed = {n: v for n, v in {**body, **members}.items() if v is not ...}
        book.refuse(name, f"malformed:{code}", raw=octets(canonical.dumps(changed)))
    book.refuse("a space", "malformed:not_canonical", raw=octets(good + b" "))
    return book


def granted() -> dict[str, Any]:
    """A use of a grant of two items: each its own parcel, sealed to the bank."""
    first = parcel(item(GRANT_ID), show=False)
    other = item(
        GRANT_ID,
        slip=slip(OTHER_CREDENTIAL, item=SECOND),
        presentation=presented(GRANT_ID, OTHER_CREDENTIAL),
        documents=(),
    )
    both = [sealed(first), sealed(parcel(other, show=False), other=True)]
    digests = [
        sha256(seals.sealed(BANK, plain.serialise(), key))
        for plain, key in ((first, FILE_KEY), (parcel(other, show=False), OTHER_KEY))
    ]
    scope = (
        a_scope(item=ITEM, claims=NAMED, documents=(PAYLOADS[1],), parcel=digests[0]),
        a_scope(item=SECOND, claims=NAMED[1:], documents=(), parcel=digests[1]),
    )
    grant = a_grant(dossier=DOSSIER, scope=scope, scenario=sha256(b"scenario"))
    items = tuple(ReceiptItem(part.item, part.claims, part.documents) for part in scope)
    receipt = sign_receipt(replace(RECEIPT, grant=GRANT_ID, items=items), ISSUER)
    return {"grant": octets(signed(grant).raw), "receipt": receipt, "parcels": both}


def sealed_parcels() -> Book:
    about = (
        "parcels: age files that a use of grant (null: a show) handed to the reader with this identity, for its receipt; "
        "log: the log's origin. Checked is that they are what was signed, not who signed it"
    )
    book = Book("sealed-parcel", about, uses.sealed_parcel)
    place = {"identity": BANK.unsafe_text(), "log": LOG}
    shown = {"grant": None, "receipt": sign_receipt(SHOW_RECEIPT, ISSUER), "parcels": [sealed(parcel(item()))]}
    book.accept("a show", **shown, **place)
    use = granted()
    book.accept("a use of two items", **use, **place)
    one = RECEIPT.items[0]
    alone = sign_receipt(
        replace(RECEIPT, grant=GRANT_ID, items=(replace(one, item=SECOND, claims=(), documents=()),)), ISSUER
    )
    book.also("a use of the second item alone", of="a use of two items", receipt=alone, parcels=use["parcels"][1:])
    refuse_shown(book)
    refuse_granted(book, use)
    return book


def refuse_shown(book: Book) -> None:
    second = {
        "slip": slip(OTHER_CREDENTIAL, item=SECOND, dossier=b32(1)),
        "presentation": presented(SESSION, OTHER_CREDENTIAL),
    }
    moved = item(**second, documents=())
    for name, expect, plain in (
        ("another session", "untrusted:parcel_show", replace(parcel(item()), show=bytes(16))),
        ("under a grant", "untrusted:parcel_show", parcel(item(), show=False)),
        ("two dossiers", "untrusted:parcel_dossiers", parcel(item(), moved)),
        ("a slip for another log", "untrusted:wrong_audience", parcel(item(slip=slip(aud=OTHER_LOG)))),
        ("an own document", "denied:own_document", parcel(item(slip=slip(iss=dossier_urn(DOSSIER))))),
        ("another credential", "untrusted:item_commitment", parcel(item(presentation=presented(SESSION, OTHER_CREDENTIAL)))),
        ("another salt", "untrusted:item_commitment", parcel(item(salt=bytes(32)))),
        ("a slip of another issuer", "untrusted:slip_issuer", parcel(item(slip=slip(iss=ISSUER_URN.replace("31337", "1"))))),
        ("a document of another name", "untrusted:document_unnamed", parcel(item(documents=(ParcelDocument("other.pdf", PAYLOADS[1]),)))),
        ("a document that is not shown", "untrusted:document_unnamed", parcel(item(documents=(ParcelDocument("photo.jpg", PAYLOADS[2]),)))),
        ("the credential as a document", "untrusted:document_unnamed", parcel(item(documents=(ParcelDocument("证明.pdf", PAYLOADS[0]),)))),
        ("a payload of no slip", "untrusted:document_unnamed", parcel(item(documents=(ParcelDocument("证明.pdf", bytes(32)),)))),
        ("no parcel", "malformed:json", b"no parcel"),
    ):  # fmt: skip
        book.refuse(name, expect, parcels=[sealed(plain)])
    book.refuse("another reader", "denied:no_identity", identity=seals.HOLDER.unsafe_text())
    book.refuse("another log", "untrusted:wrong_audience", log=OTHER_LOG)
    later = replace(SHOW_RECEIPT, show=bytes(16))
    book.refuse("a receipt for another session", "untrusted:parcel_show", receipt=sign_receipt(later, ISSUER))


def refuse_granted(book: Book, use: dict[str, Any]) -> None:
    of = "a use of two items"
    first, second = use["parcels"]
    other = "untrusted:parcel_other"
    book.refuse("the parcels swapped", other, of=of, parcels=[second, first])
    book.refuse("a parcel missing", other, of=of, parcels=[first])
    book.refuse("a parcel too many", other, of=of, parcels=[first, second, second])
    book.refuse("a parcel sealed anew", other, of=of, parcels=[first, first])
    book.refuse("a show's parcel", other, of=of, parcels=[sealed(parcel(item())), second])
    items = (ReceiptItem(ITEM, NAMED, (PAYLOADS[1],)),)
    fewer = sign_receipt(replace(RECEIPT, grant=GRANT_ID, items=items), ISSUER)
    book.refuse("a receipt for one of them", other, of=of, receipt=fewer)
    grant = canonical.loads_object(use["grant"]["text"])

    def changed(**members: Any) -> dict[str, str]:
        return octets(canonical.dumps({**grant, "grant": {**grant["grant"], **members}}))

    scope = grant["grant"]["scope"]
    documents = [{**scope[0], "documents": ["0x" + PAYLOADS[2].hex()]}, scope[1]]
    book.refuse("another grant", "untrusted:parcel_grant", of=of, grant=changed(grantId="0x" + b32(0x6B).hex()))
    book.refuse(
        "a grant of another dossier", "untrusted:parcel_item", of=of, grant=changed(dossier="0x" + b32(1).hex())
    )
    book.refuse("a grant of another document", "untrusted:parcel_documents", of=of, grant=changed(scope=documents))


def books() -> list[Book]:
    """All of this module."""
    return [parcels(), sealed_parcels()]
