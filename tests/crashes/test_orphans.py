"""Bytes that are stored and then named by nobody, since the vault died between the two: found, and gone in a day."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from protocol.encoding import b64u
from protocol.errors import Unavailable
from protocol.hashing import sha256
from tests.crashes.forks import die, in_child
from tests.vault_stage import DAY, VaultStage, refused, unchanged, vault_stage
from vault_api.blobs import open_blobs
from vault_api.fakes import MemoryBlobs
from vault_api.services.garbage import look
from vault_api.services.payloads import doom_unused, remove_doomed


@pytest.fixture
def blobs() -> MemoryBlobs:
    return MemoryBlobs()


@pytest.fixture
def stage(tmp_path: Path, blobs: MemoryBlobs) -> Iterator[VaultStage]:
    with vault_stage(tmp_path, blobs=blobs) as stage:
        yield stage


def payloads(blobs: MemoryBlobs) -> list[str]:
    return [name for name in blobs.objects if name.startswith("payloads/")]


def clean(stage: VaultStage) -> None:
    """What housekeeping does about bytes."""
    stage.vault.sequencer.call(lambda tx: remove_doomed(stage.vault, tx))


def lost_answer(blobs: MemoryBlobs) -> None:
    """From now on a payload that is stored is not answered for."""

    def fail(operation: str, name: str) -> None:
        if operation == "put" and name.startswith("payloads/"):
            raise Unavailable("blobs_unreachable", "the blob store does not answer")

    blobs.fail_after = fail


def inline(stage: VaultStage) -> Callable[[], Any]:
    issuer, alice = stage.issuer(), stage.holder()
    deposit = alice.deposit(issuer)
    body = deposit.body(payloads=[b64u(sealed.payload) for sealed in deposit.sealed])
    return lambda: stage.post(issuer, "/v1/deposits", body)


def in_a_batch(stage: VaultStage) -> Callable[[], Any]:
    issuer, alice = stage.issuer(), stage.holder()
    deposit = alice.deposit(issuer)
    body = deposit.body(payloads=[b64u(sealed.payload) for sealed in deposit.sealed])
    return lambda: stage.post(issuer, "/v1/deposits/batch", {"deposits": [body]})


def uploaded(stage: VaultStage) -> Callable[[], Any]:
    issuer, payload = stage.issuer(), secrets.token_bytes(100)
    return lambda: stage.upload(issuer, payload)


WAYS = [inline, in_a_batch, uploaded]


@pytest.mark.parametrize("way", WAYS)
def test_bytes_that_were_stored_and_never_recorded_are_gone_after_a_day(
    stage: VaultStage, blobs: MemoryBlobs, way: Callable[[VaultStage], Callable[[], Any]]
) -> None:
    send = way(stage)
    lost_answer(blobs)
    refused(send(), 503, "blobs_unreachable")
    assert len(payloads(blobs)) == 1
    stage.clock.advance(DAY - 60)
    clean(stage)
    assert len(payloads(blobs)) == 1
    stage.clock.advance(61)
    clean(stage)
    assert payloads(blobs) == []


@pytest.mark.parametrize("way", WAYS)
def test_bytes_that_were_stored_and_never_recorded_count_when_they_are_sent_again(
    stage: VaultStage, blobs: MemoryBlobs, way: Callable[[VaultStage], Callable[[], Any]]
) -> None:
    send = way(stage)
    lost_answer(blobs)
    refused(send(), 503, "blobs_unreachable")
    blobs.fail_after = lambda _operation, _name: None
    answer = send()
    assert answer.status_code in {200, 201}, answer.text
    with stage.vault.engine.connect() as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM payloads").scalar() == 1
        assert conn.exec_driver_sql("SELECT count(*) FROM doomed").scalar() == 0


def test_to_announce_what_is_doomed_delays_nothing(stage: VaultStage, blobs: MemoryBlobs) -> None:
    issuer, payload = stage.issuer(), secrets.token_bytes(100)
    assert stage.upload(issuer, payload).status_code == 201
    stage.vault.sequencer.call(lambda tx: doom_unused(tx, [sha256(payload)]))
    lost_answer(blobs)
    refused(stage.upload(issuer, payload), 503, "blobs_unreachable")
    clean(stage)
    assert payloads(blobs) == []


def test_an_upload_of_other_bytes_announces_nothing(stage: VaultStage) -> None:
    issuer = stage.issuer()
    with unchanged(stage):
        payload = secrets.token_bytes(100)
        digest = sha256(b"other")
        answer = stage.send(issuer, "PUT", f"/v1/payloads/{b64u(digest)}", content=payload, digest=digest)
        refused(answer, 422, "payload_digest")


def test_what_a_killed_process_was_storing_is_found_and_goes_when_it_is_old(tmp_path: Path) -> None:
    killed = in_child(lambda _tell: die_while_storing(tmp_path / "blobs"))
    assert killed.killed
    with vault_stage(tmp_path, blobs=open_blobs(str(tmp_path / "blobs"))) as stage:
        (left,) = stage.vault.blobs.names("incoming/")
        assert list(stage.vault.blobs.names("payloads/")) == []
        old = int((tmp_path / "blobs" / left).stat().st_mtime) + 1
        found = list(look(stage.vault.engine, stage.vault.blobs, old))
        assert [(one.kind, one.name) for one in found] == [("leftover", left)]


def die_while_storing(folder: Path) -> None:
    """Be killed when half of a payload is on the disk."""
    honest = Path.write_bytes

    def write_bytes(self: Path, data: bytes) -> int:
        honest(self, data[: len(data) // 2])
        die()
        raise AssertionError("alive")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "write_bytes", write_bytes)
        open_blobs(str(folder)).put("payloads/aa/bb/name", bytes(1000))
