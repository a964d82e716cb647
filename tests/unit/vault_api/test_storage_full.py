"""A real disk that is full: 507, nothing half done, and everything goes on once there is space again."""

from __future__ import annotations

import errno
import secrets
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from obstore.exceptions import GenericError

from protocol.encoding import b64u
from protocol.errors import Unavailable
from protocol.hashing import sha256
from protocol.wire_uploads import SEGMENT_BYTES
from tests.small_disk import MIB, SmallDisk, small_disk
from tests.unit.vault_api.test_uploads import begin, begun, complete, send
from tests.vault_stage import VaultStage, refused, unchanged, vault_stage
from vault_api.storage_full import is_full, storage_full


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", 32 * MIB) as made:
        yield made


def files(disk: SmallDisk) -> list[Path]:
    return [path for path in disk.folder.rglob("*") if path.is_file() and path.name != "ballast"]


def test_an_upload_that_fills_the_disk_leaves_nothing(disk: SmallDisk, tmp_path: Path) -> None:
    with vault_stage(tmp_path, blob_url=str(disk.folder / "blobs")) as stage:
        issuer, alice = stage.issuer(), stage.holder()
        alice.deposited(issuer)
        before = files(disk)
        disk.fill(left=6 * MIB)
        with unchanged(stage):
            refused(stage.upload(issuer, secrets.token_bytes(12 * MIB)), 507, "storage_full")
        assert files(disk) == before
        alice.deposited(issuer)  # what is small still fits
        disk.free()
        assert stage.upload(issuer, secrets.token_bytes(12 * MIB)).status_code == 201


def test_a_segment_that_does_not_fit_is_not_counted_and_comes_again(disk: SmallDisk, tmp_path: Path) -> None:
    payload = secrets.token_bytes(2 * SEGMENT_BYTES + 100)
    with vault_stage(tmp_path, blob_url=str(disk.folder / "blobs")) as stage:
        issuer = stage.issuer()
        upload = begun(stage, issuer, payload)
        disk.fill(left=SEGMENT_BYTES + MIB)
        assert send(stage, issuer, upload, payload, 0).status_code == 200
        refused(send(stage, issuer, upload, payload, SEGMENT_BYTES), 507, "storage_full")
        assert begin(stage, issuer, payload).json()["offset"] == SEGMENT_BYTES
        disk.free()
        for offset in (SEGMENT_BYTES, 2 * SEGMENT_BYTES):
            assert send(stage, issuer, upload, payload, offset).status_code == 200
        disk.fill(left=SEGMENT_BYTES)
        refused(complete(stage, issuer, upload), 507, "storage_full")  # the whole does not fit beside its segments
        disk.free()
        assert complete(stage, issuer, upload).status_code == 201
        assert [path.stat().st_size for path in files(disk) if "payloads" in path.parts] == [len(payload)]


def test_a_database_without_space_takes_nothing_and_loses_nothing(disk: SmallDisk, tmp_path: Path) -> None:
    url = f"sqlite:///{disk.folder / 'vault.db'}"
    with vault_stage(tmp_path, database_url=url) as stage:
        chain = stage.chain
        issuer, alice = stage.issuer(), stage.holder()
        kept = [alice.deposited(issuer).item for _ in range(3)]
        waiting = alice.deposit(issuer)
        waiting.upload()
        disk.fill()
        until_full(stage, issuer, waiting)
        listed = stage.get(alice, "/v1/me/items").json()["rows"]  # reading needs no space
        assert [row["item"] for row in listed] == [b64u(item) for item in kept]
        disk.free()
        assert stage.post(issuer, "/v1/deposits", waiting.body()).status_code == 201
        kept.append(waiting.item)
        size = stage.vault.log.size
    with vault_stage(tmp_path, database_url=url, chain=chain) as stage:  # the log and the database still agree
        assert stage.vault.log.size == size
        listed = stage.get(alice_of(stage, alice), "/v1/me/items").json()["rows"]
        assert [row["item"] for row in listed] == [b64u(item) for item in kept]
        assert alice.deposited(issuer)


def until_full(stage: VaultStage, issuer: Any, waiting: Any) -> None:
    """Deposit until there is no space left: what SQLite has set aside already may take a few more rows."""
    with unchanged(stage):
        refused(stage.post(issuer, "/v1/deposits", waiting.body()), 507, "storage_full")


def alice_of(stage: VaultStage, alice: Any) -> Any:
    alice.stage = stage
    return alice


def chained(outer: Exception, inner: Exception) -> Exception:
    outer.__context__ = inner
    return outer


def full_of_sqlite() -> sqlite3.Error:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    return error


class FullPostgres(Exception):
    sqlstate = "53100"


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "no space"),
        OSError(errno.EDQUOT, "quota"),
        OSError(errno.EFBIG, "too large"),
        full_of_sqlite(),
        FullPostgres(),
        GenericError("Generic LocalFileSystem error: No space left on device (os error 28)"),
        chained(RuntimeError("given up"), full_of_sqlite()),
        storage_full(),
    ],
)
def test_a_full_disk_is_told_apart(error: Exception) -> None:
    assert is_full(error)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EIO, "broken"),
        sqlite3.OperationalError("locked"),
        GenericError("timed out (os error 110)"),
        Unavailable("blobs_unreachable", "no"),
        ValueError("os error 28"),
    ],
)
def test_other_faults_are_no_full_disk(error: Exception) -> None:
    assert not is_full(error)


def test_an_endless_chain_of_causes_is_not_followed() -> None:
    one, two = ValueError("one"), ValueError("two")
    one.__context__, two.__context__ = two, one
    assert not is_full(one)
    assert sha256(b"") != b""
