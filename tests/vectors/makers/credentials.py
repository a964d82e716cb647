"""Vectors of credentials and presentations."""

from __future__ import annotations

from typing import Any

from protocol import canonical
from protocol.credential import open_credential
from protocol.credential_issue import issue_credential
from protocol.encoding import b64u
from protocol.hashing import sha256
from protocol.identifiers import agency_urn
from protocol.jose import P256Signer, sign_jws, sign_typed
from protocol.sdjwt import KEY_BINDING_TYP, SDJWT_TYP, parse_sdjwt
from protocol.sdjwt_present import bind_key, select_disclosures
from protocol.slips import SLIP_TYP
from tests.credential_samples import BANK_URN, HOLDER, ISSUED, ISSUER, ISSUER_URN, certificate, request
from tests.vectors.book import Book
from tests.vectors.judges import credentials
from tests.vectors.makers.signed import CREDENTIAL, NOW, broken, high_s, jwk, salted

NONCE = b64u(bytes(range(32)))
NAMED = ("/files/0", "/holder/name", "/insured_region")
DAY = 86_400


SDJWT = parse_sdjwt(CREDENTIAL)
CLEAR = SDJWT.issuer.claims()
DISCLOSURES = [d.raw for d in SDJWT.disclosures]
BARE = select_disclosures(SDJWT, (*NAMED, "/sub"))
SHOWN = bind_key(BARE, HOLDER, aud=BANK_URN, nonce=NONCE, iat=NOW)
PLACED = open_credential(CREDENTIAL).opened.disclosed


def joined(issuer_jwt: str, disclosures: list[str], binding: str = "") -> str:
    return "~".join((issuer_jwt, *disclosures, binding))


def issued(disclosures: list[str] | None = None, /, **changes: Any) -> str:
    """The credential with other claims in the clear (``...`` leaves one out), signed anew."""
    body = {n: v for n, v in {**CLEAR, **changes}.items() if v is not ...}
    return joined(sign_typed(SDJWT_TYP, body, ISSUER), DISCLOSURES if disclosures is None else disclosures)


def disclosure(*parts: Any) -> str:
    return b64u(canonical.dumps(list(parts)))


def digest(text: str) -> str:
    return b64u(sha256(text.encode()))


def with_claim(name: str, value: Any, **changes: Any) -> str:
    """The credential with one more disclosed claim, signed anew."""
    more = disclosure("salt", name, value)
    return issued([*DISCLOSURES, more], _sd=[*CLEAR["_sd"], digest(more)], **changes)


def without(pointer: str) -> list[str]:
    """The disclosures but for a claim and its parts."""
    return [d.raw for at, d in PLACED.items() if at != pointer and not at.startswith(pointer + "/")]


def replaced(pointer: str, value: Any) -> str:
    """The credential with another value behind a top-level digest, signed anew."""
    old = PLACED[pointer]
    new = disclosure(old.salt, old.name, value)
    digests = [digest(new) if one == old.digest else one for one in CLEAR["_sd"]]
    return issued([new if one == old.raw else one for one in DISCLOSURES], _sd=digests)


def credential_book() -> Book:
    about = "raw: a credential with its disclosures, by the issuer's key; now, max_age: whether it holds then, and is new enough"
    book = Book("credential", about, credentials.credential)
    place = {"key": jwk(ISSUER), "now": NOW, "max_age": 0}
    book.accept("all disclosures", raw=CREDENTIAL, **place)
    book.also("none", raw=joined(SDJWT.issuer_jwt, []))
    book.also("as new as is asked for", max_age=NOW - ISSUED)
    lasting = issue_credential(request(certificate=certificate(expiring_date=None), files=()), ISSUER, salt=salted())
    book.also("without an end and without documents", raw=lasting)
    book.also("decoys", raw=issue_credential(request(), ISSUER, decoys=3, salt=salted()))
    head, _, rest = CREDENTIAL.partition("~")
    book.also("the other s", raw=f"{high_s(head)}~{rest}")
    midnight = 1_821_484_800 - 8 * 3600  # 2027-09-21 in China: the licence holds until its last day ends
    book.also("in its last second", now=midnight - 1)
    book.refuse("the day after", "denied:credential_expired", now=midnight)
    book.refuse("the day before", "denied:credential_not_yet", now=ISSUED - 2 * DAY)
    book.refuse("older than is asked for", "denied:credential_too_old", max_age=NOW - ISSUED - 1)
    book.refuse("another key", "untrusted:jws_kid", key=jwk(HOLDER))
    book.refuse("a broken signature", "untrusted:jws_signature", raw=f"{broken(head)}~{rest}")
    stranger = sign_jws(
        {"typ": SDJWT_TYP, "kid": ISSUER.public_jwk().kid()}, CLEAR, P256Signer.from_secret(bytes(31) + b"\x77")
    )
    book.refuse("another key under this kid", "untrusted:jws_signature", raw=joined(stranger, DISCLOSURES))
    false = disclosure("salt", "insured_region", "elsewhere")
    book.refuse(
        "a disclosure that the issuer did not make",
        "untrusted:disclosure_unknown",
        raw=joined(head, [*DISCLOSURES, false]),
    )
    refuse_structure(book, head)
    refuse_profile(book)
    return book


def refuse_structure(book: Book, head: str) -> None:
    """What RFC 9901 §7.1 rejects."""
    reserved = disclosure("salt", "_sd", [])
    element, claim = PLACED["/files/0"], PLACED["/insured_region"]
    for name, code, raw in (
        ("no tilde", "sdjwt", head),
        ("a disclosure twice", "sdjwt_duplicate", joined(head, [*DISCLOSURES, DISCLOSURES[0]])),
        ("a digest twice", "sdjwt_duplicate", issued(_sd=[*CLEAR["_sd"], CLEAR["_sd"][0]])),
        ("another hash", "sdjwt_alg", issued(_sd_alg="sha-512")),
        ("digests that are no list", "sdjwt_digests", issued(_sd=CLEAR["_sd"][0])),
        ("a short digest", "length", issued(_sd=[*CLEAR["_sd"], b64u(bytes(31))])),
        ("a claim where an element belongs", "sdjwt_disclosure", issued(files=[{"...": claim.digest}, *CLEAR["files"][1:]], _sd=[d for d in CLEAR["_sd"] if d != claim.digest])),
        ("an element where a claim belongs", "sdjwt_disclosure", issued(files=CLEAR["files"][1:], _sd=[*CLEAR["_sd"], element.digest])),
        ("a disclosure of one element", "sdjwt_disclosure", joined(head, [*DISCLOSURES, disclosure("salt")])),
        ("a disclosure of four", "sdjwt_disclosure", joined(head, [*DISCLOSURES, disclosure("salt", "a", 1, 2)])),
        ("a disclosure that is an object", "sdjwt_disclosure", joined(head, [*DISCLOSURES, b64u(b'{"a":1}')])),
        ("a salt that is a number", "field_type", joined(head, [*DISCLOSURES, disclosure(1, "a", 1)])),
        ("a reserved name", "sdjwt_reserved", joined(head, [*DISCLOSURES, reserved])),
        ("a claim that stands already", "sdjwt_collision", with_claim("iat", 1)),
        ("a digest beside another member", "sdjwt_reserved", issued(files=[{**CLEAR["files"][0], "a": 1}, *CLEAR["files"][1:]])),
        ("claims nested too deep", "sdjwt_depth", nested_too_deep()),
        ("8,192 values and more", "sdjwt_values", replaced("/insured_region", [0] * 8192)),
        ("a float behind a digest", "json", joined(head, [*DISCLOSURES, b64u(b'["salt","a",1.5]')])),
        ("another type of JWS", "jws_typ", joined(sign_typed(SLIP_TYP, CLEAR, ISSUER), DISCLOSURES)),
    ):  # fmt: skip
        book.refuse(name, f"malformed:{code}", raw=raw)


def nested_too_deep() -> str:
    """Two disclosures, one in the other, which nest deeper together than JSON may."""
    inner = disclosure("salt", "a", nested(13, 1))
    outer = disclosure("salt", "deep", nested(12, {"_sd": [digest(inner)]}))
    return issued([*DISCLOSURES, outer, inner], _sd=[*CLEAR["_sd"], digest(outer)])


def nested(depth: int, value: Any) -> Any:
    for _ in range(depth):
        value = {"a": value}
    return value


def refuse_profile(book: Book) -> None:
    """What our profile refuses (docs/spec/credential.md §2)."""
    hidden = disclosure("salt", "iss", ISSUER_URN)
    entry = {
        "name": "证明.pdf",
        "media_type": "application/pdf",
        "size": 3,
        "sha256": b64u(bytes(32)),
        "sm3": b64u(bytes(32)),
    }
    first = PLACED["/files/0"].value
    same = disclosure("salt", {**entry, "name": first["name"]})
    other = agency_urn(31337, b"\x11" * 20, b"\x99" * 20)
    for name, code, raw in (
        ("the dossier in the clear", "credential_clear", issued(without("/sub"), sub="urn:onefile:dossier:0x" + "44" * 32)),
        ("a name in the clear", "credential_clear", issued(without("/holder"), holder={"name": "a"})),
        ("a document in the clear", "credential_clear", issued(files=[entry, *CLEAR["files"]])),
        ("an issuer that may be withheld", "credential_hidden", issued([*DISCLOSURES, hidden], iss=..., _sd=[*CLEAR["_sd"], digest(hidden)])),
        ("an end in exp", "credential_clear", issued(exp=NOW)),
        ("no issuer", "field_missing", issued(iss=...)),
        ("a URL as the issuer", "field_form", issued(iss="https://agency.example")),
        ("a URL as the type", "field_form", issued(vct="https://licence.example/1")),
        ("a URL as the status", "field_form", issued(status={"status_list": {"idx": 7, "uri": "https://status.example/0"}})),
        ("an index beyond every list", "field_range", issued(status={"status_list": {"idx": 2**19, "uri": CLEAR["status"]["status_list"]["uri"]}})),
        ("a second status", "field_unknown", issued(status={**CLEAR["status"], "other": 1})),
        ("a private holder key", "jwk", issued(cnf={"jwk": {**CLEAR["cnf"]["jwk"], "d": b64u(bytes(32))}})),
        ("a key by its kid", "field_missing", issued(cnf={"kid": "a"})),
        ("a day that is none", "field_form", issued(issue_date="2026-02-30")),
        ("a day with a time", "field_form", issued(issue_date="2026-09-21T00:00:00Z")),
        ("an end before the beginning", "credential_dates", issued(expiring_date="2026-09-20")),
        ("a type code of 20", "field_form", issued(certificate_type_code="1210000000000001J004")),
        ("a certificate of another type", "certificate_mismatch", issued(certificate_type_code="12100000000000001J005")),
        ("a certificate with a wrong check character", "certificate_id", replaced("/certificate_id", PLACED["/certificate_id"].value[:-1] + ("A" if PLACED["/certificate_id"].value[-1] != "A" else "B"))),
        ("an agency as its subject", "dossier_urn", replaced("/sub", other)),
        ("a claim in upper case", "field_form", with_claim("Salary", 1)),
        ("two documents of one name", "credential_files", issued([*DISCLOSURES, same], files=[*CLEAR["files"], {"...": digest(same)}])),
    ):  # fmt: skip
        book.refuse(name, f"malformed:{code}", raw=raw)


def bound(disclosures: list[str]) -> str:
    """The issuer's JWT with these disclosures, bound by the holder."""
    return bind_key(joined(SDJWT.issuer_jwt, disclosures), HOLDER, aud=BANK_URN, nonce=NONCE, iat=NOW)


def binding(typ: str = KEY_BINDING_TYP, signer: P256Signer = HOLDER, **changes: Any) -> str:
    """The presentation with another key binding."""
    body = {"iat": NOW, "aud": BANK_URN, "nonce": NONCE, "sd_hash": b64u(sha256(BARE.encode()))}
    kept = {n: v for n, v in {**body, **changes}.items() if v is not ...}
    return BARE + sign_jws({"typ": typ}, kept, signer)


def presentations() -> Book:
    about = (
        "raw: a presentation of claims of a credential by key, for aud and nonce; named: what must be shown, exactly"
    )
    book = Book("presentation", about, credentials.presentation)
    asked = {"aud": BANK_URN, "nonce": NONCE, "named": list(NAMED)}
    book.accept("three claims", raw=SHOWN, key=jwk(ISSUER), **asked)
    book.also("a claim in the clear is named too", named=[*NAMED, "/issue_dept_name"])
    book.also("the dossier is named too", named=[*NAMED, "/sub"])
    book.also("nothing but the dossier", raw=bound([PLACED["/sub"].raw]), named=[])
    shown = [d.raw for d in parse_sdjwt(SHOWN).disclosures]
    salary = PLACED["/contribution_base"].raw
    kb = SHOWN.rpartition("~")[2]
    book.refuse("another audience", "untrusted:key_binding_aud", aud=ISSUER_URN)
    book.refuse("another nonce", "untrusted:key_binding_nonce", nonce=b64u(bytes(32)))
    book.refuse("another issuer's key", "untrusted:jws_kid", key=jwk(HOLDER))
    book.refuse("more than named", "untrusted:claims_unnamed", raw=bound([*shown, salary]))
    book.refuse("less than named", "untrusted:claims_missing", named=[*NAMED, "/contribution_base"])
    book.refuse("a claim shown that is not named", "untrusted:claims_unnamed", named=list(NAMED[1:]))
    book.refuse("the whole holder named", "untrusted:claims_missing", named=["/files/0", "/holder", "/insured_region"])
    book.refuse("another document named", "untrusted:claims_missing", named=["/files/1", *NAMED[1:]])
    for name, expect, raw in (
        ("bound by another key", "untrusted:jws_signature", binding(signer=ISSUER)),
        ("a broken binding", "untrusted:jws_signature", BARE + broken(kb)),
        ("not bound", "untrusted:key_binding_missing", BARE),
        ("a disclosure added", "untrusted:key_binding_hash", f"{BARE}{salary}~{kb}"),
        ("a disclosure left out", "untrusted:key_binding_hash", joined(SDJWT.issuer_jwt, shown[:-1], kb)),
        ("disclosures in another order", "untrusted:key_binding_hash", joined(SDJWT.issuer_jwt, [*shown[1:], shown[0]], kb)),
        ("a binding to no disclosures", "untrusted:key_binding_hash", binding(sd_hash=b64u(sha256(b"")))),
        ("a false disclosure", "untrusted:disclosure_unknown", bound([*shown, disclosure("s", "insured_region", "elsewhere")])),
        ("an element without its list", "untrusted:disclosure_unknown", bound([PLACED["/sub"].raw, PLACED["/holder/name"].raw])),
        ("a disclosure twice", "malformed:sdjwt_duplicate", bound([*shown, shown[0]])),
        ("a binding that is no binding", "malformed:jws_typ", binding(typ="jwt")),
        ("a binding without a nonce", "malformed:field_missing", binding(nonce=...)),
        ("a binding with an end", "malformed:field_unknown", binding(exp=NOW)),
        ("a binding's time as text", "malformed:field_type", binding(iat=str(NOW))),
        ("a binding with a kid", "malformed:jws_header", BARE + sign_typed(KEY_BINDING_TYP, {"iat": NOW, "aud": BANK_URN, "nonce": NONCE, "sd_hash": b64u(sha256(BARE.encode()))}, HOLDER)),
    ):  # fmt: skip
        book.refuse(name, expect, raw=raw)
    return book


def books() -> list[Book]:
    """All of this module."""
    return [credential_book(), presentations()]
