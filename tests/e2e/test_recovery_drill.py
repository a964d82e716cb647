"""The drill of docs/spec/recovery.md, as it stands there: real programs, a real chain, nothing but the guardians."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from scripts.processes import Children, program
from scripts.stack import Stack
from tests.chain_fixture import free_port
from tests.readme_blocks import runnable
from tests.strangers import ROOT, need

DRILL_S = 240


def run(stack: Stack, *command: str, timeout: int = DRILL_S) -> subprocess.CompletedProcess[str]:
    path = f"{Path(program('wallet')).parent}{os.pathsep}{stack.env['PATH']}"
    return subprocess.run(
        command, cwd=ROOT, env={**stack.env, "PATH": path}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(2 * DRILL_S)
def test_the_drill_brings_back_what_nothing_but_guardians_knew(tmp_path: Path) -> None:
    need("bash")
    home = tmp_path / "onefile"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ONEFILE_")}
    kept |= {"ONEFILE_LANG": "en", "TMPDIR": str(tmp_path), "ONEFILE_SCRYPT_LOG_N": "14"}
    with Children(home / "logs") as children:
        stack = Stack.at(home, free_port(), free_port(), children, kept)
        stack.start()
        phrase = str(home / "alice.phrase")
        stack.call("wallet", "init", "--phrase-file", phrase, "--yes", "--profile", "alice")
        stack.call("wallet", "put", "LICENSE", "--title", "What I keep", "--profile", "alice")
        done = run(stack, "bash", "-euxo", "pipefail", "-c", runnable(ROOT / "docs/spec/recovery.md"))
        told = f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        assert done.returncode == 0, told
        assert "What I keep" in done.stdout, told
        assert "[signature_key_old]" in done.stderr, told
        opened = tmp_path / "opened"
        item = run(stack, "wallet", "items", "--json", "--profile", "anew")
        (row,) = json.loads(item.stdout)["items"]
        assert run(stack, "wallet", "open", row["item"], "--to", str(opened), "--profile", "anew").returncode == 0
        assert opened.read_bytes() == (ROOT / "LICENSE").read_bytes()
