"""The machine's own signing key: drawn once, private, the same for every command."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from client.toolkey import tool_key
from protocol.errors import Denied, Malformed


def test_commands_that_need_the_first_tool_key_at_once_all_get_the_same(tmp_path: Path) -> None:
    start = threading.Barrier(8)

    for folder in range(10):
        home = tmp_path / str(folder)
        with ThreadPoolExecutor(8) as pool:
            kids = set(pool.map(lambda _number, home=home: first_key(home, start), range(8)))
        assert len(kids) == 1
        assert [path.name for path in home.iterdir()] == ["tool.key"]


def first_key(home: Path, start: threading.Barrier) -> str:
    start.wait(timeout=10)
    return tool_key(home).public_jwk().kid()


def test_the_tool_key_is_made_once_private_and_checked(tmp_path: Path) -> None:
    first = tool_key(tmp_path).public_jwk()
    assert tool_key(tmp_path).public_jwk() == first
    path = tmp_path / "tool.key"
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_bytes(b"\xff\n")
    with pytest.raises(Malformed):
        tool_key(tmp_path)
    path.chmod(0o644)
    with pytest.raises(Denied):
        tool_key(tmp_path)
