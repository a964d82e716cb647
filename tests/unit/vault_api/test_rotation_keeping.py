"""A new log key and what is kept: backups from before and after it, the commands, and what doctor says."""

from __future__ import annotations

import io
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, select

from console.frame import invoke
from protocol.entries import opening_statement
from protocol.errors import Conflict
from protocol.note_signer import Ed25519NoteSigner
from tests.kept import backed_up, engine_of, restored
from tests.new_keys import damages, forget_keys, keys, name_on_chain, put_key, restart, rotated, signer
from tests.vault_stage import ORIGIN_URL, VaultStage
from vault_api import running
from vault_api.blobs import open_blobs
from vault_api.db import tables as t
from vault_api.db.engine import open_engine
from vault_api.doctor import examine
from vault_api.keeping.reconcile import reconcile
from vault_api.log_key import read_secret
from vault_api.log_keys import LOG_KEYS, LogKeys, keys_of
from vault_api.main import cli
from vault_api.rotation import take_over
from vault_api.settings import Settings


def second_machine(stage: VaultStage, raw: bytes, home: Path, **options: Any) -> VaultStage:
    """The backup on a machine with the key file and the record that the stage has now; reconciled, then started."""
    (home / "vault").mkdir(parents=True)
    for name in ("vault/log.key", "deployment.json"):
        shutil.copy(stage.folder / name, home / name)
    shutil.copytree(stage.folder / "vault" / "blobs", home / "vault" / "blobs")
    restored(raw, home, **options)
    outside = replace(stage.outside, engine=open_engine(f"sqlite:///{home}/vault/vault.db"))
    outside = replace(outside, blobs=open_blobs(str(home / "vault" / "blobs")))
    try:
        reconcile(Settings(home=home, public_origin=ORIGIN_URL), outside, stage.origin)
    finally:
        outside.engine.dispose()
    return VaultStage(home, chain=stage.chain)


def test_a_backup_from_before_the_rotation_is_restored_under_the_new_key(stage: VaultStage, tmp_path: Path) -> None:
    stage.holder()
    stage.publish()
    raw, _told = backed_up(stage)
    first = stage.vault.log.vkey
    vault = rotated(stage, "second")
    second, size = vault.log.vkey, vault.log.size
    # The machine knows the new key: a backup that another one signed is taken if somebody says why.
    with pytest.raises(Conflict) as told:
        restored(raw, tmp_path / "refused", vkey=second)
    assert told.value.code == "backup_log_key"
    again = second_machine(stage, raw, tmp_path / "again")
    # The blob store still had the entry that names the new key: it is found, and not made twice.
    said = opening_statement(stage.origin, second)
    assert keys(again) == LogKeys.first(first).then(second, size - 1)
    with again.outside.engine.connect() as conn:
        p = t.public_entries
        found = conn.execute(select(p.c.t, p.c.object).where(p.c.uri == stage.origin).order_by(p.c.idx)).all()
    assert [kind for kind, _object in found] == ["log", "log", "loss"]
    assert bytes(found[1].object) == said
    assert (again.vault.log.vkey, damages(again, second)) == (second, [])
    again.close()


def test_a_backup_that_the_rotation_is_not_in_anywhere_gets_it_anew(stage: VaultStage, tmp_path: Path) -> None:
    raw, _told = backed_up(stage)
    first = stage.vault.log.vkey
    stage.vault.sequencer.stop()
    second = put_key(stage, "second")
    name_on_chain(stage, second)  # and the first machine is lost before it starts again
    again = second_machine(stage, raw, tmp_path / "again")
    found = keys(again)
    assert found is not None
    assert [vkey for vkey, _since in found.rows] == [first, second]
    assert damages(again) == []
    again.close()


def test_a_restored_state_is_not_reconciled_under_a_key_that_the_chain_does_not_name(
    stage: VaultStage, tmp_path: Path
) -> None:
    raw, _told = backed_up(stage)
    first = stage.settings.log_key.read_text()
    put_key(stage, "stranger")
    with pytest.raises(Conflict) as told:
        second_machine(stage, raw, tmp_path / "stranger")
    assert told.value.code == "log_key_other"
    stage.settings.log_key.write_text(first)
    name_on_chain(stage, str(signer(stage, "second").vkey))
    with pytest.raises(Conflict) as told:
        second_machine(stage, raw, tmp_path / "former")
    assert told.value.code == "log_key_former"


def test_a_backup_names_the_key_that_signed_its_newest_head(stage: VaultStage, tmp_path: Path) -> None:
    first = stage.vault.log.vkey
    stage.vault.sequencer.stop()
    second = put_key(stage, "second")
    name_on_chain(stage, second)
    take_over(stage.outside.engine, stage.outside.ledger, signer(stage, "second"), stage.clock)
    raw, _told = backed_up(stage)  # the new key has not signed yet
    restored(raw, tmp_path / "between", vkey=first)
    restart(stage)
    raw, _told = backed_up(stage)
    restored(raw, tmp_path / "after", vkey=second)
    # A program that knew a single key took it from the record, and so does its backup: restored, the row has it.
    forget_keys(stage)
    older, _told = backed_up(stage)
    restored(older, tmp_path / "older", vkey=second)
    with engine_of(tmp_path / "older") as engine, engine.connect() as conn:
        assert keys_of(conn) == LogKeys.first(second)
    with stage.outside.engine.begin() as conn:
        conn.execute(delete(t.checkpoints))
        conn.execute(insert(t.meta), {"name": LOG_KEYS, "value": LogKeys.first(first).serialise()})
    assert backed_up(stage)[0]


# --- commands -------------------------------------------------------------------------------------


@pytest.fixture
def at_home(stage: VaultStage, monkeypatch: pytest.MonkeyPatch) -> VaultStage:
    monkeypatch.setenv("ONEFILE_HOME", str(stage.folder))
    monkeypatch.setattr(running, "connect", lambda _settings: stage.outside.ledger)
    monkeypatch.setattr("vault_api.doctor.connect", lambda _settings: stage.outside.ledger)
    return stage


def test_a_key_is_drawn_once_and_its_verifier_key_is_told(
    at_home: VaultStage, capsys: pytest.CaptureFixture[str]
) -> None:
    file = at_home.folder / "vault" / "log.new"
    assert invoke(cli, ["draw-log-key", str(file), "--json"], prog="vault-api") == 0
    told = json.loads(capsys.readouterr().out)
    drawn = read_secret(file)
    assert drawn is not None
    assert told["vkey"] == str(Ed25519NoteSigner(at_home.origin, drawn).vkey)
    assert told["origin"] == at_home.origin
    assert invoke(cli, ["draw-log-key", str(file)], prog="vault-api") == 1
    assert read_secret(file) == drawn


def test_doctor_sees_a_log_key_that_the_chain_does_not_name(at_home: VaultStage) -> None:
    def state() -> str:
        return next(part.state for part in examine(at_home.settings) if part.name == "log key")

    first = at_home.settings.log_key.read_text()
    assert state() == "ok"
    put_key(at_home, "second")
    assert state() == "log_key_other"
    name_on_chain(at_home, str(signer(at_home, "second").vkey))
    assert state() == "ok"
    at_home.settings.log_key.write_text(first)
    assert state() == "log_key_former"
    with at_home.outside.engine.begin() as conn:
        conn.exec_driver_sql("DROP TABLE meta")
    assert state() == "log_key_other"
    at_home.chain.faults.fail("log_state")
    assert state() == "ok"


def test_a_restore_takes_another_key_of_the_log_if_it_is_told_so(
    at_home: VaultStage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    raw, _told = backed_up(at_home)
    rotated(at_home, "second")
    for words, code in ((["restore", "--dry-run"], 1), (["restore", "--dry-run", "--log-key-rotated"], 0)):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
        assert invoke(cli, words, prog="vault-api") == code
