"""What a command loads before it needs it: modules are counted, not milliseconds."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from console import frame
from console.frame import LazyCommand
from tests.unit.wallet_cli.conftest import Outcome, World
from tests.wallet_stage import Stage
from wallet_cli.main import COMMANDS, cli

SLOW = ("web3", "eth_account", "rich", "pydantic", "httpx2", "fastapi", "sqlalchemy", "babel", "PIL", "stdnum", "zxingcpp")


def loaded(code: str) -> set[str]:
    """The slow modules that are loaded after ``code`` ran in a process of its own."""
    ask = f"{code}\nimport sys\nprint(' '.join(m for m in {SLOW!r} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_list_of_commands_loads_nothing_slow() -> None:
    assert loaded("import wallet_cli.main") == set()


def test_listing_and_opening_items_loads_nothing_of_chain_or_network() -> None:
    modules = "wallet_cli.commands.items, wallet_cli.services.opening, wallet_cli.services.views"
    assert loaded(f"import {modules}") & {"web3", "eth_account", "pydantic", "httpx2", "rich"} == set()


def test_drawing_a_code_loads_neither_web3_nor_eth_account() -> None:
    modules = "wallet_cli.commands.show, wallet_cli.services.showing, client.api, client.http"
    assert loaded(f"import {modules}") & {"web3", "eth_account", "rich"} == set()


@pytest.mark.parametrize("argv", [["--help"], ["items", "--help"], ["show", "--help"], ["grant", "--help"]])
def test_help_loads_neither_web3_nor_eth_account(argv: list[str]) -> None:
    code = f"from console import frame\nfrom wallet_cli.main import cli\nframe.invoke(cli, {argv!r}, prog='wallet')"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nassert not {{'web3', 'eth_account'}} & set(sys.modules)"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_an_unlocked_wallet_lists_its_items_without_a_passphrase_or_the_chain(world: World, tmp_path: Path) -> None:
    from client import agent

    agent.start(world.alice.profile, world.alice.keys, 60)
    code = (
        "import sys\nfrom console import frame\nfrom wallet_cli.main import cli\n"
        "code = frame.invoke(cli, ['items', '--json', '--profile', 'alice'], prog='wallet')\n"
        "assert not {'web3', 'eth_account', 'pydantic', 'httpx2'} & set(sys.modules)\nsys.exit(code)"
    )
    environ = {**os.environ, **world.stage.environ(), "LANG": "C"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environ, cwd=Path.cwd(), check=False
    )
    agent.lock(world.alice.profile)
    assert (done.returncode, done.stderr) == (0, "")
    assert world.item in done.stdout


def test_every_command_is_there_with_help_in_both_languages(capsys: pytest.CaptureFixture[str]) -> None:
    for name, _target, short in COMMANDS:
        command = cli.loaded(name)
        assert command is not None
        assert command.name == name
        assert command.help
        assert short
        for lang in ("en", "zh"):
            assert frame.invoke(cli, [name, "--help", "--lang", lang], prog="wallet") == 0
    told = capsys.readouterr().out
    assert "用法" in told
    assert isinstance(cli.commands["show"], LazyCommand)


def test_the_entry_point_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from wallet_cli import main

    monkeypatch.setattr(sys, "argv", ["wallet", "--help"])
    with pytest.raises(SystemExit) as left:
        main.main()
    assert left.value.code == 0
    assert "show-item" in capsys.readouterr().out


def test_a_command_without_a_profile_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import wallet_cli.hints  # noqa: F401 (registers the next steps)

    monkeypatch.setenv("ONEFILE_HOME", str(tmp_path))
    assert frame.invoke(cli, ["items"], prog="wallet") == 6
    assert "wallet init" in capsys.readouterr().err


def test_lengths_of_time_are_told_in_two_units() -> None:
    from wallet_cli.common import span

    assert [span(s) for s in (0, 59, 3600, 90_061)] == ["0s", "59s", "1h", "1d 1h"]


def test_outcomes_know_their_problem(run_on: Callable[..., object]) -> None:
    assert Outcome(1, "", '{"error": {"code": "x"}}').problem == "x"
    assert run_on is not None


def test_init_can_leave_the_keys_open(stage: Stage, wallet: Callable[..., Outcome]) -> None:
    wallet("init", "--yes", "--offline", "--unlock", "90s")
    assert wallet("unlock", "--status", "--json").json["unlocked"] is True
    wallet("lock")
