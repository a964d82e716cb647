"""Vectors of tiles: their paths, bundles of entries, and one entry read from a stranger's tiles."""

from __future__ import annotations

from typing import Any

from protocol.encoding import b64u
from protocol.hashing import ZERO32
from protocol.merkle import leaf_hashes, root
from protocol.tiles import appended_bundles, appended_tiles, build_bundle, tile_path
from tests.vectors.book import Book
from tests.vectors.judges import logs

SIZE = 258
LOG = [b"e%d" % n for n in range(SIZE)]
FILES = {
    **appended_tiles(0, leaf_hashes(LOG), lambda _: None),
    **appended_bundles(0, LOG, lambda _: None),
}


def tile_paths() -> Book:
    about = "path: of a tile or a bundle (C2SP tlog-tiles); the result is level (null: entries), index and width"
    book = Book("tile-path", about, logs.tile_path)
    book.accept("a full tile", path="tile/0/x001/x234/067")
    book.also("a partial tile", path="tile/1/003.p/200")
    book.also("a bundle", path="tile/entries/000.p/1")
    book.also("the highest level", path="tile/7/000")
    rows: dict[str, Any] = {
        "two digits": "tile/0/67",
        "no leading zeros": "tile/0/x1/067",
        "x before the last": "tile/0/x001/x067",
        "no x before the others": "tile/0/001/067",
        "a group of zeros in front": "tile/0/x000/067",
        "width 256 as a partial tile": "tile/0/067.p/256",
        "width 257": "tile/0/067.p/257",
        "width 0": "tile/0/067.p/0",
        "a width with a leading zero": "tile/0/067.p/08",
        "level 8": "tile/8/000",
        "a level with a leading zero": "tile/01/000",
        "another folder": "tiles/0/067",
        "a slash at the end": "tile/0/067/",
        "a slash in front": "/tile/0/067",
        "a parent": "tile/0/../067",
        "a line feed at the end": "tile/0/067\n",
    }
    codes = {"width 257": "tile", "width 0": "tile", "level 8": "tile"}
    for name, path in rows.items():
        book.refuse(name, f"malformed:{codes.get(name, 'tile_path')}", path=path)
    return book


def bundles() -> Book:
    about = "raw: a bundle of entries, each behind its length in two bytes; width: how many; the result is the entries"
    book = Book("entry-bundle", about, logs.bundle)
    good = build_bundle([b"one", b"", b"three"])
    book.accept("three entries", raw=b64u(good), width=3)
    book.also("nothing", raw="", width=0)
    book.also("256 entries", raw=b64u(build_bundle([b""] * 256)), width=256)
    book.also("an entry of 300 bytes", raw=b64u(build_bundle([bytes(300)])), width=1)
    for name, code, raw in (
        ("cut in an entry", "bundle", good[:-1]),
        ("cut after a length", "bundle", good[:-5]),
        ("cut in a length", "bundle", good[:-6]),
        ("an entry too many", "bundle_width", good + build_bundle([b"four"])),
        ("an empty entry too many", "bundle_width", good + bytes(2)),
        ("a byte too many", "bundle", good + b"\x00"),
        ("an entry too few", "bundle_width", build_bundle([b"one", b""])),
        ("nothing where three belong", "bundle_width", b""),
        ("lengths in one byte", "bundle", b"\x03one\x00\x05three"),
        ("lengths that begin with their low byte", "bundle", b"\x03\x00one\x00\x00\x05\x00three"),
    ):
        book.refuse(name, f"malformed:{code}", raw=b64u(raw))
    book.refuse("two where three are", "malformed:bundle_width", width=2)
    book.refuse("four where three are", "malformed:bundle_width", width=4)
    return book


def tiles() -> Book:
    about = "tiles: files of a log by path, under a believed head of size and root; the result is the entry of index"
    book = Book("tiles", about, logs.tiles)

    def files(*paths: str, **bent: bytes) -> dict[str, str]:
        return {path: b64u(FILES[path]) for path in paths}

    edge = (tile_path(0, 1, 2), tile_path(1, 0, 1), "tile/entries/001.p/2")
    full = (*edge[:2], tile_path(0, 0), "tile/entries/000")
    head = {"size": SIZE, "root": b64u(root(leaf_hashes(LOG)))}
    book.accept("in the partial tile", **head, index=257, tiles=files(*edge))
    book.also("in a full tile", index=5, tiles=files(*full))
    wide = {**files(*edge[:2]), "tile/entries/001": b64u(build_bundle([*LOG[256:], *[b"later"] * 254]))}
    book.also("the full bundle stands where the partial one stood", tiles=wide)

    def with_file(path: str, raw: bytes, of: str | None = None) -> dict[str, Any]:
        return {"tiles": {**book.base(of)["input"]["tiles"], path: b64u(raw)}}

    def bit(path: str, at: int) -> bytes:
        changed = bytearray(FILES[path])
        changed[at] ^= 1
        return bytes(changed)

    partial, above, bundle = edge
    book.refuse("another root", "untrusted:tiles_root", root=b64u(ZERO32))
    book.refuse("a bit in the partial tile", "untrusted:tiles_root", **with_file(partial, bit(partial, 40)))
    book.refuse("a bit in a neighbour's hash", "untrusted:tiles_root", **with_file(partial, bit(partial, 0)))
    book.refuse("a bit in the tile above", "untrusted:tiles_root", **with_file(above, bit(above, 0)))
    book.refuse("a bit in the entry", "untrusted:tile", **with_file(bundle, bit(bundle, -1)))
    book.refuse("entries in another order", "untrusted:tile", **with_file(bundle, build_bundle(LOG[:255:-1])))
    book.refuse("an index beyond the log", "malformed:leaf_index", index=258)
    book.refuse("a hash missing", "malformed:tile_length", **with_file(partial, FILES[partial][:32]))
    book.refuse("a tile cut off", "malformed:tile_length", **with_file(above, FILES[above][:31]))
    book.refuse("an entry missing", "malformed:bundle_width", **with_file(bundle, build_bundle(LOG[256:257])))
    for path in edge:
        rest = {name: raw for name, raw in files(*edge).items() if name != path}
        book.refuse(f"{path} is not there", "unavailable:tile_missing", tiles=rest)
    of, tile = "in a full tile", tile_path(0, 0)
    book.refuse("a bit in a full tile", "untrusted:tile", of=of, **with_file(tile, bit(tile, 9000 % 8192), of))
    book.refuse(
        "a bit in a full bundle",
        "untrusted:tile",
        of=of,
        **with_file("tile/entries/000", FILES["tile/entries/000"].replace(b"e5", b"e6", 1), of),
    )
    return book


def books() -> list[Book]:
    """All of this module."""
    return [tile_paths(), bundles(), tiles()]
