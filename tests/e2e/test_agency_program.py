"""The issuing half of `agency` with a real chain, a real vault and a real wallet: what is issued is verified there."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scripts.processes import Children, free_port, program
from scripts.stack import Stack
from tests.strangers import ROOT, need_path

CLAIMS: dict[str, Any] = {
    "holder": {"name": "王小明", "identity_type": "居民身份证", "identity_number": "110101199003074514"},
    "vehicle_classes": "C1",
    "first_issue_date": "2015-06-01",
    "birth_date": "1990-03-07",
    "address": "威海市环翠区",
    "archive_number": "371000123456",
    "standing": "正常",
}
SCENARIOS = ROOT / "docs/examples/scenarios"


@dataclass
class Done:
    """What a run wrote and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def problem(self) -> Any:
        return json.loads(self.err.splitlines()[-1])["error"]["code"]


@dataclass
class System:
    """A running system, and one issuer (`police`), one authority (`bureau`) and one holder (`alice`) in it."""

    stack: Stack
    folder: Path
    alice: str = ""

    def run(self, name: str, *arguments: str, profile: str = "", code: int = 0) -> Done:
        who = ["--profile", profile] if profile else []
        done = subprocess.run(
            [program(name), *arguments, *who, "--json"],
            env=self.stack.env,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def agency(self, *arguments: str, profile: str = "police", code: int = 0) -> Done:
        return self.run("agency", *arguments, profile=profile, code=code)

    def wallet(self, *arguments: str, code: int = 0) -> Done:
        return self.run("wallet", *arguments, profile="alice", code=code)

    def enter(self, profile: str, name: str, *rights: str) -> None:
        """Make an agency, admit it, publish its card."""
        account = self.agency("init", "--name", name, "--code", "11370000MB2849999B", profile=profile).json["account"]
        assert self.agency("register", profile=profile, code=4).problem == "agency_not_admitted"
        self.run("chain", "agency", "admit", account, "--name", name, "--division", "office", *rights)
        assert self.agency("register", profile=profile).json["done"] == "registered"

    def claims(self, **changes: Any) -> str:
        path = self.folder / "claims.json"
        path.write_text(json.dumps({**CLAIMS, **changes}, ensure_ascii=False))
        return str(path)

    def token(self) -> str:
        path = self.folder / "token.txt"
        path.write_text(self.wallet("card", "--for", "威海市公安局").json["card_token"])
        return str(path)

    def issue(self, number: str, *more: str, code: int = 0, to: str = "", **changes: Any) -> Done:
        arguments = ["--type", "driving-licence", "--to", to or self.alice, "--claims", self.claims(**changes)]
        return self.agency("issue", *arguments, "--number", number, *more, code=code)

    def verdict(self, item: str, code: int = 0) -> Any:
        """What the wallet says when it claims an item."""
        self.wallet("sync")
        [row] = self.wallet("claim", item, code=code).json["items"]
        return row["verdict"]


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Started once for this file."""
    need_path(ROOT / "node_modules/.bin/anvil", "anvil")
    folder = tmp_path_factory.mktemp("agency")
    env = {name: value for name, value in os.environ.items() if not name.startswith("ONEFILE_")}
    with Children(folder / "logs") as children:
        stack = Stack.at(folder / "home", free_port(), free_port(), children, {**env, "ONEFILE_LANG": "en"})
        stack.start()
        made = System(stack, folder)
        made.enter("police", "威海市公安局", "--issues", "driving-licence")
        made.enter("bureau", "某市大数据局", "--scenario-authority")
        phrase = str(folder / "phrase")
        made.alice = made.wallet("init", "--phrase-file", phrase, "--yes").json["dossier"]
        yield made


@pytest.fixture(scope="module")
def first(system: System) -> dict[str, Any]:
    """The first credential, with a document, by the holder's invitation."""
    document = system.folder / "scan.pdf"
    document.write_bytes(os.urandom(2_800_000))
    assert system.issue("1", code=4).problem == "card_token_needed"
    found: dict[str, Any] = system.issue("1", "--document", str(document), to=system.token()).json
    return found


def test_what_is_issued_is_accepted_and_opened_by_its_holder(system: System, first: dict[str, Any]) -> None:
    verdict = system.verdict(first["item"])
    assert verdict["verdict"] == "accept"
    opened = system.folder / "opened.pdf"
    system.wallet("open", first["item"], "scan.pdf", "--to", str(opened))
    assert opened.read_bytes() == (system.folder / "scan.pdf").read_bytes()


def test_the_same_certificate_is_refused_and_another_type_too(system: System, first: dict[str, Any]) -> None:
    document = str(system.folder / "scan.pdf")
    assert system.issue("1", "--document", document, code=1).problem == "certificate_issued"
    arguments = ["--type", "diploma", "--to", system.alice, "--claims", system.claims()]
    assert system.agency("issue", *arguments, code=4).problem == "licence_type_not_allowed"


def test_a_suspended_credential_is_rejected_until_it_is_restored(system: System, first: dict[str, Any]) -> None:
    system.agency("status", "set", first["certificate_id"], "suspended")
    verdict = system.verdict(first["item"], code=3)
    assert [check["code"] for check in verdict["checks"] if check["status"] == "fail"] == ["credential_suspended"]
    system.agency("status", "set", first["item"], "valid")
    assert system.verdict(first["item"])["verdict"] == "accept"


def test_a_batch_keeps_its_bad_rows_and_runs_again(system: System, first: dict[str, Any]) -> None:
    rows = [{**CLAIMS, "to": system.alice, "number": f"B{i}"} for i in range(4)]
    rows[2]["first_issue_date"] = "never"
    path = system.folder / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    arguments = ["issue-batch", str(path), "--type", "driving-licence"]
    outcome = system.agency(*arguments, code=1).json
    assert (outcome["issued"], outcome["rejected"]) == (3, 1)
    again = system.agency(*arguments, code=1).json
    assert (again["issued"], again["issued_before"], again["rejected"]) == (0, 3, 1)


def test_a_new_key_card_signs_what_comes_next(system: System, first: dict[str, Any]) -> None:
    assert system.agency("register", "--rotate").json["card_seq"] == 2
    item = system.issue("after rotation", "--serial", "AR1").json["item"]
    assert system.verdict(item)["verdict"] == "accept"
    assert system.verdict(first["item"])["verdict"] == "accept"
    assert system.agency("doctor").json["state"] == "ok"


def test_scenarios_are_published_once_and_read_by_the_wallet(system: System) -> None:
    for path in sorted(SCENARIOS.glob("*.json")):
        published = system.agency("scenario", "publish", str(path), profile="bureau").json
        assert published["published"] == "now"
        again = system.agency("scenario", "publish", str(path), profile="bureau").json
        assert (again["published"], again["hash"]) == ("before", published["hash"])
    assert system.agency("scenario", "publish", str(path), code=4).problem == "not_a_scenario_authority"
    shown = system.agency("scenario", "show", "small-loan").json
    assert shown["verified"] is True
    assert "small-loan" in system.wallet("scenarios").out


def test_any_signed_request_is_answered(system: System, first: dict[str, Any]) -> None:
    assert system.agency("call", "GET", "/v1/grants").json == {
        "status": 200,
        "media_type": "application/json",
        "answer": {"rows": [], "next": None},
    }
    assert system.agency("call", "GET", "/v1/me", code=4).json["answer"]["code"] == "holder_only"


def test_a_vault_that_is_gone_is_exit_seven_and_nothing_is_lost(system: System, first: dict[str, Any]) -> None:
    system.stack.children.running.pop().stop()
    assert system.issue("after the vault", "--serial", "AV1", code=7).problem == "vault_unreachable"
    system.stack.start_vault()
    assert system.issue("after the vault", "--serial", "AV1").json["entry"] > first["entry"]
