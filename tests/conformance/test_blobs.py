"""One suite over every blob store: whole or not there, immutable by digest, bounded pieces, our errors only."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from protocol.errors import Malformed, Unavailable, Untrusted
from protocol.hashing import sha256
from scripts.servers.seaweed import S3
from vault_api.blobs import CHUNK_BYTES, PART_BYTES, BlobStore, ObstoreBlobs, blobs_of, open_blobs, payload_name
from vault_api.fakes import MemoryBlobs, unreachable
from vault_api.settings import Settings

STORES: dict[str, Callable[[Path], BlobStore]] = {
    "folder": lambda path: open_blobs(str(path)),
    "obstore in memory": lambda _path: ObstoreBlobs(MemoryStore(), None),
    "memory": lambda _path: MemoryBlobs(),
}
BIGGER = 2 * PART_BYTES + 7  # than one part


@pytest.fixture(params=[*STORES, "s3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    if request.param != "s3":
        return STORES[request.param](tmp_path / "blobs")
    server: S3 = request.getfixturevalue("s3_server")
    return blobs_of(settings_of(server.environment(server.shared_bucket, secrets.token_hex(8))))


def settings_of(environment: dict[str, str]) -> Settings:
    return Settings(**{name.removeprefix("ONEFILE_").lower(): value for name, value in environment.items()})


def test_what_was_put_is_there_whole(blobs: BlobStore) -> None:
    blobs.put("log/tile/0/000.p/1", b"x" * 32)
    assert blobs.get("log/tile/0/000.p/1") == b"x" * 32
    assert blobs.size("log/tile/0/000.p/1") == 32


def test_what_was_never_put_is_not_there(blobs: BlobStore) -> None:
    assert blobs.get("log/tile/0/000") is None
    assert blobs.size("log/tile/0/000") is None
    blobs.delete("log/tile/0/000")


def test_a_second_put_takes_the_place_of_the_first(blobs: BlobStore) -> None:
    blobs.put("name", b"one")
    blobs.put("name", b"two!")
    assert blobs.get("name") == b"two!"


def test_what_was_deleted_is_gone(blobs: BlobStore) -> None:
    blobs.put("name", b"one")
    blobs.delete("name")
    assert blobs.get("name") is None


@pytest.mark.parametrize("size", [32, CHUNK_BYTES - 1, CHUNK_BYTES, 3 * CHUNK_BYTES + 7, BIGGER])
def test_an_upload_is_read_back_in_bounded_pieces(blobs: BlobStore, size: int) -> None:
    data = os.urandom(size)
    upload = blobs.upload(sha256(data))
    for start in range(0, size, 100_000):
        upload.write(data[start : start + 100_000])
    assert upload.received == size
    assert upload.commit() == size
    name = payload_name(sha256(data))
    assert blobs.size(name) == size
    pieces = list(blobs.read(name, 0, size))
    assert b"".join(pieces) == data
    assert max(map(len, pieces)) <= CHUNK_BYTES
    assert b"".join(blobs.read(name, 5, size - 3)) == data[5 : size - 3]
    assert list(blobs.read(name, 7, 7)) == []


def test_an_upload_of_other_bytes_is_refused_and_leaves_nothing(blobs: BlobStore) -> None:
    upload = blobs.upload(sha256(b"what was promised"))
    upload.write(b"something else")
    with pytest.raises(Untrusted) as refused:
        upload.commit()
    assert refused.value.code == "payload_digest"
    assert blobs.size(payload_name(sha256(b"what was promised"))) is None
    assert blobs.size(payload_name(sha256(b"something else"))) is None


def test_an_aborted_upload_leaves_nothing(blobs: BlobStore) -> None:
    upload = blobs.upload(sha256(b"half"))
    upload.write(b"ha")
    upload.abort()
    assert blobs.size(payload_name(sha256(b"half"))) is None


def test_an_upload_is_not_visible_before_it_is_whole(blobs: BlobStore) -> None:
    upload = blobs.upload(sha256(b"whole"))
    upload.write(b"whole")
    assert blobs.size(payload_name(sha256(b"whole"))) is None
    upload.commit()
    assert blobs.size(payload_name(sha256(b"whole"))) == 5


def test_the_same_payload_may_come_twice(blobs: BlobStore) -> None:
    for _ in range(2):
        upload = blobs.upload(sha256(b"same"))
        upload.write(b"same")
        upload.commit()
    assert blobs.get(payload_name(sha256(b"same"))) == b"same"


def test_a_folder_keeps_no_file_of_a_refused_upload(tmp_path: Path) -> None:
    blobs = open_blobs(str(tmp_path))
    upload = blobs.upload(sha256(b"promised"))
    upload.write(b"another")
    with pytest.raises(Untrusted):
        upload.commit()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_blob_that_became_shorter_is_not_read_as_if_it_were_whole(tmp_path: Path) -> None:
    blobs = open_blobs(str(tmp_path))
    blobs.put("name", b"0123456789")
    (tmp_path / "name").write_bytes(b"01234")
    with pytest.raises(Unavailable):
        list(blobs.read("name", 0, 10))


def test_a_folder_that_can_not_be_used_is_unavailable(tmp_path: Path) -> None:
    blobs = open_blobs(str(tmp_path / "blobs"))
    (tmp_path / "blobs" / "name").mkdir(parents=True)
    with pytest.raises(Unavailable) as refused:
        blobs.put("name", b"data")
    assert refused.value.code == "blobs_unreachable"


def test_a_store_that_nobody_knows_is_refused() -> None:
    with pytest.raises(Malformed) as refused:
        open_blobs("nowhere://bucket")
    assert refused.value.code == "setting"


def test_the_fake_fails_when_it_is_told_to() -> None:
    blobs = MemoryBlobs()
    blobs.fail = unreachable("put")
    with pytest.raises(Unavailable):
        blobs.put("name", b"data")
    assert blobs.get("name") is None
    blobs.fail = unreachable("nothing")
    blobs.fail_after = unreachable("put")
    with pytest.raises(Unavailable):
        blobs.put("name", b"data")
    assert blobs.get("name") == b"data"
