"""A database taken along to the end of its log, from the entries alone (ADR 31).

An entry says of whom it is to who holds the dossier's tag key: its link is the one that follows on the last. So
numbers, links and counted uses are true again. What an entry commits to is lost: it stands as an erased one. A
``revoke`` does not say which grant it ended: then none of the dossier's grants may be used any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, update

from protocol.entries import Entry, access_tag, entry_hash, grant_tag_key, public_tag, pv_n
from protocol.errors import Malformed
from protocol.hashing import ZERO32
from protocol.merkle import Frontier, leaf_hashes
from vault_api.db import tables as t
from vault_api.logbook import begin_own

PIECE = 4_096  # entries


LOST = ZERO32  # in the place of an object's digest: nobody here knows what the entry commits to


@dataclass(slots=True)
class Rebuilt:
    """How many entries were taken along, and how many of them are of dossiers that the backup has."""

    entries: int = 0
    known: int = 0


class Rebuilding:
    """Appends entries in one transaction. ``frontier``: the database's; it moves on with them."""

    def __init__(self, conn: Connection, frontier: Frontier, now: int) -> None:
        self._conn = conn
        self._now = now
        self._next: dict[bytes, Any] = {}
        self._uris = {public_tag(uri): uri for uri in conn.execute(select(t.public_entries.c.uri).distinct()).scalars()}
        self._own: str = conn.execute(select(t.meta.c.value).where(t.meta.c.name == "log_origin")).scalar_one()
        self._uris[public_tag(self._own)] = self._own
        self.frontier = frontier
        self.done = Rebuilt()
        for row in conn.execute(select(t.dossiers)):
            self._expect(_Dossier(row.row, bytes(row.tag_key), row.next_n, bytes(row.last_entry)))

    def take(self, entries: Iterable[bytes]) -> None:
        """Append them all."""
        for piece in _pieces(entries):
            start = self.frontier.size
            rows = [{"idx": start + i, "entry": raw, "at": self._now} for i, raw in enumerate(piece)]
            self._conn.execute(insert(t.entries), rows)
            for i, raw in enumerate(piece):
                self._attribute(start + i, raw)
            self.frontier = self.frontier.extend(leaf_hashes(piece))
            self.done.entries += len(piece)
        head = {"frontier": self.frontier.serialise(), "last_at": self._now}
        self._conn.execute(update(t.log_head).where(t.log_head.c.id == 1), head)

    def _attribute(self, index: int, raw: bytes) -> None:
        try:
            entry = Entry.parse(raw)
        except Malformed:
            return  # of a later version: it is kept as it is
        uri = self._uris.get(entry.tag)
        if uri is not None:
            # The object is lost; the row keeps the chain of this uri whole.
            if uri == self._own:
                begin_own(self._conn, uri)
            row = {"idx": index, "uri": uri, "t": entry.t, "object": b""}
            self._conn.execute(insert(t.public_entries), row)
        dossier = self._next.pop(entry.pv, None)
        if dossier is not None:
            self._continue(dossier, index, entry, entry_hash(raw))

    def _continue(self, dossier: _Dossier, index: int, entry: Entry, hashed: bytes) -> None:
        grant_row = self._count_use(dossier, entry) if entry.t == "access" else None
        event = {
            "idx": index, "dossier_row": dossier.row, "n": dossier.n, "t": entry.t, "salt": None,
            "object_sha256": LOST, "object": None, "grant_row": grant_row, "show_row": None,
        }  # fmt: skip
        self._conn.execute(insert(t.events), event)
        moved = {"next_n": dossier.n + 1, "last_entry": hashed}
        self._conn.execute(update(t.dossiers).where(t.dossiers.c.row == dossier.row), moved)
        self._expect(_Dossier(dossier.row, dossier.tag_key, dossier.n + 1, hashed))
        self.done.known += 1

    def _count_use(self, dossier: _Dossier, entry: Entry) -> int | None:
        """The grant whose next use an ``access`` is; None for a show, and for a grant that the backup has not."""
        grants = select(t.grants.c.row, t.grants.c.grant_id, t.grants.c.uses)
        for grant in self._conn.execute(grants.where(t.grants.c.dossier_row == dossier.row)).all():
            key = grant_tag_key(dossier.tag_key, bytes(grant.grant_id))
            if access_tag(key, grant.uses + 1) == entry.tag:
                counted = {"uses": grant.uses + 1, "last_use_at": self._now}
                self._conn.execute(update(t.grants).where(t.grants.c.row == grant.row), counted)
                row: int = grant.row
                return row
        return None

    def _expect(self, dossier: _Dossier) -> None:
        self._next[pv_n(dossier.tag_key, dossier.n, dossier.last)] = dossier


@dataclass(frozen=True, slots=True)
class _Dossier:
    row: int
    tag_key: bytes
    n: int
    last: bytes


def _pieces(entries: Iterable[bytes]) -> Iterator[list[bytes]]:
    piece: list[bytes] = []
    for entry in entries:
        piece.append(entry)
        if len(piece) == PIECE:
            yield piece
            piece = []
    if piece:
        yield piece
