"""Every command of the README, run in order against a system that ``make up``'s program has started."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.processes import free_port
from tests.readme_blocks import runnable
from tests.strangers import ROOT, need

UP_S = 300
SCRIPT_S = 400


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


@dataclass(frozen=True)
class Played:
    """The README's script, run to its end: what it wrote to the screen, and where its files are."""

    env: dict[str, str]
    code: int
    out: str
    err: str
    files: Path


@pytest.fixture(scope="module")
def played(system: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Played:
    for program in ("bash", "curl", "age", "age-keygen", "node"):
        need(program)
    folder = tmp_path_factory.mktemp("out")
    done = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", runnable(ROOT / "README.md")],
        cwd=ROOT, env={**system, "TMPDIR": str(folder)}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=SCRIPT_S, check=False,
    )  # fmt: skip
    return Played(system, done.returncode, done.stdout, done.stderr, next(folder.iterdir()))


@pytest.mark.slow
@pytest.mark.timeout(UP_S + 2 * SCRIPT_S)
def test_every_command_of_the_readme_does_what_it_says(played: Played) -> None:
    told = f"{played.out[-3000:]}\n{played.err[-3000:]}"
    assert played.code == 0, told
    # What the page says of each part, and not only that nothing failed.
    for proof in (
        "Driving licence",  # items
        "accepted",  # claim, verify
        "1/3",  # the use is counted
        "handed over to",  # the show
        "is in the log of",  # Python
        "accepted: issuer, right, log, anchor and documents hold",  # without us
    ):
        assert proof in played.out, told
    for refusal in ("[grant_revoked]", "[signature_key_old]"):  # the agency; the lost device
        assert refusal in played.err, told


def flip(folder: Path, name: str, at: int) -> None:
    path = folder / name
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    path.write_bytes(raw)


def swap(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text, name
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.slow
@pytest.mark.timeout(UP_S + 2 * SCRIPT_S)
@pytest.mark.parametrize(
    ("spoil", "refusal"),
    [
        (lambda folder: flip(folder, "scan.pdf.age", 5000), "scan.pdf.age is what the slip names"),
        (lambda folder: flip(folder, "slip.jwt", -30), "the issuer signed the deposit slip"),
        (lambda folder: flip(folder, "checkpoint", 0), None),  # the note inside the proof is the one that counts
        (lambda folder: swap(folder, "facts.json", '"seq": 1', '"seq": 2'), "keeps that key card"),
        (lambda folder: swap(folder, "entry.json", '"v":1', '"v":2'), "is in that tree"),
        (lambda folder: swap(folder, "opening.json", '"salt":"', '"salt":"A'), "the log entry commits to the slip"),
        (lambda folder: flip(folder, "credential.sd-jwt", 0), "unreadable"),
    ],
    ids=["document", "slip", "loose-checkpoint", "key-card", "entry", "opening", "credential"],
)  # fmt: skip
def test_the_script_without_our_code_refuses_what_was_changed(
    played: Played, tmp_path: Path, spoil: Callable[[Path], None], refusal: str | None
) -> None:
    folder = tmp_path / "licence"
    shutil.copytree(played.files / "licence", folder)
    spoil(folder)
    command = ["node", "docs/examples/verify-export.mjs", str(folder), played.env["ONEFILE_RPC_URL"]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == (0 if refusal is None else 3), done.stdout + done.stderr
    assert refusal is None or refusal in done.stderr
