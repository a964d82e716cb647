"""Vectors of slips, item commitments, receipts and own documents."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from client.own_document import OwnDocument
from protocol import canonical
from protocol.credential_issue import issue_credential
from protocol.encoding import b64u, hex0x, unb64u
from protocol.hashing import sha256
from protocol.identifiers import dossier_urn
from protocol.jose import P256Signer, sign_jws, sign_typed
from protocol.receipts import RECEIPT_TYP, Officer, Receipt, ReceiptItem, sign_receipt
from protocol.rewraps import REWRAP_TYP, Rewrap, sign_rewrap
from protocol.sdjwt import parse_sdjwt
from protocol.slips import SLIP_TYP, Slip, SlipObject, item_commitment, sign_slip
from tests.credential_samples import BANK_URN, DOSSIER, HOLDER, ISSUED, ISSUER, ISSUER_URN, file_entry, request
from tests.vectors.book import Book, octets
from tests.vectors.judges import signed

LOG = "onefile/31337/0x5fbdb2315678afecb367f032d93f642f64180aa3/main"
OTHER_LOG = LOG.replace("main", "side")
NOW = ISSUED + 1000
JTI = b64u(bytes(range(16)))


def salted() -> Callable[[], bytes]:
    """Salts of disclosures that are the same each time."""
    counter = itertools.count()
    return lambda: sha256(b"salt", bytes([next(counter)]))[:16]


CREDENTIAL = issue_credential(request(), ISSUER, salt=salted())
JWT = parse_sdjwt(CREDENTIAL).issuer_jwt
SALT = sha256(b"salt")
SLIP = Slip(
    *(JTI, NOW, ISSUER_URN, LOG, DOSSIER, sha256(b"item")),
    *(item_commitment(SALT, JWT), sha256(b"card")),
    (SlipObject(sha256(b"payload"), 5000, sha256(b"header")),),
)
RECEIPT = Receipt(
    *(JTI, NOW, BANK_URN, LOG, sha256(b"grant"), None, sha256(b"scenario"), Officer("credit-officer", "desk 4")),
    (ReceiptItem(sha256(b"item"), ("/insured_region", "/months_paid"), (sha256(b"payload"),)),),
    *(NOW + 86_400, None, sha256(b"card")),
)
SHOW_RECEIPT = replace(RECEIPT, grant=None, show=bytes(range(16)), items=(), nonce=bytes(range(16, 32)))


def jwk(signer: P256Signer) -> dict[str, str]:
    return signer.public_jwk().to_json()


def broken(raw: str) -> str:
    """A JWS with another signature, still of 64 bytes."""
    signing_input, _, signature = raw.rpartition(".")
    bad = bytearray(unb64u(signature))
    bad[-1] ^= 1
    return f"{signing_input}.{b64u(bytes(bad))}"


def high_s(raw: str) -> str:
    """The same JWS with the other s: JOSE takes both."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    signing_input, _, signature = raw.rpartition(".")
    both = unb64u(signature)
    s = order - int.from_bytes(both[32:], "big")
    return f"{signing_input}.{b64u(both[:32] + s.to_bytes(32, 'big'))}"


def refuse_jws(book: Book, typ: str, body: dict[str, Any], signer: P256Signer, other: str, member: str = "raw") -> None:
    """What can be wrong with the JWS around any of our bodies; ``other`` is another typ of ours."""
    good = sign_typed(typ, body, signer)
    head, payload, signature = good.split(".")
    kid = signer.public_jwk().kid()
    stranger = P256Signer.from_secret(bytes(31) + b"\x77")
    for name, expect, raw in (
        ("a broken signature", "untrusted:jws_signature", broken(good)),
        ("signed by another key under this kid", "untrusted:jws_signature", sign_jws({"typ": typ, "kid": kid}, body, stranger)),
        ("signed by another key", "untrusted:jws_kid", sign_typed(typ, body, stranger)),
        ("another type of JWS", "malformed:jws_typ", sign_typed(other, body, signer)),
        ("no kid", "malformed:jws_header", sign_jws({"typ": typ}, body, signer)),
        ("a key in the header", "malformed:jws_header", sign_jws({"typ": typ, "kid": kid, "jwk": jwk(signer)}, body, signer)),
        ("alg none", "malformed:jws_alg", f"{b64u(canonical.dumps({'alg': 'none', 'kid': kid, 'typ': typ}))}.{payload}.{signature}"),
        ("no signature", "malformed:length", f"{head}.{payload}."),
        ("two parts", "malformed:jws", f"{head}.{payload}"),
        ("padding", "malformed:base64url", f"{head}.{payload}.{signature}=="),
        ("a body that is a list", "malformed:json_object", sign_jws({"typ": typ, "kid": kid}, canonical.dumps([body]), signer)),
        ("a member twice", "malformed:json", sign_jws({"typ": typ, "kid": kid}, canonical.dumps(body)[:-1] + b',"iat":1}' if "iat" in body else canonical.dumps(body)[:-1] + b',"version":1}', signer)),
    ):  # fmt: skip
        book.refuse(name, expect, **{member: raw})


def bodies(
    book: Book, typ: str, body: dict[str, Any], signer: P256Signer, *, of: str | None = None
) -> Callable[..., None]:
    """A function that adds a case whose body has some members changed, or left out (``...``), signed anew."""

    def bent(name: str, expect: str, **members: Any) -> None:
        changed = {n: v for n, v in {**body, **members}.items() if v is not ...}
        book.refuse(name, expect, of=of, raw=sign_typed(typ, changed, signer))

    return bent


def slips() -> Book:
    about = "raw: a deposit slip (JWS) by key, for the log; the result is its SHA-256 and what it says"
    book = Book("slip", about, signed.slip)
    good = sign_slip(SLIP, ISSUER)
    place = {"key": jwk(ISSUER), "log": LOG}
    book.accept("a deposit by an issuer", raw=good, **place)
    own = replace(SLIP, iss=dossier_urn(DOSSIER))
    book.accept("an own document", raw=sign_slip(own, HOLDER), key=jwk(HOLDER), log=LOG)
    hyphen = LOG.replace("main", "-")
    book.accept(
        "a log whose name is a hyphen", raw=sign_slip(replace(SLIP, aud=hyphen), ISSUER), key=jwk(ISSUER), log=hyphen
    )
    book.also("the other s", raw=high_s(good))
    book.refuse("another key", "untrusted:jws_kid", key=jwk(HOLDER))
    book.refuse("another log", "untrusted:wrong_audience", log=OTHER_LOG)
    refuse_jws(book, SLIP_TYP, SLIP.to_json(), ISSUER, RECEIPT_TYP)
    bent = bodies(book, SLIP_TYP, SLIP.to_json(), ISSUER)
    first = SLIP.objects[0].to_json()
    bent("a licence type", "malformed:field_unknown", vct="x")
    bent("a status index", "malformed:field_unknown", status=7)
    bent("no item", "malformed:field_missing", item=...)
    bent("no objects", "malformed:field_count", objects=[])
    bent(
        "65 objects",
        "malformed:field_count",
        objects=[{**first, "payload": b64u(sha256(bytes([n])))} for n in range(65)],
    )
    bent("one payload twice", "malformed:slip_objects", objects=[first, first])
    bent("a name beside an object", "malformed:field_unknown", objects=[{**first, "name": "a.pdf"}])
    bent("a payload of 31 bytes", "malformed:field_range", objects=[{**first, "payload_size": 31}])
    bent("a digest of 31 bytes", "malformed:length", objects=[{**first, "header": b64u(bytes(31))}])
    bent("a dossier in base64url", "malformed:hex", dossier=b64u(DOSSIER))
    bent("a card of 20 bytes", "malformed:length", card=hex0x(bytes(20)))
    bent("an item in hex", "malformed:base64url", item=hex0x(SLIP.item))
    bent("a jti of 15 bytes", "malformed:field_form", jti=b64u(bytes(15)))
    bent("a time as text", "malformed:field_type", iat=str(NOW))
    bent("a time in milliseconds", "malformed:field_range", iat=NOW * 1000)
    bent("a log's name of 32", "malformed:field_form", aud=LOG.replace("main", "a" * 32))
    bent("another dossier as the issuer", "malformed:slip_issuer", iss=dossier_urn(bytes(32)))
    bent("a URL as the issuer", "malformed:field_form", iss="https://agency.example")
    return book


def items() -> Book:
    about = (
        "slip: a deposit slip by key for the log; it must commit to object (issuer-signed JWT or own list) with salt"
    )
    book = Book("item-commitment", about, signed.item)
    place = {"key": jwk(ISSUER), "log": LOG}
    book.accept("a credential", slip=sign_slip(SLIP, ISSUER), **place, salt=b64u(SALT), object=octets(JWT.encode()))
    raw = own_list().serialise()
    own = replace(SLIP, iss=dossier_urn(DOSSIER), item_commitment=item_commitment(SALT, raw.decode()))
    given = {"slip": sign_slip(own, HOLDER), "key": jwk(HOLDER), "log": LOG, "salt": b64u(SALT)}
    book.accept("an own document", **given, object=octets(raw))
    false = "untrusted:item_commitment"
    book.refuse("another salt", false, salt=b64u(bytes(32)))
    book.refuse("another credential", false, object=octets(JWT.replace(".", "0.", 1).encode()))
    book.refuse("with a disclosure behind it", false, object=octets((JWT + "~WyJzIiwiYSIsMV0~").encode()))
    book.refuse("a line feed more", false, object=octets((JWT + "\n").encode()))
    book.refuse("the digest instead", false, object=octets(b64u(sha256(JWT.encode())).encode()))

    def committing(made: bytes) -> str:
        return sign_slip(replace(SLIP, item_commitment=made), ISSUER)

    digest = sha256(JWT.encode())
    book.refuse("no salt in it", false, slip=committing(sha256(b"onefile/item/v1", digest)))
    book.refuse("no label", false, slip=committing(sha256(SALT, digest)))
    book.refuse("the label of the log", false, slip=committing(sha256(b"onefile/c/v1", SALT, digest)))
    book.refuse(
        "the credential not hashed first", false, slip=committing(sha256(b"onefile/item/v1", SALT, JWT.encode()))
    )
    book.refuse("salt and digest swapped", false, slip=committing(sha256(b"onefile/item/v1", digest, SALT)))
    book.refuse("a salt of 31 bytes", "malformed:length", salt=b64u(SALT[1:]))
    book.refuse("another signer", "untrusted:jws_kid", key=jwk(HOLDER))
    book.refuse("another log", "untrusted:wrong_audience", log=OTHER_LOG)
    return book


def receipts() -> Book:
    about = "raw: a reader's receipt (JWS) by key, for the log, at the verifier's now"
    book = Book("receipt", about, signed.receipt)
    place = {"key": jwk(ISSUER), "log": LOG, "now": NOW}
    book.accept("a use of a grant", raw=sign_receipt(RECEIPT, ISSUER), **place)
    book.also("a show", raw=sign_receipt(SHOW_RECEIPT, ISSUER))
    book.also("two minutes late", now=NOW + 120)
    book.also("two minutes early", now=NOW - 120)
    book.refuse("later than two minutes", "denied:iat_off", now=NOW + 121)
    book.refuse("earlier than two minutes", "denied:iat_off", now=NOW - 121)
    book.refuse("another key", "untrusted:jws_kid", key=jwk(HOLDER))
    book.refuse("another log", "untrusted:wrong_audience", log=OTHER_LOG)
    refuse_jws(book, RECEIPT_TYP, RECEIPT.to_json(), ISSUER, SLIP_TYP)
    bent = bodies(book, RECEIPT_TYP, RECEIPT.to_json(), ISSUER)
    item = RECEIPT.items[0].to_json()
    bent("grant and show", "malformed:receipt_subject", show=JTI)
    bent("neither grant nor show", "malformed:receipt_subject", grant=...)
    bent("a use number", "malformed:field_unknown", use_no=1)
    bent("a nonce with a grant", "malformed:receipt_nonce", nonce=JTI)
    bent("no items with a grant", "malformed:receipt_items", items=[])
    bent("an item twice", "malformed:receipt_items", items=[item, item])
    bent("claims out of order", "malformed:receipt_order", items=[{**item, "claims": ["/b", "/a"]}])
    bent("a claim twice", "malformed:field_duplicate", items=[{**item, "claims": ["/a", "/a"]}])
    bent("a claim that is no pointer", "malformed:field_form", items=[{**item, "claims": ["a"]}])
    bent("an officer's name", "malformed:field_unknown", officer={**RECEIPT.officer.to_json(), "name": "a"})
    bent("a class in upper case", "malformed:field_form", officer={"class": "Officer", "ref": "4"})
    bent("kept no longer than not at all", "malformed:receipt_retention", retain_until=NOW - 1)
    bent("a dossier as the reader", "malformed:field_form", iss=dossier_urn(DOSSIER))
    bent("a card in base64url", "malformed:hex", card=b64u(RECEIPT.card))
    show = bodies(book, RECEIPT_TYP, SHOW_RECEIPT.to_json(), ISSUER, of="a show")
    show("items with a show", "malformed:receipt_items", items=[item])
    show("a show without a nonce", "malformed:receipt_nonce", nonce=...)
    show("a session of 32 bytes", "malformed:length", show=b64u(bytes(32)))
    return book


def own_list(**changes: Any) -> OwnDocument:
    values: dict[str, Any] = {"title": "毕业证书", "created": NOW, "files": (file_entry("证书.pdf", b"pdf"),)}
    return OwnDocument(**{**values, **changes})


def own_documents() -> Book:
    about = "raw: the list of a holder's own documents, JCS (object 0 of an own item)"
    book = Book("own-document", about, signed.own_document)
    good = own_list().serialise()
    book.accept("one file", raw=octets(good))
    two = (file_entry("a.pdf", b"a"), file_entry("b.jpg", b"b", "image/jpeg"))
    book.accept("two files and a note", raw=octets(own_list(files=two, note="两份").serialise()))
    body = canonical.loads_object(good)
    entry = body["files"][0]
    for name, code, members in (
        ("version 2", "field_range", {"v": 2}),
        ("another type", "own_type", {"type": "onefile-issued"}),
        ("no title", "field_length", {"title": ""}),
        ("no files", "field_count", {"files": []}),
        ("two files of one name", "own_files", {"files": [entry, entry]}),
        ("an issuer", "field_unknown", {"iss": ISSUER_URN}),
        ("an empty note", "field_length", {"note": ""}),
        ("a time as text", "field_type", {"created": str(NOW)}),
        ("a name that climbs", "field_form", {"files": [{**entry, "name": "../a"}]}),
        ("a hidden name", "field_form", {"files": [{**entry, "name": ".a"}]}),
        ("a name that turns round", "field_form", {"files": [{**entry, "name": "a\u202efdp.exe"}]}),
        (
            "a media type with a parameter",
            "field_form",
            {"files": [{**entry, "media_type": "text/plain; charset=utf-8"}]},
        ),
        ("a digest of 31 bytes", "length", {"files": [{**entry, "sha256": b64u(bytes(31))}]}),
        ("a file beyond 4 GiB", "field_range", {"files": [{**entry, "size": (4 << 30) + 1}]}),
    ):
        book.refuse(name, f"malformed:{code}", raw=octets(canonical.dumps({**body, **members})))
    book.refuse("a space", "malformed:not_canonical", raw=octets(good + b" "))
    return book


def rewraps() -> Book:
    about = "raw: a holder's word on new headers (JWS) by key, of a dossier (urn) and item, for the log"
    book = Book("rewrap", about, signed.rewrap)
    word = Rewrap(NOW, dossier_urn(DOSSIER), LOG, sha256(b"item"), sha256(b"card"), (sha256(b"0"), sha256(b"1")))
    good = sign_rewrap(word, HOLDER)
    place = {"key": jwk(HOLDER), "log": LOG, "dossier": word.iss, "item": b64u(word.item)}
    book.accept("an item of two objects", raw=good, **place)
    book.also("the other s", raw=high_s(good))
    book.also("an item of one object", raw=sign_rewrap(replace(word, headers=word.headers[:1]), HOLDER))
    book.refuse("another key", "untrusted:jws_kid", key=jwk(ISSUER))
    book.refuse("another log", "untrusted:wrong_audience", log=OTHER_LOG)
    book.refuse("another dossier", "untrusted:rewrap_foreign", dossier=dossier_urn(bytes(32)))
    book.refuse("another item", "untrusted:rewrap_foreign", item=b64u(sha256(b"other")))
    refuse_jws(book, REWRAP_TYP, word.to_json(), HOLDER, SLIP_TYP)
    bent = bodies(book, REWRAP_TYP, word.to_json(), HOLDER)
    bent("no headers", "malformed:field_count", headers=[])
    bent("65 headers", "malformed:field_count", headers=[b64u(sha256(bytes([n]))) for n in range(65)])
    bent("one header twice", "malformed:field_duplicate", headers=[b64u(word.headers[0])] * 2)
    bent("a header of 31 bytes", "malformed:length", headers=[b64u(bytes(31))])
    bent("a payload", "malformed:field_unknown", payload=b64u(bytes(32)))
    bent("no card", "malformed:field_missing", card=...)
    bent("a card in base64url", "malformed:hex", card=b64u(word.card))
    bent("by an agency", "malformed:field_form", iss=ISSUER_URN)
    bent("a log in upper case", "malformed:field_form", aud=LOG.upper())
    bent("an item of 31 bytes", "malformed:length", item=b64u(bytes(31)))
    return book


def books() -> list[Book]:
    """All of this module."""
    return [slips(), items(), receipts(), own_documents(), rewraps()]
