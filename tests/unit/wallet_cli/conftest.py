"""The wallet's tests: a stage with the real vault, and the program run on it in this process."""

from __future__ import annotations

import dataclasses
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from client.session import Session
from console import frame
from protocol.scenario import Scenario, sign_scenario
from tests import scenario_samples
from tests.wallet_stage import Agency, Stage, card_of
from wallet_cli import common
from wallet_cli.main import cli
from wallet_cli.services import syncing, tokens

Rule = Callable[[Any], Any]


@dataclass(frozen=True)
class Outcome:
    """What a run of the program came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def problem(self) -> str:
        """The code of the error that was told under --json."""
        return str(json.loads(self.err[self.err.index('{"error"') :])["error"]["code"])


class Lying(httpx2.BaseTransport):
    """A vault that changes its answers: path prefix → what to do with the JSON, text or bytes of the answer."""

    def __init__(self, honest: httpx2.BaseTransport) -> None:
        self.honest = honest
        self.rules: dict[str, Rule] = {}
        self.seen: list[str] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        self.seen.append(f"{request.method} {path}")
        rule = next((rule for prefix, rule in self.rules.items() if path.startswith(prefix)), None)
        answer = self.honest.handle_request(request)
        if rule is None or answer.status_code >= 400:
            return answer
        body = answer.read()
        is_json = "json" in answer.headers.get("content-type", "")
        said = rule(json.loads(body) if is_json else body)
        if isinstance(said, httpx2.Response):
            return said
        content = json.dumps(said).encode() if is_json else said
        return httpx2.Response(answer.status_code, content=content, headers={"content-type": answer.headers["content-type"]})


@pytest.fixture(autouse=True)
def _apart(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No agent of the person who runs the tests is asked, and English is spoken."""
    runtime = tempfile.mkdtemp(prefix="of-", dir="/tmp")  # short: a socket's path has about 100 bytes
    monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
    for name in ("ONEFILE_LANG", "LC_ALL", "LC_MESSAGES", "LANG", "ONEFILE_PROFILE", "ONEFILE_DEBUG", "NO_COLOR"):
        monkeypatch.setenv(name, "")
    yield
    shutil.rmtree(runtime, ignore_errors=True)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.close()


@pytest.fixture
def run_on(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[Stage], Callable[..., Outcome]]:
    """Run ``wallet`` on a stage; ``transport`` and upper-case settings change what the session sees."""

    def on(stage: Stage) -> Callable[..., Outcome]:
        def run(*argv: str, transport: Any = None, opener: Any = None, **environ: str) -> Outcome:
            def make(file: Path | None, descriptor: int | None) -> Session:
                found = stage.session(frame.current().profile or "alice", **environ)
                found.transport = transport or stage.transport
                found.opener = opener or found.opener
                if file is not None or descriptor is not None:
                    found.passphrase = common.source(file, descriptor)
                return found

            monkeypatch.setattr(common, "make_session", make)
            capsys.readouterr()
            code = frame.invoke(cli, argv, prog="wallet")
            told = capsys.readouterr()
            return Outcome(code, told.out, told.err)

        return run

    return on


@pytest.fixture
def wallet(stage: Stage, run_on: Callable[[Stage], Callable[..., Outcome]]) -> Callable[..., Outcome]:
    return run_on(stage)


@dataclass
class World:
    """A stage on which alice has one issued item, and a bank may ask by a scenario."""

    stage: Stage
    alice: Session
    hr: Agency
    bank: Agency
    authority: Agency
    scenario: Scenario
    scenario_raw: str
    item: str


def small_loan(authority: Agency, **changes: Any) -> Scenario:
    now = authority.stage.clock.now()
    values = {"authority": authority.urn, "effective": now - 10, "expires": now + 10**8}
    return dataclasses.replace(scenario_samples.SCENARIO, **{**values, **changes})


def make_world(stage: Stage, kind: str = "person") -> World:
    alice = stage.holder("alice", kind=kind)
    hr, bank, authority = stage.issuer(), stage.bank(), stage.authority()
    hr.issue(tokens.card_token(alice, hr.account), card_of(alice))
    scenario = small_loan(authority)
    raw = sign_scenario(scenario, authority.present)
    authority.api.post_scenario(raw)
    stage.tick()
    syncing.sync(alice)
    return World(stage, alice, hr, bank, authority, scenario, raw, alice.store.items()[0].id)


@pytest.fixture
def world(stage: Stage) -> World:
    """A world of one test's own."""
    return make_world(stage)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world for the tests of a module that leave it as they found it."""
    stage = Stage(tmp_path_factory.mktemp("shared"))
    yield make_world(stage)
    stage.close()


@pytest.fixture
def look(shared: World, run_on: Callable[[Stage], Callable[..., Outcome]]) -> Callable[..., Outcome]:
    """Run ``wallet`` on the shared world."""
    return run_on(shared.stage)


BANK = ("--agency", "City Bank", "--scenario", "small-loan")


def granted(world: World, wallet: Callable[..., Outcome], *more: str) -> str:
    """A grant of alice's to the bank, in the log; its id."""
    done = wallet("grant", *BANK, "--for", "7d", "--uses", "3", *more, "--yes", "--json")
    assert done.code == 0, done.err
    world.stage.tick()
    return str(done.json["grant"])
