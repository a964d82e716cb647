"""``vault-api gc``: says what it would remove beside a running vault, removes it in a stopped one, exits 7 on damage."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any

import pytest

from console.frame import invoke
from protocol.hashing import sha256
from tests.vault_stage import VaultStage
from vault_api import running
from vault_api.blobs import payload_name
from vault_api.locking import only_one
from vault_api.main import cli


@pytest.fixture
def at_home(stage: VaultStage, monkeypatch: pytest.MonkeyPatch) -> VaultStage:
    """The environment names the stage's home, and its chain answers at every address."""
    monkeypatch.setenv("ONEFILE_HOME", str(stage.folder))
    monkeypatch.setenv("ONEFILE_PUBLIC_ORIGIN", "https://vault.example")
    monkeypatch.setattr(running, "connect", lambda _settings: stage.vault.ledger)
    return stage


def orphan(stage: VaultStage) -> Path:
    payload = secrets.token_bytes(50)
    name = payload_name(sha256(payload))
    stage.vault.blobs.put(name, payload)
    path = stage.folder / "vault" / "blobs" / name
    os.utime(path, (1, 1))
    return path


def told(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_a_dry_run_says_what_would_go_beside_a_running_vault(
    at_home: VaultStage, capsys: pytest.CaptureFixture[str]
) -> None:
    path = orphan(at_home)
    with only_one(at_home.folder / "vault"):
        assert invoke(cli, ["gc", "--dry-run", "--json"], prog="vault-api") == 0
        found = told(capsys)
        assert (found["orphans"], found["freed_bytes"], found["dry_run"]) == (1, 50, True)
        assert invoke(cli, ["gc"], prog="vault-api") == 1  # the running vault does it by itself
    assert path.exists()


def test_what_nothing_names_is_removed(at_home: VaultStage, capsys: pytest.CaptureFixture[str]) -> None:
    path = orphan(at_home)
    at_home.vault.sequencer.stop()
    assert invoke(cli, ["gc", "--json"], prog="vault-api") == 0
    assert told(capsys) == {
        "dry_run": False, "orphans": 1, "leftovers": 0, "damaged": 0, "freed_bytes": 50, "damaged_payloads": [],
    }  # fmt: skip
    assert not path.exists()
    at_home.vault.sequencer.start()


def test_damage_is_named_and_fails(at_home: VaultStage, capsys: pytest.CaptureFixture[str]) -> None:
    digest = at_home.holder().deposited(at_home.issuer()).slip.objects[0].payload
    (at_home.folder / "vault" / "blobs" / payload_name(digest)).unlink()
    assert invoke(cli, ["gc", "--dry-run"], prog="vault-api") == 7
    assert payload_name(digest)[:20] in capsys.readouterr().out
