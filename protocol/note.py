"""Signed notes and checkpoints: a log's head as a text that its key has signed.

C2SP signed-note v1 with Ed25519 (algorithm byte 0x01) and tlog-checkpoint. The name of the key is the log's
origin. Several signatures are tolerated, so that a key can rotate and witnesses can cosign: a signature of a key
that the verifier does not know is ignored, one of a known key that does not verify rejects the note.

Left out: every other algorithm, witnesses' timestamped cosignatures (0x04), and the private key: a signer is a
seam (``NoteSigner``; ``protocol/note_signer.py`` has the one that holds a seed).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from protocol.encoding import b64, unb64
from protocol.errors import Malformed, Untrusted
from protocol.hashing import sha256
from protocol.merkle import HASH_SIZE, MAX_TREE_SIZE, verify_consistency

MAX_NOTE_BYTES = 256 << 10  # 16 signatures of the largest post-quantum kind, and room
MAX_SIGNATURES = 64  # the specification wants at least 16
MAX_NAME = 255
MAX_FORMER_KEYS = 64  # of one log, the newest: each is tried where the present key has not signed
ED25519 = b"\x01"

_KEY_ID = re.compile(r"[0-9a-f]{8}")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Vkey:
    """A verifier key: a name and an Ed25519 public key of 32 bytes."""

    name: str
    public_key: bytes

    def __post_init__(self) -> None:
        _check_name(self.name)
        if len(self.public_key) != 32:
            raise Malformed(
                "length",
                "{what}: expected {want} bytes, got {got}",
                what="note key",
                want=32,
                got=len(self.public_key),
            )

    @property
    def key_id(self) -> bytes:
        """Four bytes that tell keys of one name apart: SHA-256(name ‖ 0x0A ‖ 0x01 ‖ key)[:4]."""
        return sha256(self.name.encode(), b"\n", ED25519, self.public_key)[:4]

    def __str__(self) -> str:
        """The key as text: ``name+hash+base64(0x01 ‖ key)``."""
        return f"{self.name}+{self.key_id.hex()}+{b64(ED25519 + self.public_key)}"

    @classmethod
    def parse(cls, text: object) -> Vkey:
        """Read a key's text; the hash in it must be that of the key."""
        # Base64 may hold a plus, so the text is cut at the first two only; a name holds none.
        parts = text.split("+", 2) if isinstance(text, str) else []
        if len(parts) != 3 or not _KEY_ID.fullmatch(parts[1]):
            raise Malformed("vkey", "expected a verifier key of the form name+hash+base64")
        key = unb64(parts[2], length=33, what="note key")
        if key[:1] != ED25519:
            raise Malformed("vkey_algorithm", "only Ed25519 note keys are known here")
        vkey = cls(parts[0], key[1:])
        if vkey.key_id.hex() != parts[1]:
            raise Malformed("vkey_hash", "the hash in the verifier key is not that of its key")
        return vkey

    def verify(self, message: bytes, signature: bytes) -> None:
        """Raise ``Untrusted`` unless ``signature`` is this key's over ``message``."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, message)
        except (InvalidSignature, ValueError):
            raise Untrusted("note_signature", "the note's signature by {name} does not hold", name=self.name) from None


@dataclass(frozen=True, slots=True)
class FormerKey:
    """A log's key that another one has replaced: heads of more than ``size`` entries that it signs count no more.

    ``size``: what was anchored when the key was replaced. Whoever has the key since can still sign, but the chain
    holds the roots of everything up to there.
    """

    vkey: Vkey
    size: int


class NoteSigner(Protocol):
    """The seam to whatever holds a log's private key."""

    @property
    def name(self) -> str:
        """The key's name: the log's origin."""

    @property
    def vkey(self) -> Vkey:
        """The public half."""

    def sign(self, message: bytes) -> bytes:
        """An Ed25519 signature (64 bytes) of ``message``. May raise ``Unavailable``."""


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line, not verified: who claims to have signed, and with what."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A parsed note. ``text`` ends with a newline and is exactly what was signed."""

    text: str
    signatures: tuple[NoteSignature, ...]


def parse_note(raw: bytes) -> Note:
    """Take a note apart; nothing is verified. ``Malformed`` on anything that is no signed note."""
    if len(raw) > MAX_NOTE_BYTES:
        raise Malformed(
            "too_large", "{what}: at most {limit} bytes, got {got}", what="note", limit=MAX_NOTE_BYTES, got=len(raw)
        )
    try:
        whole = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("note", "a note is UTF-8 text") from None
    # The text may hold empty lines: the last one separates it from the signatures.
    body, separator, tail = whole.rpartition("\n\n")
    if not separator or not tail.endswith("\n"):
        raise Malformed("note", "a note is a text, an empty line, and lines of signatures")
    text = body + "\n"
    _check_text(text)
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise Malformed(
            "too_many_signatures",
            "a note has at most {limit} signatures, got {got}",
            limit=MAX_SIGNATURES,
            got=len(lines),
        )
    return Note(text, tuple(_parse_signature(line) for line in lines))


def verify_note(raw: bytes, vkeys: Sequence[Vkey]) -> Note:
    """The note, if at least one of ``vkeys`` signed it and every signature of one of them holds."""
    note = parse_note(raw)
    known = {(vkey.name, vkey.key_id): vkey for vkey in vkeys}
    message = note.text.encode()
    signed = False
    for line in note.signatures:
        vkey = known.get((line.name, line.key_id))
        # A signature of an unknown key is no fault: witnesses and next keys sign too.
        if vkey is not None:
            vkey.verify(message, line.signature)
            signed = True
    if not signed:
        raise _unsigned()
    return note


def sign_note(text: str, *signers: NoteSigner) -> bytes:
    """The note of ``text`` (which ends with a newline), with one signature of each signer, in that order."""
    _check_text(text)
    lines = [_signature_line(text.encode(), signer) for signer in signers]
    return "".join([text, "\n", *lines]).encode()


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's head: origin, number of entries, root, and extension lines (we write none)."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.size <= MAX_TREE_SIZE:
            raise Malformed("tree_size", "a tree size is between 0 and 2^63-1, got {got}", got=self.size)
        if len(self.root) != HASH_SIZE:
            raise Malformed("hash_length", "{what}: a hash has 32 bytes, got {got}", what="root", got=len(self.root))
        for line in (self.origin, *self.extensions):
            if not line or "\n" in line:
                raise Malformed("note", "the lines of a checkpoint are not empty")

    @property
    def text(self) -> str:
        """The text that is signed."""
        return "".join(f"{line}\n" for line in (self.origin, self.size, b64(self.root), *self.extensions))

    @classmethod
    def parse_text(cls, text: str) -> Checkpoint:
        """Read the text of a note as a checkpoint."""
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop() or not all(lines):
            raise Malformed("note", "a checkpoint's text is an origin, a size, a root, and no empty line")
        if not _SIZE.fullmatch(lines[1]):
            raise Malformed("note", "a checkpoint's size is a plain decimal number")
        return cls(lines[0], int(lines[1]), unb64(lines[2], length=HASH_SIZE, what="root"), tuple(lines[3:]))


def sign_checkpoint(checkpoint: Checkpoint, signer: NoteSigner) -> bytes:
    """The checkpoint as a signed note; the signer's name must be the origin."""
    if signer.name != checkpoint.origin:
        raise Malformed(
            "checkpoint_key", "the key of {name} does not sign for {origin}", name=signer.name, origin=checkpoint.origin
        )
    return sign_note(checkpoint.text, signer)


def verify_checkpoint(raw: bytes, origin: str, vkey: Vkey, former: Sequence[FormerKey] = ()) -> Checkpoint:
    """The checkpoint in the note ``raw``, if it is of the log ``origin`` and signed by ``vkey`` or a former key.

    ``former``: oldest first. ``Malformed`` if it does not parse; ``Untrusted``: ``checkpoint_key`` (a key is not named
    after the log), ``note_signature``, ``note_unsigned``, ``checkpoint_origin``, ``checkpoint_key_former`` (a former
    key signed more than was anchored when it was replaced).
    """
    # (1): the keys are this log's. A key that is good for another log says nothing about this one.
    for key in (vkey, *(one.vkey for one in former)):
        if key.name != origin:
            raise Untrusted(
                "checkpoint_key", "the key of {name} does not sign for {origin}", name=key.name, origin=origin
            )
    # (2): the signature, before any of the text is believed.
    note, limit = _signed_note(raw, vkey, former)
    # (3): the text is a head of this log, and one that its key may sign.
    checkpoint = Checkpoint.parse_text(note.text)
    if checkpoint.origin != origin:
        raise Untrusted(
            "checkpoint_origin", "expected a checkpoint of {want}, got one of {got}", want=origin, got=checkpoint.origin
        )
    if checkpoint.size > limit:
        raise Untrusted(
            "checkpoint_key_former",
            "a former key of the log signed a head of {size} entries; it counts up to {limit}",
            size=checkpoint.size,
            limit=limit,
        )
    return checkpoint


def _signed_note(raw: bytes, vkey: Vkey, former: Sequence[FormerKey]) -> tuple[Note, int]:
    """The note, and up to which size the newest of the keys that signed it counts."""
    for key, limit in ((vkey, MAX_TREE_SIZE), *((one.vkey, one.size) for one in reversed(former))):
        try:
            return verify_note(raw, [key]), limit
        except Untrusted as error:
            if error.code != "note_unsigned":
                raise
    raise _unsigned()


def verify_growth(older: Checkpoint, newer: Checkpoint, proof: Sequence[bytes]) -> None:
    """Raise ``Untrusted`` unless ``newer`` extends ``older``; both are verified checkpoints.

    ``checkpoint_origin``: of different logs; ``rolled_back``: the newer one is smaller; ``equivocation``: one
    size, two roots (both notes together are proof against the log); ``consistency_proof``: the proof does not
    hold. From an empty log everything follows, and no proof is looked at.
    """
    if older.origin != newer.origin:
        raise Untrusted(
            "checkpoint_origin",
            "expected a checkpoint of {want}, got one of {got}",
            want=older.origin,
            got=newer.origin,
        )
    if newer.size < older.size:
        raise Untrusted(
            "rolled_back", "the log had {want} entries and now shows {got}", want=older.size, got=newer.size
        )
    if newer.size == older.size and newer.root != older.root:
        raise Untrusted("equivocation", "the log signed two different heads of size {size}", size=newer.size)
    if older.size:
        verify_consistency(older.size, newer.size, older.root, newer.root, proof)


def checkpoint_hash(raw: bytes) -> bytes:
    """What is anchored beside a root: SHA-256 of the signed note's bytes, signatures included."""
    return sha256(raw)


def _unsigned() -> Untrusted:
    return Untrusted("note_unsigned", "no key that we know has signed this note")


def _signature_line(message: bytes, signer: NoteSigner) -> str:
    vkey = signer.vkey
    return f"— {vkey.name} {b64(vkey.key_id + signer.sign(message))}\n"


def _parse_signature(line: str) -> NoteSignature:
    dash, name, blob = [*line.split(" ", 2), "", ""][:3]
    if dash != "—":
        raise Malformed("note", "a signature line is a dash, a name and base64")
    _check_name(name)
    raw = unb64(blob, what="note signature")
    if len(raw) < 5:
        raise Malformed("note", "a signature follows its key's id of four bytes")
    return NoteSignature(name, raw[:4], raw[4:])


def _check_name(name: str) -> None:
    if not name or len(name) > MAX_NAME or "+" in name or any(c.isspace() for c in name) or _CONTROL.search(name):
        raise Malformed("note_name", "a key's name is not empty and holds no space and no plus")
    if _SURROGATE.search(name):
        raise Malformed("note_name", "a key's name is not empty and holds no space and no plus")


def _check_text(text: str) -> None:
    if not text.endswith("\n") or _CONTROL.search(text):
        raise Malformed("note", "a note's text ends with a newline and holds no other control character")
