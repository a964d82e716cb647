"""Every command of the README, run in order against a system that ``make up``'s program has started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.processes import free_port
from tests.readme_blocks import runnable
from tests.strangers import ROOT, need

UP_S = 300
SCRIPT_S = 280


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A running system with the sample data; gives the environment that leads the programs to it."""
    home = tmp_path_factory.mktemp("home") / "onefile"
    chain_port, vault_port = free_port(), free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ONEFILE_")}
    log = home.with_suffix(".log")
    ports = ["--chain-port", str(chain_port), "--vault-port", str(vault_port)]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "scripts.up", "--home", str(home), *ports],
            cwd=ROOT, env=kept, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
    try:
        wait_up(process, log)
        yield {
            **kept,
            "ONEFILE_HOME": str(home),
            "ONEFILE_RPC_URL": f"http://127.0.0.1:{chain_port}",
            "ONEFILE_VAULT_URL": f"http://127.0.0.1:{vault_port}",
            "ONEFILE_LANG": "en",
        }
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
    assert "the state is kept" in log.read_text(encoding="utf-8")


def wait_up(process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + UP_S
    while "Ctrl-C" not in log.read_text(encoding="utf-8"):
        assert process.poll() is None, log.read_text(encoding="utf-8")[-3000:]
        assert time.monotonic() < deadline, log.read_text(encoding="utf-8")[-3000:]
        time.sleep(0.2)


@pytest.mark.slow
@pytest.mark.timeout(UP_S + 2 * SCRIPT_S)
def test_every_command_of_the_readme_does_what_it_says(system: dict[str, str]) -> None:
    for program in ("bash", "curl", "age", "age-keygen", "node"):
        need(program)
    script = runnable(ROOT / "README.md")
    done = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", script],
        cwd=ROOT, env=system, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SCRIPT_S, check=False,
    )  # fmt: skip
    told = f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    assert done.returncode == 0, told
    # What the page says of each part, and not only that nothing failed.
    for proof in (
        "Driving licence",  # items
        "accepted",  # claim, verify
        "1/3",  # the use is counted
        "handed over to",  # the show
        "is in the log of",  # Python
        "accepted: issuer, right, log, anchor and documents hold",  # without us
    ):
        assert proof in done.stdout, told
    assert "[grant_revoked]" in done.stderr, told

