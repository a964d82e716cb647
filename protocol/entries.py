"""Entries of the log: what one leaf says to its dossier, to a reader and to nobody else.

An entry is canonical JSON ``{"c":…,"pv":…,"t":…,"tag":…,"v":1}``. It commits to one object (``c``), stands in
the chain of one dossier (``tag``, ``pv``: both keyed, so that a reader of the log links nothing), and names
its kind (``t``). docs/spec/log.md §2 to §5 say it field by field. Whoever holds the *opening* can check which
object an entry commits to; the opening is what an erasure destroys.

Wire laws: the five fields are all there is in version 1; ``t`` may take new values and a verifier tolerates
those that it does not know; everything else needs ``"v":2``. Integers in MAC inputs are eight bytes,
big-endian.

Left out: proofs that an entry is in the log (``protocol/merkle.py``, ``protocol/tlog_proof.py``) and what the
objects mean (slips, grants, receipts have their own modules).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from protocol.canonical import dumps, loads_canonical
from protocol.encoding import b64u, hex0x, u64, unhex0x
from protocol.errors import Malformed, Untrusted
from protocol.fields import MAX_TIME, Fields
from protocol.hashing import ZERO32, hmac256, keccak256, same, sha256

MAX_ENTRY_BYTES = 512  # five fields need at most 199; a bundle could carry 65,535
MAX_RELEASED = 1024
DOSSIER_TYPES = frozenset({"issue", "grant", "mandate", "key", "access", "revoke", "correct", "note"})
PUBLIC_TYPES = frozenset({"status", "scenario"})
LOG_TYPE = "log"  # entry 0 of every log
MAX_TYPE = 32

_MAX_INT = 2**53 - 1
_MAX_UINT64 = 2**64 - 1
_TYPE = re.compile(r"[a-z][a-z0-9_-]*")
_ORIGIN = re.compile(r"onefile/([1-9][0-9]{0,19})/(0x[0-9a-f]{40})/([a-z0-9-]{1,31})")


@dataclass(frozen=True, slots=True)
class Entry:
    """One leaf of the log. ``t`` is its kind; ``tag``, ``pv`` and ``c`` are 32 bytes each."""

    t: str
    tag: bytes
    pv: bytes
    c: bytes

    def __post_init__(self) -> None:
        if len(self.t) > MAX_TYPE or not _TYPE.fullmatch(self.t):
            raise Malformed("entry_type", "an entry's t is a short lower-case word")
        for name, value in (("tag", self.tag), ("pv", self.pv), ("c", self.c)):
            _length(value, 32, name)

    def serialise(self) -> bytes:
        """The entry's bytes: the leaf of the tree, and what ``pv`` of the next entry hashes."""
        return dumps({"v": 1, "t": self.t, "tag": b64u(self.tag), "pv": b64u(self.pv), "c": b64u(self.c)})

    @classmethod
    def parse(cls, raw: bytes) -> Entry:
        """Read an entry; ``serialise`` gives the same bytes back. An unknown ``t`` is no error."""
        fields = Fields(loads_canonical(raw, limit=MAX_ENTRY_BYTES, what="entry"), "entry")
        fields.uint("v", least=1, most=1)
        entry = cls(
            t=fields.text("t", limit=MAX_TYPE),
            tag=fields.bytes32("tag"),
            pv=fields.bytes32("pv"),
            c=fields.bytes32("c"),
        )
        fields.done()
        return entry


@dataclass(frozen=True, slots=True)
class Opening:
    """What ties an entry to its object: goes to the holder, and to a reader for its own uses only.

    ``n`` counts the entries of the dossier (or of the public uri) from 0, ``index`` is the leaf's place in
    the log, ``salt`` and ``object_sha256`` are 32 bytes each.
    """

    n: int
    salt: bytes
    object_sha256: bytes
    t: str
    index: int

    def __post_init__(self) -> None:
        _whole(self.n, "n")
        _whole(self.index, "index")
        _length(self.salt, 32, "salt")
        _length(self.object_sha256, 32, "object_sha256")
        if len(self.t) > MAX_TYPE or not _TYPE.fullmatch(self.t):
            raise Malformed("entry_type", "an entry's t is a short lower-case word")

    def to_json(self) -> dict[str, Any]:
        """The opening as a JSON object."""
        return {
            "n": self.n,
            "salt": b64u(self.salt),
            "object_sha256": b64u(self.object_sha256),
            "t": self.t,
            "index": self.index,
        }

    @classmethod
    def from_json(cls, value: object) -> Opening:
        """Read ``to_json``'s object; ``Malformed`` on anything else."""
        fields = Fields(value, "opening")
        opening = cls(
            n=fields.uint("n"),
            salt=fields.bytes32("salt"),
            object_sha256=fields.bytes32("object_sha256"),
            t=fields.text("t", limit=MAX_TYPE),
            index=fields.uint("index"),
        )
        fields.done()
        return opening


@dataclass(frozen=True, slots=True)
class AccessRecord:
    """The object of an ``access`` entry: which receipt released what.

    ``receipt`` is SHA-256 of the receipt's JWS; exactly one of ``grant`` (32 bytes) and ``show`` (16 bytes)
    is given; ``released`` are the SHA-256 of the headers and parcels that were handed out; ``at`` is the
    vault's clock in seconds. The vault numbers the uses: a reader does not choose ``use_no``.
    """

    receipt: bytes
    grant: bytes | None
    show: bytes | None
    use_no: int
    released: tuple[bytes, ...]
    at: int

    def __post_init__(self) -> None:
        _length(self.receipt, 32, "receipt")
        if (self.grant is None) == (self.show is None):
            raise Malformed("access_basis", "an access record names exactly one of grant and show")
        if self.grant is not None:
            _length(self.grant, 32, "grant")
        if self.show is not None:
            _length(self.show, 16, "show")
        _whole(self.use_no, "use_no")
        _whole(self.at, "at", MAX_TIME)
        if len(self.released) > MAX_RELEASED:
            raise Malformed("too_many_released", "an access record names at most {limit}", limit=MAX_RELEASED)
        if len(set(self.released)) != len(self.released):
            raise Malformed("released_twice", "an access record names each header and parcel once")
        for digest in self.released:
            _length(digest, 32, "released")

    @property
    def basis(self) -> bytes:
        """The grant id or the session: what the grant tag key of this use derives from."""
        return self.grant or self.show or b""

    def serialise(self) -> bytes:
        """The record's canonical JSON: the object that ``c`` commits to."""
        basis = {"grant": b64u(self.grant)} if self.grant is not None else {"show": b64u(self.basis)}
        return dumps(
            {
                "receipt": b64u(self.receipt),
                "use_no": self.use_no,
                "released": [b64u(digest) for digest in self.released],
                "at": self.at,
                **basis,
            }
        )

    @classmethod
    def parse(cls, raw: bytes) -> AccessRecord:
        """Read a record; ``serialise`` gives the same bytes back."""
        fields = Fields(loads_canonical(raw, limit=128 * MAX_RELEASED, what="access record"), "access record")
        record = cls(
            receipt=fields.bytes32("receipt"),
            grant=fields.bytes32("grant") if fields.has("grant") else None,
            show=fields.octets("show", 16) if fields.has("show") else None,
            use_no=fields.uint("use_no"),
            released=fields.bytes32s("released", most=MAX_RELEASED),
            at=fields.time("at"),
        )
        fields.done()
        return record


def entry_hash(raw: bytes) -> bytes:
    """What the next ``pv`` binds: SHA-256 of an entry's bytes (not its leaf hash)."""
    return sha256(raw)


def commitment(salt: bytes, object_bytes: bytes) -> bytes:
    """``c``: SHA-256("onefile/c/v1" ‖ salt ‖ SHA-256(object))."""
    return commitment_of(salt, sha256(object_bytes))


def commitment_of(salt: bytes, object_sha256: bytes) -> bytes:
    """``c`` for an object of which only the digest is at hand."""
    return sha256(b"onefile/c/v1", _length(salt, 32, "salt"), _length(object_sha256, 32, "object_sha256"))


def tag_n(tag_key: bytes, n: int) -> bytes:
    """The tag of a dossier's entry ``n``: HMAC(tagKey, "onefile/tag/v1" ‖ n)."""
    return hmac256(_length(tag_key, 32, "tag key"), b"onefile/tag/v1", u64(_whole(n, "n")))


def pv_n(tag_key: bytes, n: int, prev_entry_hash: bytes) -> bytes:
    """The blinded back link of entry ``n``: HMAC(tagKey, "onefile/pv/v1" ‖ n ‖ SHA-256(entry n-1)).

    At n = 0 there is no entry before, and 32 zero bytes stand in the place of its hash: the link itself is
    keyed there too, so that the log does not show when a dossier was opened.
    """
    _length(prev_entry_hash, 32, "previous entry hash")
    return hmac256(_length(tag_key, 32, "tag key"), b"onefile/pv/v1", u64(_whole(n, "n")), prev_entry_hash)


def grant_tag_key(tag_key: bytes, grant_or_session: bytes) -> bytes:
    """The key of the access tags of one grant (32-byte id) or show session (16 bytes); goes in the parcel."""
    if len(grant_or_session) not in {16, 32}:
        raise Malformed("access_basis", "expected a grant id of 32 bytes or a session of 16")
    return hmac256(_length(tag_key, 32, "tag key"), b"onefile/grant-tag/v1", grant_or_session)


def access_tag(grant_key: bytes, use_no: int) -> bytes:
    """The tag of the use ``use_no`` under a grant tag key: HMAC(grantTagKey, use_no)."""
    return hmac256(_length(grant_key, 32, "grant tag key"), u64(_whole(use_no, "use_no")))


def public_tag(uri: str) -> bytes:
    """The tag of a status list's or scenario's entries: SHA-256("onefile/public/v1" ‖ uri)."""
    return sha256(b"onefile/public/v1", _utf8(uri))


def dossier_entry(t: str, *, tag_key: bytes, n: int, prev_entry_hash: bytes, salt: bytes, object_bytes: bytes) -> Entry:
    """Entry ``n`` of a dossier. For ``access`` the object is an AccessRecord, and the tag is its grant's."""
    if t == "access":
        record = AccessRecord.parse(object_bytes)
        tag = access_tag(grant_tag_key(tag_key, record.basis), record.use_no)
    else:
        tag = tag_n(tag_key, n)
    return Entry(t, tag, pv_n(tag_key, n, prev_entry_hash), commitment(salt, object_bytes))


def public_entry(t: str, *, uri: str, prev_entry_hash: bytes, object_bytes: bytes) -> Entry:
    """An entry that everyone may open: unsalted, tagged by its uri, linked in the clear."""
    return Entry(t, public_tag(uri), prev_entry_hash, commitment(ZERO32, object_bytes))


def first_entry(origin_text: str, statement: bytes) -> Entry:
    """Entry 0 of a log: commits to what it begins with, so that no two logs begin alike.

    ``statement`` is ``opening_statement`` of this log, or, for a log that goes on after a frozen one,
    ``head_statement`` of that one (the contract checks this on ``succeed``).
    """
    return public_entry(LOG_TYPE, uri=origin_text, prev_entry_hash=ZERO32, object_bytes=statement)


def opening_statement(origin_text: str, vkey: str) -> bytes:
    """What entry 0 of a new log commits to: its origin and its first verifier key."""
    return dumps({"v": 1, "origin": origin_text, "vkey": vkey})


def head_statement(origin_text: str, size: int, root: bytes) -> bytes:
    """What entry 0 of a succeeding log commits to: the last head of the frozen one (IArchiveLog)."""
    return dumps({"v": 1, "origin": origin_text, "size": size, "root": b64u(_length(root, 32, "root"))})


def verify_opening(entry: Entry, opening: Opening, object_bytes: bytes) -> None:
    """Raise ``Untrusted`` unless ``entry`` commits to ``object_bytes`` under ``opening``."""
    if opening.t == entry.t and not same(sha256(object_bytes), opening.object_sha256):
        raise Untrusted(
            "opening_object",
            "the object of entry {index} is not the one that the opening names",
            index=opening.index,
        )
    verify_opened(entry, opening)


def verify_opened(entry: Entry, opening: Opening) -> None:
    """Raise ``Untrusted`` unless ``entry`` commits to the object that ``opening`` names, which is not at hand."""
    if opening.t != entry.t:
        raise Untrusted(
            "opening_type",
            "the opening is of an entry {want}, the entry says {got}",
            want=opening.t,
            got=entry.t,
        )
    if not same(commitment_of(opening.salt, opening.object_sha256), entry.c):
        raise Untrusted("opening_commitment", "entry {index} does not commit to this object", index=opening.index)


def verify_access(entry: Entry, opening: Opening, object_bytes: bytes, grant_key: bytes) -> AccessRecord:
    """A reader's check that its use stands in the log where the holder will find it.

    Raises ``Untrusted`` unless ``entry`` commits to the record ``object_bytes`` and carries the access tag of
    the record's use under ``grant_key``, the grant tag key that came in the parcel. Whether the record names
    the reader's own receipt is for the caller to compare.
    """
    if entry.t != "access":
        raise Untrusted("entry_kind", "expected an entry of kind access, got {got}", got=entry.t)
    verify_opening(entry, opening, object_bytes)
    record = AccessRecord.parse(object_bytes)
    if not same(access_tag(grant_key, record.use_no), entry.tag):
        raise Untrusted("access_tag", "use {use_no} is logged where its holder can't find it", use_no=record.use_no)
    return record


def verify_public(entry: Entry, *, uri: str, prev_entry_hash: bytes, object_bytes: bytes) -> None:
    """Raise ``Untrusted`` unless ``entry`` is the public entry of ``object_bytes`` after the previous one."""
    want = public_entry(entry.t, uri=uri, prev_entry_hash=prev_entry_hash, object_bytes=object_bytes)
    if want != entry:
        raise Untrusted("public_entry", "the entry does not stand for this object in the chain of {uri}", uri=uri)


def origin(chain_id: int, archive_log: bytes, name: str) -> str:
    """The log's name for life: ``onefile/<chainId>/<ArchiveLog in lower-case hex>/<name>``."""
    text = f"onefile/{chain_id}/{hex0x(_length(archive_log, 20, 'ArchiveLog'))}/{name}"
    parse_origin(text)
    return text


@dataclass(frozen=True, slots=True)
class Origin:
    """The parts of an origin: chain id, address of the ArchiveLog (20 bytes), name."""

    chain_id: int
    archive_log: bytes
    name: str


def parse_origin(text: object) -> Origin:
    """Take an origin apart; ``Malformed`` if it is not of the form that ``origin`` gives."""
    match = _ORIGIN.fullmatch(text) if isinstance(text, str) else None
    if match is None or int(match[1]) > _MAX_UINT64:
        raise Malformed("origin", "expected an origin of the form onefile/<chainId>/<ArchiveLog>/<name>")
    return Origin(int(match[1]), unhex0x(match[2], length=20, what="ArchiveLog"), match[3])


def origin_hash(text: str) -> bytes:
    """Keccak-256 of the origin: how contracts and grants name the log."""
    return keccak256(_utf8(text))


def _whole(value: int, what: str, most: int = _MAX_INT) -> int:
    if not 0 <= value <= most:
        raise Malformed("whole_number", "{what}: expected 0 to {most}, got {got}", what=what, most=most, got=value)
    return value


def _length(value: bytes, size: int, what: str) -> bytes:
    if len(value) != size:
        raise Malformed("length", "{what}: expected {want} bytes, got {got}", what=what, want=size, got=len(value))
    return value


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise Malformed("json_text", "a string holds a lone surrogate") from None
