"""One suite over every blob store: whole or not there, immutable by digest, bounded pieces, our errors only."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from protocol.errors import Malformed, Unavailable, Untrusted
from protocol.hashing import sha256
from scripts.servers.seaweed import S3
from tests.servers.waiting import soon
from vault_api.blobs import (
    CHUNK_BYTES,
    PART_BYTES,
    UPLOADS,
    BlobStore,
    ObstoreBlobs,
    blobs_of,
    open_blobs,
    payload_name,
)
from vault_api.blobs_s3 import access_of
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


def test_names_are_those_of_a_folder_and_of_all_below_it(blobs: BlobStore) -> None:
    for name in ("payloads/ab/one", "payloads/cd/ef/two", "payloads-other/three", "log/four"):
        blobs.put(name, b"1")
    assert sorted(blobs.names("payloads/")) == ["payloads/ab/one", "payloads/cd/ef/two"]
    assert list(blobs.names("nothing/")) == []


def test_a_list_says_size_and_age(blobs: BlobStore) -> None:
    blobs.put("payloads/ab/one", b"12345")
    [found] = blobs.listed("payloads/")
    assert (found.name, found.size) == ("payloads/ab/one", 5)
    assert isinstance(blobs, MemoryBlobs) or abs(found.at - time.time()) < 600


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


def test_a_long_upload_that_is_given_up_leaves_nothing(blobs: BlobStore) -> None:
    upload = blobs.upload(sha256(b"long"))
    for _ in range(3):
        upload.write(bytes(PART_BYTES))
    upload.abort()
    assert [*blobs.names("payloads/"), *blobs.names(UPLOADS)] == []


def test_s3_keeps_no_part_of_an_upload_that_was_given_up(s3_server: S3) -> None:
    with s3_server.bucket() as bucket:
        blobs = blobs_of(settings_of(s3_server.environment(bucket)))
        upload = blobs.upload(sha256(b"promised"))
        for _ in range(3):
            upload.write(bytes(PART_BYTES))
        [under_way] = s3_server.under(f"{bucket}/.uploads")
        assert soon(lambda: len(s3_server.under(f"{bucket}/.uploads/{under_way}")) == 3)
        with pytest.raises(Untrusted):
            upload.commit()
        assert s3_server.under(f"{bucket}/.uploads") == []


def test_a_bucket_that_is_not_there_is_no_empty_bucket(s3_server: S3) -> None:
    blobs = blobs_of(settings_of(s3_server.environment("no-such-bucket")))
    for ask in (blobs.get, blobs.size):
        with pytest.raises(Unavailable) as refused:
            ask("ready")
        assert refused.value.code == "blobs_unreachable"


def test_wrong_keys_are_told_as_a_store_that_does_not_answer_and_named_nowhere(s3_server: S3) -> None:
    settings = settings_of(s3_server.environment(s3_server.shared_bucket) | {"ONEFILE_BLOB_SECRET_KEY": "not-this"})
    with pytest.raises(Unavailable) as refused:
        blobs_of(settings).put("name", b"data")
    assert refused.value.__cause__ is None
    shown = f"{refused.value!r} {refused.value.facts} {settings!r} {access_of(settings)!r}"
    assert "not-this" not in shown
    assert s3_server.secret_key not in shown


def test_the_keys_may_stand_in_a_file(s3_server: S3, tmp_path: Path) -> None:
    environment = s3_server.environment(s3_server.shared_bucket)
    keys = [environment.pop("ONEFILE_BLOB_ACCESS_KEY"), environment.pop("ONEFILE_BLOB_SECRET_KEY")]
    file = tmp_path / "blobs"
    file.write_text("\n".join(keys) + "\n")
    blobs = blobs_of(settings_of(environment | {"ONEFILE_BLOB_CREDENTIALS_FILE": str(file)}))
    blobs.put("by-file", b"data")
    assert blobs.get("by-file") == b"data"


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


def test_a_blob_that_is_gone_is_not_read_as_if_it_were_empty(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as refused:
        list(open_blobs(str(tmp_path)).read("name", 0, 10))
    assert refused.value.code == "blobs_unreachable"


def test_a_folder_that_takes_no_upload_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / UPLOADS.rstrip("/")).write_bytes(b"in the way")
    with pytest.raises(Unavailable):
        open_blobs(str(tmp_path)).upload(sha256(b"data"))


def test_an_upload_whose_name_is_taken_by_a_folder_leaves_nothing(tmp_path: Path) -> None:
    blobs = open_blobs(str(tmp_path))
    (tmp_path / payload_name(sha256(b"data")) / "in the way").mkdir(parents=True)
    upload = blobs.upload(sha256(b"data"))
    upload.write(b"data")
    with pytest.raises(Unavailable):
        upload.commit()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_folder_that_can_not_be_used_is_unavailable(tmp_path: Path) -> None:
    blobs = open_blobs(str(tmp_path / "blobs"))
    (tmp_path / "blobs" / "name").mkdir(parents=True)
    with pytest.raises(Unavailable) as refused:
        blobs.put("name", b"data")
    assert refused.value.code == "blobs_unreachable"


@pytest.mark.parametrize(
    "url", ["nowhere://bucket", "memory:///", "s3:///prefix", "s3://key@bucket", "s3://b?region=x"]
)
def test_a_store_that_nobody_knows_is_refused(url: str) -> None:
    with pytest.raises(Malformed) as refused:
        open_blobs(url)
    assert refused.value.code == "setting"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"blob_endpoint": "ftp://store"}, "ENDPOINT"),
        ({"blob_endpoint": "https://store/bucket"}, "ENDPOINT"),
        ({"blob_access_key": "only this"}, "ACCESS_KEY"),
        ({"blob_secret_key": "only this"}, "ACCESS_KEY"),
        ({"blob_credentials_file": "nowhere"}, "CREDENTIALS_FILE"),
        ({"blob_credentials_file": "nowhere", "blob_access_key": "and this"}, "CREDENTIALS_FILE"),
    ],
)
def test_settings_of_a_bucket_that_do_not_hold_are_refused_by_name(given: dict[str, str], named: str) -> None:
    with pytest.raises(Malformed) as refused:
        blobs_of(Settings(blob_url="s3://bucket/prefix", **given))
    assert refused.value.facts["name"] == f"ONEFILE_BLOB_{named}"
    assert "this" not in str(refused.value.facts)


def test_without_keys_the_store_looks_for_them_itself() -> None:
    access = access_of(Settings(blob_url="s3://bucket"))
    assert (access.access_key, access.secret_key, access.endpoint) == (None, None, None)
    assert isinstance(open_blobs("s3://bucket", access), ObstoreBlobs)


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
