"""``vault-api backup``: everything that a vault keeps, as one stream, while it serves (docs/operations.md §5).

Rows are read at one moment (a read transaction on SQLite, a repeatable-read snapshot on PostgreSQL); payloads follow
after it, as they never change. Tiles are not in it: they follow from the entries, and a restore makes them anew and
compares their root with the signed head. Neither the log's key nor the relayer's is in it. Holds no more in memory
than one part of a table and one chunk of a payload.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

from sqlalchemy import Connection, Engine, Table, func, select

from protocol.encoding import b64u
from protocol.errors import Conflict, Unavailable
from protocol.merkle import Frontier
from vault_api.blobs import CHUNK_BYTES, BlobStore, payload_name
from vault_api.db import tables as t
from vault_api.db.migrate import newest, revision_of
from vault_api.keeping.archive import ArchiveWriter
from vault_api.keeping.manifest import (
    ABSENT,
    BEGIN,
    EARLIER,
    GONE,
    LOST,
    MANIFEST,
    VERSION,
    Head,
    Line,
    digest_of,
    file_lines,
    payloads_of,
    read_manifest,
)
from vault_api.keeping.rows import columns_of, kept_tables, parts_of
from vault_api.log_keys import keys_of

Step = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a backup reads: the vault's database and blob store, and the log's verifier key if it is known."""

    engine: Engine
    blobs: BlobStore
    vkey: str | None


@dataclass(frozen=True, slots=True)
class Backed:
    """What a backup holds. ``manifest``: its name; ``lost``: payloads that the vault should have had and had not."""

    manifest: str
    entries: int
    rows: int
    payloads: int
    earlier: int
    lost: int
    bytes: int


@dataclass(frozen=True, slots=True)
class _Moment:
    """What holds at the moment of the backup. ``vkey``: what signed the newest head, if the database knows."""

    origin: str
    vkey: str | None
    size: int
    signed: dict[str, Any] | None
    payloads: int


def back_up(
    source: Source,
    out: BinaryIO,
    *,
    at: int,
    since: Path | None = None,
    keep_manifest: Path | None = None,
    step: Step = lambda _what, _n: None,
) -> Backed:
    """Write a backup to ``out``. ``since``: the manifest of an earlier one, whose payloads are left out.

    Raises ``Conflict("backup_schema")`` for a database of another program, ``Malformed("backup_format")`` for a
    ``since`` that is no manifest. What was written is no backup then: it has no end.
    """
    check_kept(source.engine)
    with tempfile.TemporaryFile() as listed, tempfile.TemporaryFile() as lines, _earlier(since) as before:
        writing = _Writing(source, ArchiveWriter(out), lines, step)
        with snapshot(source.engine) as conn:
            moment = _moment(conn)
            writing.begin(conn, moment, at, before)
            _list_payloads(conn, listed)
        writing.payloads(listed, before)
        return writing.end(moment, keep_manifest)


def check_kept(engine: Engine) -> None:
    """``Conflict("backup_schema")`` unless the database has this program's schema."""
    got = revision_of(engine)
    if got != newest():
        raise Conflict(
            "backup_schema",
            "the database has schema {got}, this program keeps {want}: use the program of that schema",
            got=got or "none",
            want=newest(),
        )


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A connection that sees the database as it is at one moment, whatever is written meanwhile."""
    with engine.connect() as conn:
        held = conn
        if engine.dialect.name != "sqlite":
            held = conn.execution_options(isolation_level="REPEATABLE READ")
        with held.begin():
            yield held


class _Writing:
    """One backup on its way out. ``lines``: the manifest's lines behind the first, until the end is known."""

    def __init__(self, source: Source, archive: ArchiveWriter, lines: IO[bytes], step: Step) -> None:
        self._source = source
        self._archive = archive
        self._lines = lines
        self._step = step
        self._head: Head | None = None
        self._rows = 0
        self._counts = {"here": 0, EARLIER: 0, GONE: 0, LOST: 0}

    def begin(self, conn: Connection, moment: _Moment, at: int, before: _Before) -> None:
        """``begin.json`` and the rows of every table."""
        tables = kept_tables()
        said = {
            "v": VERSION,
            "origin": moment.origin,
            "vkey": moment.vkey or self._source.vkey,
            "made_at": at,
            "schema": newest(),
            "since": before.name,
            "size": moment.size,
            "signed": moment.signed,
            "tables": {table.name: columns_of(table) for table in tables},
        }
        self._head = Head(moment.origin, at, moment.size, before.name)
        self._member(BEGIN, json.dumps(said, indent=1).encode() + b"\n")
        for table in tables:
            self._table(conn, table)

    def payloads(self, listed: IO[bytes], before: _Before) -> None:
        """The payloads, but those that an earlier backup has."""
        known = before.payloads()
        last = next(known, None)
        for digest, size in _read_list(listed):
            while last is not None and last < digest:
                last = next(known, None)
            name = f"blobs/{digest.hex()}"
            if digest == last:
                self._note(Line(name, size, EARLIER))
            elif self._source.blobs.size(payload_name(digest)) != size:
                self._note(Line(name, size, self._absent(digest)))
            else:
                self._payload(name, digest, size)
            self._step("payloads", 1)

    def end(self, moment: _Moment, keep: Path | None) -> Backed:
        """The manifest and the archive's end."""
        assert self._head is not None  # `begin` came first
        with tempfile.TemporaryFile() as manifest:
            manifest.write(self._head.serialise())
            self._lines.seek(0)
            for chunk in iter(lambda: self._lines.read(CHUNK_BYTES), b""):
                manifest.write(chunk)
            size = manifest.tell()
            name = digest_of(manifest)
            if keep is not None:
                with keep.open("wb") as copy:
                    copy.writelines(iter(lambda: manifest.read(CHUNK_BYTES), b""))
                manifest.seek(0)
            self._archive.add(MANIFEST, size, iter(lambda: manifest.read(CHUNK_BYTES), b""))
        self._archive.end()
        counts = self._counts
        return Backed(
            name, moment.size, self._rows, counts["here"], counts[EARLIER], counts[LOST], self._archive.written
        )

    def _table(self, conn: Connection, table: Table) -> None:
        for number, (count, raw) in enumerate(parts_of(conn, table)):
            self._member(f"rows/{table.name}.{number:06}.jsonl", raw)
            self._rows += count
            self._step("rows", count)

    def _payload(self, name: str, digest: bytes, size: int) -> None:
        # Bytes under another digest than their own are of no use to anybody: the line says what they are.
        self._note(Line(name, size, self._archive.add(name, size, self._bytes_of(digest, size)).hex()))

    def _absent(self, digest: bytes) -> str:
        """Whether a payload that is not there was deleted since, or is missing."""
        with self._source.engine.connect() as conn:
            known = conn.execute(select(t.payloads.c.row).where(t.payloads.c.sha256 == digest)).first()
        return GONE if known is None else LOST

    def _bytes_of(self, digest: bytes, size: int) -> Iterator[bytes]:
        """The payload's bytes; zeros from where it was deleted while we read, which its digest then shows."""
        left = size
        try:
            for chunk in self._source.blobs.read(payload_name(digest), 0, size):
                left -= len(chunk)
                yield chunk
        except (FileNotFoundError, Unavailable):
            while left:
                filled = min(left, CHUNK_BYTES)
                left -= filled
                yield bytes(filled)

    def _member(self, name: str, raw: bytes) -> None:
        self._note(Line(name, len(raw), self._archive.add(name, len(raw), [raw]).hex()))

    def _note(self, line: Line) -> None:
        if line.payload is not None:
            absent = line.state if line.state in ABSENT else LOST
            self._counts["here" if line.state == line.payload.hex() else absent] += 1
        self._lines.write(line.serialise())


@dataclass(frozen=True, slots=True)
class _Before:
    """The manifest of an earlier backup; without one, nothing was kept before."""

    source: IO[bytes] | None
    name: str | None

    def payloads(self) -> Iterator[bytes]:
        """What it and those before it hold."""
        return iter(()) if self.source is None else payloads_of(read_manifest(file_lines(self.source)))


@contextmanager
def _earlier(path: Path | None) -> Iterator[_Before]:
    if path is None:
        yield _Before(None, None)
        return
    with path.open("rb") as source:
        yield _Before(source, digest_of(source))


def _moment(conn: Connection) -> _Moment:
    origin = conn.execute(select(t.meta.c.value).where(t.meta.c.name == "log_origin")).scalar()
    frontier = conn.execute(select(t.log_head.c.frontier)).scalar()
    if origin is None or frontier is None:
        raise Unavailable("log_not_open", "the log is not open yet: run vault-api serve once")
    row = conn.execute(select(t.checkpoints).order_by(t.checkpoints.c.size.desc()).limit(1)).first()
    signed = None if row is None else {"size": row.size, "root": b64u(row.root), "note": row.note.decode()}
    count = conn.execute(select(func.count()).select_from(t.payloads)).scalar_one()
    keys = keys_of(conn)
    vkey = keys.of(row.size) if keys is not None and row is not None else None
    return _Moment(origin, vkey, Frontier.parse(frontier).size, signed, count)


def _list_payloads(conn: Connection, listed: IO[bytes]) -> None:
    """Remember digests and sizes outside of memory, in order: the snapshot need not last until they are copied."""
    rows = conn.execution_options(yield_per=2_000).execute(
        select(t.payloads.c.sha256, t.payloads.c.size).order_by(t.payloads.c.sha256)
    )
    listed.writelines(_record(row.sha256, row.size) for row in rows)


def _record(digest: bytes, size: int) -> bytes:
    return bytes(digest) + size.to_bytes(8, "big")


def _read_list(listed: IO[bytes]) -> Iterable[tuple[bytes, int]]:
    listed.seek(0)
    while record := listed.read(40):
        yield record[:32], int.from_bytes(record[32:], "big")
