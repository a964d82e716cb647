"""The `chain` program run in this process: what it writes, where, and with which exit code."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chain.main import cli
from console.frame import invoke
from tests.chain_fixture import LocalChain, signer


@dataclass
class Answer:
    """What a run wrote and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        return json.loads(self.err.splitlines()[-1])["error"]


Run = Callable[..., Answer]


@pytest.fixture
def home(tmp_path: Path, local_chain: LocalChain, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a governor's key, and the session's chain as endpoint."""
    for name in list(os.environ):
        if name.startswith("ONEFILE_") and name != "ONEFILE_SKIP_NOTHING":
            monkeypatch.delenv(name)
    monkeypatch.setenv("ONEFILE_HOME", str(tmp_path))
    monkeypatch.setenv("ONEFILE_RPC_URL", local_chain.url)
    monkeypatch.setenv("ONEFILE_LANG", "en")
    monkeypatch.setenv("NO_COLOR", "1")
    write_key(tmp_path / "chain" / "governor.key", "governor")
    local_chain.funded("governor")
    return tmp_path


@pytest.fixture
def run(home: Path, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run the program in this process."""
    assert home.exists()

    def running(*argv: str) -> Answer:
        capfd.readouterr()
        code = invoke(cli, argv, prog="chain")
        out, err = capfd.readouterr()
        return Answer(code, out, err)

    return running


def write_key(path: Path, name: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text("0x" + signer(name)._secret.hex() + "\n")
    return path
