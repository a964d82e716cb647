"""The `chain` program as a person or a script runs it: what it writes, where, and with which exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account as EthAccount

from chain.files import write_deployment
from tests.chain_fixture import LocalChain, free_port, signer
from tests.chain_stage import Actor, EvmStage, Log, admitted, agency_card
from tests.e2e.chain_runs import Run, write_key
from tests.strangers import ROOT

BANK = "0x" + Actor("bank").account.hex()


class TestDeploy:
    def test_contracts_are_deployed_once(self, run: Run, home: Path) -> None:
        first = run("deploy", "--json")
        assert (first.code, first.json["made"]) == (0, True)
        again = run("deploy", "--json")
        assert (again.code, again.json["made"]) == (0, False)
        assert again.json["contracts"] == first.json["contracts"]
        assert json.loads((home / "deployment.json").read_text())["contracts"] == first.json["contracts"]

    def test_a_person_is_told_where_they_are(self, run: Run) -> None:
        told = run("deploy")
        assert "Deployed; recorded in" in told.out
        assert "archive_log" in told.out
        assert "Already deployed" in run("deploy").out
        assert "Deployed; recorded in" in run("deploy", "--renew").out

    def test_a_dry_run_deploys_nothing(self, run: Run, home: Path) -> None:
        told = run("deploy", "--dry-run", "--json")
        assert (told.code, told.json["deploy"]) == (0, True)
        assert told.json["governor"] == "0x" + signer("governor").account.hex()
        assert not (home / "deployment.json").exists()
        assert "governor" in run("deploy", "--dry-run").out

    def test_a_record_of_another_chain_is_not_overwritten(self, run: Run, home: Path) -> None:
        run("deploy")
        record = json.loads((home / "deployment.json").read_text())
        record["deploy_block_hash"] = "0x" + "00" * 32
        (home / "deployment.json").write_text(json.dumps(record))
        told = run("deploy", "--json")
        assert (told.code, told.error["code"]) == (1, "deployment_elsewhere")
        assert "--renew" in told.error["hint"]

    def test_without_ether_the_governor_is_told_what_to_do(self, run: Run, tmp_path: Path) -> None:
        key = write_key(tmp_path / "poor.key", "poor")
        told = run("deploy", "--key", str(key), "--json")
        assert (told.code, told.error["code"]) == (4, "account_unfunded")
        assert "fund" in told.error["hint"]
        assert run("fund", "0x" + signer("poor").account.hex()).code == 0
        assert run("deploy", "--key", str(key)).code == 0


class TestKeys:
    def test_no_key_is_not_found(self, run: Run, home: Path) -> None:
        (home / "chain" / "governor.key").unlink()
        told = run("deploy", "--json")
        assert (told.code, told.error["code"]) == (7, "key_file_missing")

    def test_a_key_that_others_may_read_is_refused(self, run: Run, home: Path) -> None:
        (home / "chain" / "governor.key").chmod(0o644)
        told = run("deploy", "--json")
        assert (told.code, told.error["code"]) == (4, "key_file_open")

    def test_a_key_comes_through_a_descriptor(self, run: Run, home: Path) -> None:
        (home / "chain" / "governor.key").unlink()
        reader, writer = os.pipe()
        os.write(writer, b"0x" + signer("governor")._secret.hex().encode())
        os.close(writer)
        told = run("deploy", "--dry-run", "--key-fd", str(reader), "--json")
        os.close(reader)
        assert told.json["governor"] == "0x" + signer("governor").account.hex()

    def test_a_profile_names_another_key(self, run: Run, home: Path) -> None:
        write_key(home / "chain" / "other.key", "other")
        told = run("deploy", "--dry-run", "--profile", "other", "--json")
        assert told.json["governor"] == "0x" + signer("other").account.hex()

    def test_the_environment_names_the_governors_key(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ONEFILE_GOVERNOR_KEY_FILE", str(write_key(tmp_path / "elsewhere", "elsewhere")))
        told = run("deploy", "--dry-run", "--json")
        assert told.json["governor"] == "0x" + signer("elsewhere").account.hex()

    def test_a_keystore_needs_its_passphrase(self, run: Run, tmp_path: Path) -> None:
        store = tmp_path / "keystore"
        store.touch(mode=0o600)
        store.write_text(json.dumps(EthAccount.encrypt(signer("governor")._secret, "pass", iterations=2)))
        passphrase = tmp_path / "passphrase"
        passphrase.write_text("pass\n")
        argv = ["deploy", "--dry-run", "--key", str(store), "--json"]
        assert run(*argv, "--passphrase-file", str(passphrase)).code == 0
        assert run(*argv).code != 0
        passphrase.write_text("wrong\n")
        assert run(*argv, "--passphrase-file", str(passphrase)).error["code"] == "passphrase_wrong"
        passphrase.write_bytes(b"\xff\xfe")
        assert run(*argv, "--passphrase-file", str(passphrase)).error["code"] == "passphrase"
        assert run(*argv, "--passphrase-file", str(tmp_path / "none")).code == 6


class TestStatus:
    def test_before_a_deployment_the_next_step_is_told(self, run: Run) -> None:
        told = run("status", "--json")
        assert (told.code, told.error["code"]) == (7, "deployment_missing")
        assert "chain deploy" in told.error["hint"]

    def test_a_chain_without_a_log(self, run: Run) -> None:
        run("deploy")
        assert run("status", "--json").json["agencies"] == 0
        assert "not opened yet" in run("status").out

    def test_a_chain_with_a_log(self, run: Run, local_chain: LocalChain) -> None:
        stage = EvmStage(local_chain)
        log = Log(stage)
        log.open()
        write_deployment(stage.path, stage.deployment.with_log(log.origin, log.vkey))
        told = run("status", "--deployment", str(stage.path), "--json")
        assert told.json["log"] == {
            "origin": log.origin,
            "vkey": log.vkey,
            "size": 1,
            "root": "0x" + log.root(1).hex(),
            "frozen": False,
        }
        assert log.origin in run("status", "--deployment", str(stage.path)).out
        write_deployment(stage.path, stage.deployment.with_log(Log(stage, "none").origin, log.vkey))
        assert run("status", "--deployment", str(stage.path)).code == 3
        stage.close()

    def test_a_chain_that_does_not_answer_is_seven(self, run: Run) -> None:
        run("deploy")
        told = run("status", "--rpc", "http://127.0.0.1:1", "--json")
        assert (told.code, told.error["code"]) == (7, "chain_unreachable")

    def test_an_endpoint_that_is_no_address_is_told(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ONEFILE_RPC_URL", "ws://127.0.0.1")
        assert run("fund", BANK, "--json").error["code"] == "setting"


class TestAgencies:
    def test_an_agency_is_admitted_with_its_rights_once(self, run: Run) -> None:
        run("deploy")
        argv = ["agency", "admit", BANK, "--name", "威海银行", "--division", "371000", "--reader"]
        argv += ["--issues", "driving-licence", "--issues", "diploma", "--json"]
        first = run(*argv)
        assert first.code == 0
        assert [step["does"] for step in first.json["steps"]] == ["admit", "role", "role", "issue", "issue"]
        assert all(step["transaction"].startswith("0x") for step in first.json["steps"])
        assert run(*argv).json["steps"] == []
        (listed,) = run("agency", "list", "--json").json
        assert listed["name"] == "威海银行"
        assert listed["roles"] == ["issuer", "reader"]
        assert listed["issues"] == ["diploma", "driving-licence"]

    def test_more_rights_are_added_later(self, run: Run) -> None:
        run("deploy")
        base = ["agency", "admit", BANK, "--name", "Bank", "--division", "37"]
        assert "Sent for" in run(*base).out
        more = run(*base, "--scenario-authority", "--json")
        assert [(step["does"], step["what"]) for step in more.json["steps"]] == [("role", "scenario-authority")]
        assert "Nothing to do" in run(*base).out

    def test_an_account_is_not_admitted_under_another_name(self, run: Run) -> None:
        run("deploy")
        run("agency", "admit", BANK, "--name", "Bank", "--division", "37")
        told = run("agency", "admit", BANK, "--name", "Other", "--division", "37", "--json")
        assert (told.code, told.error["code"]) == (1, "agency_exists")

    def test_a_dry_run_sends_nothing(self, run: Run) -> None:
        run("deploy")
        argv = ["agency", "admit", BANK, "--name", "Bank", "--division", "37", "--reader", "--dry-run"]
        told = run(*argv, "--json")
        assert [step["transaction"] for step in told.json["steps"]] == [None, None]
        assert "Would send for" in run(*argv).out
        assert run("agency", "list", "--json").json == []
        assert "No agency has been admitted." in run("agency", "list").err

    def test_an_unknown_licence_type_is_taken_with_a_warning(self, run: Run) -> None:
        run("deploy")
        told = run("agency", "admit", BANK, "--name", "Bank", "--division", "37", "--issues", "drivers-license")
        assert told.code == 0
        assert "drivers-license" in told.err

    def test_a_suspended_agency_may_do_nothing(self, run: Run) -> None:
        run("deploy")
        run("agency", "admit", BANK, "--name", "Bank", "--division", "37", "--reader", "--issues", "diploma")
        told = run("agency", "suspend", BANK, "--json")
        assert [step["does"] for step in told.json["steps"]] == ["end-role", "end-role"]
        (listed,) = run("agency", "list", "--json").json
        assert (listed["roles"], listed["issues"]) == ([], [])
        assert "none" in run("agency", "list").out
        assert run("agency", "suspend", BANK, "--json").json["steps"] == []

    def test_one_role_or_one_type_is_ended_alone(self, run: Run) -> None:
        run("deploy")
        run("agency", "admit", BANK, "--name", "Bank", "--division", "37", "--reader", "--issues", "diploma")
        run("agency", "suspend", BANK, "--type", "diploma")
        (listed,) = run("agency", "list", "--json").json
        assert (listed["roles"], listed["issues"]) == (["issuer", "reader"], [])
        run("agency", "suspend", BANK, "--role", "reader")
        (listed,) = run("agency", "list", "--json").json
        assert listed["roles"] == ["issuer"]

    def test_who_is_no_agency_is_not_found(self, run: Run) -> None:
        run("deploy")
        told = run("agency", "suspend", BANK, "--json")
        assert (told.code, told.error["code"]) == (6, "agency_unknown")

    def test_nobody_but_the_governor_admits(self, run: Run, home: Path, local_chain: LocalChain) -> None:
        run("deploy")
        local_chain.funded("thief")
        key = write_key(home / "thief.key", "thief")
        told = run("agency", "admit", BANK, "--name", "B", "--division", "37", "--key", str(key), "--json")
        assert (told.code, told.error["code"]) == (4, "not_governor")
        assert run("agency", "list", "--json").json == []

    def test_a_mistyped_account_is_a_usage_error(self, run: Run) -> None:
        run("deploy")
        told = run("agency", "suspend", "0x12")
        assert told.code == 2

    @pytest.mark.parametrize("who", ["governor", "police"])
    def test_a_compromise_is_dated_by_the_governor_or_the_agency(
        self, run: Run, home: Path, local_chain: LocalChain, who: str
    ) -> None:
        stage = EvmStage(local_chain)
        police = admitted(stage)
        agency_card(stage, police)
        now = stage.ledger("anybody").head().time
        local_chain.funded(who)
        key = write_key(home / "who.key", who)
        argv = ["agency", "compromised", "0x" + police.account.hex(), "--card", "1", "--since", str(now - 60)]
        argv += ["--deployment", str(stage.path), "--key", str(key)]
        assert run(*argv).code == 0
        (listed,) = run("agency", "list", "--deployment", str(stage.path), "--json").json
        assert listed["compromised"] == [{"card": 1, "since": now - 60}]
        assert listed["card"] is not None
        stage.close()


class TestTheFrame:
    @pytest.mark.parametrize(
        "argv",
        [[], ["devnet"], ["compile"], ["deploy"], ["status"], ["fund"], ["agency"], ["agency", "admit"]],
        ids=lambda argv: " ".join(argv) or "chain",
    )
    @pytest.mark.parametrize("lang", ["en", "zh"])
    def test_help_is_there_in_both_languages(self, run: Run, argv: list[str], lang: str) -> None:
        told = run(*argv, "--help", "--lang", lang)
        assert told.code == 0
        assert "--json" in told.out

    def test_help_imports_neither_web3_nor_eth_account(self) -> None:
        script = (
            "import sys\nfrom chain.main import cli\nfrom console.frame import invoke\n"
            "for argv in (['--help'], ['agency', '--help'], ['devnet', '--help'], ['deploy', '--help']): invoke(cli, argv)\n"
            "print([name for name in ('web3', 'eth_account', 'eth_abi') if name in sys.modules])"
        )
        ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
        assert ended.stdout.splitlines()[-1] == "[]"


class TestCompile:
    def test_the_committed_artifacts_are_of_the_sources(self, run: Run) -> None:
        told = run("compile", "--check")
        assert (told.code, told.out) == (0, "4 contracts compiled.\n"), told.err


def started(state: Path) -> tuple[subprocess.Popen[str], Any]:
    """A `chain devnet` process that is ready, and what it said then."""
    argv = [sys.executable, "-m", "chain.main", "devnet", "--state", str(state), "--port", str(free_port()), "--json"]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    told = ""
    while not told.rstrip().endswith("}"):
        line = process.stdout.readline()
        assert line, "it ended before it was ready"
        told += line
    return process, json.loads(told)


class TestDevnet:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_it_runs_until_it_is_told_to_stop_and_leaves_nothing_running(self, tmp_path: Path, number: int) -> None:
        process, facts = started(tmp_path)
        time.sleep(0.6)
        process.send_signal(number)
        _out, err = process.communicate(timeout=20)
        assert process.returncode == 0, err
        assert facts["chain_id"] == 31337
        assert not Path(f"/proc/{facts['pid']}").exists()
        assert (tmp_path / "anvil.json").exists()
        assert not (tmp_path / "anvil.pid").exists()

    def test_it_ends_when_anvil_has_ended(self, tmp_path: Path) -> None:
        process, facts = started(tmp_path)
        os.kill(facts["pid"], signal.SIGKILL)
        _out, err = process.communicate(timeout=20)
        assert process.returncode == 7
        assert json.loads(err.splitlines()[-1])["error"]["code"] == "devnet_unreachable"

    def test_a_person_is_told_where_it_listens_and_where_its_state_is(self, run: Run, tmp_path: Path) -> None:
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        later = threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGTERM))
        later.start()
        try:
            told = run("devnet", "--state", str(tmp_path / "other"), "--port", str(free_port()))
        finally:
            later.cancel()
            for number, handler in before.items():
                signal.signal(number, handler)
        assert told.code == 0
        assert "A local chain (id 31337) listens at" in told.out
        assert str(tmp_path / "other") in told.err

    def test_a_taken_port_is_told(self, run: Run, local_chain: LocalChain, tmp_path: Path) -> None:
        told = run("devnet", "--state", str(tmp_path / "other"), "--port", str(local_chain.devnet.port), "--json")
        assert (told.code, told.error["code"]) == (1, "port_taken")
