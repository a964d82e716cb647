"""What is read of a file, and of what is none."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from client.files import BLOCK_BYTES, read_bounded, read_if_file, read_json
from protocol.errors import Malformed

READERS = (read_bounded, read_if_file)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, 3 * BLOCK_BYTES])
def test_a_file_is_read_whole_up_to_its_limit(tmp_path: Path, read: Callable[..., bytes | None], size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(size))
    assert read(path, limit=size) == path.read_bytes()
    assert read(path) == path.read_bytes()
    if size:
        with pytest.raises(Malformed) as caught:
            read(path, limit=size - 1)
        assert caught.value.code == "file_too_large"


def test_what_grows_while_it_is_read_is_bounded_too() -> None:
    with pytest.raises(Malformed) as caught:
        read_bounded(Path("/dev/zero"), limit=5 * BLOCK_BYTES)
    assert caught.value.code == "file_too_large"


def test_a_pipe_that_a_user_names_is_read_to_its_end(tmp_path: Path) -> None:
    pipe, data = tmp_path / "pipe", os.urandom(3 * BLOCK_BYTES)
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(data,))
    writer.start()
    try:
        assert read_bounded(pipe) == data
    finally:
        writer.join()


def test_what_is_no_file_is_none_and_nothing_is_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "round").symlink_to("round")
    (tmp_path / "nowhere").symlink_to("missing")
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "there").symlink_to("file")
    for name in ("pipe", "folder", "round", "nowhere", "missing", "file/below"):
        assert read_if_file(tmp_path / name) is None, name
    assert read_if_file(tmp_path / "there") == b"x"


def test_what_can_not_be_looked_for_is_not_taken_for_missing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="name too long"):
        read_if_file(tmp_path / ("x" * 300))


def test_json_that_is_no_object_is_malformed(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    path.write_bytes(b"[]")
    with pytest.raises(Malformed) as caught:
        read_json(path)
    assert caught.value.code == "json_object"
