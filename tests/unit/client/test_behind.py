from __future__ import annotations

import hashlib
import io

import pytest

from client import behind
from client.behind import Behind


class Full:
    """A disk with room for so many bytes."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.written = b""

    def write(self, data: bytes, /) -> int:
        if len(self.written) + len(data) > self.room:
            raise OSError(28, "no space left")
        self.written += data
        return len(data)


def break_off(behind: Behind, data: bytes) -> None:
    with behind as writer:
        writer.write(data)
        raise KeyError


def write_often(behind: Behind, data: bytes) -> None:
    with behind as writer:
        for _ in range(1000):
            writer.write(data)


def test_what_was_written_stands_there_in_order_and_hashed_when_the_block_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(behind, "PART_BYTES", 1000)
    parts = [bytes([i % 256]) * (i % 700) for i in range(300)]
    target = io.BytesIO()
    with Behind(target) as writer:
        assert [writer.write(part) for part in parts] == [len(part) for part in parts]
    assert target.getvalue() == b"".join(parts)
    assert writer.state.digest() == hashlib.sha256(b"".join(parts)).digest()
    assert writer.size == len(b"".join(parts))


def test_a_target_that_takes_little_at_a_time_gets_everything() -> None:
    class Sip(io.BytesIO):
        def write(self, data: bytes, /) -> int:  # type: ignore[override]  # only bytes come
            return super().write(data[:7])

    target = Sip()
    with Behind(target) as writer:
        writer.write(b"0123456789" * 10)
    assert target.getvalue() == b"0123456789" * 10


def test_it_goes_on_with_the_hash_of_an_earlier_part() -> None:
    state, target = hashlib.sha256(), io.BytesIO()
    for part in (b"one", b"two"):
        with Behind(target, state) as writer:
            writer.write(part)
    assert state.digest() == hashlib.sha256(b"onetwo").digest()


def test_what_was_written_before_the_block_broke_off_stands_there() -> None:
    target, state = io.BytesIO(), hashlib.sha256()
    with pytest.raises(KeyError):
        break_off(Behind(target, state), b"kept")
    assert target.getvalue() == b"kept"
    assert state.digest() == hashlib.sha256(b"kept").digest()


def test_a_full_disk_is_told_at_the_end_at_the_latest_and_nothing_follows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(behind, "PART_BYTES", 10)
    target = Full(20)
    with pytest.raises(OSError, match="no space"):
        write_often(Behind(target), b"0123456789")
    assert target.written == b"0123456789" * 2


def test_the_error_of_the_block_is_not_hidden_by_a_full_disk() -> None:
    target = Full(0)
    with pytest.raises(KeyError):
        break_off(Behind(target), b"lost")
    assert target.written == b""
