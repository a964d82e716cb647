"""Vectors of a dossier's entries: what stands in the log, what opens it, and a whole history."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from protocol import canonical
from protocol.encoding import b64u, hex0x
from protocol.entries import (
    AccessRecord,
    Entry,
    Opening,
    access_tag,
    dossier_entry,
    entry_hash,
    first_entry,
    grant_tag_key,
    head_statement,
    opening_statement,
    origin,
    public_entry,
    public_tag,
    pv_n,
)
from protocol.hashing import ZERO32, hmac256
from protocol.note_signer import Ed25519NoteSigner
from protocol.status_list import status_uri
from tests.vectors.book import Book, octets, unoctets
from tests.vectors.judges import logs

ORIGIN = origin(31337, bytes.fromhex("5fbdb2315678afecb367f032d93f642f64180aa3"), "main")
LOG = Ed25519NoteSigner(ORIGIN, bytes(range(32)))
TAG_KEY = bytes(range(32, 64))
GRANT = bytes(range(64, 96))
RECORD = AccessRecord(
    receipt=hashlib.sha256(b"receipt").digest(),
    grant=GRANT,
    show=None,
    use_no=1,
    released=(hashlib.sha256(b"header").digest(), hashlib.sha256(b"parcel").digest()),
    at=1_800_000_000,
)
OBJECTS = [("issue", b"slip"), ("grant", b'{"grant":1}'), ("access", RECORD.serialise()), ("later-kind", b"?"), ("note", b"erased")]  # fmt: skip
Steps = list[dict[str, Any]]


def salt(n: int) -> bytes:
    return hashlib.sha256(b"salt %d" % n).digest()


def history() -> Steps:
    """Five events of one dossier at leaves 1 to 5; the last one is erased."""
    steps: Steps = []
    prev = ZERO32
    for n, (t, raw) in enumerate(OBJECTS):
        entry = dossier_entry(t, tag_key=TAG_KEY, n=n, prev_entry_hash=prev, salt=salt(n), object_bytes=raw).serialise()
        prev = entry_hash(entry)
        opening = Opening(n, salt(n), hashlib.sha256(raw).digest(), t, n + 1).to_json()
        kept = t != "note"
        opened = {"opening": opening if kept else None, "object": octets(raw) if kept else None}
        steps.append({"index": n + 1, "entry": octets(entry), **opened})
    return steps


STEPS = history()
ENTRIES = [first_entry(ORIGIN, opening_statement(ORIGIN, str(LOG.vkey))).serialise()]
ENTRIES += [unoctets(step["entry"]) for step in STEPS]


def changed(raw: bytes, **members: Any) -> dict[str, str]:
    """An entry, or another canonical object, with members replaced, and still canonical; ``...`` leaves one out."""
    body = {**canonical.loads_object(raw), **members}
    return octets(canonical.dumps({n: v for n, v in body.items() if v is not ...}))


def entries() -> Book:
    book = Book("entry", "raw: one entry of the log, JCS; the result is its kind, leaf hash and SHA-256", logs.entry)
    for n, raw in enumerate(ENTRIES):
        book.accept(f"entry {n}", raw=octets(raw))
    book.also("a kind of 32 characters", raw=changed(ENTRIES[1], t="a" + "9" * 29 + "_-"))
    of, raw = "entry 1", ENTRIES[1]
    rows: dict[str, tuple[str, dict[str, str]]] = {
        "version 2": ("field_range", changed(raw, v=2)),
        "version true": ("field_type", changed(raw, v=True)),
        "a sixth field": ("field_unknown", changed(raw, w=1)),
        "no link": ("field_missing", changed(raw, pv=...)),
        "a tag of 31 bytes": ("length", changed(raw, tag=b64u(bytes(31)))),
        "a padded tag": ("base64url", changed(raw, tag=b64u(bytes(32)) + "=")),
        "a commitment in hex": ("length", changed(raw, c=bytes(32).hex())),
        "a kind in upper case": ("entry_type", changed(raw, t="Issue")),
        "a kind that begins with a digit": ("entry_type", changed(raw, t="2nd")),
        "an empty kind": ("field_length", changed(raw, t="")),
        "a kind of 33 characters": ("field_length", changed(raw, t="a" * 33)),
        "a kind that is a number": ("field_type", changed(raw, t=1)),
        "a space": ("not_canonical", octets(raw.replace(b",", b", "))),
        "fields out of order": ("not_canonical", octets(raw.replace(b',"v":1}', b"}").replace(b"{", b'{"v":1,'))),
        "a field twice": ("json", octets(raw.replace(b"}", b',"v":1}'))),
        "beyond 512 bytes": ("too_large", octets(raw + b" " * 512)),
        "a list": ("json_object", octets(b"[" + raw + b"]")),
        "nothing": ("json", octets(b"")),
    }
    for name, (code, bent) in rows.items():
        book.refuse(name, f"malformed:{code}", of=of, raw=bent)
    return book


def openings() -> Book:
    about = "entry, the opening that is said to be its, and the object that it is said to commit to"
    book = Book("opening", about, logs.opening)
    for step in STEPS[:4]:
        given = {name: step[name] for name in ("entry", "opening", "object")}
        book.accept(f"of leaf {step['index']}", **given)
    good = STEPS[0]["opening"]
    book.refuse(
        "another commitment", "untrusted:opening_commitment", entry=octets(replaced_entry(ENTRIES[1], c=ZERO32))
    )
    book.refuse(
        "another kind in the entry",
        "untrusted:opening_type",
        entry=octets(replace(Entry.parse(ENTRIES[1]), t="note").serialise()),
    )
    book.refuse("another object", "untrusted:opening_object", object=octets(b"slip 2"))
    book.refuse("the object with a line feed", "untrusted:opening_object", object=octets(b"slip\n"))
    book.refuse("no object", "untrusted:opening_object", object=octets(b""))
    for name, expect, members in (
        ("another salt", "untrusted:opening_commitment", {"salt": b64u(ZERO32)}),
        ("another kind", "untrusted:opening_type", {"t": "note"}),
        ("another digest", "untrusted:opening_object", {"object_sha256": b64u(ZERO32)}),
        ("a salt of 31 bytes", "malformed:length", {"salt": b64u(bytes(31))}),
        ("a digest in hex", "malformed:length", {"object_sha256": bytes(32).hex()}),
        ("a negative n", "malformed:field_range", {"n": -1}),
        ("an index as text", "malformed:field_type", {"index": "1"}),
        ("a kind in upper case", "malformed:entry_type", {"t": "Issue"}),
        ("the object in it", "malformed:field_unknown", {"object": "c2xpcA"}),
    ):
        book.refuse(name, expect, opening={**good, **members})
    book.refuse("no index", "malformed:field_missing", opening={n: v for n, v in good.items() if n != "index"})
    book.refuse("a list", "malformed:field_type", opening=[good])
    return book


def replaced_entry(raw: bytes, **members: Any) -> bytes:
    return replace(Entry.parse(raw), **members).serialise()


def access_records() -> Book:
    about = "raw: the object of an access entry, JCS; the result is grant or session, number of use, and time"
    book = Book("access-record", about, logs.access_record)
    good = RECORD.serialise()
    book.accept("a use of a grant", raw=octets(good))
    shown = replace(RECORD, grant=None, show=bytes(range(16)), released=())
    book.also("a show", raw=octets(shown.serialise()))
    body = canonical.loads_object(good)
    for name, code, members in (
        ("grant and show", "access_basis", {"show": b64u(bytes(16))}),
        ("neither grant nor show", "access_basis", {"grant": ...}),
        ("a header twice", "field_duplicate", {"released": body["released"][:1] * 2}),
        (
            "1,025 released",
            "field_count",
            {"released": [b64u(hashlib.sha256(b"%d" % n).digest()) for n in range(1025)]},
        ),
        ("a header of 31 bytes", "length", {"released": [b64u(bytes(31))]}),
        ("a grant in hex", "base64url", {"grant": hex0x(GRANT)}),
        ("a grant of 16 bytes", "length", {"grant": b64u(bytes(16))}),
        ("a negative use", "field_range", {"use_no": -1}),
        ("a use as text", "field_type", {"use_no": "1"}),
        ("a time in milliseconds", "field_range", {"at": 1_800_000_000_000}),
        ("no receipt", "field_missing", {"receipt": ...}),
        ("the reader's name", "field_unknown", {"agency": "a"}),
    ):
        book.refuse(name, f"malformed:{code}", raw=changed(good, **members))
    book.refuse(
        "a session of 32 bytes", "malformed:length", of="a show", raw=changed(shown.serialise(), show=b64u(bytes(32)))
    )
    book.refuse("a space", "malformed:not_canonical", raw=octets(good.replace(b",", b", ")))
    return book


def uses() -> Book:
    about = "entry, opening, object: an access entry; grant_tag_key: the key that came in the parcel"
    book = Book("use-in-log", about, logs.use)
    step = STEPS[2]
    key = grant_tag_key(TAG_KEY, GRANT)
    given = {name: step[name] for name in ("entry", "opening", "object")}
    book.accept("the first use", **given, grant_tag_key=b64u(key))
    shown = replace(RECORD, grant=None, show=bytes(range(16)), released=()).serialise()
    entry = dossier_entry("access", tag_key=TAG_KEY, n=9, prev_entry_hash=ZERO32, salt=salt(9), object_bytes=shown)
    opened = Opening(9, salt(9), hashlib.sha256(shown).digest(), "access", 40)
    other = b64u(grant_tag_key(TAG_KEY, bytes(range(16))))
    book.accept(
        "a show", entry=octets(entry.serialise()), opening=opened.to_json(), object=octets(shown), grant_tag_key=other
    )
    raw = ENTRIES[3]
    tagged = "untrusted:access_tag"
    book.refuse("another grant's key", tagged, grant_tag_key=other)
    book.refuse("the dossier's tag key", tagged, grant_tag_key=b64u(TAG_KEY))
    book.refuse("the tag of another use", tagged, entry=octets(replaced_entry(raw, tag=access_tag(key, 2))))
    book.refuse(
        "the tag of n",
        tagged,
        entry=octets(replaced_entry(raw, tag=hmac256(TAG_KEY, b"onefile/tag/v1", bytes(7) + b"\x02"))),
    )
    book.refuse(
        "a use number of four bytes", tagged, entry=octets(replaced_entry(raw, tag=hmac256(key, b"\x00\x00\x00\x01")))
    )
    book.refuse("another kind", "untrusted:entry_kind", entry=octets(replaced_entry(raw, t="note")))
    book.refuse("another commitment", "untrusted:opening_commitment", entry=octets(replaced_entry(raw, c=ZERO32)))
    book.refuse(
        "another number in the record", "untrusted:opening_object", object=octets(replace(RECORD, use_no=2).serialise())
    )
    book.refuse(
        "another receipt in the record",
        "untrusted:opening_object",
        object=octets(replace(RECORD, receipt=ZERO32).serialise()),
    )
    book.refuse("another salt", "untrusted:opening_commitment", opening={**step["opening"], "salt": b64u(ZERO32)})
    book.refuse("an opening of another kind", "untrusted:opening_type", opening={**step["opening"], "t": "note"})
    book.refuse("a key of 31 bytes", "malformed:length", grant_tag_key=b64u(key[1:]))
    book.refuse("an entry in another spelling", "malformed:not_canonical", entry=octets(raw + b" "))
    return book


def public_entries() -> Book:
    about = "entry: a public entry of uri, after the entry with hash previous; object: what it commits to, unsalted"
    book = Book("public-entry", about, logs.public_entry)
    uri = status_uri(b"\x0b" * 20, 0)
    first = public_entry("status", uri=uri, prev_entry_hash=ZERO32, object_bytes=b"token 1")
    second = public_entry("status", uri=uri, prev_entry_hash=entry_hash(first.serialise()), object_bytes=b"token 2")
    book.accept(
        "the first status list",
        entry=octets(first.serialise()),
        uri=uri,
        previous=b64u(ZERO32),
        object=octets(b"token 1"),
    )
    before = b64u(entry_hash(first.serialise()))
    book.accept("the second", entry=octets(second.serialise()), uri=uri, previous=before, object=octets(b"token 2"))
    statement = opening_statement(ORIGIN, str(LOG.vkey))
    book.accept(
        "entry 0 of a log", entry=octets(ENTRIES[0]), uri=ORIGIN, previous=b64u(ZERO32), object=octets(statement)
    )
    successor = ORIGIN.replace("main", "next")
    head = head_statement(ORIGIN, 6, bytes(range(32)))
    given = {"uri": successor, "previous": b64u(ZERO32), "object": octets(head)}
    book.accept("entry 0 of a log that goes on", entry=octets(first_entry(successor, head).serialise()), **given)
    raw = second.serialise()
    false, of = "untrusted:public_entry", "the second"
    book.refuse("another uri", false, of=of, uri=status_uri(b"\x0b" * 20, 1))
    book.refuse("another entry before it", false, of=of, previous=b64u(entry_hash(raw)))
    book.refuse("no entry before it", false, of=of, previous=b64u(ZERO32))
    book.refuse("another object", false, of=of, object=octets(b"token 3"))
    for name, members in (
        ("another tag", {"tag": ZERO32}),
        ("the tag without its label", {"tag": hashlib.sha256(uri.encode()).digest()}),
        ("the tag of another uri", {"tag": public_tag(uri + "0")}),
        ("a keyed link", {"pv": pv_n(TAG_KEY, 1, entry_hash(first.serialise()))}),
        ("the leaf hash as its link", {"pv": hashlib.sha256(b"\x00" + first.serialise()).digest()}),
        (
            "a salted commitment",
            {"c": hashlib.sha256(b"onefile/c/v1" + b"\x01" * 32 + hashlib.sha256(b"token 2").digest()).digest()},
        ),
        ("the object's digest as its commitment", {"c": hashlib.sha256(b"token 2").digest()}),
    ):
        book.refuse(name, false, of=of, entry=octets(replaced_entry(raw, **members)))
    book.refuse("a hash of 31 bytes", "malformed:length", of=of, previous=b64u(bytes(31)))
    book.refuse("another spelling", "malformed:not_canonical", of=of, entry=octets(raw + b"\n"))
    return book


def histories() -> Book:
    about = "history: a dossier's entries in order with openings and objects; head: how far the holder walked before"
    book = Book("history", about, logs.history)
    book.accept("a whole history", tag_key=b64u(TAG_KEY), history=STEPS, head=None)
    book.also("the end is withheld, which only a kept head would show", history=STEPS[:4])
    kept = {"n": 2, "entry_hash": b64u(entry_hash(ENTRIES[2])), "index": 2}
    book.also("from a kept head on", history=STEPS[2:], head=kept)
    book.also("nothing new", history=[], head=kept)
    erased = copy.deepcopy(STEPS)
    erased[2].update(opening=None, object=None)
    book.also("a use is erased", history=erased)

    def bent(name: str, expect: str, change: Callable[[Steps], object], of: str | None = None) -> None:
        steps = copy.deepcopy(book.base(of)["input"]["history"])
        change(steps)
        book.refuse(name, expect, of=of, history=steps)

    def field(n: int, **members: Any) -> Callable[[Steps], None]:
        return lambda steps: steps[n].update(entry=octets(replaced_entry(unoctets(steps[n]["entry"]), **members)))

    late = {**STEPS[1]["opening"], "index": 9}
    bent("an entry is missing", "untrusted:history_order", lambda s: s.pop(1))
    bent("the first entry is missing", "untrusted:history_order", lambda s: s.pop(0))
    bent("an erased entry is missing", "untrusted:history_order", lambda s: s.pop(2), of="a use is erased")
    bent("two entries swapped", "untrusted:history_order", lambda s: s.insert(0, s.pop(1)))
    bent("an entry twice", "untrusted:history_order", lambda s: s.insert(1, s[0]))
    book.refuse("another dossier's key", "untrusted:history_link", tag_key=b64u(ZERO32))
    bent("a foreign tag", "untrusted:history_tag", field(0, tag=ZERO32))
    bent("a foreign tag of a use", "untrusted:history_tag", field(2, tag=ZERO32))
    bent("a zero link at the beginning", "untrusted:history_link", field(0, pv=ZERO32))
    bent("an unkeyed link", "untrusted:history_link", field(1, pv=entry_hash(ENTRIES[1])))
    bent("another commitment", "untrusted:opening_commitment", field(3, c=ZERO32))
    bent("another kind", "untrusted:opening_type", field(3, t="note"))
    bent("another object", "untrusted:opening_object", lambda s: s[0].update(object=octets(b"slip 2")))
    bent("an opening of another leaf", "untrusted:history_order", lambda s: s[1].update(opening=late))
    bent("a leaf out of order", "untrusted:history_order", lambda s: s[4].update(index=3))
    spaced = octets(ENTRIES[1].replace(b",", b", "))
    bent("an entry with spaces", "malformed:not_canonical", lambda s: s[0].update(entry=spaced))
    of = "from a kept head on"
    book.refuse("a head of another entry", "untrusted:history_link", of=of, head={**kept, "entry_hash": b64u(ZERO32)})
    book.refuse("a head further on", "untrusted:history_order", of=of, head={**kept, "index": 5})
    book.refuse("a head of another n", "untrusted:history_order", of=of, head={**kept, "n": 3})
    return book


def books() -> list[Book]:
    """All of this module."""
    return [entries(), openings(), access_records(), uses(), public_entries(), histories()]
