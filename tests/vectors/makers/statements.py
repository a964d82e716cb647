"""Vectors of statements of every kind, and of card tokens."""

from __future__ import annotations

from typing import Any

from protocol.encoding import b64u, hex0x
from protocol.hashing import sha256
from protocol.identifiers import dossier_urn
from protocol.jose import sign_typed
from protocol.statements import (
    CARD_TOKEN_TYP,
    KINDS,
    STATEMENT_TYP,
    CardToken,
    Statement,
    sign_card_token,
    sign_statement,
)
from tests.credential_samples import BANK_URN, DOSSIER, HOLDER, ISSUER, ISSUER_URN
from tests.vectors.book import Book
from tests.vectors.judges import signed
from tests.vectors.makers.signed import JTI, LOG, NOW, OTHER_LOG, bodies, high_s, jwk, refuse_jws

MEMBERS: dict[str, Any] = {
    "item": b64u(sha256(b"item")),
    "grant": b64u(sha256(b"grant")),
    "show": JTI,
    "about": b64u(sha256(b"about")),
    "text": "请更正单位名称",
}
STATEMENT = Statement(JTI, NOW, dossier_urn(DOSSIER), LOG, "claim", item=sha256(b"item"))
TOKEN = CardToken(dossier_urn(DOSSIER), ISSUER_URN, NOW, NOW + 600, sha256(b"card"))


def said(kind: str, *members: str) -> dict[str, Any]:
    """A statement of a kind with these members, by its holder."""
    bare = {n: v for n, v in STATEMENT.to_json().items() if n not in MEMBERS}
    return {**bare, "kind": kind, **{name: MEMBERS[name] for name in members}}


def statements() -> Book:
    about = "raw: a signed statement (JWS) by key, for the log, at the verifier's now; the result says how it is logged"
    book = Book("statement", about, signed.statement)
    place = {"key": jwk(HOLDER), "log": LOG, "now": NOW}
    book.accept("a claim", raw=sign_statement(STATEMENT, HOLDER), **place)
    for kind, members in KINDS.items():
        least = sign_typed(STATEMENT_TYP, said(kind, *sorted(members.needs)), HOLDER)
        book.also(f"{kind}: what it must carry", raw=least) if kind != "claim" else None
        whole = sign_typed(STATEMENT_TYP, said(kind, *sorted(members.needs | members.may)), HOLDER)
        book.also(f"{kind}: all that it may carry", raw=whole)
    by_agency = sign_typed(STATEMENT_TYP, {**said("notice", "text"), "iss": BANK_URN}, ISSUER)
    book.accept("by an agency", raw=by_agency, key=jwk(ISSUER), log=LOG, now=NOW)
    refuse_statements(book)
    return book


def refuse_statements(book: Book) -> None:
    book.refuse("two minutes and a second late", "denied:iat_off", now=NOW + 121)
    book.refuse("two minutes and a second early", "denied:iat_off", now=NOW - 121)
    book.refuse("another key", "untrusted:jws_kid", key=jwk(ISSUER))
    book.refuse("another log", "untrusted:wrong_audience", log=OTHER_LOG)
    refuse_jws(book, STATEMENT_TYP, STATEMENT.to_json(), HOLDER, CARD_TOKEN_TYP)
    for kind, members in KINDS.items():
        of = "a claim" if kind == "claim" else f"{kind}: what it must carry"
        for name in sorted(members.needs):
            raw = sign_typed(STATEMENT_TYP, said(kind, *sorted(members.needs - {name})), HOLDER)
            book.refuse(f"{kind}: no {name}", "malformed:statement_members", of=of, raw=raw)
        for name in sorted(set(MEMBERS) - members.needs - members.may)[:1]:
            raw = sign_typed(STATEMENT_TYP, said(kind, *sorted(members.needs | {name})), HOLDER)
            book.refuse(f"{kind}: a {name} too", "malformed:statement_members", of=of, raw=raw)
    bent = bodies(book, STATEMENT_TYP, STATEMENT.to_json(), HOLDER)
    bent("an unknown kind", "malformed:statement_kind", kind="gossip")
    bent("an unknown member", "malformed:field_unknown", value=1)
    bent("an empty text", "malformed:field_length", text="")
    bent("2,001 characters", "malformed:field_length", text="字" * 2001)
    bent("an item of 31 bytes", "malformed:length", item=b64u(bytes(31)))
    bent("a jti with other unused bits", "malformed:field_form", jti=JTI[:-1] + "x")
    bent("a log in upper case", "malformed:field_form", aud=LOG.upper())
    bent("a URL as its author", "malformed:field_form", iss="https://agency.example")


def card_tokens() -> Book:
    about = "raw: a card token (JWS) by a dossier's present key, for the agency, at the verifier's now"
    book = Book("card-token", about, signed.card_token)
    good = sign_card_token(TOKEN, HOLDER)
    book.accept("for this agency", raw=good, key=jwk(HOLDER), agency=ISSUER_URN, now=NOW)
    book.also("in its last second", now=NOW + 599)
    book.also("a minute before it was made", now=NOW - 60)
    book.also("the other s", raw=high_s(good))
    book.refuse("for another agency", "untrusted:wrong_audience", agency=BANK_URN)
    book.refuse("after its end", "denied:card_token_expired", now=NOW + 600)
    book.refuse("more than a minute before it was made", "denied:card_token_expired", now=NOW - 61)
    book.refuse("another key", "untrusted:jws_kid", key=jwk(ISSUER))
    refuse_jws(book, CARD_TOKEN_TYP, TOKEN.to_json(), HOLDER, STATEMENT_TYP)
    bent = bodies(book, CARD_TOKEN_TYP, TOKEN.to_json(), HOLDER)
    bent("of an hour", "malformed:card_token_time", exp=NOW + 3600)
    bent("of 601 seconds", "malformed:card_token_time", exp=NOW + 601)
    bent("of no time", "malformed:card_token_time", exp=NOW)
    bent("no end", "malformed:field_missing", exp=...)
    bent("a nonce", "malformed:field_unknown", nonce=JTI)
    bent("a card in base64url", "malformed:hex", card=b64u(TOKEN.card))
    bent("a card of 20 bytes", "malformed:length", card=hex0x(bytes(20)))
    bent("by an agency", "malformed:field_form", iss=ISSUER_URN)
    bent("for a dossier", "malformed:field_form", aud=dossier_urn(DOSSIER))
    return book


def books() -> list[Book]:
    """All of this module."""
    return [statements(), card_tokens()]
