"""The operator's guide: the restore drill of docs/operations.md, every command of it, against a vault that runs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.processes import Children, free_port, listening, program
from tests.chain_fixture import start_chain
from tests.readme_blocks import runnable
from tests.strangers import ROOT, need

SCRIPT_S = 200


@pytest.fixture
def running(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A vault on a local chain with one dossier and one document; gives the environment that leads to it."""
    chain = start_chain()
    port = free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ONEFILE_")}
    home = tmp_path / "home"
    home.mkdir()
    _deployment, record = chain.deployed()
    (home / "deployment.json").write_bytes(record.read_bytes())
    (home / "passphrase").write_text("a passphrase for a test\n")
    (home / "passphrase").chmod(0o600)
    env = {
        **kept,
        "ONEFILE_HOME": str(home),
        "ONEFILE_RPC_URL": chain.url,
        "ONEFILE_PUBLIC_ORIGIN": f"http://127.0.0.1:{port}",
        "ONEFILE_VAULT_URL": f"http://127.0.0.1:{port}",
        "ONEFILE_ANCHOR_INTERVAL_S": "0.5",
        "ONEFILE_PASSPHRASE_FILE": str(home / "passphrase"),
        "ONEFILE_SCRYPT_LOG_N": "14",
        "ONEFILE_LANG": "en",
        "TMPDIR": str(tmp_path),
        "PATH": f"{Path(program('python')).parent}:{kept['PATH']}",
    }
    try:
        with Children(tmp_path / "logs") as children:
            vault = children.start("vault", [program("vault-api"), "serve", "--port", str(port)], env)
            vault.wait_ready(lambda: listening(port))
            wallet(env, "init", "--kind", "person", "--phrase-file", str(tmp_path / "phrase"), "--yes")
            (tmp_path / "note.txt").write_text("an own document " * 100)
            wallet(env, "put", str(tmp_path / "note.txt"))
            yield env
    finally:
        chain.end()


def wallet(env: dict[str, str], *words: str) -> None:
    command = [program("wallet"), *words, "--profile", "sample"]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.timeout(2 * SCRIPT_S)
def test_the_restore_drill_of_the_operators_guide_ends_well(running: dict[str, str], tmp_path: Path) -> None:
    for name in ("bash", "age", "age-keygen", "sha256sum"):
        need(name)
    done = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", runnable(ROOT / "docs" / "operations.md")],
        cwd=ROOT, env=running, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SCRIPT_S, check=False,
    )  # fmt: skip
    told = f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    assert done.returncode == 0, told
    facts = [line.split() for line in done.stdout.splitlines()]
    assert ["payloads", "2"] in facts, told  # the document and what describes it are in the restored vault
    assert ["backups", "2"] in facts, told
    assert ["behind", "0"] in facts, told
    assert ["damaged", "0"] in facts, told
    spare = next(tmp_path.glob("tmp.*/spare/vault"))
    assert (spare / "vault.db").is_file()
    assert not list(spare.glob("*.restoring"))
