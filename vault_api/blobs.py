"""Immutable bytes by name: payloads by their SHA-256, tiles and entry bundles by their C2SP path.

The port is ``BlobStore``. ``ObstoreBlobs`` keeps them in a folder (the default) or in an S3 bucket
(``vault_api/blobs_s3.py``); ``vault_api/fakes.py`` has the one that fails on purpose. Cannot open what it stores.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore

from protocol.errors import Malformed, Unavailable
from vault_api.blobs_folder import FolderPieces, FolderUpload, ours, put_file
from vault_api.blobs_s3 import S3Access, access_of, s3_store
from vault_api.payload_digest import wrong_digest

if TYPE_CHECKING:
    from vault_api.settings import Settings

CHUNK_BYTES = 256 << 10
PART_BYTES = 5 << 20  # S3 takes no smaller part of a multipart upload, and at most 10,000 of them: 48 GiB
PARTS_AT_ONCE = 2  # on their way at the same time: what one upload holds in memory, beside the part that it fills
PIECE_BYTES = 4 << 20  # asked of S3 at once: each question takes its time, however little it asks for
UPLOADS = "incoming/"


@dataclass(frozen=True, slots=True)
class Listed:
    """A blob as a store lists it: ``at``, in seconds since 1970 by the store's clock, is when it was written."""

    name: str
    size: int
    at: int


class BlobStore(Protocol):
    """Named immutable bytes.

    *Consistency*: after ``put`` or ``Upload.commit`` has returned, every reader sees all of the bytes; before,
    none. *Durability*: they survive a power cut then (a folder is fsynced, its directory too; an S3 store has answered
    that it has them). *Atomicity*: an upload that is not committed, also because the process died, is never seen
    under a payload's name. Every method may
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

    def names(self, prefix: str) -> Iterator[str]:
        """The names in the folder ``prefix`` (which ends in a slash) and below it, in no particular order.

        What is stored or deleted meanwhile may be among them or not.
        """

    def listed(self, prefix: str) -> Iterator[Listed]:
        """The same with size and age, asked for in pages: nobody holds the whole list."""


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


def blobs_of(settings: Settings) -> BlobStore:
    """The store that the settings name."""
    return open_blobs(settings.blobs, access_of(settings))


def open_blobs(where: str, access: S3Access | None = None) -> BlobStore:
    """An S3 bucket by URL (``s3://bucket/prefix``), or a folder by its path."""
    if "://" not in where:
        return ObstoreBlobs(LocalStore(Path(where).resolve(), mkdir=True), Path(where).resolve())
    if not where.startswith("s3://"):
        raise Malformed(
            "setting", "{name}: {problem}", name="ONEFILE_BLOB_URL", problem="expected a folder or s3://bucket/prefix"
        )
    return ObstoreBlobs(s3_store(where, access or S3Access()), None)


class ObstoreBlobs:
    """A ``BlobStore`` over obstore; ``folder`` is set for a local one, which is then fsynced here.

    obstore renames a finished file into place and never calls fsync: without ours, a power cut could leave an
    empty file under a name that a signed checkpoint covers. So a folder's upload waits under another name, is
    finished, renamed and fsynced. On S3 an upload goes to its own name at once, as the parts of a multipart upload,
    which become an object when it is completed and not before: nothing is renamed, since S3 would copy the bytes,
    and those of more than 5 GiB not at all. Parts that a killed process leaves are seen by nobody, and removed by the
    bucket's rule for incomplete uploads (docs/storage.md).
    """

    def __init__(self, store: ObjectStore, folder: Path | None) -> None:
        self._store = store
        self._folder = folder
        self._durable: set[Path] = set()  # folders whose own names are known to be on the disk

    def put(self, name: str, data: bytes) -> None:
        self.put_all({name: data})

    def put_all(self, blobs: Mapping[str, bytes]) -> None:
        for name, data in blobs.items():
            if self._folder is not None:
                put_file(self._folder / f"{UPLOADS}{secrets.token_hex(16)}", self._folder / name, data)
                continue
            with _our_errors():
                obstore.put(self._store, name, data)
        self._sync(*blobs)

    def get(self, name: str) -> bytes | None:
        with _our_errors():
            try:
                return bytes(obstore.get(self._store, name).bytes())
            except FileNotFoundError:
                self._check_bucket()
                return None
        raise AssertionError("unreachable")  # pragma: no cover (the block above returns or raises)

    def size(self, name: str) -> int | None:
        with _our_errors():
            try:
                return obstore.head(self._store, name)["size"]
            except FileNotFoundError:
                self._check_bucket()
                return None
        raise AssertionError("unreachable")  # pragma: no cover (the block above returns or raises)

    def read(self, name: str, start: int, end: int) -> Iterator[bytes]:
        if self._folder is not None:
            return FolderPieces(self._folder / name, start, end, CHUNK_BYTES)
        return self._asked(name, start, end)

    def _asked(self, name: str, start: int, end: int) -> Iterator[bytes]:
        while start < end:
            stop = min(start + PIECE_BYTES, end)
            with _our_errors():
                piece = memoryview(obstore.get_range(self._store, name, start=start, end=stop))
            if not piece:
                raise Unavailable("blobs_unreachable", "the blob store gave fewer bytes than it has")
            for at in range(0, len(piece), CHUNK_BYTES):
                yield bytes(piece[at : at + CHUNK_BYTES])
            start += len(piece)

    def upload(self, digest: bytes) -> Upload:
        final = payload_name(digest)
        if self._folder is None:
            return _ObstoreUpload(self, digest, final, final)
        name = f"{UPLOADS}{secrets.token_hex(16)}"
        return FolderUpload(digest, self._folder / name, lambda: self.settle(name, final))

    def delete(self, name: str) -> None:
        with _our_errors():
            try:
                obstore.delete(self._store, name)
            except FileNotFoundError:
                return

    def names(self, prefix: str) -> Iterator[str]:
        return (found.name for found in self.listed(prefix))

    def listed(self, prefix: str) -> Iterator[Listed]:
        pages = iter(obstore.list(self._store, prefix))
        while True:
            with _our_errors():
                page = next(pages, None)
            if page is None:
                return
            for found in page:
                yield Listed(found["path"], found["size"], int(found["last_modified"].timestamp()))

    def _check_bucket(self) -> None:
        """S3 says the same of a missing object and of a missing bucket, and only the first is an answer."""
        if self._folder is None:
            next(iter(obstore.list(self._store, UPLOADS, chunk_size=1)), None)

    def writer(self, name: str) -> obstore.WritableFile:
        """A buffered writer, for uploads."""
        with _our_errors():
            return obstore.open_writer(self._store, name, buffer_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE)

    def settle(self, source: str, target: str) -> None:
        """Give what was written as ``source`` the name ``target``, durably."""
        if source != target:
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
        except OSError as error:
            raise ours(error) from None

    def _sync_upwards(self, folder: Path) -> None:
        """The names of new folders stand in their parents: those are written too, once each."""
        while folder not in (self._folder, *self._durable):
            self._durable.add(folder)
            folder = folder.parent
            _fsync(folder)


class _ObstoreUpload:
    def __init__(self, blobs: ObstoreBlobs, digest: bytes, name: str, final: str) -> None:
        self._blobs = blobs
        self._digest = digest
        self._name = name
        self._final = final
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
            raise wrong_digest(self._hash.digest(), self._digest)

    def commit(self) -> int:
        self.check()
        with _our_errors():
            self._writer.close()
        self._blobs.settle(self._name, self._final)
        return self.received

    def abort(self) -> None:
        # Leaving the writer by an error is how it is told to forget: parts that were sent are taken back.
        cut = InterruptedError()
        with suppress(Unavailable), _our_errors():
            self._writer.flush()  # so that an upload that was just being opened is known, and can be taken back
        with _our_errors():
            self._writer.__exit__(type(cut), cut, None)


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
    except (BaseError, OSError) as error:
        raise ours(error) from None
