"""The edge: settings, secret files, opening a log, the commands."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from chain.files import read_deployment
from chain.garbage import unreachable
from console.frame import invoke
from protocol.encoding import hex0x
from protocol.entries import first_entry, opening_statement
from protocol.errors import Conflict, Denied, Malformed, OneFileError, Unavailable, Untrusted
from protocol.note_signer import Ed25519NoteSigner
from tests.vault_stage import VaultStage, vault_stage
from vault_api import running
from vault_api.build import Outside, build_vault
from vault_api.clock import FixedClock, SystemClock
from vault_api.db.migrate import newest
from vault_api.doctor import examine
from vault_api.locking import only_one
from vault_api.log_key import create_secret, read_secret
from vault_api.main import cli
from vault_api.opening import log_signer, open_log
from vault_api.reader_keys import ReaderKeys
from vault_api.settings import Settings, load_settings

# --- settings -------------------------------------------------------------------------------------


def test_the_defaults_need_no_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONEFILE_HOME", raising=False)
    settings = load_settings()
    assert settings.database.startswith("sqlite:///")
    assert settings.blobs.endswith("vault/blobs")
    assert settings.deployment == Path(".onefile/deployment.json")
    assert (settings.host, settings.port, settings.rpc_endpoint) == (
        "127.0.0.1",
        8440,
        "http://127.0.0.1:8545",
    )
    assert settings.relayer_key.name == "relayer.key"
    assert settings.log_key.name == "log.key"


def test_the_environment_is_read_by_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEFILE_PORT", "9000")
    monkeypatch.setenv("ONEFILE_PROFILE", "alice")
    monkeypatch.setenv("ONEFILE_RPC_URL", "http://one:1, http://two:2")
    settings = load_settings()
    assert (settings.port, settings.rpc_endpoint) == (9000, "http://one:1")
    assert load_settings(port=9001).port == 9001


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.setenv(f"ONEFILE_{name.upper()}", "")
    assert load_settings() == Settings.model_construct()


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"port": 70_000}, "setting"),
        ({"log_name": "a" * 32}, "setting"),
        ({"public_origin": "vault.example"}, "setting"),
        ({"public_origin": "https://vault.example/path"}, "setting"),
        ({"public_origin": "http://vault.example", "environment": "production"}, "setting"),
        (
            {
                "public_origin": "https://vault.example",
                "environment": "production",
                "database_url": "postgresql://vault:changeme@db/vault",
            },
            "placeholder_secret",
        ),
    ],
)
def test_a_setting_that_does_not_hold_is_named(values: dict[str, Any], code: str) -> None:
    with pytest.raises(Malformed) as refused:
        load_settings(**values)
    assert refused.value.code == code
    assert str(refused.value.facts["name"]).startswith("ONEFILE_")
    assert "changeme" not in str(refused.value)


def test_production_takes_real_values() -> None:
    given = {
        "environment": "production",
        "public_origin": "https://vault.example",
        "rpc_url": "https://rpc.example",
    }
    assert load_settings(**given).environment == "production"


# --- secret files ---------------------------------------------------------------------------------


def test_a_secret_is_drawn_once_and_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "log.key"
    assert read_secret(path) is None
    secret = create_secret(path)
    assert (read_secret(path), path.stat().st_mode & 0o777) == (secret, 0o600)
    with pytest.raises(FileExistsError):
        create_secret(path)


@pytest.mark.parametrize("text", ["00" * 32, "no hex", "ab" * 31, "é"])
def test_a_file_that_is_no_secret_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "log.key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(Malformed) as refused:
        read_secret(path)
    assert refused.value.code == "secret_file"


def test_a_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.key"
    create_secret(path)
    path.chmod(0o644)
    with pytest.raises(Malformed):
        read_secret(path)
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(Malformed):
        read_secret(folder)


def test_a_log_key_is_not_drawn_where_none_may_be(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as refused:
        log_signer(tmp_path / "log.key", "onefile/1/0x" + "00" * 20 + "/main", may_create=False)
    assert refused.value.code == "log_key_missing"


# --- opening --------------------------------------------------------------------------------------


def test_the_log_is_opened_once_and_found_again(stage: VaultStage) -> None:
    deployment = read_deployment(stage.settings.deployment)
    assert deployment.log is not None
    assert (deployment.log.origin, deployment.log.vkey) == (stage.origin, stage.vault.log.vkey)
    head = stage.chain.head.number
    again = build_vault(stage.settings, stage.outside)
    assert (again.log.size, stage.chain.head.number) == (1, head)


def test_an_opening_that_lost_its_answer_is_made_good(tmp_path: Path) -> None:
    from chain.memory import MemoryChain
    from tests.vault_stage import AccountKey, seed

    governor = AccountKey(seed("governor"))
    clock = FixedClock(1_800_000_000)
    chain = MemoryChain(governor=governor.address, clock=clock.now)
    chain.faults.fail("open_log", after=True)
    with pytest.raises(Unavailable):
        VaultStage(tmp_path, chain=chain)
    stage = VaultStage(tmp_path, chain=chain)
    assert stage.vault.log.size == 1
    stage.close()


def test_a_lost_database_is_not_begun_anew(tmp_path: Path) -> None:
    with vault_stage(tmp_path) as stage:
        stage.holder()
        stage.publish()
        chain = stage.chain
    for path in (tmp_path / "vault").glob("vault.db*"):
        path.unlink()
    with pytest.raises(Conflict) as refused:
        VaultStage(tmp_path, chain=chain)
    assert refused.value.code == "log_exists"


def test_another_log_key_is_refused(stage: VaultStage) -> None:
    other = Ed25519NoteSigner(stage.origin, bytes(range(32)))
    with pytest.raises(Conflict) as refused:
        open_log(stage.vault.engine, stage.vault.ledger, other, stage.clock, "main")
    assert refused.value.code == "log_key_other"


def test_a_chain_that_does_not_show_the_log_yet_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chain.memory import MemoryLedger

    monkeypatch.setattr(MemoryLedger, "log_state", lambda *_a, **_k: None)
    with pytest.raises(Unavailable) as refused:
        VaultStage(tmp_path)
    assert refused.value.code == "chain_unreachable"


def test_a_log_whose_tiles_were_damaged_is_not_extended(stage: VaultStage) -> None:
    stage.holder()
    tile = stage.folder / "vault" / "blobs" / "log" / "tile" / "0" / "000.p" / "2"
    tile.write_bytes(bytes(64))
    with pytest.raises(Untrusted) as refused:
        build_vault(stage.settings, stage.outside)
    assert refused.value.code == "log_damaged"


def test_a_database_that_lost_entries_is_not_extended(stage: VaultStage) -> None:
    stage.holder()
    from protocol.merkle import Frontier, leaf_hash

    entry0 = first_entry(stage.origin, opening_statement(stage.origin, stage.vault.log.vkey)).serialise()
    frontier = Frontier().append(leaf_hash(entry0)).serialise()
    with stage.vault.engine.connect() as conn, conn.begin():
        conn.exec_driver_sql("UPDATE log_head SET frontier = ?", (frontier,))
    with pytest.raises(Untrusted) as refused:
        build_vault(stage.settings, stage.outside)
    assert refused.value.code == "log_damaged_head"


# --- the process ----------------------------------------------------------------------------------


def test_one_process_at_a_time_works_in_a_home(tmp_path: Path) -> None:
    with only_one(tmp_path / "vault"), pytest.raises(Conflict) as refused, only_one(tmp_path / "vault"):
        pass
    assert refused.value.code == "vault_running"
    with only_one(tmp_path / "vault"):
        pass


@pytest.fixture
def at_home(stage: VaultStage, monkeypatch: pytest.MonkeyPatch) -> VaultStage:
    """The environment names the stage's home, and its chain answers at every address."""
    monkeypatch.setenv("ONEFILE_HOME", str(stage.folder))
    monkeypatch.setenv("ONEFILE_PUBLIC_ORIGIN", "https://vault.example")
    monkeypatch.setattr(running, "connect", lambda _settings: stage.vault.ledger)
    monkeypatch.setattr("vault_api.doctor.connect", lambda _settings: stage.vault.ledger)
    return stage


def test_doctor_finds_a_running_vault_well(at_home: VaultStage, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(cli, ["doctor", "--json"], prog="vault-api") == 0
    parts = json.loads(capsys.readouterr().out)["parts"]
    assert {part["state"] for part in parts} == {"ok"}
    assert len(parts) == 7


def test_doctor_names_what_is_not_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vault_api.settings import Settings as Plain

    parts = {part.name: part.state for part in examine(Plain(home=tmp_path))}
    assert parts["settings"] == "ok"
    assert parts["deployment"] == "deployment_missing"
    assert parts["database"] == "schema_old"
    monkeypatch.setenv("ONEFILE_HOME", str(tmp_path))
    assert invoke(cli, ["doctor"], prog="vault-api") == 7


def test_doctor_sees_a_log_that_was_never_opened(at_home: VaultStage) -> None:
    with at_home.vault.engine.connect() as conn, conn.begin():
        conn.exec_driver_sql("DELETE FROM log_head")
    parts = {part.name: part.state for part in examine(at_home.settings)}
    assert parts["log"] == "log_not_open"


def test_doctor_sees_a_relayer_that_may_not_anchor(at_home: VaultStage) -> None:
    log = at_home.vault.origin_hash
    at_home.vault.ledger.rotate_log_publisher(log, bytes(19) + b"\x01")
    parts = {part.name: part.state for part in examine(at_home.settings)}
    assert parts["chain"] == "not_publisher"


def test_publish_anchors_once(at_home: VaultStage, capsys: pytest.CaptureFixture[str]) -> None:
    at_home.holder()
    at_home.vault.sequencer.stop()
    assert invoke(cli, ["publish", "--json"], prog="vault-api") == 0
    assert json.loads(capsys.readouterr().out)["anchored"]["size"] == 2
    assert invoke(cli, ["publish"], prog="vault-api") == 0
    assert "nothing new" in capsys.readouterr().err
    at_home.vault.sequencer.start()


def test_publish_is_refused_while_a_vault_runs(at_home: VaultStage) -> None:
    with only_one(at_home.folder / "vault"):
        assert invoke(cli, ["publish"], prog="vault-api") == 1


def test_migrate_says_the_schema(at_home: VaultStage, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(cli, ["migrate", "--json"], prog="vault-api") == 0
    assert json.loads(capsys.readouterr().out) == {"schema": newest()}


def test_the_application_runs_its_threads_as_long_as_it_lives(at_home: VaultStage) -> None:
    from starlette.testclient import TestClient

    at_home.vault.sequencer.stop()
    said: list[str] = []
    settings = at_home.settings.model_copy(update={"chain_poll_s": 0.05, "anchor_interval_s": 0.05})
    app = running.build_app(settings, lambda: said.append("ready"))
    with TestClient(app, base_url="https://vault.example") as client:
        assert client.get("/readyz").status_code in {200, 503}
    assert said == ["ready"]
    at_home.vault.sequencer.start()


def test_serve_hands_the_application_to_the_server(
    at_home: VaultStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    import structlog

    seen: list[Any] = []
    monkeypatch.setattr("vault_api.serving.serve", lambda _app, settings, *_: seen.append(settings))
    monkeypatch.setattr(sys, "setswitchinterval", lambda _s: None)
    kept = logging.root.handlers[:]
    try:
        assert invoke(cli, ["serve", "--port", "8999"], prog="vault-api") == 0
    finally:
        structlog.reset_defaults()
        logging.root.handlers[:] = kept
    assert (seen[0].host, seen[0].port) == ("127.0.0.1", 8999)


def test_help_is_spoken_in_both_languages(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(cli, ["--help", "--lang", "en"], prog="vault-api") == 0
    assert "serve" in capsys.readouterr().out
    assert invoke(cli, ["--lang", "zh", "--help"], prog="vault-api") == 0
    assert "上链" in capsys.readouterr().out


def test_the_relayer_is_drawn_in_development_and_demanded_in_production(tmp_path: Path) -> None:
    made = running.relayer(Settings(home=tmp_path))
    assert running.relayer(Settings(home=tmp_path)).account == made.account
    with pytest.raises(Unavailable):
        running.relayer(Settings(home=tmp_path / "elsewhere", environment="production"))


def test_the_relayer_is_funded_on_a_devnet_only(stage: VaultStage, monkeypatch: pytest.MonkeyPatch) -> None:
    funded: list[str] = []
    monkeypatch.setattr("chain.devnet.fund", lambda _url, account, _ether: funded.append(hex0x(account)))
    running.fund_on_devnet(stage.settings, stage.vault.ledger)
    production = stage.settings.model_copy(update={"environment": "production"})
    running.fund_on_devnet(production, stage.vault.ledger)
    assert funded == [hex0x(stage.relayer.address)]

    def refuses(*_: Any) -> None:
        raise unreachable("no such method")

    monkeypatch.setattr("chain.devnet.fund", refuses)
    running.fund_on_devnet(stage.settings, stage.vault.ledger)


def test_connecting_needs_a_deployment(tmp_path: Path) -> None:
    with pytest.raises(OneFileError) as refused:
        running.connect(Settings(home=tmp_path))
    assert refused.value.code == "deployment_missing"


def test_the_ledger_is_the_recorded_deployments(stage: VaultStage) -> None:
    ledger = running.connect(stage.settings)
    assert ledger.deployment.contracts == stage.vault.contracts


def test_the_real_clock_and_outside_are_there(tmp_path: Path, stage: VaultStage) -> None:
    from vault_api.build import outside_of

    assert SystemClock().now() > 1_700_000_000
    outside = outside_of(Settings(home=tmp_path / "x"), stage.vault.ledger)
    assert isinstance(outside, Outside)
    outside.engine.dispose()
    assert Denied("x", "y").code == "x"


def test_reader_keys_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vault_api.reader_keys.MAX_KEYS", 1)
    keys = ReaderKeys()
    keys.put(b"a", "x", None)  # type: ignore[arg-type]  # what is kept does not matter here
    keys.put(b"b", "x", None)  # type: ignore[arg-type]  # a stand-in of the same shape, or bad input on purpose
    assert list(keys._keys) == [(b"b", "x")]
