"""Stand-ins for the outside world that can fail, for tests and for trying things out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping

from protocol.errors import Unavailable
from vault_api.blobs import CHUNK_BYTES, Listed, Upload, payload_name
from vault_api.payload_digest import wrong_digest


class MemoryBlobs:
    """A ``BlobStore`` in memory. ``fail`` is asked before each operation, ``fail_after`` once it is done;
    either may raise."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.times: dict[str, int] = {}  # when they were written, where a test wants it told
        self.fail: Callable[[str, str], None] = lambda _operation, _name: None
        self.fail_after: Callable[[str, str], None] = lambda _operation, _name: None

    def put(self, name: str, data: bytes) -> None:
        self.fail("put", name)
        self.objects[name] = bytes(data)
        self.fail_after("put", name)

    def put_all(self, blobs: Mapping[str, bytes]) -> None:
        for name, data in blobs.items():
            self.put(name, data)

    def get(self, name: str) -> bytes | None:
        self.fail("get", name)
        return self.objects.get(name)

    def size(self, name: str) -> int | None:
        self.fail("size", name)
        return len(self.objects[name]) if name in self.objects else None

    def read(self, name: str, start: int, end: int) -> Iterator[bytes]:
        while start < end:
            self.fail("read", name)
            chunk = self.objects[name][start : min(start + CHUNK_BYTES, end)]
            yield chunk
            start += len(chunk)

    def upload(self, digest: bytes) -> Upload:
        return _MemoryUpload(self, digest)

    def delete(self, name: str) -> None:
        self.fail("delete", name)
        self.objects.pop(name, None)

    def names(self, prefix: str) -> Iterator[str]:
        self.fail("names", prefix)
        return iter([name for name in self.objects if name.startswith(prefix)])

    def listed(self, prefix: str) -> Iterator[Listed]:
        return (Listed(name, len(self.objects[name]), self.times.get(name, 0)) for name in self.names(prefix))


class _MemoryUpload:
    def __init__(self, blobs: MemoryBlobs, digest: bytes) -> None:
        self._blobs = blobs
        self._digest = digest
        self._parts: list[bytes] = []
        self.received = 0

    def write(self, chunk: bytes) -> None:
        self._blobs.fail("write", payload_name(self._digest))
        self._parts.append(chunk)
        self.received += len(chunk)

    def check(self) -> None:
        got = hashlib.sha256(b"".join(self._parts)).digest()
        if got != self._digest:
            raise wrong_digest(got, self._digest)

    def commit(self) -> int:
        self.check()
        self._blobs.put(payload_name(self._digest), b"".join(self._parts))
        return self.received

    def abort(self) -> None:
        self._parts.clear()


def unreachable(*operations: str) -> Callable[[str, str], None]:
    """A ``fail`` that refuses these operations."""

    def refuse(operation: str, _name: str) -> None:
        if operation in operations:
            raise Unavailable("blobs_unreachable", "the blob store does not answer")

    return refuse
