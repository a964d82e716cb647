"""The log's tiles made anew from its entries, and the roots that the entries lead to."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from protocol import tiles
from protocol.merkle import Frontier, leaf_hashes
from vault_api.keeping.archive import damaged

PIECE = tiles.TILE_WIDTH * tiles.TILE_WIDTH  # entries: a piece fills tiles of levels 0 and 1
Put = Callable[[str, bytes], None]


class Tiling:
    """Takes entries in order. Tiles cover the first ``signed`` entries; what is beyond is signed and stored later.

    ``put`` gets each full tile when it is full, and the partial ones at the end.
    """

    def __init__(self, signed: int, put: Put) -> None:
        self._signed = signed
        self._put = put
        self._held: list[bytes] = []
        self._edge: dict[str, bytes] = {}
        self._tiled = 0
        self.frontier = Frontier()
        self.signed_root = Frontier().root()

    @property
    def size(self) -> int:
        """How many entries came."""
        return self.frontier.size + len(self._held)

    def add(self, index: int, entry: bytes) -> None:
        """The next entry; ``Malformed("backup_format")`` if it is not."""
        if index != self.size:
            raise damaged("an entry of the log is missing")
        self._held.append(entry)
        if self.size == self._signed or len(self._held) == PIECE:
            self._flush()

    def finish(self) -> None:
        """No more will come."""
        if self._held:
            self._flush()
        for path, data in self._edge.items():
            self._put(path, data)

    def _flush(self) -> None:
        held, self._held = self._held, []
        start = self.frontier.size
        self.frontier = self.frontier.extend(leaf_hashes(held))
        if start < self._signed:
            self._tile(held)
        if self.frontier.size == self._signed:
            self.signed_root = self.frontier.root()

    def _tile(self, entries: Sequence[bytes]) -> None:
        written = tiles.appended_tiles(self._tiled, leaf_hashes(entries), self._edge.get)
        written |= tiles.appended_bundles(self._tiled, entries, self._edge.get)
        self._tiled += len(entries)
        kept = self._edge | written
        partial = {path for path in kept if ".p/" in path}
        for path in written.keys() - partial:
            self._put(path, written[path])
        self._edge = {path: kept[path] for path in partial if self._at_edge(path)}

    def _at_edge(self, path: str) -> bool:
        ref = tiles.parse_tile_path(path)
        return tiles.tile_at(self._tiled, ref.level, ref.n) == ref
