"""The static code on a paper copy of a licence: what its issuer states, and how it fits into a link.

``onefile-paper+jwt`` ``{iss, log, aud: "paper", iat, exp, vct, status: {idx, uri}, claims: {pointer: value}}``, ES256
by the issuing agency's present key. The claims are those that are printed, and no others. See ``docs/spec/paper.md``
§2.

    link     = <public origin of the vault> "/paper#" digits
    digits   = the integer 01 ‖ DEFLATE(header, payload, signature) in decimal: a QR code's numeric mode

The part behind ``#`` stays in the browser that reads it. It can be copied with the paper: what it proves is that the
issuer stated this, never who holds the paper. Law: members keep their names; a new one needs a new ``typ``.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocol import forms
from protocol.canonical import Json
from protocol.credential import MAX_STATUS_INDEX, StatusRef
from protocol.errors import Denied, Malformed, Untrusted
from protocol.fields import Fields, text_of
from protocol.jose import EcSigner, PublicJwk, parse_jws, sign_typed
from protocol.packed import JWS_PARTS, jws_of, jws_parts, pack, too_large, unpack
from protocol.signed import Signed

PAPER_TYP = "onefile-paper+jwt"
AUDIENCE = "paper"
PAGE = "/paper"
MAX_LIFETIME_S = 366 * 86_400
PAPER_SKEW_S = 120
MAX_CLAIMS = 24
MAX_VALUE = 200
MAX_DIGITS = 2000
_MAX_PACKED_BYTES = 830  # 8.03 bits of a code each: never more than MAX_DIGITS
_MAX_CHARS = 8 << 10

Value = str | int | bool


@dataclass(frozen=True, slots=True)
class Paper:
    """What stands on one paper copy: ``claims`` by pointer, as printed. Times in seconds."""

    iss: str
    log: str
    iat: int
    exp: int
    vct: str
    status: StatusRef
    claims: dict[str, Value]

    def to_json(self) -> dict[str, Json]:
        return {
            "iss": self.iss,
            "log": self.log,
            "aud": AUDIENCE,
            "iat": self.iat,
            "exp": self.exp,
            "vct": self.vct,
            "status": {"idx": self.status.idx, "uri": self.status.uri},
            "claims": dict(self.claims),
        }


def sign_paper(paper: Paper, signer: EcSigner) -> str:
    """The statement as JWS; refuses to sign what ``parse_paper`` would refuse to read."""
    raw = sign_typed(PAPER_TYP, paper.to_json(), signer)
    parse_paper(raw)
    return raw


def parse_paper(raw: str | bytes) -> Signed[Paper]:
    """Parse strictly; nothing is verified. Raises ``Malformed`` only."""
    jws = parse_jws(raw, typ=PAPER_TYP, limit=_MAX_CHARS)
    fields = Fields(jws.claims(), "paper")
    fields.text("aud", pattern=AUDIENCE)
    paper = Paper(
        iss=fields.text("iss", pattern=forms.AGENCY_URN),
        log=fields.text("log", pattern=forms.LOG_ORIGIN),
        iat=fields.time("iat"),
        exp=fields.time("exp"),
        vct=fields.text("vct", pattern=forms.VCT),
        status=_status(fields.object("status")),
        claims=_claims(fields.object("claims")),
    )
    fields.done()
    if not paper.iat < paper.exp <= paper.iat + MAX_LIFETIME_S:
        raise Malformed("paper_time", "a paper copy holds for at most {most} seconds", most=MAX_LIFETIME_S)
    if paper.iss.rpartition(":")[2] != paper.status.uri.split(":")[3]:
        raise Malformed("paper_status", "the paper's status stands in a list of another agency")
    return Signed(paper, jws)


def verify_paper(raw: str | bytes, key: PublicJwk, *, log: str, now: int) -> Signed[Paper]:
    """The statement if ``key`` signed it for this log and it holds at ``now``; its status is another question.

    That ``key`` is the issuer's is the caller's fact. Raises ``Untrusted`` or ``Denied("paper_expired")``.
    """
    signed = parse_paper(raw).verified_by(key)
    paper = signed.body
    if paper.log != log:
        raise Untrusted("paper_log", "the paper is of the log {got}, this is {want}", got=paper.log, want=log)
    if not paper.iat - PAPER_SKEW_S <= now < paper.exp:
        raise Denied("paper_expired", "the paper copy held from {iat} to {exp}", iat=paper.iat, exp=paper.exp)
    return signed


def paper_link(origin: str, raw: str) -> str:
    """The link to print; ``origin`` is the vault's public origin. ``Malformed("code_too_large")`` if it has no room."""
    packed = pack(jws_parts(raw))
    if len(packed) > _MAX_PACKED_BYTES:
        raise too_large()
    digits = int.from_bytes(b"\x01" + packed, "big")
    return f"{origin.rstrip('/')}{PAGE}#{digits}"


def paper_in_link(link: str) -> str:
    """The JWS behind the ``#`` of a link, or of the bare digits. Raises ``Malformed`` only; nothing is verified."""
    digits = link.rpartition("#")[2]
    # The least number of ``01 ‖ …`` begins with no zero: one paper has no second spelling in front.
    if not 1 <= len(digits) <= MAX_DIGITS or not (digits.isascii() and digits.isdigit()) or digits.startswith("0"):
        raise _no_paper()
    number = int(digits)
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    if not raw.startswith(b"\x01"):
        raise _no_paper()
    return jws_of(unpack(raw[1:], JWS_PARTS))


def _status(fields: Fields) -> StatusRef:
    found = StatusRef(
        uri=fields.text("uri", pattern=forms.STATUS_URI), idx=fields.uint("idx", most=MAX_STATUS_INDEX - 1)
    )
    fields.done()
    return found


def _claims(fields: Fields) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for pointer in fields.names():
        text_of(pointer, fields.what, limit=128, pattern=forms.POINTER)
        found[pointer] = _value(fields.take(pointer), f"{fields.what}.{pointer}")
    fields.done()
    if not 1 <= len(found) <= MAX_CLAIMS:
        raise Malformed(
            "paper_claims", "a paper copy shows 1 to {most} claims, got {got}", most=MAX_CLAIMS, got=len(found)
        )
    return found


def _value(value: Json, where: str) -> Value:
    # Booleans are integers too; beyond what a browser counts exactly, canonical JSON has no integers.
    return value if isinstance(value, int) else text_of(value, where, limit=MAX_VALUE)


def _no_paper() -> Malformed:
    return Malformed("paper_link", "there is no paper of ours behind this link")
