"""Tiles: their names, what an append writes, and nodes read back, believed or verified."""

from __future__ import annotations

import pytest

from protocol import tiles
from protocol.errors import Malformed, Unavailable, Untrusted
from protocol.merkle import consistency_proof, inclusion_proof, leaf_hashes, root, verify_consistency, verify_inclusion
from protocol.tiles import (
    TileCache,
    TileReader,
    TileRef,
    VerifiedTileReader,
    appended_bundles,
    appended_tiles,
    beginning,
    build_bundle,
    bundle_path,
    parse_bundle,
    parse_tile_path,
    tile_at,
    tile_path,
    tiles_of,
)

ENTRIES = [f"entry {i}".encode() for i in range(66_000)]
HASHES = leaf_hashes(ENTRIES)


def written(*sizes: int) -> dict[str, bytes]:
    """A store after appends that end at each of ``sizes``."""
    store: dict[str, bytes] = {}
    old = 0
    for size in sizes:
        store |= appended_bundles(old, ENTRIES[old:size], store.get)
        store |= appended_tiles(old, HASHES[old:size], store.get)
        old = size
    return store


@pytest.mark.parametrize(
    ("path", "ref"),
    [
        ("tile/0/000", TileRef(0, 0)),
        ("tile/0/x001/x234/067", TileRef(0, 1_234_067)),
        ("tile/1/001.p/17", TileRef(1, 1, 17)),
        ("tile/entries/x010/000.p/255", TileRef(None, 10_000, 255)),
        ("tile/entries/999", TileRef(None, 999)),
    ],
)
def test_a_tile_has_the_path_that_tlog_tiles_gives_it(path: str, ref: TileRef) -> None:
    assert ref.path == path
    assert parse_tile_path(path) == ref


def test_paths_by_numbers() -> None:
    assert tile_path(2, 5) == "tile/2/005"
    assert bundle_path(5, 3) == "tile/entries/005.p/3"


@pytest.mark.parametrize(
    "path",
    [
        "", "tile/0/0", "tile/0/0000", "tile/00/000", "tile/0/x000/000", "tile/0/001/000", "tile/0/x001",
        "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/999", "tile/0/000.p", "tile/8/000",
        "tile/64/000", "tile/-1/000", "tile/data/000", "/tile/0/000", "tile/0/000/", "tile/0/../000",
        "tile/0/x999/x999/x999/x999/x999/x999/999", "tile/0/٠٠٠", "tile/0/000\n",
    ],
)  # fmt: skip
def test_any_other_spelling_of_a_path_is_malformed(path: str) -> None:
    with pytest.raises(Malformed):
        parse_tile_path(path)


def test_the_tiles_of_seventy_thousand_leaves_are_those_of_the_specification() -> None:
    found = list(tiles_of(70_000))
    assert [ref.path for ref in found if ref.width != 256] == [
        "tile/entries/273.p/112",
        "tile/0/273.p/112",
        "tile/1/001.p/17",
        "tile/2/000.p/1",
    ]
    assert len([ref for ref in found if ref.level == 0 and ref.width == 256]) == 273
    assert list(tiles_of(0)) == []
    assert [ref.path for ref in tiles_of(256)] == ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]


@pytest.mark.parametrize(("size", "level", "n"), [(0, 0, 0), (256, 0, 1), (255, 1, 0), (300, None, 2), (5, 0, -1)])
def test_a_tile_beyond_the_tree_is_malformed(size: int, level: int | None, n: int) -> None:
    with pytest.raises(Malformed) as caught:
        tile_at(size, level, n)
    assert caught.value.code == "tile_beyond"


@pytest.mark.parametrize(
    "sizes", [(1,), (255, 256, 257), (256,), (100, 100, 612), (65_535, 65_536, 65_537), (3, 66_000)], ids=str
)
def test_appends_in_any_portions_leave_every_tile_of_the_tree(sizes: tuple[int, ...]) -> None:
    store, size = written(*sizes), sizes[-1]
    assert {ref.path for ref in tiles_of(size)} <= set(store)
    assert TileReader(size, store.get).root() == root(HASHES[:size])
    once = written(size)
    assert {path: store[path] for path in once} == once


def test_an_append_of_nothing_writes_nothing() -> None:
    assert appended_tiles(5, [], {}.get) == {}
    assert appended_bundles(5, [], {}.get) == {}


def test_an_append_needs_the_partial_tile_before_it() -> None:
    with pytest.raises(Unavailable, match=r"tile/0/000\.p/5"):
        appended_tiles(5, HASHES[5:6], {}.get)
    with pytest.raises(Unavailable, match=r"tile/entries/000\.p/5"):
        appended_bundles(5, ENTRIES[5:6], {}.get)


def test_a_partial_tile_may_go_once_the_full_one_is_there() -> None:
    store = written(5, 300)
    del store["tile/0/000.p/5"], store["tile/entries/000.p/5"]
    reader = VerifiedTileReader(5, root(HASHES[:5]), store.get)
    assert reader.entries(0) == ENTRIES[:5]


def test_a_narrower_tile_is_the_beginning_of_a_wider_one() -> None:
    narrow, wide = written(5), written(9)
    for level, path in ((0, "tile/0/000.p/"), (None, "tile/entries/000.p/")):
        assert beginning(wide[path + "9"], TileRef(level, 0, 9), 5) == narrow[path + "5"]
        with pytest.raises(Malformed):
            beginning(wide[path + "9"], TileRef(level, 0, 8), 5)


def readers(size: int, store: dict[str, bytes]) -> list[TileReader]:
    return [TileReader(size, store.get), VerifiedTileReader(size, root(HASHES[:size]), store.get)]


@pytest.mark.parametrize("size", [1, 255, 256, 257, 700, 65_536, 66_000])
def test_proofs_are_made_from_tiles_alone(size: int) -> None:
    top = root(HASHES[:size])
    for reader in readers(size, written(size)):
        for index in {0, size // 2, size - 1}:
            verify_inclusion(reader.leaf(index), index, size, inclusion_proof(index, size, reader.node), top)
            assert reader.entry(index) == ENTRIES[index]
        for first in {1, max(1, size // 3), size}:
            steps = consistency_proof(first, size, reader.node)
            assert verify_consistency(first, size, root(HASHES[:first]), top, steps) is None


def test_a_node_that_is_not_complete_yet_is_refused() -> None:
    store = written(300)
    for reader in readers(300, store):
        for level, index in ((0, 300), (2, 75), (6, 4), (7, 2), (8, 1), (9, 0), (64, 0)):
            with pytest.raises(Malformed) as caught:
                reader.node(level, index)
            assert caught.value.code == "tile_beyond"


def test_every_tile_with_one_changed_bit_is_refused_against_the_checkpoint() -> None:
    size = 66_000
    store = written(size)
    for path in ("tile/0/000", "tile/0/257.p/208", "tile/1/000", "tile/1/001.p/1", "tile/2/000.p/1"):
        garbled = store | {path: bytes([store[path][0] ^ 1]) + store[path][1:]}
        reader = VerifiedTileReader(size, root(HASHES[:size]), garbled.get)
        with pytest.raises(Untrusted) as caught:
            reader.leaf(0), reader.leaf(size - 1)
        assert caught.value.code in {"tile", "tiles_root"}


def test_a_swapped_entry_is_refused_by_both_readers() -> None:
    store = written(300)
    store["tile/entries/000"] = build_bundle([ENTRIES[1], ENTRIES[0], *ENTRIES[2:256]])
    for reader in readers(300, store):
        with pytest.raises(Untrusted):
            reader.entry(0)
        with pytest.raises(Untrusted):
            reader.entries(0)
        assert reader.entry(2) == ENTRIES[2]
        assert reader.entries(1) == ENTRIES[256:300]


def test_a_tile_of_another_length_is_malformed() -> None:
    store = written(300)
    for raw in (store["tile/0/001.p/44"][:-1], store["tile/0/001.p/44"][:-32], store["tile/0/001.p/44"] + bytes(32)):
        with pytest.raises(Malformed) as caught:
            TileReader(300, (store | {"tile/0/001.p/44": raw}).get).leaf(256)
        assert caught.value.code == "tile_length"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"\x00", "bundle"),
        (b"\x00\x05abcd", "bundle"),
        (b"\x00\x01a\x00", "bundle"),
        (b"", "bundle_width"),
        (b"\x00\x01a\x00\x01b", "bundle_width"),
    ],
)
def test_a_cut_or_crowded_bundle_is_malformed(raw: bytes, code: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse_bundle(raw, 1)
    assert caught.value.code == code


def test_a_bundle_holds_entries_up_to_sixteen_bits_of_length() -> None:
    entries = [b"", b"x" * tiles.MAX_ENTRY]
    assert parse_bundle(build_bundle(entries), 2) == entries
    with pytest.raises(Malformed) as caught:
        build_bundle([b"x" * (tiles.MAX_ENTRY + 1)])
    assert caught.value.code == "entry_too_large"


def test_readers_of_one_log_share_what_they_have_read() -> None:
    store = written(300, 600)
    reads: list[str] = []

    def read(path: str) -> bytes | None:
        reads.append(path)
        return store.get(path)

    cache = TileCache()
    assert TileReader(300, read, cache).leaf(3) == TileReader(600, read, cache).leaf(3)
    assert reads == ["tile/0/000"]


def test_a_cache_forgets_the_oldest_tile() -> None:
    cache = TileCache(limit=1)
    cache.put("a", [])
    cache.put("b", [])
    assert cache.get("a") is None
    assert cache.get("b") == []


@pytest.mark.parametrize(
    ("level", "n", "width"), [(8, 0, 1), (-1, 0, 1), (0, -1, 1), (0, 2**60, 1), (0, 0, 0), (0, 0, 257)]
)
def test_a_tile_out_of_range_is_never_named(level: int, n: int, width: int) -> None:
    with pytest.raises(Malformed):
        TileRef(level, n, width)
