"""`chain log` and `chain key`: who owns the log, and who anchors it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chain.files import write_deployment
from protocol.note_signer import Ed25519NoteSigner
from tests.chain_fixture import LocalChain, signer
from tests.chain_stage import EvmStage, Log
from tests.e2e.chain_runs import Run, write_key


@pytest.fixture
def stage(local_chain: LocalChain, tmp_path: Path) -> Iterator[EvmStage]:
    """A log on chain; the keys of its owner, of its publisher and of two more are files here."""
    stage = EvmStage(local_chain)
    log = Log(stage)
    log.open()
    write_deployment(stage.path, stage.deployment.with_log(log.origin, log.vkey))
    for name in ("log owner", "publisher", "cold"):
        write_key(tmp_path / f"{name}.key", name)
        local_chain.funded(name)
    yield stage
    stage.close()


def test_the_owner_names_another_publisher(run: Run, stage: EvmStage, tmp_path: Path) -> None:
    drawn = run("key", str(tmp_path / "new.key"))
    account = drawn.out.strip()
    assert (tmp_path / "new.key").stat().st_mode & 0o777 == 0o600
    told = run("key", str(tmp_path / "new.key"), "--json")
    assert (told.code, told.error["code"]) == (1, "file_exists")
    order = ["log", "publisher", account, "--deployment", str(stage.path), "--json", "--key"]
    told = run(*order, str(tmp_path / "publisher.key"), "--dry-run")
    assert (told.code, told.error["code"]) == (4, "not_log_owner")
    assert "chain log show" in told.error["hint"]
    planned = run(*order, str(tmp_path / "log owner.key"), "--dry-run").json
    assert planned["steps"] == [{"does": "publisher", "what": account, "transaction": None}]
    assert shown(run, stage)["publisher"] == "0x" + signer("publisher").account.hex()
    sent = run(*order, str(tmp_path / "log owner.key")).json
    assert sent["steps"][0]["transaction"].startswith("0x")
    assert shown(run, stage)["publisher"] == account
    assert run(*order, str(tmp_path / "log owner.key")).json["steps"] == []


def test_the_log_is_handed_to_another_owner_who_accepts(run: Run, stage: EvmStage, tmp_path: Path) -> None:
    cold = "0x" + signer("cold").account.hex()
    common = ["--deployment", str(stage.path), "--json", "--key"]
    owner, taker = str(tmp_path / "log owner.key"), str(tmp_path / "cold.key")
    assert run("log", "accept", *common, taker).error["code"] == "not_pending_owner"
    assert run("log", "offer", *common, owner).code == 2
    assert run("log", "offer", cold, *common, owner).json["steps"][0]["does"] == "offer"
    assert shown(run, stage)["offered_to"] == cold
    assert run("log", "offer", cold, *common, owner).json["steps"] == []
    assert run("log", "offer", "--withdraw", *common, owner).json["steps"][0]["does"] == "withdraw"
    assert shown(run, stage)["offered_to"] is None
    run("log", "offer", cold, *common, owner)
    assert cold in run("log", "show", "--deployment", str(stage.path)).out
    assert run("log", "accept", *common, taker).json["steps"][0]["does"] == "accept"
    assert (shown(run, stage)["owner"], shown(run, stage)["offered_to"]) == (cold, None)
    assert run("log", "accept", *common, taker).json["steps"] == []


def test_the_owner_puts_another_log_key_in_place(run: Run, stage: EvmStage, tmp_path: Path) -> None:
    log = Log(stage)
    new = str(Ed25519NoteSigner(log.origin, b"\x07" * 32).vkey)
    common = ["--deployment", str(stage.path), "--json", "--key"]
    owner = str(tmp_path / "log owner.key")
    for bad in ("key", new[:-1], str(Ed25519NoteSigner("another", b"\x07" * 32).vkey)):
        assert run("log", "rotate", bad, *common, owner).code in {2, 3}
    told = run("log", "rotate", new, *common, str(tmp_path / "publisher.key"))
    assert (told.code, told.error["code"]) == (4, "not_log_owner")
    assert run("log", "rotate", new, *common, owner, "--dry-run").json["steps"][0]["transaction"] is None
    assert shown(run, stage)["vkey"] == log.vkey
    assert run("log", "rotate", new, *common, owner).json["steps"][0]["does"] == "rotate"
    assert run("log", "rotate", new, *common, owner).json["steps"] == []
    assert shown(run, stage)["vkey"] == new
    assert run("status", "--deployment", str(stage.path), "--json").json["log"]["vkey"] == new


def test_a_log_that_is_not_there_is_told(run: Run, stage: EvmStage) -> None:
    write_deployment(stage.path, stage.deployment)
    told = run("log", "show", "--deployment", str(stage.path), "--json")
    assert (told.code, told.error["code"]) == (7, "log_not_open")
    write_deployment(stage.path, stage.deployment.with_log(Log(stage, "none").origin, "key"))
    told = run("log", "show", "--deployment", str(stage.path), "--json")
    assert (told.code, told.error["code"]) == (3, "log_other_chain")


def shown(run: Run, stage: EvmStage) -> Any:
    return run("log", "show", "--deployment", str(stage.path), "--json").json
