"""The operator's guide: docs/operations.md against a vault that runs: its restore drill, a new relayer, and a new log key."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from protocol.note import Vkey, verify_checkpoint
from scripts.processes import Child, Children, free_port, listening, program
from tests.chain_fixture import start_chain
from tests.readme_blocks import runnable
from tests.strangers import ROOT, need

SCRIPT_S = 200


@dataclass
class Site:
    """A vault on a local chain, and the environment that leads to it."""

    children: Children
    env: dict[str, str]
    port: int

    def serve(self) -> Child:
        vault = self.children.start("vault", [program("vault-api"), "serve", "--port", str(self.port)], self.env)
        vault.wait_ready(lambda: listening(self.port))
        return vault

    def run(self, name: str, *words: str) -> Any:
        """A command with ``--json``: what it said."""
        done = subprocess.run(
            [program(name), *words, "--json"],
            env=self.env, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def fails(self, name: str, *words: str) -> Any:
        """A command that is refused: by which error."""
        done = subprocess.run(
            [program(name), *words, "--json"],
            env=self.env, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode != 0
        return json.loads(done.stderr.splitlines()[-1])["error"]

    def get(self, path: str) -> Any:
        """What the vault answers."""
        return httpx2.get(f"http://127.0.0.1:{self.port}{path}").json()

    def head(self) -> bytes:
        """The newest signed head."""
        return httpx2.get(f"http://127.0.0.1:{self.port}/v1/log/checkpoint").content


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A vault that serves one dossier."""
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
            made = Site(children, env, port)
            made.serve()
            made.run("wallet", "init", "--profile", "sample", "--kind", "person", *phrase(tmp_path), "--yes")
            yield made
    finally:
        chain.end()


def phrase(folder: Path) -> tuple[str, str]:
    return "--phrase-file", str(folder / "phrase")


@pytest.mark.slow
@pytest.mark.timeout(2 * SCRIPT_S)
def test_the_restore_drill_of_the_operators_guide_ends_well(site: Site, tmp_path: Path) -> None:
    for name in ("bash", "age", "age-keygen", "sha256sum"):
        need(name)
    (tmp_path / "note.txt").write_text("an own document " * 100)
    site.run("wallet", "put", "--profile", "sample", str(tmp_path / "note.txt"))
    done = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", runnable(ROOT / "docs" / "operations.md")],
        cwd=ROOT, env=site.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SCRIPT_S, check=False,
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


@pytest.mark.slow
@pytest.mark.timeout(SCRIPT_S)
def test_a_new_relayer_takes_over_as_the_guide_says(site: Site, tmp_path: Path) -> None:
    """docs/operations.md §4: what the former relayer has not anchored, the new one does."""
    keys = Path(site.env["ONEFILE_HOME"]) / "vault"
    relayer, cold, new = keys / "relayer.key", tmp_path / "cold.key", keys / "relayer.new"
    before = site.run("chain", "log", "show")
    owner, account = (site.run("chain", "key", str(path))["account"] for path in (cold, new))
    for one in (owner, account):
        site.run("chain", "fund", one)
    site.run("chain", "log", "offer", owner, "--key", str(relayer))
    site.run("chain", "log", "accept", "--key", str(cold))
    order = ("chain", "log", "publisher", account, "--key", str(cold))
    assert site.run(*order, "--dry-run")["steps"][0]["transaction"] is None
    site.run(*order)
    (tmp_path / "note.txt").write_text("a document that waits for its anchor")
    site.run("wallet", "put", "--profile", "sample", str(tmp_path / "note.txt"))
    site.children.running[-1].stop()
    relayer.replace(keys / "relayer.old")
    new.replace(relayer)
    site.serve()
    assert {part["state"] for part in site.run("vault-api", "doctor")["parts"]} == {"ok"}
    until = time.monotonic() + SCRIPT_S / 2
    while (shown := site.run("chain", "log", "show"))["size"] == before["size"] and time.monotonic() < until:
        assert shown["publisher"] == account
    assert shown["size"] > before["size"]
    assert (shown["publisher"], shown["owner"]) == (account, owner)


@pytest.mark.slow
@pytest.mark.timeout(SCRIPT_S)
def test_a_new_log_key_takes_over_as_the_guide_says(site: Site, tmp_path: Path) -> None:
    """docs/operations.md §4: heads are the new key's from the entry on that names it, and work goes on."""
    keys = Path(site.env["ONEFILE_HOME"]) / "vault"
    log, relayer, new = keys / "log.key", keys / "relayer.key", keys / "log.new"
    first = site.get("/v1/info")["log_vkey"]
    drawn = site.run("vault-api", "draw-log-key", str(new))
    origin, second = drawn["origin"], drawn["vkey"]
    (tmp_path / "old.txt").write_text("a document under the former key")
    site.run("wallet", "put", "--profile", "sample", str(tmp_path / "old.txt"))
    before = verify_checkpoint(site.head(), origin, Vkey.parse(first))
    site.children.running[-1].stop()
    site.run("chain", "log", "rotate", second, "--key", str(relayer))
    assert site.fails("vault-api", "serve", "--port", str(site.port))["code"] == "log_key_former"
    log.replace(keys / "log.old")
    new.replace(log)
    site.serve()
    assert {part["state"] for part in site.run("vault-api", "doctor")["parts"]} == {"ok"}
    assert site.get("/v1/info")["log_vkey"] == second
    after = verify_checkpoint(site.head(), origin, Vkey.parse(second))
    assert after.size == before.size + 1
    (tmp_path / "note.txt").write_text("a document under the new key")
    site.run("wallet", "put", "--profile", "sample", str(tmp_path / "note.txt"))
    now = verify_checkpoint(site.head(), origin, Vkey.parse(second))
    assert now.size > after.size
    until = time.monotonic() + SCRIPT_S / 2
    while (anchored := site.run("chain", "log", "show")["size"]) < now.size and time.monotonic() < until:
        assert anchored > 0
    assert anchored >= now.size
    assert site.run("vault-api", "scrub")["damaged"] == []
    audited = site.run("wallet", "audit", "--full", "--profile", "sample")  # over heads of both keys
    assert audited["findings"] == []
