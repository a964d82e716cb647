"""``make up``: a system that stays, the commands that it prints, and a state that survives."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from client.profile import Profile
from scripts.processes import free_port, listening
from scripts.up import add_options
from tests.e2e import window_ways
from tests.strangers import ROOT

READY_S = 240
STOP_S = 60


class Up:
    """One run of ``python -m scripts.up`` in a folder of its own."""

    def __init__(self, home: Path, chain_port: int, vault_port: int) -> None:
        command = [sys.executable, "-m", "scripts.up", "--chain-port", str(chain_port), "--vault-port", str(vault_port)]
        self.env = {
            **{k: v for k, v in os.environ.items() if not k.startswith("ONEFILE_")},
            "ONEFILE_HOME": str(home),
            "ONEFILE_RPC_URL": f"http://127.0.0.1:{chain_port}",
            "ONEFILE_VAULT_URL": f"http://127.0.0.1:{vault_port}",
            "NO_COLOR": "1",
        }
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def until_ready(self) -> list[str]:
        """What it prints until it is ready: the suggested commands."""
        assert self.process.stdout is not None
        told = []
        for line in self.process.stdout:
            told.append(line.rstrip("\n"))
            if line.startswith("Ctrl-C"):
                start = next(i for i, line in enumerate(told) if line.startswith("Sample profiles"))
                return [line.strip() for line in told[start:] if line.startswith("  ")]
        assert self.process.stderr is not None
        raise AssertionError("\n".join(told) + self.process.stderr.read())

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=STOP_S)
        return self.process.returncode


@contextmanager
def up(home: Path, chain_port: int, vault_port: int) -> Iterator[Up]:
    running = Up(home, chain_port, vault_port)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.stop()


@pytest.mark.slow
@pytest.mark.timeout(READY_S * 3)
@pytest.mark.parametrize(("below", "home"), [("", "/elsewhere"), ("cluster", "/elsewhere/cluster")])
def test_state_lies_where_the_programs_look_for_it(monkeypatch: pytest.MonkeyPatch, below: str, home: str) -> None:
    monkeypatch.setenv("ONEFILE_HOME", "/elsewhere")
    parser = argparse.ArgumentParser()
    add_options(parser, below=below)
    assert parser.parse_args([]).home == Path(home)
    assert parser.parse_args(["--home", "/named"]).home == Path("/named")


def test_a_first_start_that_was_broken_off_is_begun_anew(tmp_path: Path) -> None:
    ports = free_port(), free_port()
    with up(tmp_path, *ports) as broken:
        assert broken.process.stdout is not None
        assert any("agency register" in line for line in broken.process.stdout)
        with up(tmp_path, free_port(), free_port()) as other:  # it must not take this home for a broken one
            assert "runs on" in other.process.communicate(timeout=STOP_S)[1]
            assert other.process.returncode == 1
        assert (tmp_path / "deployment.json").exists()
        assert broken.stop() == 0
    assert not (tmp_path / "sample-data-made").exists()
    with up(tmp_path, *ports) as again:
        again.until_ready()
        assert again.stop() == 0
    assert (tmp_path / "sample-data-made").exists()
    assert not Profile.of("agency", "bank", tmp_path).agent_socket.exists()  # no agent outlives it


@pytest.mark.slow
@pytest.mark.timeout(READY_S * 2)
def test_the_system_stays_up_and_its_state_survives(tmp_path: Path) -> None:
    ports = free_port(), free_port()
    with up(tmp_path, *ports) as first:
        suggested = first.until_ready()
        script = "set -e\n" + "\n".join(suggested)
        done = subprocess.run(["bash", "-c", script], cwd=ROOT, env=first.env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, script + done.stdout + done.stderr
        assert first.stop() == 0
    with up(tmp_path, *ports) as second:
        second.until_ready()
        env = {**second.env, "ONEFILE_PASSPHRASE_FILE": str(tmp_path / "sample-passphrase")}
        wallet = [str(Path(sys.executable).parent / "wallet"), "--json", "--profile", "alice"]
        synced = subprocess.run([*wallet, "sync"], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        assert synced.returncode == 0, synced.stderr
        listed = subprocess.run([*wallet, "items"], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
        assert "driving-licence" in json.dumps(json.loads(listed.stdout))
        police = ["window", "--scenario", "window-driving", "--profile", "police"]
        a_page_opens_for_who_has_its_link("agency", police, env)
        a_page_opens_for_who_has_its_link("wallet", ["web", "--no-open", "--profile", "alice"], env)
        item = window_ways.licence(env)
        window_ways.shows_with_documents(env, item, tmp_path / "shown")
        window_ways.gathers_packs(env)
        assert second.stop() == 0
    assert second.process.poll() is not None
    # Neither chain nor vault runs any more.
    window_ways.shows_one_way(env, item)
    port = free_port()
    window_ways.shows_two_ways(env, item, port, tmp_path, lambda port: wait_until(lambda: listening(port)))


def a_page_opens_for_who_has_its_link(program: str, command: list[str], env: dict[str, str]) -> None:
    port = free_port()
    started = [str(Path(sys.executable).parent / program), *command]
    page = subprocess.Popen(
        [*started, "--port", str(port)], cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert page.stdout is not None
    assert page.stdout.readline().startswith(f"http://127.0.0.1:{port}/start#")
    wait_until(lambda: listening(port))
    found = httpx2.get(f"http://127.0.0.1:{port}/start"), httpx2.get(f"http://127.0.0.1:{port}/")
    page.send_signal(signal.SIGINT)
    told, complaint = page.communicate(timeout=STOP_S)
    assert [answer.status_code for answer in found] == [200, 401]
    assert (page.returncode, told, complaint) == (0, "", "")


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + STOP_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
