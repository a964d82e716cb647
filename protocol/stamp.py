"""The stamp on a copy that was made for one purpose (加注件), and the code in it.

    particulars  JCS {v, salt, purpose, until, document: {sha256, size, pages}}
    statement    kind ``stamp``, about = SHA-256 of the receipt of the use, text = "stamp:" base64url(commitment)
    commitment   SHA-256("onefile/stamp/v1" ‖ particulars)
    code         "OFS:" Base45(DEFLATE(header, payload, signature, particulars, salt of the log entry ‖ index))

The vault logs the statement and learns no purpose and no digest of a document from it: the salt in the particulars
keeps them from being guessed. Whoever has the paper has all of it. See ``docs/spec/paper.md`` §4.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocol import canonical
from protocol.canonical import Json
from protocol.encoding import b64u, base45, unbase45
from protocol.errors import Malformed, Untrusted
from protocol.fields import Fields
from protocol.hashing import sha256
from protocol.packed import JWS_PARTS, jws_of, jws_parts, pack, too_large, unpack
from protocol.signed import Signed
from protocol.statements import Statement, parse_statement

PREFIX = "OFS:"
MAX_CODE_CHARS = 1240  # with its prefix: QR version 20 at level L holds 1,249
MAX_PURPOSE = 80
MAX_PAGES = 500
MAX_DOCUMENT_BYTES = 64 << 20
_VERSION = 1
_TEXT = "stamp:"
_SALT, _INDEX = 32, 8
_PARTICULARS_BYTES = 2048


@dataclass(frozen=True, slots=True)
class Particulars:
    """What a stamp says. ``until`` in seconds; ``sha256``, ``size``, ``pages`` are of the document before the stamp."""

    salt: bytes
    purpose: str
    until: int
    sha256: bytes
    size: int
    pages: int

    def serialise(self) -> bytes:
        """Canonical JSON: what the statement commits to."""
        document: dict[str, Json] = {"sha256": b64u(self.sha256), "size": self.size, "pages": self.pages}
        body: dict[str, Json] = {
            "v": _VERSION,
            "salt": b64u(self.salt),
            "purpose": self.purpose,
            "until": self.until,
            "document": document,
        }
        raw = canonical.dumps(body)
        Particulars.parse(raw)
        return raw

    @classmethod
    def parse(cls, raw: bytes) -> Particulars:
        """Read ``serialise``'s bytes, and no other spelling of them; ``Malformed`` on anything else."""
        value = canonical.loads_object(raw, limit=_PARTICULARS_BYTES, what="stamp")
        fields = Fields(value, "stamp")
        fields.uint("v", least=_VERSION, most=_VERSION)
        document = fields.object("document")
        found = cls(
            salt=fields.octets("salt", 16),
            purpose=fields.text("purpose", limit=MAX_PURPOSE),
            until=fields.time("until"),
            sha256=document.bytes32("sha256"),
            size=document.uint("size", least=1, most=MAX_DOCUMENT_BYTES),
            pages=document.uint("pages", least=1, most=MAX_PAGES),
        )
        document.done()
        fields.done()
        if canonical.dumps(value) != raw:
            raise Malformed("stamp_spelling", "the stamp's particulars are not in canonical form")
        return found

    def text(self) -> str:
        """What the logged statement says: a commitment, and nothing that could be read or guessed."""
        return _TEXT + b64u(sha256(b"onefile/stamp/v1", self.serialise()))


@dataclass(frozen=True, slots=True)
class Stamp:
    """A parsed stamp. Only that statement and particulars belong together is known; not who signed, nor the log."""

    statement: Signed[Statement]
    particulars: Particulars
    salt: bytes
    index: int


def stamp_code(stamp: Stamp) -> str:
    """The text to draw, in alphanumeric mode; ``Malformed("code_too_large")`` if it has no room."""
    tail = stamp.salt + stamp.index.to_bytes(_INDEX, "big")
    packed = pack((*jws_parts(stamp.statement.raw), stamp.particulars.serialise(), tail))
    text = PREFIX + base45(packed)
    if len(text) > MAX_CODE_CHARS:
        raise too_large()
    return text


def parse_stamp(text: str) -> Stamp:
    """Read a stamp's code; ``Malformed``, or ``Untrusted("stamp_other")`` if its parts are of two stamps."""
    if not text.startswith(PREFIX) or len(text) > MAX_CODE_CHARS:
        raise Malformed("stamp_code", "this is no code of a stamp")
    *jws, raw, tail = unpack(unbase45(text.removeprefix(PREFIX), what="stamp"), JWS_PARTS + 2)
    if len(tail) != _SALT + _INDEX:
        raise Malformed("stamp_code", "this is no code of a stamp")
    statement, particulars = parse_statement(jws_of(jws)), Particulars.parse(raw)
    body = statement.body
    if body.kind != "stamp" or body.text != particulars.text():
        raise Untrusted("stamp_other", "the statement in the code is of another stamp")
    return Stamp(statement, particulars, tail[:_SALT], int.from_bytes(tail[_SALT:], "big"))
