"""Bytes in a folder, on their way in and out. In: a plain file that gets its name when it is whole.

Not through obstore: its writer takes bytes that it could not write, and says so at the end alone. Here a full disk is
known with the first byte that does not fit, and of four gigabytes none is sent in vain. And what a killed process was
writing lies below ``incoming/``, where it is found and removed; obstore would leave it beside the name for ever, and
not list it.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from protocol.errors import Unavailable
from vault_api.payload_digest import wrong_digest
from vault_api.storage_full import is_full, storage_full

NOWAIT: int | None = getattr(os, "RWF_NOWAIT", None)  # of Linux alone


class FolderUpload:
    """One payload below ``part``; ``settle`` gives it its name, durably, and returns then."""

    def __init__(self, digest: bytes, part: Path, settle: Callable[[], None]) -> None:
        self._digest = digest
        self._part = part
        self._settle = settle
        self._hash = hashlib.sha256()
        self.received = 0
        try:
            part.parent.mkdir(parents=True, exist_ok=True)
            self._file = part.open("xb", buffering=0)
        except OSError as error:
            raise ours(error) from None

    def write(self, chunk: bytes) -> None:
        """Add some bytes, all of them."""
        self._hash.update(chunk)
        rest = memoryview(chunk)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise ours(error) from None
        self.received += len(chunk)

    def check(self) -> None:
        """Raise ``Untrusted("payload_digest")`` if what was written has another SHA-256; nothing is kept then."""
        if self._hash.digest() != self._digest:
            self.abort()
            raise wrong_digest(self._hash.digest(), self._digest)

    def commit(self) -> int:
        """Make the bytes visible."""
        self.check()
        try:
            os.fsync(self._file.fileno())
            self._file.close()
            self._settle()
        except OSError as error:
            with suppress(Unavailable):
                self.abort()
            raise ours(error) from None
        except Unavailable:
            self.abort()
            raise
        return self.received

    def abort(self) -> None:
        """Forget what was written."""
        try:
            self._file.close()
            self._part.unlink(missing_ok=True)
        except OSError as error:
            raise ours(error) from None


def put_file(part: Path, target: Path, data: bytes) -> None:
    """Write ``data`` as ``part`` and give it the name ``target``. Not durable yet: the caller sees to that."""
    try:
        _in_folder(part, lambda: part.write_bytes(data))
        _in_folder(target, lambda: part.replace(target))
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise ours(error) from None


def _in_folder(path: Path, act: Callable[[], object]) -> None:
    """Do what makes ``path``, and its folder only if it is missing: it is there but for once."""
    try:
        act()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        act()


class FolderPieces:
    """The bytes of a file from ``start`` to before ``end`` in pieces; ``Unavailable`` if there are fewer.

    An iterator that may wait for the disk, for a thread; and ``ready``, which never waits, for an event loop. One at a
    time: both go on where the other stopped.
    """

    def __init__(self, path: Path, start: int, end: int, piece: int) -> None:
        self._path = path
        self._at = start
        self._end = end
        self._piece = piece
        self._file = -1
        self.tells = NOWAIT is not None  # whether the file system knows what lies in memory

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._at >= self._end:
            raise StopIteration
        try:
            if self._file < 0:
                self._file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            data = os.pread(self._file, self._most, self._at)
        except OSError as error:
            raise ours(error) from None
        if not data:
            raise Unavailable("blobs_unreachable", "the blob store gave fewer bytes than it has")
        self._at += len(data)
        return data

    def ready(self) -> bytes | bytearray | None:
        """The next piece if it lies in memory; nothing at the end, and None if only a thread can say more.

        The first is None always: to open a file may take as long as to read it.
        """
        if self._at >= self._end:
            return b""
        if self._file < 0 or NOWAIT is None:
            return None
        data = bytearray(self._most)
        try:
            count = os.preadv(self._file, [data], self._at, NOWAIT)
        except OSError as error:
            self.tells = error.errno == errno.EAGAIN
            return None
        if count == 0:  # it has become shorter, which a thread will say
            return None
        del data[count:]
        self._at += count
        return data

    @property
    def _most(self) -> int:
        return min(self._piece, self._end - self._at)

    def __del__(self) -> None:
        """Whoever stops in the middle keeps no file open."""
        if self._file >= 0:
            os.close(self._file)


def ours(error: Exception) -> Unavailable:
    """What a fault of the store means to who asked."""
    return storage_full() if is_full(error) else Unavailable("blobs_unreachable", "the blob store does not answer")
