"""What has arrived of a large file stays for next time, unless it is known to be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from client.partial import arriving
from protocol.errors import Unavailable, Untrusted


def parts(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.endswith(".arriving")]


def broken_off(path: Path, data: bytes, end: BaseException) -> None:
    def arrive() -> None:
        with arriving(path) as stream:
            stream.write(data)
            raise end

    with pytest.raises(type(end)):
        arrive()


@pytest.mark.parametrize("end", [Unavailable("vault_unreachable", "gone"), KeyboardInterrupt()])
def test_what_has_arrived_is_there_the_next_time(tmp_path: Path, end: BaseException) -> None:
    path = tmp_path / "folder" / "payload"
    broken_off(path, b"begin", end)
    assert not path.exists()
    with arriving(path) as stream:
        assert stream.read() == b"begin"
        stream.write(b"ning")
    assert path.read_bytes() == b"beginning"
    assert parts(path.parent) == []
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_what_is_wrong_is_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "payload"
    broken_off(path, b"wrong", Untrusted("payload_digest", "it is another"))
    assert list(tmp_path.iterdir()) == []


def test_a_second_process_begins_a_file_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "payload"
    with arriving(path) as first:
        first.write(b"fir")
        with arriving(path) as second:
            assert second.read() == b""
            second.write(b"second")
        assert path.read_bytes() == b"second"
        first.write(b"st")
    assert path.read_bytes() == b"first"
    assert parts(tmp_path) == []
