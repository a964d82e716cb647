"""A place for a monitor: a stage with the real vault, and ways on which its answers are changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from client.api import VaultApi
from client.http import Http
from client.monitoring import main as program
from client.monitoring.looking import Place, Watch
from client.monitoring.watching import Post, read_gossip
from console import frame
from protocol.note import Checkpoint, sign_checkpoint
from protocol.note_signer import Ed25519NoteSigner
from tests.unit.wallet_cli.conftest import Lying
from tests.wallet_stage import ORIGIN, Stage
from vault_api.log_key import read_secret

OTHER = "http://mirror.test"
Run = Callable[..., "Outcome"]


@dataclass
class Outcome:
    """One run: exit code, and the lines that it told."""

    code: int
    lines: list[dict[str, Any]]

    @property
    def last(self) -> dict[str, Any]:
        return self.lines[-1]


@dataclass
class Tower:
    """A monitor's place: its stage, and what each address answers."""

    stage: Stage
    folder: Path
    ways: dict[str, Any] = field(default_factory=dict)
    gossip: tuple[bytes, ...] = ()
    ledger: Any = None

    @property
    def origin(self) -> str:
        return self.stage.vault.origin

    def signer(self) -> Ed25519NoteSigner:
        """The log's own key: what a vault that lies on purpose has."""
        return Ed25519NoteSigner(self.origin, read_secret(self.stage.vault.settings.log_key) or b"")

    def signed(self, size: int, root: bytes) -> bytes:
        return sign_checkpoint(Checkpoint(self.origin, size, root), self.signer())

    def grow(self, count: int = 1) -> None:
        """More entries: status tokens of an issuer, which anyone may see."""
        issuer = getattr(self, "_issuer", None) or self.stage.issuer()
        self._issuer = issuer
        for _ in range(count):
            self.stage.clock.time += 1
            issuer.publish_statuses()

    @contextmanager
    def opened(self, vaults: tuple[str, ...], folder: Path | None, gossip: Path | None) -> Iterator[tuple[Watch, Post]]:
        places = [
            Place(
                url,
                VaultApi(
                    Http(url, clock=self.stage.clock, transport=self.ways.get(url) or self.stage.transport, tries=1)
                ),
            )
            for url in vaults or (ORIGIN,)
        ]
        seen = read_gossip(gossip) if gossip else self.gossip
        yield (
            Watch(self.ledger or self.stage.ledger, self.origin, places, seen, program.tell),
            Post(folder or self.folder / "monitor", self.stage.home, self.stage.clock),
        )


@pytest.fixture
def tower(tmp_path: Path) -> Iterator[Tower]:
    stage = Stage(tmp_path)
    made = Tower(stage, tmp_path)
    made.grow(2)
    stage.clock.time += 10
    stage.tick()
    yield made
    stage.close()


@pytest.fixture
def run(tower: Tower, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setattr(program, "opened", tower.opened)

    def go(*argv: str) -> Outcome:
        capsys.readouterr()
        code = frame.invoke(program.cli, [*argv, "--json"], prog="monitor")
        told = capsys.readouterr().out
        if argv[0] == "check":
            return Outcome(code, [json.loads(told)] if told else [])
        return Outcome(code, [json.loads(line) for line in told.splitlines()])

    return go


def lying(tower: Tower, path: str, rule: Callable[[Any], Any], url: str = ORIGIN) -> None:
    made = Lying(tower.stage.transport)
    made.rules[path] = rule
    tower.ways[url] = made


def checked(run: Run, alarm: Outcome) -> dict[str, Any]:
    """What the evidence of an alarm proves."""
    assert alarm.code == 3
    done = run("check", alarm.last["evidence"])
    assert done.code == 0
    assert done.last["code"] == alarm.last["code"]
    return done.last
