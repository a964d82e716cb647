"""Walking a log from head to head, and looking for tags in it."""

from __future__ import annotations

import secrets

import pytest

from client import log_walk
from client.log_scan import Scan, spelled
from client.log_walk import Mark, Source, walk_log
from protocol.entries import Entry
from protocol.errors import Malformed, Unavailable, Untrusted
from protocol.merkle import Frontier, consistency_proof, leaf_hashes, root, tree_levels
from protocol.tiles import appended_bundles

ENTRIES = [
    Entry("note", *(bytes([n % 251, part, n // 251]) + bytes(29) for part in range(3))).serialise() for n in range(1500)
]
HASHES = leaf_hashes(ENTRIES)
BUNDLES = appended_bundles(0, ENTRIES, lambda _path: None)


def node(level: int, index: int) -> bytes:
    return tree_levels(HASHES)[level][index]


def source(bundles: dict[str, bytes] = BUNDLES) -> Source:
    def read(path: str) -> bytes | None:
        full, _, width = path.partition(".p/")
        raw = bundles.get(path)
        if raw is None and width:
            wider = next((name for name in bundles if name.startswith(full)), None)
            raw = None if wider is None else cut(bundles[wider], int(width))
        return raw

    return Source(read, lambda first, second: tuple(consistency_proof(first, second, node)))


def cut(raw: bytes, width: int) -> bytes:
    at = 0
    for _ in range(width):
        at += 2 + int.from_bytes(raw[at : at + 2], "big")
    return raw[:at]


def mark(size: int, *, anchored: bool = True) -> Mark:
    return Mark(size, root(HASHES[:size]), anchored)


@pytest.mark.parametrize("first", [0, 1, 255, 256, 700, 1499])
@pytest.mark.parametrize("marks", [(1500,), (1, 255, 256, 257, 1024, 1500), (701, 702, 1500)])
def test_a_walk_sees_every_entry_once_and_every_mark(first: int, marks: tuple[int, ...]) -> None:
    seen: list[bytes] = []
    passed: list[int] = []
    begin = Frontier().extend(HASHES[:first])
    end = walk_log(
        source(),
        begin,
        [mark(size) for size in marks],
        visit=lambda at, entries: seen.extend(entries) if at == first + len(seen) else None,
        passed=lambda frontier: passed.append(frontier.size),
    )
    assert seen == ENTRIES[first:]
    assert passed == sorted(size for size in marks if size > first)
    assert end.root() == root(HASHES)


def test_a_walk_to_nowhere_is_where_it_began() -> None:
    begin = Frontier().extend(HASHES[:300])
    assert walk_log(source(), begin, [mark(200), mark(300)]) is begin


def test_a_mark_of_another_history_is_a_fork() -> None:
    with pytest.raises(Untrusted) as found:
        walk_log(source(), Frontier(), [mark(700), Mark(1500, bytes(32), anchored=False)])
    assert found.value.code == "log_forked"
    with pytest.raises(Untrusted) as found:
        walk_log(source(), Frontier(), [mark(1500), Mark(1500, bytes(32), anchored=False)])
    assert found.value.code == "log_forked"


def test_entries_of_another_log_are_told_apart_from_a_fork() -> None:
    other = appended_bundles(0, [b"x" + raw for raw in ENTRIES], lambda _path: None)
    with pytest.raises(Untrusted) as found:
        walk_log(source(other), Frontier().extend(HASHES[:256]), [mark(1500)])
    assert found.value.code == "entries_other"


def test_from_nothing_other_entries_are_not_those_of_the_head() -> None:
    with pytest.raises(Untrusted) as found:
        walk_log(source(), Frontier(), [Mark(700, bytes(32), anchored=True)])
    assert found.value.code == "entries_other"


def test_bundles_that_are_missing_or_cut_off_end_the_walk() -> None:
    without = {path: raw for path, raw in BUNDLES.items() if not path.endswith("002")}
    with pytest.raises(Unavailable):
        walk_log(source(without), Frontier(), [mark(1500)])
    cut_off = {path: raw[:-1] for path, raw in BUNDLES.items()}
    with pytest.raises(Malformed):
        walk_log(source(cut_off), Frontier(), [mark(1500)])


def test_no_more_is_read_ahead_than_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_walk, "AHEAD", 2)
    assert walk_log(source(), Frontier().extend(HASHES[:100]), [mark(1500)]).size == 1500


# --- looking for tags ------------------------------------------------------------------------------


def test_the_pattern_takes_what_the_parser_takes() -> None:
    for t in ("note", "x", "a" * 32, "a-_9"):
        raw = Entry(t, *(secrets.token_bytes(32) for _ in range(3))).serialise()
        assert spelled(raw) is not None
        assert Entry.parse(raw).t.encode() == spelled(raw)[2]  # type: ignore[index]  # it is not None


@pytest.mark.parametrize(
    "bend",
    [
        lambda raw: raw + b" ",
        lambda raw: raw.replace(b'"v":1', b'"v":2'),
        lambda raw: raw.replace(b'"t":"note"', b'"t":"Note"'),
        lambda raw: raw.replace(b'"t":"note"', b'"t":"' + b"a" * 33 + b'"'),
        lambda raw: raw.replace(b'"t"', b'"u"'),
        lambda raw: raw[:6] + b"*" + raw[7:],
        lambda raw: raw[: raw.index(b'","pv"') - 1] + b"B" + raw[raw.index(b'","pv"') :],
        lambda raw: raw.replace(b",", b", "),
        lambda _raw: b"",
        lambda _raw: b"\xff" * 200,
    ],
)
def test_the_pattern_refuses_what_the_parser_refuses(bend: object) -> None:
    raw = bend(ENTRIES[7])  # type: ignore[operator]  # a lambda of the table
    assert spelled(raw) is None
    with pytest.raises(Malformed):
        Entry.parse(raw)


def test_tags_and_links_are_found_where_they_stand() -> None:
    one, other = Entry.parse(ENTRIES[3]), Entry.parse(ENTRIES[40])
    scan = Scan.of([one.tag, other.pv, b"\xff" * 32])
    scan.visit(0, [*ENTRIES[:30], b"no entry"])
    scan.visit(31, ENTRIES[31:60])
    assert [hit.index for hit in scan.hits] == [3, 40]
    assert (scan.seen, scan.unknown) == (60, 1)
