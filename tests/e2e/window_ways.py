"""Each way to show a licence at a window, through the real programs: with a network, and without one both ways."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx2

from protocol.offline import PREFIX as FRAME
from scripts.demo.window import photograph
from tests.strangers import ROOT

STOP_S = 120  # also where signals are not handed on: a show ends by itself after a minute
SCENARIO = "window-driving"
Environ = dict[str, str]


def run(program: str, *argv: str, env: Environ, profile: str, code: int = 0) -> Any:
    """What a program tells as JSON; it must end with ``code``."""
    done = subprocess.run(
        [program_path(program), "--json", "--profile", profile, *argv],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=STOP_S,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout) if done.stdout else json.loads(done.stderr)


def program_path(name: str) -> str:
    return str(Path(sys.executable).parent / name)


@contextmanager
def held_up(env: Environ, *argv: str) -> Iterator[tuple[subprocess.Popen[str], Any]]:
    """A wallet that holds something up, and what it says first."""
    wallet = subprocess.Popen(
        [program_path("wallet"), "--json", "--profile", "alice", "show", *argv],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert wallet.stderr is not None
        yield wallet, json.loads(wallet.stderr.readline())
    finally:
        if wallet.poll() is None:
            wallet.send_signal(signal.SIGINT)
        wallet.communicate(timeout=STOP_S)


def licence(env: Environ) -> str:
    """The id of alice's driving licence."""
    found = run("wallet", "items", env=env, profile="alice")
    rows = found if isinstance(found, list) else found["items"]
    return str(next(row["item"] for row in rows if row["kind"] == "driving-licence"))


def shows_with_documents(env: Environ, item: str, folder: Path) -> None:
    """Online: one code, and the documents lie opened in the window's folder."""
    with held_up(env, item, "--optional", "--no-confirm") as (wallet, drawn):
        seen = run(
            "agency",
            "scan",
            "--text",
            drawn["code"],
            "--scenario",
            SCENARIO,
            "--to",
            str(folder),
            env=env,
            profile="police",
        )
        told, _ = wallet.communicate(timeout=STOP_S)
    assert seen["verdict"] == "accept"
    handed = json.loads(told)["items"][0]["documents"]
    opened = sorted(path.name for path in (folder / "documents" / "1").glob("*")) if handed else []
    assert opened == sorted(handed)


def gathers_packs(env: Environ) -> None:
    """What is needed without a network, while there is one."""
    assert run("agency", "pack", "update", env=env, profile="police")["status_lists"] >= 1
    assert run("wallet", "pack", "update", env=env, profile="alice")["scenarios"] >= 1


def shows_one_way(env: Environ, item: str) -> None:
    """No network: frames that answer nobody are at most indeterminate, and count once."""
    claims = "/holder/name,/vehicle_classes,/standing"
    with held_up(env, item, "--offline", "--claims", claims) as (_wallet, drawn):
        options = [part for text in drawn["frames"] for part in ("--text", text)]
        scanning = ("scan", "--offline", "--scenario", SCENARIO, *options)
        seen = run("agency", *scanning, env=env, profile="police", code=7)
        assert (seen["verdict"], seen["way"]) == ("indeterminate", "one")
        assert seen["items"][0]["checks"][-1]["code"] == "offline_no_challenge"
        again = run("agency", *scanning, env=env, profile="police", code=1)
        assert again["error"]["code"] == "offline_replayed"


def shows_two_ways(env: Environ, item: str, port: int, folder: Path, until: Callable[[int], None]) -> None:
    """No network: the window asks, the wallet answers in frames, and the window accepts."""
    window = subprocess.Popen(
        [program_path("agency"), "--profile", "police", "window", "--scenario", SCENARIO, "--port", str(port)],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert window.stdout is not None
        link = window.stdout.readline().strip()
        until(port)
        origin, token = link.split("/start#")
        with httpx2.Client(base_url=origin, headers={"origin": origin}, timeout=STOP_S) as page:
            assert page.post("/start", json={"token": token}).status_code == 204
            picture = unquote(page.post("/ask").json()["picture"])
            photograph(picture, folder / "request.png")
            with held_up(env, item, "--offline", "--request", str(folder / "request.png")) as (_wallet, drawn):
                assert all(text.startswith(FRAME) for text in drawn["frames"])
                answers = [page.post("/scan", json={"code": text}).json() for text in reversed(drawn["frames"])]
        assert [answer["verdict"] for answer in answers] == ["collecting"] * (len(answers) - 1) + ["accept"]
        assert answers[-1]["offline"]["way"] == "two"
    finally:
        window.send_signal(signal.SIGINT)
        window.communicate(timeout=STOP_S)
