"""A backup's outer form: a POSIX tar (ustar) of plain members, written and read as a stream.

One spelling: a header is the one that ``header_of`` gives for its name and size, or it is refused. So there are no
links, owners, times, long names or sparse members to think about, and any tar program reads what we write. Several
archives may follow one another in a stream. Cannot tell whether a member says the truth: the manifest at the end does.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from protocol.errors import Malformed

BLOCK = 512
MAX_MEMBER_BYTES = (8 << 30) - 1  # eleven octal digits
CHUNK_BYTES = 256 << 10
_NAME = re.compile(r"[a-z0-9][a-z0-9_./-]{0,98}[a-z0-9]")
_ZERO = bytes(BLOCK)


def header_of(name: str, size: int) -> bytes:
    """The 512 bytes before a member of ``size`` bytes: mode 0600, no owner, no time."""
    head = b"".join(
        (
            name.encode("ascii").ljust(100, b"\0"),
            b"0000600\0" + b"0000000\0" * 2,
            b"%011o\0" % size,
            b"%011o\0" % 0,
            b" " * 8,  # the checksum is counted as blanks
            b"0".ljust(101, b"\0"),
            b"ustar\x0000".ljust(72, b"\0"),
            b"0000000\0" * 2,
        )
    ).ljust(BLOCK, b"\0")
    return head[:148] + b"%06o\0 " % sum(head) + head[156:]


class ArchiveWriter:
    """Writes members one after the other; holds none of their bytes."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self.written = 0

    def add(self, name: str, size: int, chunks: Iterable[bytes]) -> bytes:
        """Write a member and return the SHA-256 of its bytes, which must be ``size`` in all."""
        digest = hashlib.sha256()
        self._write(header_of(name, size))
        left = size
        for chunk in chunks:
            left -= len(chunk)
            digest.update(chunk)
            self._write(chunk)
        assert left == 0  # a caller that promised another size has spoilt the stream
        self._write(bytes(-size % BLOCK))
        return digest.digest()

    def end(self) -> None:
        """Two empty blocks: the archive is whole."""
        self._write(_ZERO * 2)
        self._out.flush()

    def _write(self, data: bytes) -> None:
        self._out.write(data)
        self.written += len(data)


class Member:
    """One member on its way in: read it to its end before the next one is asked for."""

    def __init__(self, stream: BinaryIO, name: str, size: int) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()
        self._left = size
        self._padding = -size % BLOCK
        self.name = name
        self.size = size

    def chunks(self) -> Iterator[bytes]:
        """What has not been read of it yet."""
        while self._left:
            chunk = _read(self._stream, min(self._left, CHUNK_BYTES))
            self._left -= len(chunk)
            self._hash.update(chunk)
            yield chunk
        padding, self._padding = self._padding, 0
        if any(_read(self._stream, padding)):
            raise damaged("a member is not padded with zeros")

    def whole(self, limit: int) -> bytes:
        """All of its bytes, if they are at most ``limit``."""
        if self.size > limit:
            raise damaged("a member is larger than it may be")
        return b"".join(self.chunks())

    @property
    def digest(self) -> bytes:
        """SHA-256 of what was read."""
        return self._hash.digest()


def read_members(stream: BinaryIO) -> Iterator[Member]:
    """The members of one archive, to its end; nothing at all where the stream is at its end."""
    block = stream.read(BLOCK)
    while block == _ZERO:  # other programs fill up the end of an archive
        block = stream.read(BLOCK)
    while block:
        if block == _ZERO:
            if _read(stream, BLOCK) != _ZERO:
                raise damaged("the archive's end is not one")
            return
        yield read_header(stream, block)
        block = _read(stream, BLOCK)


def read_header(stream: BinaryIO, block: bytes) -> Member:
    """The member that a header announces; ``Malformed("backup_format")`` for any other spelling."""
    raw = block[:100].rstrip(b"\0")
    digits = block[124:135]
    name = raw.decode("ascii", "replace")
    if not _NAME.fullmatch(name) or not re.fullmatch(rb"[0-7]{11}", digits):
        raise damaged("this is no member of a backup")
    size = int(digits, 8)
    if block != header_of(name, size):
        raise damaged("a member's header is not as a backup writes it")
    return Member(stream, name, size)


def damaged(problem: str) -> Malformed:
    """The one error of a stream that is no backup, or a broken one."""
    return Malformed("backup_format", "this is no whole backup: {problem}", problem=problem)


def _read(stream: BinaryIO, size: int) -> bytes:
    parts: list[bytes] = []
    left = size
    while left:
        part = stream.read(left)
        if not part:
            raise damaged("it ends too early")
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
