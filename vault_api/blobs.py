"""Immutable bytes by name: payloads by their SHA-256, tiles and entry bundles by their C2SP path.

The port is ``BlobStore``. ``ObstoreBlobs`` keeps them in a folder (the default) or in any store that obstore
knows by URL; ``vault_api/fakes.py`` has the one that fails on purpose. Cannot open what it stores.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from protocol.errors import Malformed, Unavailable, Untrusted

CHUNK_BYTES = 256 << 10
PART_BYTES = 5 << 20  # S3 takes no smaller part of a multipart upload
UPLOADS = "incoming/"


class BlobStore(Protocol):
    """Named immutable bytes.

    *Consistency*: after ``put`` or ``Upload.commit`` has returned, every reader sees all of the bytes; before,
    none. *Durability*: they survive a power cut then (a folder is fsynced, its directory too). Every method may
    raise ``Unavailable("blobs_unreachable")``, a write also after the bytes were stored: writing the same
    bytes again is harmless.
    """

    def put(self, name: str, data: bytes) -> None:
        """Store ``data`` under ``name``, in place of what was there."""

    def put_all(self, blobs: Mapping[str, bytes]) -> None:
        """The same for several names; some of them may be stored when it raises."""

    def get(self, name: str) -> bytes | None:
        """All bytes of ``name``; None if there are none."""

    def size(self, name: str) -> int | None:
        """How many bytes ``name`` has; None if it is not there."""

    def read(self, name: str, start: int, end: int) -> Iterator[bytes]:
        """The bytes from ``start`` to before ``end`` in chunks of at most ``CHUNK_BYTES``."""

    def upload(self, digest: bytes) -> Upload:
        """Begin to store bytes whose SHA-256 is ``digest``; nothing is visible before ``commit``."""

    def delete(self, name: str) -> None:
        """Remove ``name``; nothing happens if it is not there."""


class Upload(Protocol):
    """One payload on its way in. Exactly one of ``commit`` and ``abort`` ends it."""

    @property
    def received(self) -> int:
        """Bytes written so far."""

    def write(self, chunk: bytes) -> None:
        """Add some bytes."""

    def check(self) -> None:
        """Raise ``Untrusted("payload_digest")`` if what was written has another SHA-256; nothing is kept then."""

    def commit(self) -> int:
        """Make the bytes visible under ``payload_name(digest)`` and return their number.

        ``Untrusted("payload_digest")`` if their SHA-256 is another; nothing is kept then.
        """

    def abort(self) -> None:
        """Forget what was written."""


def payload_name(digest: bytes) -> str:
    """Where a payload lies: two levels of folders, so that none holds millions of names."""
    text = digest.hex()
    return f"payloads/{text[:2]}/{text[2:4]}/{text}"


def open_blobs(where: str) -> BlobStore:
    """A store by URL (``s3://bucket/prefix``), or a folder by its path."""
    if "://" not in where:
        return ObstoreBlobs(LocalStore(Path(where).resolve(), mkdir=True), Path(where).resolve())
    try:
        store = from_url(where)
    except (BaseError, ValueError):
        raise Malformed(
            "setting", "{name}: {problem}", name="ONEFILE_BLOB_URL", problem="not a store that obstore knows"
        ) from None
    return ObstoreBlobs(store, None)


class ObstoreBlobs:
    """A ``BlobStore`` over obstore; ``folder`` is set for a local one, which is then fsynced here.

    obstore renames a finished file into place and never calls fsync: without ours, a power cut could leave an
    empty file under a name that a signed checkpoint covers.
    """

    def __init__(self, store: ObjectStore, folder: Path | None) -> None:
        self._store = store
        self._folder = folder
        self._durable: set[Path] = set()  # folders whose own names are known to be on the disk

    def put(self, name: str, data: bytes) -> None:
        self.put_all({name: data})

    def put_all(self, blobs: Mapping[str, bytes]) -> None:
        for name, data in blobs.items():
            with _our_errors():
                obstore.put(self._store, name, data)
        self._sync(*blobs)

    def get(self, name: str) -> bytes | None:
        with _our_errors():
            try:
                return bytes(obstore.get(self._store, name).bytes())
            except FileNotFoundError:
                return None
        raise AssertionError("unreachable")  # pragma: no cover (the block above returns or raises)

    def size(self, name: str) -> int | None:
        with _our_errors():
            try:
                return obstore.head(self._store, name)["size"]
            except FileNotFoundError:
                return None
        raise AssertionError("unreachable")  # pragma: no cover (the block above returns or raises)

    def read(self, name: str, start: int, end: int) -> Iterator[bytes]:
        while start < end:
            stop = min(start + CHUNK_BYTES, end)
            with _our_errors():
                chunk = bytes(obstore.get_range(self._store, name, start=start, end=stop))
            if not chunk:
                raise Unavailable("blobs_unreachable", "the blob store gave fewer bytes than it has")
            yield chunk
            start += len(chunk)

    def upload(self, digest: bytes) -> Upload:
        name = f"{UPLOADS}{secrets.token_hex(16)}"
        return _ObstoreUpload(self, digest, name)

    def delete(self, name: str) -> None:
        with _our_errors():
            try:
                obstore.delete(self._store, name)
            except FileNotFoundError:
                return

    def writer(self, name: str) -> obstore.WritableFile:
        """A buffered writer, for uploads."""
        with _our_errors():
            return obstore.open_writer(self._store, name, buffer_size=PART_BYTES)

    def move(self, source: str, target: str) -> None:
        """Give ``source`` the name ``target``, durably."""
        with _our_errors():
            obstore.rename(self._store, source, target)
        self._sync(target)

    def _sync(self, *names: str) -> None:
        if self._folder is None:
            return
        paths = [self._folder / name for name in names]
        try:
            for path in paths:
                _fsync(path)
            for folder in {path.parent for path in paths}:
                _fsync(folder)
                self._sync_upwards(folder)
        except OSError:
            raise Unavailable("blobs_unreachable", "the blob store does not answer") from None

    def _sync_upwards(self, folder: Path) -> None:
        """The names of new folders stand in their parents: those are written too, once each."""
        while folder not in (self._folder, *self._durable):
            self._durable.add(folder)
            folder = folder.parent
            _fsync(folder)


class _ObstoreUpload:
    def __init__(self, blobs: ObstoreBlobs, digest: bytes, name: str) -> None:
        self._blobs = blobs
        self._digest = digest
        self._name = name
        self._hash = hashlib.sha256()
        self._writer = blobs.writer(name)
        self.received = 0

    def write(self, chunk: bytes) -> None:
        self._hash.update(chunk)
        with _our_errors():
            self._writer.write(chunk)
        self.received += len(chunk)

    def check(self) -> None:
        if self._hash.digest() != self._digest:
            self.abort()
            raise Untrusted(
                "payload_digest",
                "the payload's SHA-256 is {got}, expected {want}",
                got=self._hash.hexdigest(),
                want=self._digest.hex(),
            )

    def commit(self) -> int:
        self.check()
        with _our_errors():
            self._writer.close()
        self._blobs.move(self._name, payload_name(self._digest))
        return self.received

    def abort(self) -> None:
        # Closing makes the bytes an object under the temporary name, which nobody reads; then it goes.
        with _our_errors():
            self._writer.close()
        self._blobs.delete(self._name)


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _our_errors() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except (BaseError, OSError):
        raise Unavailable("blobs_unreachable", "the blob store does not answer") from None
