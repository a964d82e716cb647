"""The log on disk and over HTTP: tiles of 256 hashes and bundles of 256 entries (C2SP tlog-tiles).

Tile n of level l holds node(8·l, 256·n) and its right neighbours; a partial tile ``….p/W`` holds the first W.
Both are immutable under their path. This module says which tiles an append must write
(``appended_tiles``, ``appended_bundles``), and reads nodes of the tree back from tiles: ``TileReader`` from
storage that is one's own, ``VerifiedTileReader`` from a stranger's, against a checkpoint.

Left out: where tiles lie. A ``ReadTile`` takes a path and gives bytes, or None for a tile that is not there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from threading import Lock

from protocol.errors import Malformed, Unavailable, Untrusted
from protocol.merkle import (
    HASH_SIZE,
    MAX_TREE_SIZE,
    leaf_hash,
    leaf_hashes,
    root_from,
    tree_levels,
)

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
MAX_LEVEL = 7  # of a tree of 2^63-1 leaves; the path grammar has room up to 63
MAX_ENTRY = 0xFFFF  # a bundle's length prefix has 16 bits
DEFAULT_CACHE = 256  # tiles; each takes 33 KB once it is expanded

_PATH = re.compile(r"tile/(entries|[0-9]{1,2})/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([0-9]{1,3}))?")

ReadTile = Callable[[str], bytes | None]
Levels = list[Sequence[bytes]]


@dataclass(frozen=True, slots=True)
class TileRef:
    """Which tile: ``level`` (None for a bundle of entries), its index ``n``, and its width, 256 when full."""

    level: int | None
    n: int
    width: int = TILE_WIDTH

    def __post_init__(self) -> None:
        if self.level is not None and not 0 <= self.level <= MAX_LEVEL:
            raise Malformed(
                "tile", "a tile's level is between 0 and {limit}, got {got}", limit=MAX_LEVEL, got=self.level
            )
        if not 0 <= self.n <= MAX_TREE_SIZE >> TILE_HEIGHT or not 1 <= self.width <= TILE_WIDTH:
            raise Malformed("tile", "a tile's index or width is out of range")

    @property
    def path(self) -> str:
        """The path below the log's address, as C2SP tlog-tiles spells it."""
        digits = str(self.n)
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [f"x{digits[i : i + 3]}" for i in range(0, len(digits), 3)]
        groups[-1] = groups[-1][1:]  # all path elements but the last begin with an x
        level = "entries" if self.level is None else self.level
        suffix = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"tile/{level}/{'/'.join(groups)}{suffix}"

    @property
    def full(self) -> TileRef:
        """The full tile of the same place."""
        return TileRef(self.level, self.n)


def tile_path(level: int, n: int, width: int = TILE_WIDTH) -> str:
    """The path of a tile of hashes."""
    return TileRef(level, n, width).path


def bundle_path(n: int, width: int = TILE_WIDTH) -> str:
    """The path of a bundle of entries."""
    return TileRef(None, n, width).path


def parse_tile_path(path: str) -> TileRef:
    """Read a path of a tile or bundle; ``Malformed`` unless it is spelled in the one right way."""
    match = _PATH.fullmatch(path)
    if match is None:
        raise Malformed("tile_path", "not a path of a tile")
    level = None if match[1] == "entries" else int(match[1])
    width = int(match[3]) if match[3] else TILE_WIDTH
    ref = TileRef(level, int(match[2].replace("/", "").replace("x", "")), width)
    if ref.path != path:
        raise Malformed("tile_path", "not a path of a tile")
    return ref


def tile_at(size: int, level: int | None, n: int) -> TileRef:
    """Tile ``n`` of ``level`` as a tree of ``size`` leaves has it: full, or partial at the right edge."""
    count = size >> (TILE_HEIGHT * (level or 0))
    width = min(count - TILE_WIDTH * n, TILE_WIDTH)
    if n < 0 or width < 1:
        raise Malformed("tile_beyond", "tile {n} lies beyond a tree of size {size}", n=n, size=size)
    return TileRef(level, n, width)


def tiles_of(size: int) -> Iterator[TileRef]:
    """Every tile and bundle of a tree of ``size`` leaves: bundles first, then tiles, level by level."""
    for level in (None, *range(MAX_LEVEL + 1)):
        count = size >> (TILE_HEIGHT * (level or 0))
        for n in range(-(-count // TILE_WIDTH)):
            yield tile_at(size, level, n)


def appended_tiles(old_size: int, leaves: Sequence[bytes], read_tile: ReadTile) -> dict[str, bytes]:
    """What an append of ``leaves`` (leaf hashes) to a tree of ``old_size`` must write: path to bytes.

    Reads at most one partial tile a level of the old tree. Raises ``Unavailable`` if one is not there.
    """
    written: dict[str, bytes] = {}
    fresh: Sequence[bytes] = leaves
    level, count = 0, old_size
    while fresh:
        n, width = divmod(count, TILE_WIDTH)
        edge = read_hashes(TileRef(level, n, width), read_tile) if width else []
        row = [*edge, *fresh]
        above: list[bytes] = []
        for start in range(0, len(row), TILE_WIDTH):
            tile = row[start : start + TILE_WIDTH]
            written[TileRef(level, n + start // TILE_WIDTH, len(tile)).path] = b"".join(tile)
            if len(tile) == TILE_WIDTH:
                above.append(tree_levels(tile)[TILE_HEIGHT][0])
        level, count, fresh = level + 1, count // TILE_WIDTH, above
    return written


def appended_bundles(old_size: int, entries: Sequence[bytes], read_tile: ReadTile) -> dict[str, bytes]:
    """What an append of ``entries`` to a log of ``old_size`` must write: path of each bundle to its bytes."""
    n, width = divmod(old_size, TILE_WIDTH)
    edge = read_bundle(TileRef(None, n, width), read_tile) if width and entries else []
    row = [*edge, *entries]
    written: dict[str, bytes] = {}
    for start in range(0, len(row), TILE_WIDTH):
        bundle = row[start : start + TILE_WIDTH]
        written[TileRef(None, n + start // TILE_WIDTH, len(bundle)).path] = build_bundle(bundle)
    return written


def build_bundle(entries: Sequence[bytes]) -> bytes:
    """A bundle: each entry behind its length in two bytes, big-endian."""
    for entry in entries:
        if len(entry) > MAX_ENTRY:
            raise Malformed(
                "entry_too_large", "an entry has at most {limit} bytes, got {got}", limit=MAX_ENTRY, got=len(entry)
            )
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def parse_bundle(raw: bytes, width: int) -> list[bytes]:
    """The ``width`` entries of a bundle; ``Malformed`` if it holds more, fewer, or a part of one."""
    entries: list[bytes] = []
    at = 0
    while at < len(raw):
        start = at + 2
        at = start + int.from_bytes(raw[at:start], "big")
        entries.append(raw[start:at])
    if at != len(raw):
        raise Malformed("bundle", "a bundle of entries is cut off")
    if len(entries) != width:
        raise Malformed("bundle_width", "expected a bundle of {want} entries, got {got}", want=width, got=len(entries))
    return entries


def beginning(raw: bytes, wide: TileRef, width: int) -> bytes:
    """The partial tile or bundle of ``width``, cut from ``raw``, the wider one ``wide`` of the same place."""
    if wide.level is None:
        return build_bundle(parse_bundle(raw, wide.width)[:width])
    return b"".join(_split(raw, wide.width)[:width])


def read_bundle(ref: TileRef, read_tile: ReadTile) -> list[bytes]:
    """The entries of one bundle. ``Unavailable`` if it is not there."""
    found, raw = _fetch(ref, read_tile)
    return parse_bundle(raw, found.width)[: ref.width]


def read_hashes(ref: TileRef, read_tile: ReadTile) -> list[bytes]:
    """The hashes of one tile. ``Unavailable`` if it is not there."""
    found, raw = _fetch(ref, read_tile)
    return _split(raw, found.width)[: ref.width]


def _split(raw: bytes, width: int) -> list[bytes]:
    if len(raw) != width * HASH_SIZE:
        raise Malformed("tile_length", "expected a tile of {want} hashes, got {got} bytes", want=width, got=len(raw))
    return [raw[i : i + HASH_SIZE] for i in range(0, len(raw), HASH_SIZE)]


def _fetch(ref: TileRef, read_tile: ReadTile) -> tuple[TileRef, bytes]:
    """A tile's bytes, or the full one of its place: a partial tile may be deleted once that is there."""
    for found in (ref, ref.full):
        raw = read_tile(found.path)
        if raw is not None:
            return found, raw
    raise Unavailable("tile_missing", "the tile {path} is not there", path=ref.path)


class TileCache:
    """The last tiles that were read, expanded to all their levels: proofs from it cost no hashing.

    Readers of several threads and of several sizes of one log may share one.
    """

    def __init__(self, limit: int = DEFAULT_CACHE) -> None:
        self._limit = limit
        self._tiles: dict[str, Levels] = {}
        self._lock = Lock()

    def get(self, path: str) -> Levels | None:
        """The tile's levels, if they are still here."""
        return self._tiles.get(path)

    def put(self, path: str, levels: Levels) -> None:
        """Remember a tile, and forget the oldest beyond the limit."""
        with self._lock:
            self._tiles[path] = levels
            while len(self._tiles) > self._limit:
                del self._tiles[next(iter(self._tiles))]


class TileReader:
    """Nodes of a tree of ``size`` leaves, read from tiles that are believed: one's own storage.

    ``node`` is what the provers of ``protocol/merkle.py`` take.
    """

    def __init__(self, size: int, read_tile: ReadTile, cache: TileCache | None = None) -> None:
        self.size = size
        self._read_tile = read_tile
        self._cache = cache if cache is not None else TileCache()

    def node(self, level: int, index: int) -> bytes:
        """The hash of the complete subtree ``index`` of ``2**level`` leaves."""
        return _node_in(self.size, level, index, self._tile)

    def leaf(self, index: int) -> bytes:
        """The hash of leaf ``index``."""
        return self.node(0, index)

    def root(self) -> bytes:
        """The root of the tree, from the tiles at its right edge."""
        return root_from(self.size, self.node)

    def entries(self, n: int) -> list[bytes]:
        """The entries of bundle ``n``, checked against their leaf hashes."""
        ref = tile_at(self.size, None, n)
        entries = read_bundle(ref, self._read_tile)
        if leaf_hashes(entries) != self._tile(0, n)[0]:
            raise _untrusted(ref)
        return entries

    def entry(self, index: int) -> bytes:
        """Entry ``index``, checked against its leaf hash; its neighbours are not looked at."""
        n, offset = divmod(index, TILE_WIDTH)
        leaf = self.leaf(index)
        ref = tile_at(self.size, None, n)
        entry = read_bundle(ref, self._read_tile)[offset]
        if leaf_hash(entry) != leaf:
            raise _untrusted(ref)
        return entry

    def _tile(self, level: int, n: int) -> Levels:
        path = tile_at(self.size, level, n).path
        levels = self._cache.get(path)
        if levels is None:
            levels = self._load(level, n)
            self._cache.put(path, levels)
        return levels

    def _load(self, level: int, n: int) -> Levels:
        return tree_levels(read_hashes(tile_at(self.size, level, n), self._read_tile))


class VerifiedTileReader(TileReader):
    """As ``TileReader``, from anyone's tiles: believes a tile only once it leads to the root of a checkpoint.

    The partial tiles at the right edge hold every peak of the tree, so together they give the root; every full
    tile is one hash in a tile above it, and so on up to a partial one. Nothing unverified is cached or
    returned; a tile that does not lead to the root is ``Untrusted``.
    """

    def __init__(self, size: int, root: bytes, read_tile: ReadTile) -> None:
        # The cache is this reader's own: another reader's tiles were verified against another head, or not at all.
        super().__init__(size, read_tile, TileCache())
        self._root = root
        self._edge: dict[int, Levels] = {}

    def _load(self, level: int, n: int) -> Levels:
        ref = tile_at(self.size, level, n)
        if ref.width != TILE_WIDTH:
            return self._verified_edge()[level]
        levels = super()._load(level, n)
        above = self._tile(level + 1, n // TILE_WIDTH)
        if above[0][n % TILE_WIDTH] != levels[TILE_HEIGHT][0]:
            raise _untrusted(ref)
        return levels

    def _verified_edge(self) -> dict[int, Levels]:
        if not self._edge:
            edge: dict[int, Levels] = {}
            for level in range(MAX_LEVEL + 1):
                n, width = divmod(self.size >> (TILE_HEIGHT * level), TILE_WIDTH)
                if width:
                    edge[level] = super()._load(level, n)
            root = root_from(self.size, lambda lv, index: _node_in(self.size, lv, index, lambda t, _: edge[t]))
            if root != self._root:
                raise Untrusted(
                    "tiles_root", "the tiles at the log's edge do not give the head of size {size}", size=self.size
                )
            self._edge = edge
        return self._edge


def _node_in(size: int, level: int, index: int, tile: Callable[[int, int], Levels]) -> bytes:
    tile_level, height = divmod(level, TILE_HEIGHT)
    n, offset = divmod(index << height, TILE_WIDTH)
    row = tile(tile_level, n)[height:][:1]
    place = offset >> height
    if not row or place >= len(row[0]):
        raise Malformed(
            "tile_beyond",
            "node {index} of level {level} is not complete in a tree of size {size}",
            index=index,
            level=level,
            size=size,
        )
    return row[0][place]


def _untrusted(ref: TileRef) -> Untrusted:
    return Untrusted("tile", "the tile {path} does not belong to the log's head", path=ref.path)
