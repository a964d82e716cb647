"""Walking the whole log, entry by entry, from one head that is believed to another that is to be checked.

The entries come in bundles from anyone (C2SP tlog-tiles), several at a time. Nothing of them is believed for where it
came from: they count once, hashed in order onto the frontier of the first head, they give the root of the next *mark*,
a head that the chain anchors or that the log's key signed. So one pass shows that each mark extends the one before, and
where each entry stands. docs/spec/audit.md §2.

Left out: what an entry means, and to whom it belongs (the ``Visit`` that is handed in).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise

from protocol.errors import OneFileError, Untrusted
from protocol.merkle import Frontier, leaf_hashes, verify_consistency
from protocol.tiles import TILE_WIDTH, ReadTile, read_bundle, tile_at

READERS = 4  # bundles that are asked for at a time
AHEAD = 16  # bundles that may wait in memory: at most a megabyte each
Visit = Callable[[int, list[bytes]], None]
Passed = Callable[[Frontier], None]


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A head that the entries must give: ``size`` and ``root``, and whether the chain has it or only a signature."""

    size: int
    root: bytes
    anchored: bool


@dataclass(frozen=True, slots=True)
class Source:
    """Where the log is read: bundles by path, and the vault's consistency proof between two sizes."""

    read_tile: ReadTile
    consistency: Callable[[int, int], tuple[bytes, ...]]


def nothing(_first: int, _entries: list[bytes]) -> None:
    """Looks at no entry."""


def walk_log(
    source: Source,
    start: Frontier,
    marks: Iterable[Mark],
    *,
    visit: Visit = nothing,
    passed: Passed = lambda _frontier: None,
) -> Frontier:
    """Walk from ``start`` over every mark and return the frontier at the last one.

    ``visit`` sees entries *before* the mark that covers them is checked: what it finds counts once ``passed`` is told
    of that mark. ``Untrusted``: ``log_forked`` if a mark is of another history, ``entries_other`` if the bundles are
    not the log's; ``Unavailable("tile_missing")`` or ``Malformed`` for bundles that are withheld or garbled.
    """
    wanted = sorted(mark for mark in set(marks) if mark.size > start.size)
    _check_one_root_each(wanted)
    frontier, before = start, Mark(start.size, start.root(), anchored=True)
    if not wanted:
        return start
    with closing(_bundles(source.read_tile, start.size, wanted[-1].size)) as bundles:
        entries = _Entries(bundles)
        for mark in wanted:
            frontier = _to(frontier, mark.size, entries, visit)
            if frontier.root() != mark.root:
                raise _wrong(source, before, mark)
            passed(frontier)
            before = mark
    return frontier


def _check_one_root_each(marks: Sequence[Mark]) -> None:
    for before, mark in pairwise(marks):
        if before.size == mark.size and before.root != mark.root:
            raise _forked(before, mark)


class _Entries:
    """Entries in order, given out in lists of a wanted length."""

    def __init__(self, bundles: Iterator[list[bytes]]) -> None:
        self._bundles = bundles
        self._left: list[bytes] = []

    def take(self, most: int) -> list[bytes]:
        """The next entries: at least one, at most ``most``."""
        found = self._left or next(self._bundles)
        self._left = found[most:]
        return found[:most]


def _to(frontier: Frontier, size: int, entries: _Entries, visit: Visit) -> Frontier:
    while frontier.size < size:
        part = entries.take(size - frontier.size)
        visit(frontier.size, part)
        frontier = frontier.extend(leaf_hashes(part))
    return frontier


def _bundles(read_tile: ReadTile, first: int, size: int) -> Generator[list[bytes]]:
    """The bundles from entry ``first`` on, in order, the beginning of the first one cut off; read ahead in threads."""
    skip = first % TILE_WIDTH
    pool = ThreadPoolExecutor(READERS, thread_name_prefix="bundles")
    waiting: deque[Future[list[bytes]]] = deque()
    try:
        for n in range(first // TILE_WIDTH, -(-size // TILE_WIDTH)):
            waiting.append(pool.submit(read_bundle, tile_at(size, None, n), read_tile))
            if len(waiting) >= AHEAD:
                yield waiting.popleft().result()[skip:]
                skip = 0
        while waiting:
            yield waiting.popleft().result()[skip:]
            skip = 0
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _wrong(source: Source, before: Mark, mark: Mark) -> OneFileError:
    """Why the entries do not give the mark: they are others than the log's, or the mark is of another history."""
    try:
        if before.size:
            proof = source.consistency(before.size, mark.size)
            verify_consistency(before.size, mark.size, before.root, mark.root, proof)
    except OneFileError:
        # A vault that can't prove it either: one of the two heads is of another history.
        return _forked(before, mark)
    return Untrusted(
        "entries_other",
        "the entries that the vault serves from {before} to {size} are not those of its own head",
        before=before.size,
        size=mark.size,
    )


def _forked(before: Mark, mark: Mark) -> Untrusted:
    return Untrusted(
        "log_forked",
        "the head of size {size} does not extend the head of size {before}: the log shows two histories",
        size=mark.size,
        before=before.size,
    )
