"""Signed statements that the log keeps, and the token by which a holder invites a first deposit.

``onefile-statement+jwt`` ``{jti, iat, iss, aud, kind, item?, grant?, show?, about?, text?}``: what a party
says about an item, a use, or another object; logged as ``note`` or ``correct``. The vault can read a
statement: ``text`` is for words, never for a claim's value. ``onefile-card+jwt`` ``{iss, aud, iat, exp,
card}``: a holder tells one agency which dossier and which key card is theirs; ten minutes at most.
See ``docs/spec/credential.md`` §5 and §6.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocol import forms
from protocol.canonical import Json
from protocol.encoding import b64u, hex0x, unhex0x
from protocol.errors import Denied, Malformed
from protocol.fields import Fields
from protocol.jose import EcSigner, PublicJwk, parse_jws, sign_typed
from protocol.signed import Signed, check_audience, check_clock

STATEMENT_TYP = "onefile-statement+jwt"
STATEMENT_SKEW_S = 120
CARD_TOKEN_TYP = "onefile-card+jwt"  # noqa: S105 (a media type, not a password)
CARD_TOKEN_MAX_S = 600
CARD_TOKEN_SKEW_S = 60
MAX_TEXT = 2000
_MAX_CHARS = 64 << 10


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind of statement is logged as, and which members it must and may carry."""

    logged_as: str
    needs: frozenset[str]
    may: frozenset[str]


def _kind(logged_as: str, needs: str, may: str = "") -> Kind:
    return Kind(logged_as, frozenset(needs.split()), frozenset(may.split()))


# Law: a kind keeps its meaning; a new kind is added, and readers tolerate a kind they do not know only
# as bytes of a logged object, never as a right.
KINDS: dict[str, Kind] = {
    "claim": _kind("note", "item", "text"),
    "delete": _kind("note", "item", "text"),
    "notice": _kind("note", "text", "item about grant"),
    "acknowledgement": _kind("note", "about", "item text"),
    "retention": _kind("note", "about", "item grant text"),
    "review": _kind("note", "about", "grant show text"),
    "stamp": _kind("note", "about", "item text"),
    "complaint": _kind("note", "about text", "grant show"),
    "undelivered": _kind("note", "show", "about text"),
    "renewal": _kind("note", "grant", "text"),
    "correction": _kind("correct", "item text", "about"),
}


@dataclass(frozen=True, slots=True)
class Statement:
    """``about`` is the SHA-256 of the object spoken of (receipt, statement, slip); ids are raw bytes."""

    jti: str
    iat: int
    iss: str
    aud: str
    kind: str
    item: bytes | None = None
    grant: bytes | None = None
    show: bytes | None = None
    about: bytes | None = None
    text: str | None = None

    @property
    def logged_as(self) -> str:
        """The ``t`` of the log entry: ``note`` or ``correct``."""
        return KINDS[self.kind].logged_as

    def to_json(self) -> dict[str, Json]:
        body: dict[str, Json] = {
            "jti": self.jti,
            "iat": self.iat,
            "iss": self.iss,
            "aud": self.aud,
            "kind": self.kind,
        }
        ids = (("item", self.item), ("grant", self.grant), ("show", self.show), ("about", self.about))
        body.update({name: b64u(value) for name, value in ids if value is not None})
        return body if self.text is None else {**body, "text": self.text}


@dataclass(frozen=True, slots=True)
class CardToken:
    """``iss`` is the dossier's urn, ``aud`` the agency's; ``card`` the hash of the key card to seal to."""

    iss: str
    aud: str
    iat: int
    exp: int
    card: bytes

    def to_json(self) -> dict[str, Json]:
        return {
            "iss": self.iss,
            "aud": self.aud,
            "iat": self.iat,
            "exp": self.exp,
            "card": hex0x(self.card),
        }


def sign_statement(statement: Statement, signer: EcSigner) -> str:
    """The statement as JWS; refuses to sign what ``parse_statement`` would refuse to read."""
    raw = sign_typed(STATEMENT_TYP, statement.to_json(), signer)
    parse_statement(raw)
    return raw


def parse_statement(raw: str | bytes) -> Signed[Statement]:
    """Parse strictly; nothing is verified. Raises ``Malformed`` only."""
    jws = parse_jws(raw, typ=STATEMENT_TYP, limit=_MAX_CHARS)
    fields = Fields(jws.claims(), "statement")
    statement = Statement(
        jti=fields.text("jti", pattern=forms.RANDOM16),
        iat=fields.time("iat"),
        iss=fields.text("iss", pattern=forms.PARTY_URN),
        aud=fields.text("aud", pattern=forms.LOG_ORIGIN),
        kind=fields.text("kind", limit=32),
        item=fields.bytes32("item") if fields.has("item") else None,
        grant=fields.bytes32("grant") if fields.has("grant") else None,
        show=fields.octets("show", 16) if fields.has("show") else None,
        about=fields.bytes32("about") if fields.has("about") else None,
        text=fields.text("text", limit=MAX_TEXT) if fields.has("text") else None,
    )
    fields.done()
    _check_members(statement)
    return Signed(statement, jws)


def verify_statement(raw: str | bytes, key: PublicJwk, *, log: str, now: int) -> Signed[Statement]:
    """The statement if ``key`` signed it for this log within 120 s of ``now``."""
    signed = parse_statement(raw).verified_by(key)
    check_audience(signed.body.aud, log)
    check_clock(signed.body.iat, now, STATEMENT_SKEW_S)
    return signed


def sign_card_token(token: CardToken, signer: EcSigner) -> str:
    """The token as JWS, by the dossier's present key."""
    raw = sign_typed(CARD_TOKEN_TYP, token.to_json(), signer)
    parse_card_token(raw)
    return raw


def parse_card_token(raw: str | bytes) -> Signed[CardToken]:
    """Parse strictly; nothing is verified. Raises ``Malformed`` only."""
    jws = parse_jws(raw, typ=CARD_TOKEN_TYP, limit=_MAX_CHARS)
    fields = Fields(jws.claims(), "card token")
    token = CardToken(
        iss=fields.text("iss", pattern=forms.DOSSIER_URN),
        aud=fields.text("aud", pattern=forms.AGENCY_URN),
        iat=fields.time("iat"),
        exp=fields.time("exp"),
        card=unhex0x(fields.take("card"), length=32, what="card token.card"),
    )
    fields.done()
    if not token.iat < token.exp <= token.iat + CARD_TOKEN_MAX_S:
        raise Malformed("card_token_time", "a card token lives at most {most} seconds", most=CARD_TOKEN_MAX_S)
    return Signed(token, jws)


def verify_card_token(raw: str | bytes, key: PublicJwk, *, agency: str, now: int) -> Signed[CardToken]:
    """The token if ``key`` signed it for ``agency`` (its urn) and it lives at ``now``.

    That ``key`` is in the card ``card`` of dossier ``iss`` is the caller's fact. Raises ``Untrusted`` or
    ``Denied("card_token_expired")``.
    """
    signed = parse_card_token(raw).verified_by(key)
    check_audience(signed.body.aud, agency)
    if not signed.body.iat - CARD_TOKEN_SKEW_S <= now < signed.body.exp:
        raise Denied(
            "card_token_expired",
            "the card token holds from {iat} to {exp}; the clock says {now}",
            iat=signed.body.iat,
            exp=signed.body.exp,
            now=now,
        )
    return signed


def _check_members(statement: Statement) -> None:
    kind = KINDS.get(statement.kind)
    if kind is None:
        raise Malformed("statement_kind", "no statement is of this kind")
    there = {n for n in ("item", "grant", "show", "about", "text") if getattr(statement, n) is not None}
    if not kind.needs <= there <= kind.needs | kind.may:
        raise Malformed(
            "statement_members",
            "a {kind} carries {needs}, and may carry {may}",
            kind=statement.kind,
            needs=" ".join(sorted(kind.needs)),
            may=" ".join(sorted(kind.may)) or "-",
        )
