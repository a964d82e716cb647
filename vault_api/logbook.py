"""How events get into the log: one entry each, of a dossier or of a public object (docs/spec/log.md).

Called inside a sequencer transaction only. Numbers (index, n, use_no) are given here and nowhere else.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from protocol.encoding import b64u
from protocol.entries import (
    LOG_TYPE,
    AccessRecord,
    Entry,
    Opening,
    access_tag,
    commitment,
    entry_hash,
    grant_tag_key,
    public_entry,
    pv_n,
    tag_n,
)
from protocol.hashing import ZERO32, sha256
from protocol.wire import Logged as WireLogged
from protocol.wire import Opening as WireOpening
from vault_api.db import tables as t
from vault_api.db.prepared import Prepared
from vault_api.sequencer import Tx

_DOSSIER: Prepared[Any] = Prepared(
    select(t.dossiers.c.tag_key, t.dossiers.c.next_n, t.dossiers.c.last_entry).where(
        t.dossiers.c.row == bindparam("dossier_row")
    )
)
_ADVANCE: Prepared[None] = Prepared(
    update(t.dossiers).where(t.dossiers.c.row == bindparam("dossier_row")), "next_n", "last_entry"
)
_EVENT: Prepared[None] = Prepared(insert(t.events), *(column.name for column in t.events.columns))
_LAST_PUBLIC = (
    select(t.entries.c.entry)
    .join(t.public_entries, t.public_entries.c.idx == t.entries.c.idx)
    .order_by(t.entries.c.idx.desc())
    .limit(1)
)
LOGGED = (  # what `logged_row` reads, of events joined with entries
    t.events.c.idx,
    t.events.c.n,
    t.events.c.t.label("kind"),
    t.events.c.salt,
    t.events.c.object_sha256,
    t.events.c.object,
    t.entries.c.entry,
)
_LOGGED: Prepared[Any] = Prepared(
    select(*LOGGED)
    .join(t.entries, t.entries.c.idx == t.events.c.idx)
    .where(t.events.c.idx == bindparam("index"))
)


@dataclass(frozen=True, slots=True)
class Logged:
    """One logged event: its entry, and what opens it unless that was erased."""

    index: int
    entry: bytes
    opening: Opening | None
    object_bytes: bytes | None

    def wire(self) -> WireLogged:
        """As it travels; without opening and object once they were erased."""
        return WireLogged(
            index=self.index,
            entry=b64u(self.entry),
            opening=wire_opening(self.opening) if self.opening is not None else None,
            object=b64u(self.object_bytes) if self.object_bytes is not None else None,
        )


def wire_opening(opening: Opening) -> WireOpening:
    """An opening as it travels."""
    return WireOpening(**opening.to_json())


def log_event(
    tx: Tx,
    dossier_row: int,
    kind: str,
    object_bytes: bytes,
    *,
    grant_row: int | None = None,
    show_row: int | None = None,
    access: AccessRecord | None = None,
) -> Logged:
    """Append an entry of ``kind`` to a dossier's chain, with a fresh salt, and keep its opening.

    ``access``: the record that ``object_bytes`` is, for an entry of that kind: its tag is that of its use.
    """
    dossier = _DOSSIER.first(tx.conn, {"dossier_row": dossier_row})
    assert dossier is not None  # its number came from this table
    salt = secrets.token_bytes(32)
    tag = tag_n(dossier.tag_key, dossier.next_n) if access is None else _access_tag(dossier.tag_key, access)
    link = pv_n(dossier.tag_key, dossier.next_n, dossier.last_entry)
    entry = Entry(kind, tag, link, commitment(salt, object_bytes)).serialise()
    index = tx.append(entry)
    opening = Opening(dossier.next_n, salt, sha256(object_bytes), kind, index)
    _EVENT.run(
        tx.conn,
        {
            "idx": index,
            "dossier_row": dossier_row,
            "n": opening.n,
            "t": kind,
            "salt": salt,
            "object_sha256": opening.object_sha256,
            "object": object_bytes,
            "grant_row": grant_row,
            "show_row": show_row,
        },
    )
    _ADVANCE.run(
        tx.conn,
        {"dossier_row": dossier_row, "next_n": opening.n + 1, "last_entry": entry_hash(entry)},
    )
    return Logged(index, entry, opening, object_bytes)


def _access_tag(tag_key: bytes, record: AccessRecord) -> bytes:
    return access_tag(grant_tag_key(tag_key, record.basis), record.use_no)


def log_public(tx: Tx, kind: str, uri: str, object_bytes: bytes) -> int:
    """Append a public entry (status, scenario) for ``uri`` and return its index."""
    last = tx.conn.execute(_LAST_PUBLIC.where(t.public_entries.c.uri == uri)).scalar()
    previous = entry_hash(last) if last is not None else ZERO32
    entry = public_entry(kind, uri=uri, prev_entry_hash=previous, object_bytes=object_bytes)
    index = tx.append(entry.serialise())
    tx.conn.execute(insert(t.public_entries), {"idx": index, "uri": uri, "t": kind, "object": object_bytes})
    return index


def log_own(tx: Tx, kind: str, origin: str, object_bytes: bytes) -> int:
    """Append a public entry of the log's own, behind its entry 0 or the last such entry; its index."""
    begin_own(tx.conn, origin)
    return log_public(tx, kind, origin, object_bytes)


def begin_own(conn: Connection, origin: str) -> None:
    """Entry 0 is the first public entry of the log's own uri: its row says so, from when a second one comes."""
    if conn.execute(select(t.public_entries.c.idx).where(t.public_entries.c.idx == 0)).first() is None:
        conn.execute(insert(t.public_entries), {"idx": 0, "uri": origin, "t": LOG_TYPE, "object": b""})


def logged_at(conn: Connection, index: int) -> Logged:
    """The event at ``index``, as it was logged (and perhaps erased since)."""
    return logged_row(_LOGGED.first(conn, {"index": index}))


def logged_row(row: object) -> Logged:
    """A row of the join of events and entries as ``Logged``."""
    r = row
    opening = None
    if r.salt is not None:  # type: ignore[attr-defined]  # a Row of the statement above
        opening = Opening(r.n, r.salt, r.object_sha256, r.kind, r.idx)  # type: ignore[attr-defined]
    return Logged(r.idx, r.entry, opening, r.object)  # type: ignore[attr-defined]


def erase(tx: Tx, index: int) -> None:
    """Destroy what opens an entry: salt and object. The entry itself stays for ever."""
    tx.conn.execute(update(t.events).where(t.events.c.idx == index), {"salt": None, "object": None})
    tx.conn.execute(t.idempotency.delete().where(t.idempotency.c.idx == index))
