"""``vault-api scrub``: re-reads everything that the vault keeps and names what is damaged; repairs nothing.

Works beside a running vault, over one moment of its database. Blobs that went meanwhile are asked for again before
they are called missing. What it can't see: a value that was true once and is old now. That is what the chain, the
holders' own records and ``vault-api reconcile`` are for.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, select

from chain.ledger import LedgerReads
from protocol.errors import Unavailable
from vault_api.blobs import BlobStore, payload_name
from vault_api.db import tables as t
from vault_api.keeping.backup import check_kept, snapshot
from vault_api.keeping.scrub_log import Damage, Found, Looked, scrub_chain, scrub_entries, scrub_keys
from vault_api.keeping.scrub_rows import (
    scrub_dossiers,
    scrub_events,
    scrub_grants,
    scrub_hashed,
    scrub_items,
    scrub_public,
)

__all__ = ["Damage", "Found", "Looked", "Pace", "Scrubbed", "scrub"]


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """What a scrub reads. ``ledger`` None: the chain is not asked."""

    engine: Engine
    blobs: BlobStore
    ledger: LedgerReads | None
    origin: str
    vkey: str | None


class Pace:
    """Holds a scrub to so many bytes a second; 0: as fast as it goes."""

    def __init__(
        self,
        bytes_per_s: int = 0,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate = bytes_per_s
        self._now = now
        self._sleep = sleep
        self._began = now()
        self._read = 0

    def spent(self, count: int) -> None:
        """So many bytes were read: wait if that was too fast."""
        self._read += count
        if self._rate:
            ahead = self._read / self._rate - (self._now() - self._began)
            if ahead > 0:
                self._sleep(ahead)


def scrub(what: Scrubbed, pace: Pace) -> Iterator[Found]:
    """Everything, one after the other: how much was looked at, and each damage where it is met."""
    check_kept(what.engine)
    with snapshot(what.engine) as conn:
        for found in _all(conn, what):
            if isinstance(found, Looked):
                pace.spent(found.bytes)
            yield found
        yield from _payloads(conn, what, pace)


def _all(conn: Connection, what: Scrubbed) -> Iterator[Found]:
    yield from scrub_entries(conn, what.blobs, what.origin, what.vkey)
    yield from scrub_keys(conn, what.origin)
    if what.ledger is not None:
        yield from scrub_chain(conn, what.ledger, what.origin)
    yield from scrub_events(conn)
    yield from scrub_dossiers(conn)
    yield from scrub_public(conn)
    yield from scrub_items(conn)
    yield from scrub_grants(conn)
    yield from scrub_hashed(conn)


def _payloads(conn: Connection, what: Scrubbed, pace: Pace) -> Iterator[Found]:
    rows = select(t.payloads.c.sha256, t.payloads.c.size).order_by(t.payloads.c.sha256)
    for row in conn.execution_options(yield_per=1_000).execute(rows):
        digest = bytes(row.sha256)
        problem = _payload(what.blobs, digest, row.size, pace)
        if problem and _still_kept(what.engine, digest):
            yield Damage("payload", digest.hex(), problem)
        yield Looked("payload", 1, row.size)


def _payload(blobs: BlobStore, digest: bytes, size: int, pace: Pace) -> str:
    name = payload_name(digest)
    try:
        there = blobs.size(name)
        if there != size:
            return "it is not there" if there is None else f"it has {there} bytes, expected {size}"
        got = hashlib.sha256()
        for chunk in blobs.read(name, 0, size):
            got.update(chunk)
            pace.spent(len(chunk))
    except (FileNotFoundError, Unavailable):
        return "it can't be read"
    return "" if got.digest() == digest else "its bytes have another digest"


def _still_kept(engine: Engine, digest: bytes) -> bool:
    """Whether the vault still means to have it: what its holder deleted while we looked is no damage."""
    with engine.connect() as conn:
        return conn.execute(select(t.payloads.c.row).where(t.payloads.c.sha256 == digest)).first() is not None
