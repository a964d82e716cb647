"""Blobs on their way into the store, several at a time: each is fsynced by itself, which is mostly waiting."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from vault_api.blobs import BlobStore, payload_name
from vault_api.keeping.archive import Member
from vault_api.log_store import PREFIX

WRITERS = 8
SMALL_BYTES = 2 << 20  # what is larger is streamed: at most WRITERS × 2 of such wait in memory


class Storing:
    """Puts blobs into a store; without one (a dry run) only looks at them."""

    def __init__(self, blobs: BlobStore | None, pool: ThreadPoolExecutor) -> None:
        self._blobs = blobs
        self._pool = pool
        self._waiting: deque[Future[None]] = deque()

    def tile(self, path: str, data: bytes) -> None:
        """A tile or bundle of the log."""
        if self._blobs is not None:
            self._later(self._blobs, PREFIX + path, data)

    def payload(self, member: Member, digest: bytes) -> bool:
        """Store a payload; False if its bytes have another digest, and then nothing is kept."""
        if self._blobs is None:
            for _chunk in member.chunks():
                pass
            return member.digest == digest
        if member.size > SMALL_BYTES:
            return _streamed(self._blobs, member, digest)
        data = b"".join(member.chunks())
        if hashlib.sha256(data).digest() != digest:
            return False
        self._later(self._blobs, payload_name(digest), data)
        return True

    def has(self, digest: bytes, size: int) -> bool:
        """Whether the store has the payload already, whole."""
        if self._blobs is None or self._blobs.size(payload_name(digest)) != size:
            return False
        return _digest(self._blobs.read(payload_name(digest), 0, size)) == digest

    def settle(self) -> None:
        """Wait until everything is durable; raises what went wrong."""
        while self._waiting:
            self._waiting.popleft().result()

    def _later(self, blobs: BlobStore, name: str, data: bytes) -> None:
        while len(self._waiting) >= 2 * WRITERS:
            self._waiting.popleft().result()
        self._waiting.append(self._pool.submit(blobs.put, name, data))


@contextmanager
def storing(blobs: BlobStore | None) -> Iterator[Storing]:
    """A ``Storing`` whose threads end with it."""
    with ThreadPoolExecutor(WRITERS) as pool:
        yield Storing(blobs, pool)


def _streamed(blobs: BlobStore, member: Member, digest: bytes) -> bool:
    upload = blobs.upload(digest)
    try:
        for chunk in member.chunks():
            upload.write(chunk)
    except BaseException:
        upload.abort()
        raise
    if member.digest != digest:
        upload.abort()
        return False
    upload.commit()
    return True


def _digest(chunks: Iterable[bytes]) -> bytes:
    found = hashlib.sha256()
    for chunk in chunks:
        found.update(chunk)
    return found.digest()
