"""A running vault over HTTP: Go reads its log and every proof of it, npm's http-message-signatures speaks to it; and so
do, on a real chain, the holder's full audit and a monitor."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from client.monitoring import main as monitor
from console import frame
from protocol.encoding import b64u
from protocol.hashing import sha256
from protocol.note import Checkpoint, sign_checkpoint
from protocol.note_signer import Ed25519NoteSigner
from protocol.tiles import TILE_WIDTH
from tests.chain_fixture import start_chain
from tests.interop.logcheck import built
from tests.interop.programs import node_json
from tests.interop.running import Running, running_vault
from wallet_cli.services import auditing, tokens


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    # A chain of its own: the session's may be ahead of the clock that the vault goes by.
    chain = start_chain()
    try:
        with running_vault(tmp_path_factory.mktemp("running"), chain) as made:
            yield made
    finally:
        chain.end()


@pytest.fixture(scope="module")
def logcheck(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("go"))


def kept_in(folder: Path, running: Running) -> Path:
    """What a monitor keeps: the log's key as the contract says it, and the checkpoints that it has seen."""
    (folder / "vkey").write_text(running.vkey + "\n")
    return folder


def fetch(program: Path, running: Running, kept: Path) -> subprocess.CompletedProcess[str]:
    command = [str(program), "fetch", running.url + "/v1/log", str(kept)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_go_reads_the_log_and_every_proof_from_a_running_vault(
    logcheck: Path, running: Running, tmp_path: Path
) -> None:
    kept, first = kept_in(tmp_path, running), running.size() + 1
    full = -(-(first + 2) // TILE_WIDTH) * TILE_WIDTH  # beyond the next size a tile is full
    for before, size in enumerate((first, full - 1, full, full + 1, full + TILE_WIDTH + 1)):
        note = running.grow(size)
        done = fetch(logcheck, running, kept)
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        assert (said["size"], said["entries"], said["consistency"]) == (size, size, before)
        assert said["inclusion"] >= 2
        (kept / f"checkpoint-{size}").write_bytes(note)


def test_go_refuses_a_running_vault_under_another_key(logcheck: Path, running: Running, tmp_path: Path) -> None:
    other = running.vkey[:-8] + ("AAAAAAA=" if running.vkey.endswith("=") else "AAAAAAAA")
    (tmp_path / "vkey").write_text(other + "\n")
    done = fetch(logcheck, running, tmp_path)
    assert done.returncode == 1
    assert "logcheck:" in done.stderr


def test_go_refuses_a_running_vault_that_showed_somebody_else_another_log(
    logcheck: Path, running: Running, tmp_path: Path
) -> None:
    # The same key signs another tree of the same size: a monitor that was shown that one finds no way to this log.
    size = running.size() + 1
    running.grow(size)
    running.grow(size + 1)
    origin, kept = running.alice.log.origin, kept_in(tmp_path, running)
    fork = Checkpoint(origin, size, sha256(b"another tree"))
    (kept / f"checkpoint-{size}").write_bytes(sign_checkpoint(fork, Ed25519NoteSigner(origin, running.log_key)))
    done = fetch(logcheck, running, kept)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"under {size}" in done.stderr or f"consistency from {size}" in done.stderr


def asked(running: Running, method: str, path: str, body: bytes | None = None, **more: Any) -> Any:
    """What a running vault answers to a program in node that signs by itself."""
    present = running.alice.keys.present(running.alice.party.card_seq)
    job = {
        "jwk": {**present.public_jwk().to_json(), "d": b64u(present.unsafe_bytes)},
        "keyid": present.public_jwk().kid(),
        "method": method,
        "url": running.url + path,
        "headers": {"content-type": "application/json"} if body else {},
        **({} if body is None else {"body": base64.b64encode(body).decode()}),
        **more,
    }
    (answer,) = node_json("http_signature.mjs", {"do": "send", "cases": [job]}, package="http-message-signatures")
    return answer


def test_a_node_program_reads_and_writes_in_a_running_vault_by_its_own_signatures(running: Running) -> None:
    me = asked(running, "GET", "/v1/me")
    assert me["status"] == 200, me
    size = running.size()
    said = {"statement": tokens.statement(running.alice, "notice", text="from node")}
    written = asked(running, "POST", "/v1/me/statements", json.dumps(said).encode())
    assert written["status"] == 201, written
    assert json.loads(written["text"])["index"] == size
    assert running.size() == size + 1


def test_a_running_vault_refuses_a_node_program_that_leaves_the_body_uncovered(running: Running) -> None:
    said = {"statement": tokens.statement(running.alice, "notice", text="from node")}
    bare = ["@method", "@target-uri", "idempotency-key"]
    answer = asked(running, "POST", "/v1/me/statements", json.dumps(said).encode(), fields=bare)
    assert answer["status"] == 401
    assert json.loads(answer["text"])["code"] == "signature_components"


def test_audit_and_monitor_follow_a_running_vault_on_a_real_chain(
    running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    running.grow(max(running.size() + 1, 300))
    audit = auditing.audit(running.alice)
    assert (audit.first, audit.size, audit.findings) == (0, running.size(), [])
    assert audit.anchors >= 1
    settings = running.alice.settings
    monkeypatch.setenv("ONEFILE_HOME", str(settings.home))
    monkeypatch.setenv("ONEFILE_RPC_URL", settings.rpc_urls[0])
    for entries in (audit.size, None):
        code = frame.invoke(monitor.cli, ["watch", running.url, "--once", "--json", "--state", str(tmp_path)], prog="monitor")
        look = json.loads(capsys.readouterr().out)
        assert (code, look["event"], look["size"]) == (0, "look", audit.size)
        assert entries is None or look["entries"] == entries
