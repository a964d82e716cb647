"""``vault-api restore``: a vault out of a stream of backups, the newest first (docs/operations.md §5).

The newest gives the rows; it and the older ones behind it give the payloads that it names. Whatever the stream says is
checked before it counts: every member against the manifest, every row against its table, the entries against the
signed head. Rows are written last and at once (``vault_api/keeping/loading.py``). Cannot tell whether the backup is the
newest: the chain can, and ``vault-api reconcile`` asks it before the vault serves again.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, Any, BinaryIO

from protocol.errors import Conflict, Unavailable, Untrusted
from protocol.note import Vkey, verify_checkpoint
from vault_api.db import tables as t
from vault_api.db.migrate import newest
from vault_api.keeping.archive import Member, damaged
from vault_api.keeping.checking import (
    MAX_BEGIN_BYTES,
    Begin,
    Incoming,
    incoming,
    parse_begin,
    payload_named,
)
from vault_api.keeping.loading import RESTORED, Loading
from vault_api.keeping.manifest import BEGIN, EARLIER, GONE, ROWS, parse_line
from vault_api.keeping.rows import MAX_PART_BYTES, RowReader, columns_of, kept_tables
from vault_api.keeping.storing import Storing
from vault_api.keeping.tiling import Tiling
from vault_api.log_keys import LOG_KEYS, LogKeys

MAX_BACKUPS = 1_000  # in one stream
_RECORD = 40  # digest and size
_FRONTIER = list(t.log_head.columns).index(t.log_head.c.frontier)
Step = Callable[[str, int], None]
SHORT_BYTES = 256 << 10


@dataclass(frozen=True, slots=True)
class Restored:
    """What came. ``lost``: payloads that no backup had whole."""

    manifest: str
    origin: str
    made_at: int
    entries: int
    signed: int
    rows: int
    payloads: int
    lost: int
    backups: int


def restore(
    stream: BinaryIO,
    load: Loading,
    store: Storing,
    *,
    expect: str | None = None,
    vkey: str | None = None,
    step: Step = lambda _what, _n: None,
) -> Restored:
    """Read the stream to its end into ``load`` and ``store``; the caller makes ``load`` count, or not.

    ``expect``: the manifest's digest in hex, if it is known otherwise. ``vkey``: the log's key as this machine knows
    it; None if it does not, or if the log may have had another one when the backup was made.
    Raises ``Malformed("backup_format")``, ``Untrusted`` (``backup_digest``, ``backup_log``, ``backup_unexpected``),
    ``Conflict`` (``backup_schema``, ``backup_log_key``, ``backup_chain``), ``Unavailable("backup_earlier_needed")``.
    """
    with ExitStack() as stack:
        own, absent, needed, still = (stack.enter_context(_aside()) for _ in range(4))
        first = incoming(stream, own, absent)
        if first is None:
            raise damaged("there is nothing in it")
        newest_one = _Newest(load, store, vkey, step)
        newest_one.read(first)
        if expect is not None and first.name != expect:
            raise Untrusted(
                "backup_unexpected", "the backup's manifest is {got}, expected {want}", got=first.name, want=expect
            )
        lost = newest_one.broken + _sorted_out(absent, needed, load)
        older = _Older(stream, store, step)
        backups = 1 + older.fetch(first.head.since if first.head else None, [needed, still])
        store.settle()
        return newest_one.end(first, older.payloads, lost, backups)


class _Newest:
    """The archive whose rows count."""

    def __init__(self, load: Loading, store: Storing, vkey: str | None, step: Step) -> None:
        self._load = load
        self._store = store
        self._vkey = vkey
        self._step = step
        self._tables = {table.name: table for table in kept_tables()}
        self._order = list(self._tables)
        self._place = (0, -1)  # the table and part that came last
        self._rows = 0
        self._payloads = 0
        self.broken = 0  # payloads that were damaged in the vault already
        self._last = b""
        self._head: bytes | None = None
        self._keys = False  # whether the rows name the log's keys

    def read(self, archive: Incoming) -> None:
        """Take it in, and check what it says of the log."""
        members = iter(archive)
        self._begin = _begin(next(members), self._vkey)
        self._tiling = Tiling(self._begin.signed_size, self._store.tile)
        for member in members:
            self._member(member)
        self._tiling.finish()
        self._check_log()

    def end(self, archive: Incoming, payloads: int, lost: int, backups: int) -> Restored:
        """Mark the state as restored, and say what came."""
        head = archive.head
        assert head is not None  # it was read to its end
        self._load.mark(json.dumps({"manifest": archive.name, "made_at": head.made_at}))
        begin = self._begin
        if not self._keys and begin.vkey is not None:
            # Of a program that knew a single key: whoever starts on it with the next one has to know the first.
            self._load.insert(t.meta, [(LOG_KEYS, LogKeys.first(begin.vkey).serialise())])
        return Restored(
            archive.name, begin.origin, head.made_at, begin.size, begin.signed_size, self._rows,
            self._payloads + payloads, lost, backups,
        )  # fmt: skip

    def _member(self, member: Member) -> None:
        payload = payload_named(member.name)
        if payload is None:
            self._part(member)
            return
        if payload <= self._last:
            raise damaged("the payloads are not in order")
        self._last = payload
        if self._store.payload(member, payload):
            self._payloads += 1
        else:
            self.broken += 1
        self._step("payloads", 1)

    def _part(self, member: Member) -> None:
        found = ROWS.fullmatch(member.name)
        if found is None or found[1] not in self._tables or self._last:
            raise damaged("a member is not where it may be")
        table = self._tables[found[1]]
        place = (self._order.index(table.name), int(found[2]))
        table_before, part_before = self._place
        follows = place == (table_before, part_before + 1) or (place[0] > table_before and place[1] == 0)
        if not follows:
            raise damaged("the rows are not in order")
        self._place = place
        rows = RowReader(table).parse(member.whole(MAX_PART_BYTES))
        self._look(table.name, rows)
        self._load.insert(table, self._kept(table.name, rows))
        self._rows += len(rows)
        self._step("rows", len(rows))

    def _look(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        if table == "entries":
            for idx, entry, _at in rows:
                self._tiling.add(idx, entry)
        elif table == "log_head":
            self._head = rows[0][_FRONTIER]
        elif table == "meta":
            self._keys = self._keys or any(row[0] == LOG_KEYS for row in rows)

    def _kept(self, table: str, rows: list[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
        """All rows but the mark of an earlier restore: this one has its own."""
        return (row for row in rows if table != "meta" or row[0] != RESTORED)

    def _check_log(self) -> None:
        """The entries lead to the frontier, and the signed head is the one of their beginning."""
        begin, tiling = self._begin, self._tiling
        if tiling.size != begin.size or self._head != tiling.frontier.serialise():
            raise Untrusted("backup_log", "the backup's entries do not lead to its log's head")
        if not begin.signed_size or begin.vkey is None:
            return
        signed = verify_checkpoint(begin.signed_note, begin.origin, Vkey.parse(begin.vkey))
        if (signed.size, signed.root) != (begin.signed_size, tiling.signed_root):
            raise Untrusted("backup_log", "the backup's entries do not lead to its log's head")


class _Older:
    """The archives behind the first: of them only payloads that the first names and that are still missing."""

    def __init__(self, stream: BinaryIO, store: Storing, step: Step) -> None:
        self._stream = stream
        self._store = store
        self._step = step
        self.payloads = 0

    def fetch(self, since: str | None, needed: list[IO[bytes]]) -> int:
        """Read to the stream's end; how many archives came. ``needed``: two files, the first with what is missing."""
        for count in range(MAX_BACKUPS):
            with _aside() as own, _aside() as absent:
                archive = incoming(self._stream, own, absent)
                if archive is None:
                    self._all_there(since, needed[0])
                    return count
                self._take(archive, *needed)
                needed.reverse()
            if archive.name != since or archive.head is None:
                raise Conflict(
                    "backup_chain", "expected the backup {want} next, got {got}", want=since or "-", got=archive.name
                )
            since = archive.head.since
        raise damaged("there are too many backups in it")

    def _take(self, archive: Incoming, needed: IO[bytes], still: IO[bytes]) -> None:
        """Store what is needed of an archive; ``still`` gets what it has not."""
        wanted = _records(needed)
        _emptied(still)
        next_one = next(wanted, None)
        for member in archive:
            payload = payload_named(member.name)
            while payload is not None and next_one is not None and next_one[0] < payload:
                still.write(_record(*next_one))
                next_one = next(wanted, None)
            if payload is None or next_one is None or next_one[0] != payload:
                continue  # a payload that is not needed was deleted since: it does not come back
            if self._store.payload(member, payload):
                self.payloads += 1
            else:
                still.write(_record(*next_one))
            self._step("payloads", 1)
            next_one = next(wanted, None)
        while next_one is not None:
            still.write(_record(*next_one))
            next_one = next(wanted, None)

    def _all_there(self, since: str | None, needed: IO[bytes]) -> None:
        missing = sum(not self._store.has(digest, size) for digest, size in _records(needed))
        if missing:
            raise Unavailable(
                "backup_earlier_needed",
                "{count} payloads are in an earlier backup: add the one named {name} behind this one",
                count=missing,
                name=since or "-",
            )


def _begin(member: Member, vkey: str | None) -> Begin:
    if member.name != BEGIN:
        raise damaged("it does not begin with begin.json")
    begin = parse_begin(member.whole(MAX_BEGIN_BYTES))
    ours = {table.name: columns_of(table) for table in kept_tables()}
    if begin.schema != newest() or begin.tables != ours:
        raise Conflict(
            "backup_schema",
            "the database has schema {got}, this program keeps {want}: use the program of that schema",
            got=begin.schema,
            want=newest(),
        )
    if vkey is not None and begin.vkey is not None and vkey != begin.vkey:
        raise Conflict(
            "backup_log_key", "the backup is of a log with the key {got}, this machine knows the key {want}",
            got=begin.vkey, want=vkey,
        )  # fmt: skip
    return begin


def _aside() -> IO[bytes]:
    """A list that may grow as large as the backup names payloads: in memory while it is short, then a file."""
    return tempfile.SpooledTemporaryFile(SHORT_BYTES)


def _sorted_out(absent: IO[bytes], needed: IO[bytes], load: Loading) -> int:
    """What the newest manifest says is not in its archive: noted, forgotten, or (the count) lost."""
    lost = 0
    absent.seek(0)
    for text in absent:
        line = parse_line(text)
        if line.payload is None:
            raise damaged("a member of the manifest is not there")
        if line.state == EARLIER:
            needed.write(_record(line.payload, line.size))
        elif line.state == GONE:
            load.forget(line.payload)
        else:
            lost += 1
    return lost


def _record(digest: bytes, size: int) -> bytes:
    return digest + size.to_bytes(8, "big")


def _records(source: IO[bytes]) -> Iterator[tuple[bytes, int]]:
    source.seek(0)
    while record := source.read(_RECORD):
        yield record[:32], int.from_bytes(record[32:], "big")


def _emptied(spool: IO[bytes]) -> None:
    spool.seek(0)
    spool.truncate()
