"""A backup of one pair of backends restored onto the other, and back again, is the same state."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from protocol.errors import Conflict
from tests.kept import all_rows, engine_of, restored
from tests.vault_stage import ORIGIN_URL, T0, VaultStage, vault_stage
from vault_api import running
from vault_api.blobs import blobs_of, payload_name
from vault_api.build import Outside
from vault_api.clock import FixedClock
from vault_api.db import tables as t
from vault_api.db.engine import insert_row, open_engine
from vault_api.keeping.backup import Source, back_up
from vault_api.keeping.reconcile import reconcile
from vault_api.keeping.scrub import Damage, Pace, Scrubbed, scrub
from vault_api.settings import Settings


def filled(stage: VaultStage) -> None:
    holder, issuer = stage.holder(), stage.issuer()
    holder.deposited(issuer, b"a credential", b"a document " * 300_000)
    stage.publish()
    stage.follow()


def test_a_vault_moves_to_postgresql_and_s3_and_back(
    tmp_path: Path, postgres_url: str, s3_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3_environment.items():
        monkeypatch.setenv(name, value)
    far = blobs_of(Settings(home=tmp_path))
    with vault_stage(tmp_path / "first", blob_url=str(tmp_path / "blobs")) as stage, (tmp_path / "1").open("wb") as out:
        filled(stage)
        back_up(Source(stage.vault.engine, stage.vault.blobs, stage.vault.log.vkey), out, at=1)
        before, vkey, origin = all_rows(stage.vault.engine), stage.vault.log.vkey, stage.origin
        ledger = stage.vault.ledger
    # There ...
    restored((tmp_path / "1").read_bytes(), tmp_path / "unused", database=postgres_url, blobs=far, vkey=vkey)
    engine = open_engine(postgres_url)
    try:
        assert all_rows(engine) == before
        found = list(scrub(Scrubbed(engine, far, None, origin, vkey), Pace()))
        assert [one for one in found if isinstance(one, Damage)] == []
        with engine.connect() as conn, conn.begin():  # the database goes on numbering behind what came
            row = insert_row(conn, t.payloads, {"sha256": bytes(32), "size": 1, "stored_at": 1})
            assert row == len(before["payloads"]) + 1
            conn.rollback()
        monkeypatch.setattr(running, "connect", lambda _settings: ledger)
        with pytest.raises(Conflict) as refused:  # nor does a process of many serve it before it was compared
            running.wired(Settings(home=tmp_path / "third", database_url=postgres_url), "api")
        assert refused.value.code == "not_reconciled"
        shutil.copytree(tmp_path / "first", tmp_path / "third")
        settings = Settings(home=tmp_path / "third", database_url=postgres_url, public_origin=ORIGIN_URL)
        done = reconcile(settings, Outside(ledger, engine, far, FixedClock(T0)), origin)
        assert (done.taken_along, done.ended, done.statement) == (0, 0, done.entries - 1)
        before = all_rows(engine)
        with pytest.raises(Conflict):
            restored((tmp_path / "1").read_bytes(), tmp_path / "unused", database=postgres_url, blobs=far)
        with (tmp_path / "2").open("wb") as out:
            done = back_up(Source(engine, far, vkey), out, at=1)
        assert (done.payloads, done.lost) == (2, 0)
    finally:
        engine.dispose()
    # ... and back again.
    restored((tmp_path / "2").read_bytes(), tmp_path / "second", vkey=vkey)
    with engine_of(tmp_path / "second") as engine:
        assert all_rows(engine) == before
        with engine.connect() as conn:
            digests = [bytes(digest) for digest in conn.execute(t.payloads.select()).scalars("sha256")]
    assert all((tmp_path / "second" / "vault" / "blobs" / payload_name(digest)).is_file() for digest in digests)
