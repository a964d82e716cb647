"""What somebody who watches a log hands on when it lied: signed heads, anchored heads, and what they prove.

``onefile-log-evidence+jwt`` ``{v, iat, code, detail, origin, vkey, notes[], anchors[], by}``, signed by the watcher's
own key ``by``, a JWK that stands inside. The signature says only who collected it; what it proves is decided by what
the log and the chain signed (``prove``), offline. docs/spec/audit.md §7.

Left out: whether ``vkey`` was the log's key, and whether the chain has these anchors. Both are public: who must know
asks the chain for the ``Anchored`` events of ``origin`` at the blocks that are named.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from protocol import forms
from protocol.canonical import Json
from protocol.encoding import b64, b64u, unb64
from protocol.errors import Malformed
from protocol.fields import Fields
from protocol.jose import EcSigner, PublicJwk, parse_jws, sign_typed
from protocol.note import Checkpoint, Vkey, verify_checkpoint
from protocol.signed import Signed

EVIDENCE_TYP = "onefile-log-evidence+jwt"
MAX_CHARS = 1 << 20
MAX_NOTES = 16
MAX_NOTE = 4096  # a checkpoint has about 200 bytes, and may carry other signatures
MAX_ANCHORS = 16
MAX_DETAIL = 500
_VERSION = 1

# log: the log's key alone; chain: the log's key against what the chain has; word: the watcher's word
Proof = Literal["log", "chain", "word"]


@dataclass(frozen=True, slots=True)
class AnchorSeen:
    """An anchored head as the watcher read it: the block (number, seconds) that holds it."""

    size: int
    root: bytes
    block: int
    time: int

    def to_json(self) -> dict[str, Json]:
        return {"size": self.size, "root": b64u(self.root), "block": self.block, "time": self.time}


@dataclass(frozen=True, slots=True)
class LogEvidence:
    """``code``: what the watcher says; ``notes``: signed checkpoints, byte by byte; ``by``: the watcher's key."""

    iat: int
    code: str
    detail: str
    origin: str
    vkey: str
    notes: tuple[bytes, ...]
    anchors: tuple[AnchorSeen, ...]
    by: PublicJwk

    def to_json(self) -> dict[str, Json]:
        return {
            "v": _VERSION,
            "iat": self.iat,
            "code": self.code,
            "detail": self.detail,
            "origin": self.origin,
            "vkey": self.vkey,
            "notes": [b64(note) for note in self.notes],
            "anchors": [anchor.to_json() for anchor in self.anchors],
            "by": dict(self.by.to_json()),
        }


@dataclass(frozen=True, slots=True)
class Proven:
    """What an evidence proves by itself: ``proof``, and the size of which there are two heads (None: of none)."""

    proof: Proof
    size: int | None


def sign_log_evidence(evidence: LogEvidence, signer: EcSigner) -> str:
    """The evidence as JWS; refuses to sign what ``parse_log_evidence`` would refuse to read."""
    raw = sign_typed(EVIDENCE_TYP, evidence.to_json(), signer)
    parse_log_evidence(raw)
    return raw


def parse_log_evidence(raw: str | bytes) -> Signed[LogEvidence]:
    """Parse strictly; nothing is verified. Raises ``Malformed`` only."""
    jws = parse_jws(raw, typ=EVIDENCE_TYP, limit=MAX_CHARS)
    fields = Fields(jws.claims(), "evidence")
    fields.uint("v", least=_VERSION, most=_VERSION)
    evidence = LogEvidence(
        iat=fields.time("iat"),
        code=fields.text("code", limit=64, pattern="[a-z][a-z0-9_]*"),
        detail=fields.text("detail", limit=MAX_DETAIL, least=0),
        origin=fields.text("origin", pattern=forms.LOG_ORIGIN),
        vkey=fields.text("vkey", limit=512),
        notes=tuple(_note(text) for text in fields.array("notes", most=MAX_NOTES)),
        anchors=tuple(_anchor(part) for part in fields.objects("anchors", most=MAX_ANCHORS)),
        by=PublicJwk.from_json(fields.take("by")),
    )
    fields.done()
    Vkey.parse(evidence.vkey)
    return Signed(evidence, jws)


def verify_log_evidence(raw: str | bytes) -> tuple[Signed[LogEvidence], Proven]:
    """The evidence and what it proves; ``Untrusted`` if a signature in it does not hold, or a note is another log's."""
    signed = parse_log_evidence(raw)
    signed.verified_by(signed.body.by)
    return signed, prove(signed.body)


def prove(evidence: LogEvidence) -> Proven:
    """Whether the log's own signatures contradict each other, or the chain; ``Untrusted`` for a foreign note."""
    heads = [_head(note, evidence) for note in evidence.notes]
    for one, other in combinations(heads, 2):
        if one.size == other.size and one.root != other.root:
            return Proven("log", one.size)
    for head in heads:
        if any(anchor.size == head.size and anchor.root != head.root for anchor in evidence.anchors):
            return Proven("chain", head.size)
    return Proven("word", None)


def _head(note: bytes, evidence: LogEvidence) -> Checkpoint:
    return verify_checkpoint(note, evidence.origin, Vkey.parse(evidence.vkey))


def _note(text: Json) -> bytes:
    raw = unb64(text, what="evidence.notes")
    if len(raw) > MAX_NOTE:
        raise Malformed(
            "too_large", "{what}: at most {limit} bytes, got {got}", what="note", limit=MAX_NOTE, got=len(raw)
        )
    return raw


def _anchor(fields: Fields) -> AnchorSeen:
    anchor = AnchorSeen(fields.uint("size"), fields.bytes32("root"), fields.uint("block"), fields.time("time"))
    fields.done()
    return anchor
