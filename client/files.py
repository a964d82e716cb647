"""Private files: written whole or not at all, readable by their owner alone.

Consistency: a reader sees the old file or the new one, never a part. Durability: ``write_private`` returns
when file and folder entry have reached the disk.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from protocol import canonical
from protocol.errors import Conflict, Denied, Malformed

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
MAX_FILE_BYTES = 64 << 20
BLOCK_BYTES = 64 << 10
_NO_FILE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO})


def private_folder(path: Path) -> Path:
    """Make ``path`` a folder that only its owner can enter; its parents are made the same way."""
    if path.exists():
        return path
    missing = [p for p in (path, *path.parents) if not p.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    return path


def check_private(path: Path) -> None:
    """Refuse a secret file that others may read, or that belongs to another user."""
    state = path.stat()
    if state.st_uid != os.getuid():
        raise Denied("file_owner", "{path} belongs to another user", path=str(path))
    if state.st_mode & 0o077:
        raise Denied("file_mode", "{path} can be read by others: expected mode 0600", path=str(path))


@contextlib.contextmanager
def replacing(path: Path, mode: int = PRIVATE_FILE, *, new: bool = False) -> Iterator[BinaryIO]:
    """Give a temporary file beside ``path`` that takes its place if the block ends well, else vanishes.

    ``new``: it takes a free place only, ``Conflict("file_exists")``; of several at once exactly one gets it.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:64]}.", suffix=".part", dir=path.parent)
    part = Path(name)
    try:
        with os.fdopen(handle, "w+b") as stream:
            os.fchmod(stream.fileno(), mode)
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        if new:
            _take_free_place(part, path)
        else:
            part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_private(path: Path, data: bytes, *, mode: int = PRIVATE_FILE, new: bool = False) -> None:
    """Write ``data`` to ``path``, whole or not at all; ``new`` refuses to replace a file (``Conflict``)."""
    private_folder(path.parent)
    with replacing(path, mode, new=new) as stream:
        stream.write(data)


def require_free(path: Path) -> None:
    """Raise ``Conflict`` if something is there: for who is about to write several files, all or none."""
    if path.exists():
        raise _exists(path)


def _exists(path: Path) -> Conflict:
    return Conflict("file_exists", "{path} exists already and is not replaced", path=str(path))


def _take_free_place(part: Path, path: Path) -> None:
    """Give ``part`` the name ``path`` unless something has it."""
    try:
        path.hardlink_to(part)
    except FileExistsError:
        raise _exists(path) from None
    except OSError:  # a stick whose file system knows no links: look first, then move
        require_free(path)
        part.replace(path)
    else:
        part.unlink()


def read_bounded(path: Path, *, limit: int = MAX_FILE_BYTES) -> bytes:
    """The bytes of ``path``; ``Malformed`` if there are more than ``limit``."""
    with path.open("rb", buffering=0) as stream:
        return _all_of(stream, path, limit)


def read_if_file(path: Path, *, limit: int = MAX_FILE_BYTES) -> bytes | None:
    """As ``read_bounded``; None where there is no file, or something that is none: nothing is waited for."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in _NO_FILE:
            return None
        raise
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return None
        return _all_of(io.FileIO(handle, closefd=False), path, limit)
    finally:
        os.close(handle)


def _all_of(stream: io.FileIO, path: Path, limit: int) -> bytes:
    parts: list[bytes] = []
    # As much at a time as the file says that it holds, which a pipe does not say.
    left, block = limit + 1, max(os.fstat(stream.fileno()).st_size + 1, BLOCK_BYTES)
    while left and (part := stream.read(min(left, block))):
        parts.append(part)
        left -= len(part)
    if not left:
        raise Malformed("file_too_large", "{path}: more than {limit} bytes", path=str(path), limit=limit)
    return b"".join(parts)


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write a JSON object for programs and people: indented, private, whole or not at all."""
    write_private(path, (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode("utf-8"))


def read_json(path: Path, *, limit: int = MAX_FILE_BYTES) -> dict[str, Any]:
    """A JSON object, strictly parsed and bounded."""
    return canonical.loads_object(read_bounded(path, limit=limit), limit=limit, what=path.name)


def sync_folder(folder: Path) -> None:
    """Have the names in ``folder`` reach the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
