"""The rows' half of a scrub: what the database says of dossiers, items and grants, against the entries of the log.

Erased openings and objects are no damage: they say nothing any more. What a rebuilt state has lost counts as erased.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Connection, func, select

from protocol.entries import Entry, commitment_of, entry_hash, pv_n, verify_public
from protocol.errors import Malformed, Untrusted
from protocol.grant import GrantEnvelope
from protocol.hashing import ZERO32, sha256
from protocol.slips import parse_slip
from vault_api.db import tables as t
from vault_api.db import tables_keys as k
from vault_api.keeping.scrub_log import Damage, Found, Looked

FETCH = 1_000


def scrub_events(conn: Connection) -> Iterator[Found]:
    """Each dossier's chain: links, openings, objects, and where the dossier says that it ends."""
    last_row, n, last = 0, 0, ZERO32
    wanted = (
        select(t.events, t.entries.c.entry, t.dossiers.c.tag_key)
        .join(t.entries, t.entries.c.idx == t.events.c.idx)
        .join(t.dossiers, t.dossiers.c.row == t.events.c.dossier_row)
        .order_by(t.events.c.dossier_row, t.events.c.n)
    )
    for row in _stream(conn, wanted):
        if row.dossier_row != last_row:
            last_row, n, last = row.dossier_row, 0, ZERO32
        problem = _event(row, n, last)
        if problem:
            yield Damage("event", str(row.idx), problem)
        n, last = row.n + 1, entry_hash(bytes(row.entry))
        yield Looked("event", 1)


def scrub_dossiers(conn: Connection) -> Iterator[Found]:
    """Each dossier goes on where its last event ends."""
    ends = select(t.events.c.dossier_row, func.max(t.events.c.n).label("n")).group_by(t.events.c.dossier_row).subquery()
    wanted = select(t.dossiers.c.row, t.dossiers.c.next_n, ends.c.n).outerjoin(
        ends, ends.c.dossier_row == t.dossiers.c.row
    )
    for row in _stream(conn, wanted):
        if row.next_n != (0 if row.n is None else row.n + 1):
            yield Damage("dossier", f"row {row.row}", "it does not go on where its last event ends")
        yield Looked("dossier", 1)


def scrub_public(conn: Connection) -> Iterator[Found]:
    """Public entries, each behind the last of its uri."""
    wanted = select(t.public_entries.c.idx, t.public_entries.c.uri, t.public_entries.c.object, t.entries.c.entry).join(
        t.entries, t.entries.c.idx == t.public_entries.c.idx
    )
    uri, last = "", ZERO32
    for row in _stream(conn, wanted.order_by(t.public_entries.c.uri, t.public_entries.c.idx)):
        if row.uri != uri:
            uri, last = row.uri, ZERO32
        raw = bytes(row.entry)
        try:
            if row.object:
                verify_public(Entry.parse(raw), uri=uri, prev_entry_hash=last, object_bytes=bytes(row.object))
        except (Malformed, Untrusted):
            yield Damage("public entry", str(row.idx), "the entry does not stand for this object")
        last = entry_hash(raw)
        yield Looked("public entry", 1)


def scrub_items(conn: Connection) -> Iterator[Found]:
    """Items: the slip is the logged one, and the objects are those of the slip."""
    wanted = select(
        t.items.c.row, t.items.c.idx, t.items.c.slip, t.events.c.object_sha256, k.rewraps.c.item_row.label("rewrapped")
    )
    wanted = wanted.join(t.events, t.events.c.idx == t.items.c.idx).outerjoin(
        k.rewraps, k.rewraps.c.item_row == t.items.c.row
    )
    for row in _stream(conn, wanted.order_by(t.items.c.row)):
        if row.slip is not None:
            problem = _item(conn, row)
            if problem:
                yield Damage("item", f"entry {row.idx}", problem)
        yield Looked("item", 1)


def scrub_grants(conn: Connection) -> Iterator[Found]:
    """Grants: envelope and parcels are the logged ones, and uses are as many as the log has."""
    uses = (
        select(t.events.c.grant_row, func.count().label("n"))
        .where(t.events.c.t == "access", t.events.c.grant_row.is_not(None))
        .group_by(t.events.c.grant_row)
        .subquery()
    )
    wanted = (
        select(t.grants.c.row, t.grants.c.idx, t.grants.c.envelope, t.grants.c.uses, t.events.c.object_sha256, uses.c.n)
        .join(t.events, t.events.c.idx == t.grants.c.idx)
        .outerjoin(uses, uses.c.grant_row == t.grants.c.row)
        .order_by(t.grants.c.row)
    )
    for row in _stream(conn, wanted):
        problem = _grant(conn, row)
        if problem:
            yield Damage("grant", f"entry {row.idx}", problem)
        yield Looked("grant", 1)


def scrub_hashed(conn: Connection) -> Iterator[Found]:
    """What stands beside its own digest."""
    for kind, statement, digest in _HASHED:
        for row in _stream(conn, statement):
            if digest(row) != bytes(row.digest):
                yield Damage(kind, f"row {row.row}", "its bytes have another digest than was recorded")
            yield Looked(kind, 1)


def _event(row: Any, n: int, last: bytes) -> str:
    """What is wrong with an event; empty if nothing is."""
    try:
        entry = Entry.parse(bytes(row.entry))
    except Malformed:
        return "the entry is none"
    if row.n != n or entry.pv != pv_n(bytes(row.tag_key), n, last):
        return "it does not follow on the dossier's last event"
    if entry.t != row._mapping["t"]:  # noqa: SLF001 (a column named t hides behind SQLAlchemy's own)
        return "the row says another kind than the entry"
    if row.salt is not None and commitment_of(bytes(row.salt), bytes(row.object_sha256)) != entry.c:
        return "the opening does not open the entry"
    if row.object is not None and sha256(bytes(row.object)) != bytes(row.object_sha256):
        return "the object is not the one that was logged"
    return ""


def _item(conn: Connection, row: Any) -> str:
    if sha256(row.slip.encode()) != bytes(row.object_sha256):
        return "the slip is not the one that was logged"
    slip = parse_slip(row.slip).body
    objects = conn.execute(t.objects.select().where(t.objects.c.item_row == row.row).order_by(t.objects.c.pos)).all()
    if [bytes(found.payload) for found in objects] != [part.payload for part in slip.objects]:
        return "its objects are not those of the slip"
    for found, part in zip(objects, slip.objects, strict=True):
        if found.header is not None and row.rewrapped is None and sha256(bytes(found.header)) != part.header:
            return f"the header of object {found.pos} is not the one of the slip"
    return ""


def _grant(conn: Connection, row: Any) -> str:
    raw = bytes(row.envelope)
    if sha256(raw) != bytes(row.object_sha256):
        return "the envelope is not the one that was logged"
    if row.uses != (row.n or 0):
        return f"it counts {row.uses} uses, the log has {row.n or 0}"
    scope = GrantEnvelope.parse(raw).grant.scope
    wanted = t.grant_parcels.select().where(t.grant_parcels.c.grant_row == row.row).order_by(t.grant_parcels.c.pos)
    for found in conn.execute(wanted).all():
        named = scope[found.pos].parcel if found.pos < len(scope) else b""
        if found.parcel is not None and sha256(bytes(found.parcel)) != named:
            return f"parcel {found.pos} is not the one that the grant names"
    return ""


def _stream(conn: Connection, statement: Any) -> Any:
    return conn.execution_options(yield_per=FETCH).execute(statement)


def _text(row: Any) -> bytes:
    return sha256(row.raw.encode())


def _bytes(row: Any) -> bytes:
    return sha256(bytes(row.raw))


_HASHED: tuple[tuple[str, Any, Callable[[Any], bytes]], ...] = (
    (
        "receipt",
        select(t.releases.c.row, t.releases.c.receipt.label("raw"), t.releases.c.receipt_sha256.label("digest")),
        _text,
    ),
    ("scenario", select(t.scenarios.c.row, t.scenarios.c.jws.label("raw"), t.scenarios.c.hash.label("digest")), _text),
    (
        "key ring",
        select(k.rings.c.dossier_row.label("row"), k.rings.c.ring.label("raw"), k.rings.c.sha256.label("digest")),
        _bytes,
    ),
)
