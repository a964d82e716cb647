"""Bytes that nothing names go once they are old; what a row names, or what is on its way, stays; loss is only told."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete
from structlog.testing import capture_logs

from protocol.encoding import unb64u
from protocol.errors import Unavailable
from protocol.hashing import sha256
from scripts.servers.seaweed import S3
from tests.unit.vault_api.test_uploads import begun, send
from tests.vault_stage import DAY, VaultStage, vault_stage
from vault_api.blobs import BlobStore, payload_name
from vault_api.db import tables as t
from vault_api.db.tables_uploads import uploads as u
from vault_api.fakes import MemoryBlobs, unreachable
from vault_api.services import garbage, uploads
from vault_api.services.garbage import Finding, collect, look, sweep
from vault_api.services.payloads import await_payloads

LATER = 2 * DAY


@pytest.fixture
def issuer(stage: VaultStage) -> Any:
    return stage.issuer()


def orphan(stage: VaultStage, size: int = 100) -> str:
    """Bytes under a payload's name that no row has, written now."""
    payload = secrets.token_bytes(size)
    name = payload_name(sha256(payload))
    stage.vault.blobs.put(name, payload)
    return name


def set_written(stage: VaultStage) -> None:
    """Everything in the store was written when the stage's clock says: the folder has the machine's own time."""
    now = stage.clock.now()
    for path in (stage.folder / "vault" / "blobs").rglob("*"):
        os.utime(path, (now, now))


def aged(stage: VaultStage) -> None:
    set_written(stage)
    stage.clock.advance(LATER)


def kinds(findings: Iterator[Finding]) -> list[tuple[str, str]]:
    return sorted((one.kind, one.name) for one in findings)


def looked(stage: VaultStage) -> list[tuple[str, str]]:
    return kinds(look(stage.vault.engine, stage.vault.blobs, stage.clock.now() - DAY))


def test_old_bytes_without_a_row_go_and_all_others_stay(stage: VaultStage, issuer: Any) -> None:
    alice = stage.holder()
    deposit = alice.deposited(issuer)
    kept = payload_name(deposit.slip.objects[0].payload)
    old = sorted(orphan(stage) for _ in range(3))
    aged(stage)
    young = orphan(stage)
    os.utime(stage.folder / "vault" / "blobs" / young, (stage.clock.now(), stage.clock.now()))
    assert looked(stage) == [("orphan", name) for name in old]
    assert all(stage.vault.blobs.size(name) for name in old)  # looking removes nothing
    assert kinds(collect(stage.vault)) == [("orphan", name) for name in old]
    assert sorted(stage.vault.blobs.names("payloads/")) == sorted([kept, young])
    assert kinds(collect(stage.vault)) == []


def test_bytes_whose_row_is_on_its_way_stay(stage: VaultStage, issuer: Any) -> None:
    """The note that an upload makes before its bytes get their name comes between the look and the removal."""
    name = orphan(stage)
    aged(stage)
    found = look(stage.vault.engine, stage.vault.blobs, stage.clock.now() - DAY)
    [one] = found
    stage.vault.sequencer.call(lambda tx: await_payloads(tx, [bytes.fromhex(name[-64:])]))
    assert garbage._removed(stage.vault, [one]) == []
    assert stage.vault.blobs.size(name) == 100
    assert looked(stage) == []


def test_a_row_without_its_bytes_is_told_and_kept(stage: VaultStage, issuer: Any) -> None:
    alice = stage.holder()
    lost, cut, whole = (alice.deposited(issuer).slip.objects[0].payload for _ in range(3))
    blobs = stage.folder / "vault" / "blobs"
    (blobs / payload_name(lost)).unlink()
    (blobs / payload_name(cut)).write_bytes(b"short")
    aged(stage)
    rows = stage.snapshot()["payloads"]
    assert kinds(collect(stage.vault)) == sorted([("damaged", payload_name(lost)), ("damaged", payload_name(cut))])
    assert stage.snapshot()["payloads"] == rows
    assert (blobs / payload_name(cut)).read_bytes() == b"short"
    assert (blobs / payload_name(whole)).exists()


def test_parts_of_uploads_that_are_over_go_and_those_under_way_stay(stage: VaultStage, issuer: Any) -> None:
    payload = secrets.token_bytes(uploads.SEGMENT_BYTES + 1)
    upload = begun(stage, issuer, payload)
    send(stage, issuer, upload, payload, 0)
    alive = uploads.segment_name(unb64u(upload), 0)
    dead = [uploads.segment_name(bytes(16), 0), "incoming/" + "ab" * 16]
    strange = "incoming/notes.txt"
    for name in (*dead, strange):
        stage.vault.blobs.put(name, b"left over")
    aged(stage)
    assert kinds(collect(stage.vault)) == sorted(("leftover", name) for name in dead)
    assert sorted(stage.vault.blobs.names("incoming/")) == sorted([alive, strange])


def test_what_is_not_ours_is_never_touched(stage: VaultStage) -> None:
    names = ["payloads/ab/readme", f"payloads/ab/cd/{'00' * 32}", f"payloads/ab/{'ab' * 32}"]
    for name in names:
        stage.vault.blobs.put(name, b"not ours")
    aged(stage)
    assert kinds(collect(stage.vault)) == []
    assert sorted(stage.vault.blobs.names("payloads/")) == sorted(names)


def test_housekeeping_looks_at_one_slice_a_round_and_so_at_all(stage: VaultStage) -> None:
    names = [orphan(stage) for _ in range(5)]
    aged(stage)
    for number in range(garbage.SLICES):
        before = len(list(stage.vault.blobs.names("payloads/")))
        sweep(stage.vault)
        gone = before - len(list(stage.vault.blobs.names("payloads/")))
        assert gone == sum(name.startswith(f"payloads/{number:02x}/") for name in names)


def test_a_slice_that_fails_is_left_for_the_next_round(tmp_path: Path) -> None:
    blobs = MemoryBlobs()
    with vault_stage(tmp_path, blobs=blobs) as stage:
        sweep(stage.vault)
        payload = next(data for n in range(10_000) if sha256(data := bytes([n % 256, n // 256]) * 20)[0] == 1)
        name = payload_name(sha256(payload))
        blobs.put(name, payload)
        blobs.fail = unreachable("delete")
        with pytest.raises(Unavailable):
            sweep(stage.vault)
        assert name in blobs.objects
        blobs.fail = unreachable("nothing")
        assert sweep(stage.vault).orphans == 1
        assert name not in blobs.objects


def test_damage_is_counted_in_the_log(stage: VaultStage, issuer: Any) -> None:
    digest = stage.holder().deposited(issuer).slip.objects[0].payload
    stage.vault.blobs.delete(payload_name(digest))
    with capture_logs() as logged:
        for _ in range(garbage.SLICES):
            sweep(stage.vault)
    told = str(logged)
    assert "payloads are missing or damaged" in told
    assert digest.hex() not in told


def test_a_list_of_many_rows_is_read_in_pages(stage: VaultStage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage, "ROWS", 2)
    monkeypatch.setattr(garbage, "BATCH", 2)
    digests = [bytes([7, number, *bytes(30)]) for number in range(5)]

    def rows(tx: Any) -> None:
        for digest in digests:
            tx.conn.execute(t.payloads.insert(), {"sha256": digest, "size": 9, "stored_at": 1})

    stage.vault.sequencer.call(rows)
    found = list(collect(stage.vault, [7]))
    assert [one.name for one in found] == [payload_name(digest) for digest in digests]
    assert list(collect(stage.vault, [6, 8])) == []


def test_what_goes_while_one_looks_is_no_damage(stage: VaultStage, issuer: Any) -> None:
    digest = stage.holder().deposited(issuer).slip.objects[0].payload

    class Slow:
        """A list that was read before the row went, and the bytes with it."""

        def listed(self, prefix: str) -> Iterator[Any]:
            return iter(())

        def size(self, name: str) -> int | None:
            stage.vault.sequencer.call(
                lambda tx: tx.conn.execute(delete(t.payloads).where(t.payloads.c.sha256 == digest)).rowcount
            )
            return None

    slow: Any = Slow()
    assert list(look(stage.vault.engine, slow, 0)) == []


def test_the_same_on_s3(s3_server: S3, tmp_path: Path) -> None:
    blobs = s3_blobs(s3_server)
    with vault_stage(tmp_path, blobs=blobs) as stage:
        payload = secrets.token_bytes(uploads.SEGMENT_BYTES + 1000)
        issuer = stage.issuer()
        upload = begun(stage, issuer, payload)
        for offset in (0, uploads.SEGMENT_BYTES):
            send(stage, issuer, upload, payload, offset)
        assert stage.post(issuer, f"/v1/uploads/{upload}/complete").status_code == 201
        assert list(blobs.names("incoming/")) == []
        name = orphan(stage)
        kept = payload_name(sha256(payload))
        assert sorted(blobs.names("payloads/")) == sorted([name, kept])
        before = max(one.at for one in blobs.listed("payloads/")) + 1
        assert kinds(look(stage.vault.engine, blobs, before)) == [("orphan", name)]
        blobs.delete(kept)
        assert kinds(look(stage.vault.engine, blobs, 0)) == [("damaged", kept)]


def s3_blobs(server: S3) -> BlobStore:
    from tests.conformance.test_blobs import blobs_of, settings_of

    return blobs_of(settings_of(server.environment(server.shared_bucket, secrets.token_hex(8))))


def test_uploads_that_were_ended_leave_their_parts_to_be_found(stage: VaultStage, issuer: Any) -> None:
    payload = secrets.token_bytes(uploads.SEGMENT_BYTES + 1)
    upload = begun(stage, issuer, payload)
    send(stage, issuer, upload, payload, 0)
    stage.vault.sequencer.call(lambda tx: tx.conn.execute(delete(u)).rowcount)  # a crash between row and bytes
    aged(stage)
    assert [one.kind for one in collect(stage.vault)] == ["leftover"]
