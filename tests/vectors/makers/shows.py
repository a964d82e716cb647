"""Vectors of status lists and show codes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from protocol.cose import signed_structure
from protocol.encoding import b64u, base45, unb64u, unbase45
from protocol.jose import P256Signer, sign_typed
from protocol.show_code import PREFIX, new_show_code, sign_show_code
from protocol.slips import SLIP_TYP
from protocol.status_list import STATUS_TYP, StatusList, status_uri
from tests.credential_samples import ACCOUNT, DOSSIER, HOLDER, ISSUER, ISSUER_URN, STATUS_URI
from tests.vectors.book import Book
from tests.vectors.judges import credentials
from tests.vectors.makers.packing import pack
from tests.vectors.makers.signed import LOG, NOW, OTHER_LOG, bodies, high_s, jwk, refuse_jws

STATUSES = {7: 1, 8: 2, 9: 3}
# A list with one invalid, as zlib packs it.
BY_ZLIB = "eNrtwQEBAAAAASDT_F9liCoNAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAANwbgaAAQQ"
SHOW = new_show_code(bytes(range(16)), 3, origin=LOG, now=NOW)


def state() -> bytes:
    kept = StatusList(bytes(2**15), b"\xff" + b"\xff" + bytes(2**14 - 2))
    for idx, status in STATUSES.items():
        kept.set(idx, status)
    return kept.state()[0]


def body(lst: bytes | None = None, **changes: Any) -> dict[str, Any]:
    packed = b64u(pack(state()) if lst is None else lst)
    base = {"iss": ISSUER_URN, "sub": STATUS_URI, "iat": NOW, "exp": NOW + 3600, "ttl": 900}
    return {**base, "status_list": {"bits": 2, "lst": packed}, **changes}


def status_lists() -> Book:
    about = (
        "raw: a status list token (JWS) by the issuer's key, of the list uri, at now; the result is the status at idx"
    )
    book = Book("status-list", about, credentials.status_list)
    good = sign_typed(STATUS_TYP, body(), ISSUER)
    book.accept("valid", raw=good, key=jwk(ISSUER), uri=STATUS_URI, now=NOW, idx=6)
    for idx, name in ((7, "invalid"), (8, "suspended"), (9, "under correction")):
        book.also(name, idx=idx)
    book.also("the last entry", idx=2**17 - 1)
    book.also("in its last second", now=NOW + 3599)
    book.also("two minutes before it was made", now=NOW - 120)
    book.also("the largest list", raw=sign_typed(STATUS_TYP, body(pack(bytes(2**17))), ISSUER), idx=2**19 - 1)
    book.also("the other s", raw=high_s(good))
    book.also("packed by zlib", raw=sign_typed(STATUS_TYP, body(unb64u(BY_ZLIB)), ISSUER), idx=7)
    book.also("of a day", raw=sign_typed(STATUS_TYP, body(exp=NOW + 86_400), ISSUER))
    book.refuse("an hour later", "unavailable:status_stale", now=NOW + 3600)
    book.refuse("before it was made", "unavailable:status_stale", now=NOW - 121)
    book.refuse("an index beyond the list", "untrusted:status_index", idx=2**17)
    book.refuse("another list of the issuer", "untrusted:status_uri", uri=status_uri(ACCOUNT, 1))
    book.refuse("a list of another issuer", "untrusted:status_uri", uri=status_uri(b"\x99" * 20, 0))
    book.refuse("another key", "untrusted:jws_kid", key=jwk(HOLDER))
    refuse_jws(book, STATUS_TYP, body(), ISSUER, SLIP_TYP)
    refuse_lists(book)
    return book


def refuse_lists(book: Book) -> None:
    bent = bodies(book, STATUS_TYP, body(), ISSUER)
    packed = pack(state())
    uri = status_uri(b"\x99" * 20, 0)
    bent("of a day and a second", "malformed:status_lifetime", exp=NOW + 86_401)
    bent("of no time", "malformed:status_lifetime", exp=NOW)
    bent("no end", "malformed:field_missing", exp=...)
    bent("named after another account", "malformed:status_issuer", sub=uri)
    bent("by a dossier", "malformed:field_form", iss="urn:onefile:dossier:0x" + DOSSIER.hex())
    bent("a URL as its name", "malformed:field_form", sub="https://status.example/0")
    bent("ttl 0", "malformed:field_range", ttl=0)
    bent("a list of lists", "malformed:field_unknown", aggregation_uri="urn:a")
    for name, code, status_list in (
        ("one bit", "status_bits", {"bits": 1, "lst": b64u(packed)}),
        ("no bits", "field_missing", {"lst": b64u(packed)}),
        ("cut off", "status_zlib", {"bits": 2, "lst": b64u(packed[:-3])}),
        ("a byte too many", "status_zlib", {"bits": 2, "lst": b64u(packed + b"\x00")}),
        ("another checksum", "status_zlib", {"bits": 2, "lst": b64u(packed[:-1] + bytes([packed[-1] ^ 1]))}),
        ("deflate without zlib", "status_zlib", {"bits": 2, "lst": b64u(packed[2:-4])}),
        ("half of the least size", "status_list_size", {"bits": 2, "lst": b64u(pack(bytes(2**14)))}),
        ("a byte above the largest size", "status_list_size", {"bits": 2, "lst": b64u(pack(bytes(2**17 + 1)))}),
        ("a bomb", "status_list_size", {"bits": 2, "lst": b64u(pack(bytes(2**22)))}),
        ("padding", "base64url", {"bits": 2, "lst": b64u(packed) + "="}),
    ):
        bent(f"lst: {name}", f"malformed:{code}", status_list=status_list)


def show_codes() -> Book:
    about = "text: a show code by the holder's present key, for the log, at the vault's now"
    book = Book("show-code", about, credentials.show_code)
    text = sign_show_code(SHOW, HOLDER)
    place = {"key": jwk(HOLDER), "log": LOG, "now": NOW}
    book.accept("118 bytes", text=text, **place)
    book.also("a counter of two bytes", text=sign_show_code(replace(SHOW, counter=65_535), HOLDER))
    book.also("in its last second", now=NOW + 59)
    book.also("five seconds early", now=NOW - 5)
    book.refuse("another key", "untrusted:show_code_signature", key=jwk(ISSUER))
    book.refuse("another log", "untrusted:show_code_log", log=OTHER_LOG)
    book.refuse("a minute later", "denied:show_code_expired", now=NOW + 60)
    book.refuse("six seconds early", "denied:show_code_expired", now=NOW - 6)
    refuse_cose(book, unbase45(text[4:]))
    refuse_payloads(book)
    book.refuse("OF2", "malformed:show_code", text="OF2:" + text[4:])
    book.refuse("no prefix", "malformed:show_code", text=text[4:])
    book.refuse("lower case", "malformed:base45", text=PREFIX + text[4:].lower())
    book.refuse("a space at the end", "malformed:base45", text=text + " ")
    return book


def refuse_cose(book: Book, cose: bytes) -> None:
    """Other spellings of the envelope, and a changed signature. Each byte counts: what is signed stays the same."""
    for name, expect, raw in (
        ("a broken signature", "untrusted:show_code_signature", cose[:-1] + bytes([cose[-1] ^ 1])),
        ("another session under this signature", "untrusted:show_code_signature", cose[:14] + bytes([cose[14] ^ 1]) + cose[15:]),
        ("no tag", "malformed:show_code", cose[1:]),
        ("tag 17", "malformed:show_code", b"\xd1" + cose[1:]),
        ("an array of five", "malformed:show_code", cose[:1] + b"\x85" + cose[2:]),
        ("ES384", "malformed:show_code", cose.replace(bytes.fromhex("a10126"), bytes.fromhex("a10122"), 1)),
        ("a kid without protection", "malformed:show_code", cose.replace(b"\x26\xa0", b"\x26\xa1\x04\x41\x00", 1)),
        ("a counter written longer than it need be", "malformed:show_code", cose[:8] + b"\x2c" + cose[9:29] + b"\x18" + cose[29:]),
        ("a byte at the end", "malformed:show_code", cose + b"\x00"),
        ("cut off", "malformed:show_code", cose[:-1]),
    ):  # fmt: skip
        book.refuse(name, expect, text=PREFIX + base45(raw))


def cbor_int(value: int) -> bytes:
    return bytes([value]) if value < 24 else b"\x1a" + value.to_bytes(4, "big")


def refuse_payloads(book: Book) -> None:
    """Payloads that are well signed and still not ours."""

    def signed(*pairs: tuple[bytes, bytes], head: bytes | None = None, signer: P256Signer = HOLDER) -> str:
        payload = (head or bytes([0xA0 + len(pairs)])) + b"".join(key + value for key, value in pairs)
        size = bytes([len(payload)])
        start = bytes.fromhex("d28443a10126a058")
        return PREFIX + base45(start + size + payload + b"\x58\x40" + signer.sign(signed_structure(payload)))

    session, counter = (b"\x01", b"\x50" + SHOW.session), (b"\x02", b"\x03")
    exp, iat, log = (b"\x04", cbor_int(SHOW.exp)), (b"\x06", cbor_int(SHOW.iat)), (b"\x07", b"\x48" + SHOW.log)
    good = book.base()["input"]["text"]
    assert signed(session, counter, exp, iat, log) == good
    for name, text in (
        ("61 seconds", signed(session, counter, (b"\x04", cbor_int(NOW + 61)), iat, log)),
        ("no lifetime", signed(session, counter, (b"\x04", cbor_int(NOW)), iat, log)),
        ("a session of 15 bytes", signed((b"\x01", b"\x4f" + SHOW.session[1:]), counter, exp, iat, log)),
        ("a counter of 65,536", signed(session, (b"\x02", cbor_int(65_536)), exp, iat, log)),
        ("a negative counter", signed(session, (b"\x02", b"\x20"), exp, iat, log)),
        ("a whole hash of the log", signed(session, counter, exp, iat, (b"\x07", b"\x58\x20" + SHOW.log * 4))),
        ("keys out of order", signed(counter, session, exp, iat, log)),
        ("a claim too many", signed(session, counter, exp, iat, log, (b"\x08", b"\x00"))),
        ("a claim missing", signed(session, exp, iat, log)),
        ("times as floats", signed(session, counter, (b"\x04", bytes.fromhex("fa4ed5627f")), iat, log)),
        ("a map of indefinite length", signed(session, counter, exp, iat, (b"\x07", b"\x48" + SHOW.log + b"\xff"), head=b"\xbf")),
    ):  # fmt: skip
        book.refuse(name, "malformed:show_code", text=text)


def books() -> list[Book]:
    """All of this module."""
    return [status_lists(), show_codes()]
