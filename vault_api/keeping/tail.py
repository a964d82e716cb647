"""Entries that the blob store has and the database has not: of a log that went on after the backup (ADR 31).

The store keeps tiles and bundles by their place. What lies behind the end of a restored database continues it, if the
bundle at the seam begins with the entries that we have. A bundle counts as far as the hash tile of its place says the
same: the two are written together before anything is signed.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, select

from protocol import tiles
from protocol.errors import Malformed, Untrusted
from protocol.merkle import leaf_hashes
from vault_api.blobs import BlobStore
from vault_api.db import tables as t
from vault_api.log_store import PREFIX


def find_tail(conn: Connection, blobs: BlobStore, size: int) -> Iterator[bytes]:
    """The entries from ``size`` on; ``Untrusted("log_forked")`` if the store's log is another one."""
    n = size // tiles.TILE_WIDTH
    start = n * tiles.TILE_WIDTH
    rows = select(t.entries.c.entry).where(t.entries.c.idx >= start, t.entries.c.idx < size)
    known = [bytes(entry) for entry in conn.execute(rows.order_by(t.entries.c.idx)).scalars()]
    while True:
        bundle = _bundle(blobs, n)
        if len(bundle) < len(known):
            return  # the store knows less than we do
        if bundle[: len(known)] != known:
            raise forked()
        yield from bundle[len(known) :]
        if len(bundle) < tiles.TILE_WIDTH:
            return
        n, known = n + 1, []


def forked() -> Untrusted:
    """Two histories: not a thing to be mended by a program."""
    return Untrusted("log_forked", "this log is not the one that the chain or the blob store knows: two histories")


def _bundle(blobs: BlobStore, n: int) -> list[bytes]:
    """The widest bundle of a place that its hash tile confirms; empty if there is none."""
    for width in range(tiles.TILE_WIDTH, 0, -1):
        raw = blobs.get(PREFIX + tiles.bundle_path(n, width))
        hashes = None if raw is None else blobs.get(PREFIX + tiles.tile_path(0, n, width))
        if raw is None or hashes is None:
            continue
        try:
            entries = tiles.parse_bundle(raw, width)
        except Malformed:
            continue
        if b"".join(leaf_hashes(entries)) == hashes:
            return entries
    return []
