"""Files for parsers that read a folder: the fuzzer's bytes are cut into parts, one for each file."""

from __future__ import annotations

import os
import shutil
import tempfile
from atexit import register
from collections.abc import Sequence
from functools import cache
from pathlib import Path

BETWEEN = b"\n==\n"


class _Folder:
    """A folder of this process, and what lies in it by now.

    A file stays open once it was written, and lies ``aside`` while it is left out: to make and to remove files takes
    longer than most parsers do.
    """

    def __init__(self, path: Path, aside: Path) -> None:
        path.mkdir()
        aside.mkdir()
        self._path = path
        self._folders = os.open(path, os.O_RDONLY), os.open(aside, os.O_RDONLY)
        self._files: dict[str, _File] = {}

    def lay(self, name: str, data: bytes | None) -> None:
        """Have the file hold ``data``, or be none."""
        file = self._files.get(name)
        if file is not None:
            file.become(data)
        elif data is not None:
            (self._path / name).parent.mkdir(parents=True, exist_ok=True)
            file = self._files[name] = _File(name, *self._folders)
            file.become(data)


class _File:
    def __init__(self, name: str, folder: int, aside: int) -> None:
        self._name, self._folder = name, folder
        self._name_aside, self._aside = name.replace("/", "_"), aside
        self._handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)
        self._there, self._holds = True, b""

    def become(self, data: bytes | None) -> None:
        if data is None and self._there:
            os.rename(self._name, self._name_aside, src_dir_fd=self._folder, dst_dir_fd=self._aside)
        elif data is not None and not self._there:
            os.rename(self._name_aside, self._name, src_dir_fd=self._aside, dst_dir_fd=self._folder)
        self._there = data is not None
        if data is not None and data != self._holds:
            written = os.pwrite(self._handle, data, 0)
            os.ftruncate(self._handle, written)
            assert written == len(data), self._name
            self._holds = data


def laid_out(names: Sequence[str], data: bytes) -> Path:
    """A folder with these files, whose contents are the parts of ``data``; a part ``-`` leaves its file out."""
    path, folder = _folder(os.getpid())
    parts = data.split(BETWEEN)
    for number, name in enumerate(names):
        part = parts[number] if number < len(parts) else b"-"
        folder.lay(name, None if part == b"-" and len(names) > 1 else part)
    return path


@cache
def _folder(process: int) -> tuple[Path, _Folder]:
    """A folder of this process, which forgets what its parent had laid out."""
    path = _whole() / str(process)
    return path, _Folder(path, _whole() / f"{process}-aside")


@cache
def _whole() -> Path:
    memory = Path("/dev/shm")
    found = tempfile.mkdtemp(prefix="onefile-fuzz-", dir=memory if memory.is_dir() else None)
    register(shutil.rmtree, found, ignore_errors=True)
    return Path(found)
