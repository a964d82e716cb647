"""Vectors of evidence against a log."""

from __future__ import annotations

from dataclasses import replace

from protocol.encoding import b64, b64u
from protocol.log_evidence import EVIDENCE_TYP, AnchorSeen, LogEvidence, sign_log_evidence
from protocol.note import Checkpoint, sign_checkpoint
from protocol.statements import STATEMENT_TYP
from tests.credential_samples import HOLDER, ISSUER
from tests.vectors.book import Book
from tests.vectors.judges import evidence
from tests.vectors.makers.heads import HEAD, NOTE, OTHER
from tests.vectors.makers.logs import LOG, ORIGIN
from tests.vectors.makers.signed import NOW, bodies, high_s, jwk, refuse_jws

FORK = sign_checkpoint(Checkpoint(ORIGIN, HEAD.size, bytes(32)), LOG)
SMALL = sign_checkpoint(Checkpoint(ORIGIN, 2, bytes(32)), LOG)
ANCHOR = AnchorSeen(HEAD.size, HEAD.root, 9, NOW - 60)
EVIDENCE = LogEvidence(
    iat=NOW,
    code="equivocation",
    detail="the log signed two different heads of size 6",
    origin=ORIGIN,
    vkey=str(LOG.vkey),
    notes=(NOTE, FORK),
    anchors=(ANCHOR,),
    by=HOLDER.public_jwk(),
)


def evidences() -> Book:
    about = "raw: evidence (JWS) by the key in it; the result is what it proves by itself, and of which size (-1: none)"
    book = Book("log-evidence", about, evidence.log_evidence)
    good = sign_log_evidence(EVIDENCE, HOLDER)
    book.accept("two heads of one size", raw=good)
    chain = replace(EVIDENCE, code="anchor_conflict", notes=(SMALL, FORK))
    book.also("a head that the chain does not have", raw=sign_log_evidence(chain, HOLDER))
    word = replace(EVIDENCE, code="rolled_back", notes=(SMALL, NOTE), detail="")
    book.also("two heads of two sizes", raw=sign_log_evidence(word, HOLDER))
    book.also("one head twice", raw=sign_log_evidence(replace(EVIDENCE, notes=(NOTE, NOTE)), HOLDER))
    book.also("nothing in hand", raw=sign_log_evidence(replace(EVIDENCE, code="tile_missing", notes=(), anchors=()), HOLDER))
    book.also("the other s", raw=high_s(good))
    refuse_jws(book, EVIDENCE_TYP, EVIDENCE.to_json(), HOLDER, STATEMENT_TYP)
    bent = bodies(book, EVIDENCE_TYP, EVIDENCE.to_json(), HOLDER)
    bent("by a key that did not sign", "untrusted:jws_kid", by=jwk(ISSUER))
    bent("a private key", "malformed:jwk", by={**jwk(HOLDER), "d": b64u(bytes(32))})
    bent("a version to come", "malformed:field_range", v=2)
    bent("an unknown member", "malformed:field_unknown", verdict="guilty")
    bent("no notes member", "malformed:field_missing", notes=...)
    bent("17 notes", "malformed:field_count", notes=[b64(NOTE)] * 17)
    bent("a note of 4,097 bytes", "malformed:too_large", notes=[b64(bytes(4097))])
    bent("a note in base64url", "malformed:base64", notes=[b64u(NOTE)])
    bent("a note that is none", "malformed:note", notes=[b64(b"hello")])
    bent("a note by another key", "untrusted:note_unsigned", notes=[b64(sign_checkpoint(HEAD, OTHER))])
    bent("a note with a broken signature", "untrusted:note_signature", notes=[b64(_bent(NOTE))])
    bent("a verifier key of another log", "untrusted:checkpoint_key", vkey=str(_side()))
    bent("no verifier key", "malformed:vkey", vkey="main")
    bent("a root of 31 bytes", "malformed:length", anchors=[{**ANCHOR.to_json(), "root": b64u(bytes(31))}])
    bent("17 anchors", "malformed:field_count", anchors=[ANCHOR.to_json()] * 17)
    bent("an anchor with a transaction", "malformed:field_unknown", anchors=[{**ANCHOR.to_json(), "tx": "0x"}])
    bent("a code in words", "malformed:field_form", code="two heads")
    bent("501 characters", "malformed:field_length", detail="字" * 501)
    return book


def _side() -> object:
    from protocol.note_signer import Ed25519NoteSigner

    return Ed25519NoteSigner(ORIGIN.replace("main", "side"), bytes(31) + b"\x03").vkey


def _bent(note: bytes) -> bytes:
    """A note whose signature has one other character near its end."""
    at = len(note) - 8
    return note[:at] + (b"A" if note[at : at + 1] != b"A" else b"B") + note[at + 1 :]


def books() -> list[Book]:
    """All of this module."""
    return [evidences()]
