"""The log's half of a scrub: entries against tiles, tiles against the signed head, heads against key and chain.

Every block of 256 entries is looked at three ways: the database's rows, the bundle, the hash tile. The tile counts once
it leads to the signed root; rows and bundle are measured by it. Holds a few tiles in memory, however long the log is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from chain.ledger import LedgerReads
from protocol import tiles
from protocol.entries import LOG_TYPE, Entry, commitment, opening_statement, origin_hash, public_tag
from protocol.errors import Malformed, OneFileError, Unavailable, Untrusted
from protocol.hashing import ZERO32
from protocol.merkle import Frontier, leaf_hashes
from protocol.note import Vkey, verify_checkpoint
from vault_api.blobs import BlobStore
from vault_api.db import tables as t
from vault_api.keeping.standing import frontier_of
from vault_api.log_keys import LogKeys, keys_of
from vault_api.log_store import PREFIX


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing that is not as the log says: its kind, its name, and what is wrong."""

    kind: str
    name: str
    problem: str


@dataclass(frozen=True, slots=True)
class Looked:
    """So many things of a kind were looked at."""

    kind: str
    count: int
    bytes: int = 0


Found = Damage | Looked


def scrub_entries(conn: Connection, blobs: BlobStore, origin: str, vkey: str | None) -> Iterator[Found]:
    """Entries, bundles, tiles and signed heads."""
    heads = _Heads(conn, origin, vkey)
    tree = _Tree(blobs, *_signed(conn))
    frontier = Frontier()
    committed = frontier_of(conn)
    for n in range(-(-committed.size // tiles.TILE_WIDTH)):
        start = n * tiles.TILE_WIDTH
        rows = _rows(conn, start, min(committed.size, start + tiles.TILE_WIDTH))
        yield from tree.look(n, rows)
        known = [row for row in rows if row is not None]
        yield from heads.look(frontier, known)
        frontier = frontier.extend(leaf_hashes(known))
        yield Looked("entry", len(rows), sum(len(row) for row in known))
    if frontier != committed:
        yield Damage("log", "head", "the entries do not lead to the log's end")
    yield from heads.beyond(frontier.size)


def scrub_keys(conn: Connection, origin: str) -> Iterator[Found]:
    """The log's keys, against the entries that they came with. The first one's is entry 0, which a start looks at."""
    keys = keys_of(conn)
    for vkey, since in () if keys is None else keys.rows[1:]:
        raw = conn.execute(select(t.entries.c.entry).where(t.entries.c.idx == since)).scalar()
        if raw is None or not _brings(bytes(raw), origin, vkey):
            yield Damage("log key", vkey, f"entry {since} does not bring it")
        yield Looked("log key", 1)


def _brings(raw: bytes, origin: str, vkey: str) -> bool:
    try:
        entry = Entry.parse(raw)
    except Malformed:
        return False
    wanted = (LOG_TYPE, public_tag(origin), commitment(ZERO32, opening_statement(origin, vkey)))
    return (entry.t, entry.tag, entry.c) == wanted


def scrub_chain(conn: Connection, ledger: LedgerReads, origin: str) -> Iterator[Found]:
    """What the chain has anchored, against our own heads and our record of anchors."""
    try:
        state = ledger.log_state(origin_hash(origin))
    except Unavailable:
        yield Damage("chain", origin, "the chain does not answer: its anchors were not compared")
        return
    if state is None:
        yield Damage("chain", origin, "the chain knows no such log")
        return
    ours = conn.execute(select(t.checkpoints.c.root).where(t.checkpoints.c.size == state.size)).scalar()
    if ours is not None and bytes(ours) != state.root:
        yield Damage("anchor", str(state.size), "the chain has another root of this size")
    if state.size > frontier_of(conn).size:
        yield Damage("anchor", str(state.size), "the chain has more entries than the database")
    both = select(t.anchors.c.size, t.anchors.c.root, t.checkpoints.c.root.label("signed")).join(
        t.checkpoints, t.checkpoints.c.size == t.anchors.c.size
    )
    for row in conn.execute(both.order_by(t.anchors.c.size)):
        if bytes(row.signed) != bytes(row.root):
            yield Damage("anchor", str(row.size), "the recorded anchor is of another root than the signed head")
        yield Looked("anchor", 1)


class _Tree:
    """The stored tiles of the signed size, believed only where they lead to its root."""

    def __init__(self, blobs: BlobStore, size: int, root: bytes) -> None:
        self._blobs = blobs
        self._size = size
        self._reader = tiles.VerifiedTileReader(size, root, self._read)
        self._named: set[str] = set()  # damaged tiles that were told: those above many blocks are met often

    def look(self, n: int, rows: Sequence[bytes | None]) -> Iterator[Found]:
        """One block: its tile, its bundle, its rows."""
        start = n * tiles.TILE_WIDTH
        width = min(self._size - start, tiles.TILE_WIDTH)
        if width <= 0:
            return
        try:
            true = [self._reader.leaf(start + i) for i in range(width)]
        except OneFileError as error:
            yield from self._tile(n, error)
            return
        yield Looked("tile", 1)
        for i, row in enumerate(rows[:width]):
            if row is not None and leaf_hashes([row]) != [true[i]]:
                yield Damage("entry", str(start + i), "the row is not the entry that was signed")
        yield from self._bundle(n, width, true)

    def _bundle(self, n: int, width: int, true: list[bytes]) -> Iterator[Found]:
        path = tiles.bundle_path(n, width)
        raw = self._read(path)
        if raw is None:
            yield Damage("bundle", path, "it is not there")
            return
        try:
            held = leaf_hashes(tiles.parse_bundle(raw, width))
        except Malformed:
            held = []
        if held != true:
            yield Damage("bundle", path, "it does not hold the entries that were signed")
        yield Looked("bundle", 1, len(raw))

    def _tile(self, n: int, error: OneFileError) -> Iterator[Found]:
        """The tile that failed: this block's own, or one above it or at the log's edge."""
        path = str(error.facts.get("path", "")) or tiles.tile_at(self._size, 0, n).path
        if error.code == "tiles_root":
            path = "the partial tiles at the log's edge"
        if path not in self._named:
            self._named.add(path)
            problem = "it is not there" if error.code == "tile_missing" else "it does not lead to the signed head"
            yield Damage("tile", path, problem)

    def _read(self, path: str) -> bytes | None:
        """A tile or bundle; of a partial one the beginning of the wider one that has replaced it since."""
        raw = self._blobs.get(PREFIX + path)
        ref = tiles.parse_tile_path(path)
        if raw is not None or ref.width == tiles.TILE_WIDTH:
            return raw
        for width in range(ref.width + 1, tiles.TILE_WIDTH + 1):
            wide = tiles.TileRef(ref.level, ref.n, width)
            raw = self._blobs.get(PREFIX + wide.path)
            if raw is not None:
                return tiles.beginning(raw, wide, ref.width)
        return None


class _Heads:
    """The signed heads, in step with the entries that they cover."""

    def __init__(self, conn: Connection, origin: str, vkey: str | None) -> None:
        rows = conn.execution_options(yield_per=1_000).execute(select(t.checkpoints).order_by(t.checkpoints.c.size))
        self._rows = iter(rows)
        self._row: Any = next(self._rows, None)
        self._origin = origin
        self._keys = _keys(conn, vkey)

    def look(self, frontier: Frontier, entries: Sequence[bytes]) -> Iterator[Found]:
        """Those of the sizes that ``entries`` lead to."""
        last = frontier.size + len(entries)
        while self._row is not None and self._row.size <= last:
            upto = self._row.size - frontier.size
            root = frontier.extend(leaf_hashes(entries[:upto])).root()
            yield from self._check(root)
            self._row = next(self._rows, None)

    def beyond(self, size: int) -> Iterator[Found]:
        """A head of more entries than there are."""
        if self._row is not None:
            yield Damage("checkpoint", str(self._row.size), f"it covers more than the {size} entries that are here")

    def _check(self, root: bytes) -> Iterator[Found]:
        row, name = self._row, str(self._row.size)
        if bytes(row.root) != root:
            yield Damage("checkpoint", name, "the entries lead to another root")
        if self._keys is not None:
            try:
                signed = verify_checkpoint(bytes(row.note), self._origin, Vkey.parse(self._keys.of(row.size)))
                if (signed.size, signed.root) != (row.size, bytes(row.root)):
                    yield Damage("checkpoint", name, "the note is of another head")
            except (Malformed, Untrusted):
                yield Damage("checkpoint", name, "the log's key did not sign it")
        yield Looked("checkpoint", 1)


def _keys(conn: Connection, vkey: str | None) -> LogKeys | None:
    """The log's keys as the database knows them, if the key that is known otherwise is one of them; else that one."""
    keys = keys_of(conn)
    if keys is not None and (vkey is None or keys.has(vkey)):
        return keys
    return None if vkey is None else LogKeys.first(vkey)


def _signed(conn: Connection) -> tuple[int, bytes]:
    row = conn.execute(select(t.checkpoints).order_by(t.checkpoints.c.size.desc()).limit(1)).first()
    return (0, Frontier().root()) if row is None else (row.size, bytes(row.root))


def _rows(conn: Connection, start: int, end: int) -> list[bytes | None]:
    """The rows of a block; None where one is missing."""
    wanted = select(t.entries.c.idx, t.entries.c.entry).where(t.entries.c.idx >= start, t.entries.c.idx < end)
    found = {row.idx: bytes(row.entry) for row in conn.execute(wanted)}
    return [found.get(index) for index in range(start, end)]
