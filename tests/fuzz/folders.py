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


def laid_out(names: Sequence[str], data: bytes) -> Path:
    """A folder with these files, whose contents are the parts of ``data``; a part ``-`` leaves its file out."""
    folder, lie = _folder(os.getpid())
    parts = data.split(BETWEEN)
    for number, name in enumerate(names):
        part = parts[number] if number < len(parts) else b"-"
        wanted = None if part == b"-" and len(names) > 1 else part
        if lie.get(name) == wanted:
            continue
        if wanted is None:
            (folder / name).unlink()
        else:
            _write(folder, name, wanted, first=name not in lie)
        lie[name] = wanted
    return folder


def _write(folder: Path, name: str, data: bytes, *, first: bool) -> None:
    """As plainly as the system has it: for many a parser this is what takes longest."""
    if first:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    file = os.open(f"{folder}/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        written = os.write(file, data)
    finally:
        os.close(file)
    assert written == len(data), name


@cache
def _folder(process: int) -> tuple[Path, dict[str, bytes | None]]:
    """A folder of this process, which forgets what its parent had laid out, and what lies in it by now."""
    found = _whole() / str(process)
    found.mkdir()
    return found, {}


@cache
def _whole() -> Path:
    memory = Path("/dev/shm")
    found = tempfile.mkdtemp(prefix="onefile-fuzz-", dir=memory if memory.is_dir() else None)
    register(shutil.rmtree, found, ignore_errors=True)
    return Path(found)
