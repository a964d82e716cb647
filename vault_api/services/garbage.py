"""Bytes that no row names, and rows whose bytes are missing: the first are removed, the second only told.

The store is looked through in 256 slices, by the first byte of a payload's digest, so that what is held at a time is a
list of one slice: of ten million payloads 40,000 digests. A pass over all slices misses nothing that was there before
it began. What is young is left alone, for it may be on its way (``orphan_grace_s``).

Bytes are removed inside a transaction of the writer that has looked for their row again. An upload notes its digest
before its bytes get their name, and its row looks for them again: so either the note is seen here, or the loss there,
and it is told to send them again. Nothing is ever deleted because bytes are missing or differ.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal, TypeVar

import structlog
from sqlalchemy import Connection, Engine, delete, insert, select

from vault_api.blobs import UPLOADS, BlobStore, payload_name
from vault_api.db import tables as t
from vault_api.db.tables_uploads import uploads as u
from vault_api.sequencer import Tx
from vault_api.vault import Vault

SLICES = 256
BATCH = 200  # names that are looked up, and removed, together
ROWS = 1_000
_NEXT = "sweep_next"  # the slice that comes next, in the table of small things
_PAYLOAD = re.compile(r"payloads/([0-9a-f]{2})/([0-9a-f]{2})/(\1\2[0-9a-f]{60})")
_SEGMENT = re.compile(rf"{UPLOADS}([0-9a-f]{{32}})(?:/[0-9]{{10}})?")

Kind = Literal["orphan", "leftover", "damaged"]
Item = TypeVar("Item")
_log = structlog.get_logger("vault_api.garbage")


@dataclass(frozen=True, slots=True)
class Finding:
    """``orphan``: a payload without a row. ``leftover``: a part of an upload that is over. ``damaged``: a row without
    its bytes, or with too few or too many of them. ``size``: bytes that are there, or that should be."""

    kind: Kind
    name: str
    size: int


@dataclass(slots=True)
class Tally:
    """What was found; of a dry run, what would have been removed."""

    orphans: int = 0
    leftovers: int = 0
    damaged: int = 0
    freed_bytes: int = 0

    def add(self, finding: Finding) -> None:
        """Count a finding."""
        if finding.kind == "damaged":
            self.damaged += 1
            return
        self.freed_bytes += finding.size
        if finding.kind == "orphan":
            self.orphans += 1
        else:
            self.leftovers += 1


def look(engine: Engine, blobs: BlobStore, before: int, slices: Iterable[int] = range(SLICES)) -> Iterator[Finding]:
    """What is wrong in these slices; bytes younger than ``before`` (seconds since 1970) are left alone."""
    for number in slices:
        if number == 0:
            yield from _leftovers(engine, blobs, before)
        yield from _slice(engine, blobs, before, number)


def collect(vault: Vault, slices: Iterable[int] = range(SLICES)) -> Iterator[Finding]:
    """The same, and what no row names is gone when it is told; a failure leaves the rest for the next time."""
    before = vault.clock.now() - vault.settings.orphan_grace_s
    for some in _batches(look(vault.engine, vault.blobs, before, slices), BATCH):
        yield from (one for one in some if one.kind == "damaged")
        for one in some:
            if one.kind == "leftover":  # what an upload is called is never used again: nobody can want it
                vault.blobs.delete(one.name)
                yield one
        yield from _removed(vault, [one for one in some if one.kind == "orphan"])


def sweep(vault: Vault) -> Tally:
    """Housekeeping: look through the next slice, and so through everything in 256 of these.

    What is damaged is an operator's matter and told in the log, by number alone. A failure leaves the slice for next
    time.
    """
    number = _next_slice(vault.engine)
    tally = Tally()
    for finding in collect(vault, [number]):
        tally.add(finding)
    vault.sequencer.call(lambda tx: _pass_on(tx, (number + 1) % SLICES))
    if tally.damaged:
        _log.error("payloads are missing or damaged", slice=number, count=tally.damaged)
    if tally.freed_bytes:
        _log.info("swept", slice=number, orphans=tally.orphans, leftovers=tally.leftovers)
    return tally


def _next_slice(engine: Engine) -> int:
    with engine.connect() as conn:
        kept = conn.execute(select(t.meta.c.value).where(t.meta.c.name == _NEXT)).scalar()
    return int(kept or 0) % SLICES


def _pass_on(tx: Tx, number: int) -> None:
    tx.conn.execute(delete(t.meta).where(t.meta.c.name == _NEXT))
    tx.conn.execute(insert(t.meta), {"name": _NEXT, "value": str(number)})


def _slice(engine: Engine, blobs: BlobStore, before: int, number: int) -> Iterator[Finding]:
    there: dict[bytes, int] = {}
    for some in _batches(blobs.listed(f"payloads/{number:02x}/"), BATCH):
        found = {digest: one for one in some if (digest := _digest_of(one.name)) is not None}
        there |= {digest: one.size for digest, one in found.items()}
        old = {digest: one for digest, one in found.items() if one.at < before}
        for digest in old.keys() - _named(engine, list(old)):
            yield Finding("orphan", old[digest].name, old[digest].size)
    for digest, size in _rows(engine, number):
        if there.get(digest) != size and _is_damaged(engine, blobs, digest, size):
            yield Finding("damaged", payload_name(digest), size)


def _leftovers(engine: Engine, blobs: BlobStore, before: int) -> Iterator[Finding]:
    for some in _batches(blobs.listed(UPLOADS), BATCH):
        old = [(one, match[1]) for one in some if one.at < before and (match := _SEGMENT.fullmatch(one.name))]
        idents = list({bytes.fromhex(ident) for _one, ident in old})
        with engine.connect() as conn:
            alive = set(conn.execute(select(u.c.upload).where(u.c.upload.in_(idents))).scalars())
        yield from (Finding("leftover", one.name, one.size) for one, ident in old if bytes.fromhex(ident) not in alive)


def _removed(vault: Vault, orphans: Sequence[Finding]) -> list[Finding]:
    if not orphans:
        return []

    def work(tx: Tx) -> list[Finding]:
        named = _with_rows(tx.conn, [_digest_of(one.name) for one in orphans])
        gone = [one for one in orphans if _digest_of(one.name) not in named]
        for one in gone:
            vault.blobs.delete(one.name)
        return gone

    return vault.sequencer.call(work)


def _is_damaged(engine: Engine, blobs: BlobStore, digest: bytes, size: int) -> bool:
    """Asked again, of both: what came or went while the list was read is no damage."""
    if blobs.size(payload_name(digest)) == size:
        return False
    with engine.connect() as conn:
        return conn.execute(select(t.payloads.c.size).where(t.payloads.c.sha256 == digest)).scalar() == size


def _named(engine: Engine, digests: Sequence[bytes]) -> set[bytes]:
    with engine.connect() as conn:
        return _with_rows(conn, digests)


def _with_rows(conn: Connection, digests: Sequence[bytes | None]) -> set[bytes]:
    """Those that a row names: as stored, or as on their way in or out."""
    return {
        digest
        for column in (t.payloads.c.sha256, t.doomed.c.sha256)
        for digest in conn.execute(select(column).where(column.in_(digests))).scalars()
    }


def _rows(engine: Engine, number: int) -> Iterator[tuple[bytes, int]]:
    """Digest and size of every row of a slice, a page at a time."""
    last, end = bytes([number]), bytes([number, *[0xFF] * 31])
    while True:
        page = select(t.payloads.c.sha256, t.payloads.c.size).where(
            t.payloads.c.sha256 > last, t.payloads.c.sha256 <= end
        )
        with engine.connect() as conn:
            rows = conn.execute(page.order_by(t.payloads.c.sha256).limit(ROWS)).all()
        yield from ((row.sha256, row.size) for row in rows)
        if len(rows) < ROWS:
            return
        last = rows[-1].sha256


def _digest_of(name: str) -> bytes | None:
    """The digest that a payload's name tells; None for what is not ours, which is never touched."""
    match = _PAYLOAD.fullmatch(name)
    return bytes.fromhex(match[3]) if match else None


def _batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    iterator = iter(items)
    while some := list(islice(iterator, size)):
        yield some
