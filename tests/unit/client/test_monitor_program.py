"""``monitor`` where the chain, the log or the way to it is not as it was; and as a program."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from chain.anchored import anchored_heads
from client.monitoring import main as program
from console import frame
from protocol.encoding import b64
from tests.unit.client.tower import OTHER, Run, Tower, lying, run, tower
from tests.wallet_stage import ORIGIN

__all__ = ["run", "tower"]


def test_an_older_head_of_another_history_is_an_alarm(tower: Tower, run: Run, tmp_path: Path) -> None:
    size = tower.stage.vault.log.size
    tower.grow()
    tower.stage.clock.time += 10
    tower.stage.tick()
    assert run("watch", "--once").code == 0
    gossip = tmp_path / "gossip.json"
    odd = next(n for n in range(size - 1, 1, -1) if n not in anchored(tower))
    gossip.write_text(json.dumps({"checkpoints": [b64(tower.signed(odd, b"\x04" * 32))]}))
    alarm = run("watch", "--once", "--gossip", str(gossip))
    assert (alarm.code, alarm.last["code"]) == (3, "consistency_proof")


def anchored(tower: Tower) -> set[int]:
    ledger = tower.stage.ledger
    return {event.size for event in anchored_heads(ledger, tower.stage.vault.origin_hash, 0, ledger.head().number)}


def test_a_block_that_is_gone_makes_it_look_at_everything_again(tower: Tower, run: Run) -> None:
    assert run("watch", "--once").code == 0
    path = tower.folder / "monitor" / "monitor.json"
    state = json.loads(path.read_text())
    state["upto"][1] = "0x" + "ab" * 32
    path.write_text(json.dumps(state))
    done = run("watch", "--once")
    assert done.code == 0
    assert [line["event"] for line in done.lines] == ["chain_reorganised", "look"]
    assert done.last["entries"] == done.last["size"]


def test_a_state_of_another_log_is_begun_anew(tower: Tower, run: Run) -> None:
    assert run("watch", "--once").code == 0
    path = tower.folder / "monitor" / "monitor.json"
    state = json.loads(path.read_text())
    path.write_text(json.dumps({**state, "origin": state["origin"].replace("main", "side")}))
    done = run("watch", "--once")
    assert [line["event"] for line in done.lines] == ["log_other", "look"]


def test_a_log_that_goes_on_elsewhere_is_told(tower: Tower, run: Run) -> None:
    class Succeeded:
        def __getattr__(self, name: str) -> Any:
            return getattr(tower.stage.ledger, name)

        def log_state(self, origin: bytes) -> Any:
            import dataclasses

            found = tower.stage.ledger.log_state(origin)
            return found and dataclasses.replace(found, frozen=True, successor=b"\x01" * 32)

    tower.ledger = Succeeded()
    done = run("watch", "--once")
    assert {"log_frozen", "log_succeeded"} <= {line["event"] for line in done.lines}


def test_a_log_that_the_chain_does_not_know_is_refused(tower: Tower, run: Run) -> None:
    class Empty:
        def __getattr__(self, name: str) -> Any:
            return getattr(tower.stage.ledger, name)

        def log_state(self, _origin: bytes) -> None:
            return None

    tower.ledger = Empty()
    assert run("watch", "--once").code == 6


def test_an_answer_without_end_is_an_alarm(tower: Tower, run: Run) -> None:
    lying(tower, "/v1/log/checkpoint", lambda _note: b"x" * (2 << 20))
    assert run("watch", "--once").code == 3


def test_a_vault_that_breaks_off_in_the_middle_is_silent(tower: Tower, run: Run) -> None:
    lying(tower, "/v1/log/tile", lambda _raw: httpx2.Response(503, content=b""))
    done = run("watch", "--once")
    assert (done.code, done.last["event"]) == (7, "silence")


def test_a_person_is_told_in_words(
    tower: Tower, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "opened", tower.opened)
    assert frame.invoke(program.cli, ["watch", "--once"], prog="monitor") == 0
    assert "look at=" in capsys.readouterr().err
    fork = tower.signed(tower.stage.vault.log.size, b"\x07" * 32)
    lying(tower, "/v1/log/checkpoint", lambda _note: fork, OTHER)
    assert frame.invoke(program.cli, ["watch", ORIGIN, OTHER, "--once"], prog="monitor") == 3
    told = capsys.readouterr().err
    assert "two different heads" in told
    evidence = next((tower.folder / "monitor" / "evidence").iterdir())
    assert frame.invoke(program.cli, ["check", str(evidence)], prog="monitor") == 0
    assert "contradict each other" in capsys.readouterr().out


def test_what_is_no_address_is_refused_and_not_called_silent(run: Run) -> None:
    assert run("watch", "nonsense", "--once").code == 2


def test_it_is_opened_from_the_environment(tower: Tower, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tower.stage.home
    monkeypatch.setenv("ONEFILE_HOME", str(home))
    monkeypatch.setenv("ONEFILE_VAULT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("ONEFILE_RPC_URL", "http://127.0.0.1:9")
    assert frame.invoke(program.cli, ["watch", "--once", "--json"], prog="monitor") == 7  # nobody names the log
    named = tower.stage.ledger.deployment.with_log(tower.origin, str(tower.signer().vkey))
    (home / "deployment.json").write_bytes(named.serialise())
    with program.opened((), None, None) as (watch, post):
        assert (watch.origin, [place.url for place in watch.places]) == (tower.origin, ["http://127.0.0.1:9"])
        assert post.folder == home / "monitor"
