"""Payloads from a folder on their way out: what lies in memory is read by the event loop, the rest by threads."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import threading
from pathlib import Path
from typing import Any

import pytest

from protocol.errors import Unavailable
from vault_api import blobs_folder
from vault_api.blobs_folder import FolderPieces
from vault_api.routes.streams import StreamedResponse

PIECE = 1000
WHOLE = random.Random(1).randbytes(10 * PIECE + 7)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "payload"
    path.write_bytes(WHOLE)
    return path


@pytest.fixture
def in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that knows what lies in memory, where all does: a temporary folder may have none such."""
    whole = os.preadv
    monkeypatch.setattr(blobs_folder, "NOWAIT", 8)
    monkeypatch.setattr("vault_api.blobs_folder.os.preadv", lambda file, into, at, _flags: whole(file, into, at))


def pieces_of(file: Path, start: int = 0, end: int = len(WHOLE)) -> FolderPieces:
    return FolderPieces(file, start, end, PIECE)


def sent_by(response: StreamedResponse, *, gone_after: int = 1000) -> list[bytes]:
    """The bodies that were sent; the other end leaves after so many."""
    bodies: list[bytes] = []

    async def story() -> None:
        left = asyncio.Event()

        async def receive() -> dict[str, Any]:
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.body":
                bodies.append(bytes(message["body"]))
            if len(bodies) >= gone_after:
                left.set()

        await response({"type": "http"}, receive, send)

    asyncio.run(story())
    return bodies


@pytest.mark.usefixtures("in_memory")
def test_pieces_are_the_same_whether_a_thread_or_a_loop_asks(file: Path) -> None:
    assert b"".join(pieces_of(file)) == WHOLE
    assert b"".join(pieces_of(file, 1234, 5678)) == WHOLE[1234:5678]
    mixed, pieces = bytearray(), pieces_of(file)
    for _ in range(5):
        mixed += next(pieces)
        mixed += pieces.ready() or b""
    assert mixed + b"".join(pieces) == WHOLE
    assert pieces.ready() == b""


def test_a_file_is_not_opened_by_an_event_loop(file: Path) -> None:
    assert pieces_of(file).ready() is None
    assert pieces_of(file, 3, 3).ready() == b""


@pytest.mark.parametrize("fault", [errno.EAGAIN, errno.EOPNOTSUPP])
def test_what_does_not_lie_in_memory_is_left_to_a_thread(
    file: Path, monkeypatch: pytest.MonkeyPatch, fault: int
) -> None:
    def waits(*_: object) -> int:
        raise OSError(fault, "")

    monkeypatch.setattr("vault_api.blobs_folder.os.preadv", waits)
    pieces = pieces_of(file)
    begin = next(pieces)
    assert pieces.ready() is None
    assert pieces.tells == (fault == errno.EAGAIN)  # else nobody asks again
    assert begin + b"".join(pieces) == WHOLE
    assert b"".join(sent_by(StreamedResponse(pieces_of(file), 200, {}))) == WHOLE


def test_a_system_without_such_a_question_reads_by_threads(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blobs_folder, "NOWAIT", None)
    assert b"".join(sent_by(StreamedResponse(pieces_of(file), 200, {}))) == WHOLE


@pytest.mark.usefixtures("in_memory")
def test_a_part_of_a_piece_in_memory_is_a_piece(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.preadv

    def little(handle: int, buffers: list[bytearray], at: int, flags: int) -> int:
        found = bytearray(min(17, len(buffers[0])))
        count = whole(handle, [found], at, flags)
        buffers[0][:count] = found[:count]
        return count

    monkeypatch.setattr("vault_api.blobs_folder.os.preadv", little)
    bodies = sent_by(StreamedResponse(pieces_of(file), 200, {}), gone_after=10_000)
    assert b"".join(bodies) == WHOLE
    assert max(len(body) for body in bodies[8:]) == 17


def test_a_file_that_is_shorter_than_it_was_or_gone_is_said_to_be(file: Path) -> None:
    pieces = pieces_of(file)
    next(pieces)
    os.truncate(file, PIECE)
    assert pieces.ready() is None
    with pytest.raises(Unavailable):
        next(pieces)
    file.unlink()
    with pytest.raises(Unavailable):
        next(pieces_of(file))


def test_who_stops_in_the_middle_keeps_no_file_open(file: Path) -> None:
    def opened() -> list[str]:
        links = Path("/proc/self/fd").iterdir()
        return [link.name for link in links if os.path.realpath(link) == str(file)]

    pieces = pieces_of(file)
    next(pieces)
    assert len(opened()) == 1
    del pieces
    assert opened() == []


@pytest.mark.usefixtures("in_memory")
def test_a_download_from_memory_asks_a_thread_but_once_and_ends_when_nobody_listens(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vault_api.routes.streams.AT_A_TIME", 1)
    asked: list[bool] = []
    whole = FolderPieces.__next__

    def noted(self: FolderPieces) -> bytes:
        asked.append(threading.current_thread() is threading.main_thread())
        return whole(self)

    monkeypatch.setattr(FolderPieces, "__next__", noted)
    assert b"".join(sent_by(StreamedResponse(pieces_of(file), 200, {}))) == WHOLE
    assert asked == [False]
    bodies = sent_by(StreamedResponse(pieces_of(file), 200, {}), gone_after=2)
    assert len(bodies) <= 5
    assert bodies[-1] == b""
