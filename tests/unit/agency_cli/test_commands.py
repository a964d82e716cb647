"""Commands parse, call and draw: in JSON and for people, in both languages, with the exit codes of the table."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agency_cli import common
from agency_cli import main as agency_main
from agency_cli.main import cli
from agency_cli.services import statuses
from agency_cli.services.status_lists import Lists
from console import frame
from protocol.encoding import hex0x
from tests.unit.agency_cli.program import Program, claims, issue_args
from tests.unit.agency_cli.support import CODE, DRIVING, HolderKeys, World

SMALL_LOAN = str(Path(__file__).resolve().parents[3] / "docs/examples/scenarios/small-loan.json")


@pytest.fixture
def alice(world: World) -> HolderKeys:
    """The holder, and an issuer for them."""
    world.issuer()
    return HolderKeys(world).open()


# --- setting up ------------------------------------------------------------------------------------


def test_init_prints_the_account_that_the_governor_admits(world: World, run: Program) -> None:
    out, err = run("init", "--name", "威海市公安局", "--code", CODE, "--deployment", str(world.record))
    account = re.search(r"0x[0-9a-fA-F]{40}", out)
    assert account is not None
    assert f"chain agency admit {account[0]} --name '威海市公安局'" in err
    assert account[0].lower() == hex0x(world.session.party.controller)
    assert run.error("init", "--name", "x", code=1)["code"] == "file_exists"


def test_init_takes_the_record_of_this_machine_and_another_vault(world: World, run: Program) -> None:
    data = run.json("init", "--name", "某局", "--vault", "http://vault.test/")
    assert (data["vault"], data["name"], data["profile"]) == ("http://vault.test", "某局", "default")
    assert data["urn"].endswith(data["account"])


def test_init_without_a_deployment_says_what_to_do(world: World, run: Program) -> None:
    world.record.unlink()
    found = run.error("init", "--name", "x", code=4)
    assert found["code"] == "no_deployment"
    assert "chain deploy" in found["hint"]


def test_init_can_leave_the_keys_open_until_they_are_locked(world: World, run: Program) -> None:
    run("init", "--name", "某局", "--unlock", "90s")
    assert run.json("unlock", "--status")["unlocked"] is True
    assert world.again(locked=True).keys == world.session.keys
    assert run.json("lock") == {"unlocked": False, "was_unlocked": True}
    assert run.json("unlock", "--status") == {"unlocked": False, "left_s": None}


def test_unlock_without_a_profile_says_what_to_do(run: Program) -> None:
    assert run.error("unlock", code=6)["code"] == "profile_not_found"


def test_register_card_and_doctor_tell_one_story(world: World, run: Program) -> None:
    world.enrol()
    found = run.error("register", code=4)
    assert f"chain agency admit {hex0x(world.session.party.controller)}" in found["hint"]
    world.admit("driving-licence")
    assert "the key card is published" in run("register")[0]
    assert run.json("register")["done"] == "unchanged"
    assert "agency status publish" in run("register", "--rotate")[1]
    assert "driving-licence" in run("card")[0]
    assert run.json("card")["card_seq"] == 2
    Lists(world.session.profile.folder, world.session.party.controller).allocate()
    assert "status list 0" in run("doctor")[0]
    statuses.publish_lists(world.again())
    assert run.json("doctor")["state"] == "ok"
    world.vault.cards.clear()
    assert run.json("doctor", code=1)["state"] == "fault"


def test_the_card_is_shown_before_it_is_published(world: World, run: Program) -> None:
    world.enrol().admit()
    assert "none yet" in run("card")[0]


# --- issuing ---------------------------------------------------------------------------------------


def test_issue_deposits_and_prints_what_it_did(world: World, run: Program, alice: HolderKeys) -> None:
    pdf = str(world.write("a.pdf", b"%PDF"))
    data = run.json(*issue_args(world, alice, "--document", pdf, "--expires", "2032-01-31", "--revision", "2"))
    [deposit] = world.vault.deposits
    credential = alice.credential(deposit)
    assert data["certificate_id"] == credential.claims["certificate_id"]
    assert data["entry"] == world.vault.entries
    assert credential.claims["expiring_date"] == "2032-01-31"
    assert len(credential.files) == 1
    out, _err = run(*issue_args(world, alice)[:-2], "--number", "N2")
    assert "Certificate" in out


def test_a_dry_run_shows_everything_and_sends_nothing(world: World, run: Program, alice: HolderKeys) -> None:
    pdf = str(world.write("a.pdf", b"%PDF"))
    args = issue_args(world, alice, "--document", pdf, "--dry-run")
    data = run.json(*args)
    assert data["dry_run"] is True
    assert data["holder"]["name"] == "王小明"
    assert data["documents"] == [{"name": "a.pdf", "media_type": "application/pdf", "size": 4, "sealed_size": 36}]
    out, err = run(*args)
    assert "holder.name" in out
    assert "Nothing was sent" in err
    assert world.vault.deposits == []
    assert not (world.session.profile.folder / "status").exists()


def test_an_agency_without_a_published_card_issues_nothing(world: World, run: Program) -> None:
    world.enrol().admit("driving-licence")
    args = ["issue", "--type", "driving-licence", "--to", "0x" + "1" * 64, "--claims", claims(world)]
    assert run.error(*args, code=4)["code"] == "agency_not_registered"


@pytest.mark.parametrize(
    ("change", "code", "error"),
    [
        (["--type", "unheard-of"], 3, "licence_type_unknown"),
        (["--type", "diploma"], 4, "licence_type_not_allowed"),
        (["--to", "0x" + "1" * 64], 6, "dossier_unknown"),
        (["--to", "nobody"], 6, "addressee_missing"),
        (["--expires", "tomorrow"], 2, "usage"),
        (["--document", "no.pdf"], 2, "usage"),
    ],
)
def test_refusals_have_names_and_exit_codes(
    world: World, run: Program, alice: HolderKeys, change: list[str], code: int, error: str
) -> None:
    assert run.error(*issue_args(world, alice), *change, code=code)["code"] == error
    assert world.vault.deposits == []


def test_an_unreachable_chain_or_vault_is_exit_seven(world: World, run: Program, alice: HolderKeys) -> None:
    world.chain.faults.fail("agency")
    assert run.error(*issue_args(world, alice), code=7)["code"] == "chain_unreachable"
    world.vault.lost = ["/v1/deposits"] * 4
    found = run.error(*issue_args(world, alice), code=7)
    assert found["code"] == "deposit_unsure"
    assert "same command again" in found["hint"]


def test_a_batch_tells_its_outcome_and_where_rejects_are(world: World, run: Program, alice: HolderKeys) -> None:
    good = {"to": hex0x(alice.id), "card_token": alice.token(world), "number": "1", **DRIVING}
    path = world.write("rows.jsonl", (json.dumps(good) + "\n{\n").encode())
    args = ["issue-batch", str(path), "--type", "driving-licence"]
    data = run.json(*args, code=1)
    assert (data["issued"], data["issued_before"], data["rejected"]) == (1, 0, 1)
    assert data["rejects_file"] == str(world.folder / "rows.rejects.jsonl")
    out, err = run(*args, code=1)
    assert "Issued before" in out
    assert "line 2" in err
    path.write_text(json.dumps(good))
    assert run.json(*args)["issued_before"] == 1
    assert run.error(*args, "--rejects", str(path), code=2)["code"] == "usage"


# --- status ----------------------------------------------------------------------------------------


def test_status_is_set_published_and_shown(world: World, run: Program, alice: HolderKeys) -> None:
    item = run.json(*issue_args(world, alice))["item"]
    assert "valid" in run("status", "show", item)[0]
    assert "valid → suspended" in run("status", "set", item, "suspended")[0]
    data = run.json("status", "set", item, "revoked", "--no-publish")
    assert (data["before"], data["status"], data["published"]) == ("suspended", "revoked", False)
    assert "no; run" in run("status", "show", item)[0]
    assert "no; run" in run("status", "set", item, "revoked", "--no-publish")[0]
    [row] = run.json("status", "publish", "--if-due")
    assert (row["n"], row["revoked"], row["published"]) == (0, 1, True)
    assert run.json("status", "publish", "--if-due") == []
    assert "nothing to publish" in run("status", "publish", "--if-due")[1]
    [row] = run.json("status", "publish", "--lifetime", "1h")
    assert row["expires"] - row["signed"] == 3600
    assert "Good until" in run("status", "show")[0]
    assert run.json("status", "show", item)["status"] == "revoked"
    assert run.error("status", "show", "nothing", code=6)["code"] == "issued_not_found"
    assert run.error("status", "set", item, "lost", code=2)["code"] == "usage"
    assert run.error("status", "publish", "--lifetime", "2d", code=2)["code"] == "usage"


def test_a_profile_without_lists_says_so(world: World, run: Program) -> None:
    world.issuer()
    assert "no status list yet" in run("status", "show")[1]
    world_lists = run.json("status", "show")
    assert world_lists == []


def test_a_list_that_was_never_published_is_shown(world: World, run: Program, alice: HolderKeys) -> None:
    Lists(world.session.profile.folder, world.session.party.controller).allocate()
    [row] = run.json("status", "show")
    assert (row["signed"], row["published"]) == (None, False)
    assert "–" in run("status", "show")[0]


def test_publishing_goes_on_until_interrupted(
    world: World, run: Program, alice: HolderKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(*issue_args(world, alice))
    turns = [0]

    def sleep(_seconds: float) -> None:
        turns[0] += 1
        world.chain.faults.fail("agency", times=1 if turns[0] == 1 else 0)
        if turns[0] == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(world.clock, "sleep", sleep)
    _out, err = run("status", "publish", "--every", "15m", code=130)
    assert "warning" in err
    assert turns == [3]
    assert statuses.NAMES["valid"] == 0


# --- scenarios -------------------------------------------------------------------------------------


def test_scenarios_are_written_signed_published_and_read(world: World, run: Program) -> None:
    world.enrol().admit(scenario=True).register()
    target = str(world.folder / "new.json")
    args = ["scenario", "new", "small-loan", "--ask", "social-insurance-proof:months_paid,files", "--grantee", "bank"]
    args += ["--title-zh", "小额贷款", "--title-en", "Small loan", "--purpose-zh", "审核", "--purpose-en", "decide"]
    args += ["--legal-basis", "《征信业管理条例》第十四条"]
    assert json.loads(run(*args)[0])["scenario_id"] == "small-loan"
    assert run.json(*args, "--output", target) == {"written": target}
    assert run.error(*args, "--output", target, code=1)["code"] == "file_exists"
    signed = str(world.folder / "signed.jwt")
    out, err = run("scenario", "sign", target, "--output", signed)
    assert out.strip() == signed
    assert "version 1" in err
    assert run("scenario", "sign", target, "--offline")[0].count(".") == 2
    data = run.json("scenario", "publish", signed)
    assert data["published"] == "now"
    assert "the vault had it already" in run("scenario", "publish", target)[0]
    assert run.error("scenario", "sign", signed, code=3)["code"] == "scenario_signed"
    assert "published now" in run("scenario", "publish", SMALL_LOAN)[0]
    assert [row["version"] for row in run.json("scenario", "list")] == [2]
    assert [row["version"] for row in run.json("scenario", "list", "--all", "--mine")] == [1, 2]
    assert "Small loan" in run("scenario", "list")[0]
    assert "by a registered key" in run("scenario", "show", "small-loan")[0]
    shown = run.json("scenario", "show", data["hash"])
    assert (shown["version"], shown["verified"]) == (1, True)
    assert "any" in run("scenario", "show", data["hash"])[0]
    assert run.json("scenario", "show", data["hash"][:12])["hash"] == data["hash"]


def test_a_scenario_is_withdrawn_after_a_question(world: World, run: Program) -> None:
    world.enrol().admit(scenario=True).register()
    run("scenario", "publish", SMALL_LOAN)
    dry = run.json("scenario", "withdraw", "small-loan", "--dry-run")
    assert dry["dry_run"] is True
    assert "Withdraw scenario small-loan" in run("scenario", "withdraw", "small-loan", "--dry-run")[0]
    assert run.error("scenario", "withdraw", "small-loan", code=1)["code"] == "not_confirmed"
    assert "withdrawn: small-loan" in run("scenario", "withdraw", "small-loan", "--yes")[0]
    assert run.json("scenario", "show", "small-loan")["withdrawn"] == dry["source"]["withdrawn"]


def test_a_forged_scenario_is_exit_three(world: World, run: Program) -> None:
    world.enrol().admit(scenario=True).register()
    run("scenario", "publish", SMALL_LOAN)
    raw = world.vault.scenarios[0]
    head, body, signature = raw.split(".")
    world.vault.scenarios[0] = ".".join((head, body, signature[:-4] + ("BBBA" if signature[-4:] != "BBBA" else "CCCA")))
    assert "NOT by" in run("scenario", "show", "small-loan", code=3)[0]
    assert run.error("scenario", "show", "other", code=6)["code"] == "scenario_unknown"


# --- all of them -----------------------------------------------------------------------------------


def test_every_command_has_help_in_both_languages_and_takes_json_and_profile(run: Program) -> None:
    for words in _every(cli, ()):
        for lang in ("en", "zh"):
            out, _err = run(*words, "--help", "--lang", lang)
            assert "--json" in out, words
            assert "--profile" in out, words


def _every(command: Any, words: tuple[str, ...]) -> Any:
    yield words
    if isinstance(command, frame.Group):
        for name in command.commands:
            if name != "completion":
                yield from _every(command.loaded(name), (*words, name))


def test_without_a_profile_every_command_says_what_to_do(world: World, run: Program) -> None:
    for args in (["card"], ["register"], ["status", "show"], ["scenario", "list", "--mine"], ["call", "GET", "/v1/x"]):
        assert run.error(*args, code=6)["code"] == "profile_not_found"


def test_the_session_of_a_command_is_that_of_its_profile(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ONEFILE_HOME", str(tmp_path))
    with common.session() as found:
        assert found.profile.folder == tmp_path / "agencies" / "default"


def test_the_program_starts_without_what_its_commands_need() -> None:
    script = (
        "import sys\nfrom agency_cli import main\nsys.argv = ['agency', '--help', '--lang', 'zh']\n"
        "try:\n    main.main()\nfinally:\n"
        "    print([name for name in ('httpx2', 'pydantic', 'web3', 'eth_account') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "签发证照" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_entry_point_leaves_with_the_exit_code(monkeypatch: pytest.MonkeyPatch, run: Program) -> None:
    monkeypatch.setattr("sys.argv", ["agency", "--help"])
    with pytest.raises(SystemExit) as left:
        agency_main.main()
    assert left.value.code == 0
