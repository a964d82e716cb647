"""After a loss: the old log is frozen, a new one goes on from what is left and says so, and no grant lives on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import select

from console.frame import invoke
from protocol.canonical import loads_object
from protocol.encoding import b64u
from protocol.entries import origin_hash
from protocol.errors import Conflict
from protocol.merkle import root
from tests.kept_life import Life
from tests.vault_stage import T0, vault_stage
from vault_api import build, running
from vault_api.build import build_vault
from vault_api.clock import FixedClock
from vault_api.db import tables as t
from vault_api.keeping import succession
from vault_api.keeping.scrub import Damage, Pace, Scrubbed, scrub
from vault_api.log_keys import LogKeys, keys_of
from vault_api.main import cli
from vault_api.opening import log_origin, log_signer


def run(words: list[str], life: Life, home: Path, monkeypatch: pytest.MonkeyPatch, **env: str) -> int:
    ledger = life.outside(home)[1].ledger
    monkeypatch.setenv("ONEFILE_HOME", str(home))
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(running, "connect", lambda _settings: ledger)
    monkeypatch.setattr(build, "SystemClock", lambda: FixedClock(T0))
    return invoke(cli, words, prog="vault-api")


def test_a_log_goes_on_in_a_successor_that_says_what_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    life = Life(tmp_path)
    home = life.again(blobs=False)
    settings, outside = life.outside(home)
    old = log_origin(outside.ledger, "main")
    before = outside.ledger.log_state(origin_hash(old))
    assert before is not None
    with outside.engine.connect() as conn:
        kept_entries = [
            bytes(raw) for raw in conn.execute(select(t.entries.c.entry).order_by(t.entries.c.idx)).scalars()
        ]
    assert run(["reconcile"], life, home, monkeypatch) == 1  # log_lost
    # Looking changes nothing.
    assert run(["succeed", "--name", "main-2", "--dry-run", "--json"], life, home, monkeypatch) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["kept"], told["lost"], told["live_grants"]) == (life.size, life.longer - life.size, 3)
    assert told["owner"] == told["account"]
    assert outside.ledger.log_state(origin_hash(old)) == before
    # Nobody answers the question: nothing happens.
    assert run(["succeed", "--name", "main-2"], life, home, monkeypatch) == 130
    assert run(["succeed", "--name", "main-2", "--yes", "--json"], life, home, monkeypatch) == 0
    state = outside.ledger.log_state(origin_hash(old))
    assert state is not None
    new = log_origin(outside.ledger, "main-2")
    assert (state.frozen, state.size, state.successor) == (True, before.size, origin_hash(new))
    # Once more does no more, and the successor is not served before it was reconciled.
    assert run(["succeed", "--name", "main-2", "--yes", "--json"], life, home, monkeypatch) == 0
    with pytest.raises(Conflict) as refused:
        build_vault(settings.model_copy(update={"log_name": "main-2"}), outside)
    assert refused.value.code == "not_reconciled"
    assert run(["reconcile", "--json"], life, home, monkeypatch, ONEFILE_LOG_NAME="main-2") == 0
    capsys.readouterr()

    with vault_stage(home, chain=life.chain, log_name="main-2") as stage:
        assert stage.origin == new
        with stage.vault.engine.connect() as conn:
            assert keys_of(conn) == LogKeys.first(stage.vault.log.vkey)  # the new log has had one key, whatever came before
        with stage.vault.engine.connect() as conn:
            entries = [
                bytes(raw) for raw in conn.execute(select(t.entries.c.entry).order_by(t.entries.c.idx)).scalars()
            ]
            said = conn.execute(
                select(t.public_entries.c.object).where(t.public_entries.c.idx == life.size)
            ).scalar_one()
            live = conn.execute(select(t.grants.c.row).where(t.grants.c.ended_at.is_(None))).all()
            parcels = set(conn.execute(select(t.grant_parcels.c.parcel)).scalars())
            headers = set(conn.execute(select(t.objects.c.header.is_(None))).scalars())
        # What is left stands at its old place, and what the holders have still opens.
        assert entries[1 : life.size] == kept_entries[1:]
        assert loads_object(bytes(said), what="loss") == {
            "v": 1, "kept": life.size, "at": T0,
            "succeeds": {"origin": old, "size": before.size, "root": b64u(before.root)},
        }  # fmt: skip
        assert (live, parcels, headers) == ([], {None}, {False})
        stage.holder("dave")
        anchored = stage.publish()
        assert anchored.size == stage.vault.log.size == life.size + 3
        what = Scrubbed(stage.vault.engine, stage.vault.blobs, stage.vault.ledger, new, stage.vault.log.vkey)
        assert [found for found in scrub(what, Pace()) if isinstance(found, Damage)] == []
    assert root([]) != before.root


def test_a_state_that_has_everything_needs_no_successor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    life = Life(tmp_path)
    home = life.again(blobs=True)
    _settings, outside = life.outside(home)
    signer = log_signer(home / "vault" / "log.key", log_origin(outside.ledger, "main-2"), may_create=False)
    with pytest.raises(Conflict) as refused:
        succession.plan(life.parts(outside), signer.name)
    assert refused.value.code == "succeed_not_needed"
    outside.engine.dispose()
