"""A reader that dies in the middle of a use: before or after any request, before or after any file.

Whenever it died, the same command finishes the use, which is counted once, and nothing half-done lies about.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.reader_fixture import reader, shared_reader
from tests.reader_stage import Given, ReaderStage

__all__ = ["reader", "shared_reader"]


class Killed(BaseException):
    """The process is gone: nothing catches this."""


def requests_of_a_use(reader: ReaderStage) -> int:
    given = reader.give(reader.item)
    reader.release(given, out=reader.out.with_name("first"))  # asks what is remembered afterwards
    reader.bridge.requests.clear()
    reader.release(given, out=reader.out.with_name("measured"))
    return len(reader.bridge.requests)


@contextmanager
def dying_at_request(reader: ReaderStage, number: int, *, after: bool) -> Iterator[None]:
    """Die at the request of this number (from 0), before the vault hears of it or after it has done it."""
    honest, seen = reader.bridge.handle_request, [0]

    def handle(request: httpx2.Request) -> httpx2.Response:
        mine = seen[0] == number
        seen[0] += 1
        if mine and not after:
            raise Killed
        answer = honest(request)
        if mine:
            raise Killed
        return answer

    reader.bridge.handle_request = handle  # type: ignore[method-assign]  # the process dies on this line
    try:
        yield
    finally:
        reader.bridge.handle_request = honest  # type: ignore[method-assign]  # the test puts its own in the place


@contextmanager
def dying_at_rename(number: int, *, after: bool, method: str = "replace") -> Iterator[list[int]]:
    """Die where a file (or, by ``rename``, the folder) takes its place. The vault's own threads live on."""
    seen, reader = [0], threading.get_ident()
    honest: Callable[[Path, Path], Path] = getattr(Path, method)

    def put(self: Path, target: Path) -> Path:
        if threading.get_ident() != reader:
            return honest(self, target)
        mine = seen[0] == number
        seen[0] += 1
        if mine and not after:
            raise Killed
        done = honest(self, target)
        if mine:
            raise Killed
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, method, put)
        yield seen


def check_finished(reader: ReaderStage, given: Given) -> None:
    """Run again: one use, whole."""
    done = reader.release(given)
    assert done.use.use_no == 1
    assert done.outcome.verdict == "accept"
    assert [use.state for use in reader.uses() if use.receipt.body.grant == given.envelope.grant.grant_id] == ["done"]
    assert sorted(path.name for path in reader.out.parent.iterdir() if path.name != "measured") == ["out"]
    assert reader.release(given, out=reader.out.with_name("second")).use.use_no == 2


@pytest.mark.parametrize("after", [False, True], ids=["before it was sent", "after it was done"])
def test_a_reader_that_dies_at_any_request_finishes_the_use_and_counts_it_once(
    reader: ReaderStage, tmp_path: Path, after: bool
) -> None:
    total = requests_of_a_use(reader)
    for number in range(total):
        reader.out = tmp_path / f"{number}" / "out"
        given = reader.give(reader.item)
        with dying_at_request(reader, number, after=after), pytest.raises(Killed):
            reader.release(given)
        assert not reader.out.exists()

        check_finished(reader, given)
    assert total > 6


@pytest.mark.parametrize("after", [False, True], ids=["before it was there", "after it was there"])
def test_a_reader_that_dies_at_any_file_finishes_the_use_and_counts_it_once(
    reader: ReaderStage, tmp_path: Path, after: bool
) -> None:
    reader.release(reader.give(reader.item), out=tmp_path / "first" / "out")  # keeps what is remembered afterwards
    reader.out = tmp_path / "measured" / "out"
    with dying_at_rename(-1, after=False) as seen:
        reader.release(reader.give(reader.item))
    # The last file notes that the use is finished: after it nothing is left to die of.
    total = seen[0] - 1
    for number in range(total):
        reader.out = tmp_path / f"{number}" / "out"
        given = reader.give(reader.item)
        with dying_at_rename(number, after=after), pytest.raises(Killed):
            reader.release(given)
        assert not reader.out.exists()

        check_finished(reader, given)
    assert total > 15


def test_what_a_killed_process_had_opened_is_cleared_away_by_the_next_try(reader: ReaderStage) -> None:
    left = reader.out.parent / ".out.abcdef.part"
    (left / "documents").mkdir(parents=True)
    (left / "documents" / "secret").write_text("opened")
    other = reader.out.parent / ".outer.abcdef.part"
    other.mkdir()

    reader.release(reader.give(reader.item))

    assert not left.exists()
    assert other.exists()


def test_a_reader_that_dies_before_it_notes_the_end_is_told_that_it_had_finished(reader: ReaderStage) -> None:
    from protocol.errors import Conflict

    given = reader.give(reader.item)
    with dying_at_rename(0, after=True, method="rename"), pytest.raises(Killed):
        reader.release(given)
    assert reader.out.exists()

    with pytest.raises(Conflict) as caught:
        reader.release(given)
    assert caught.value.code == "use_finished"
    assert all(use.state == "done" for use in reader.uses())
