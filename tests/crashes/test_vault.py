"""The vault's writer, killed between any two steps, and blob writes that fail or lose their answer: the state after."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from protocol.encoding import b64u, unb64u
from protocol.entries import Opening
from protocol.errors import Unavailable
from protocol.history import Logged, verify_history
from protocol.note import Vkey, verify_checkpoint
from protocol.tiles import VerifiedTileReader
from tests.vault_stage import Holder, VaultStage, vault_stage
from vault_api.fakes import MemoryBlobs
from vault_api.logbook import log_event
from vault_api.sequencer import STEPS

ROOT = Path(__file__).resolve().parents[2]


def dies(folder: Path, step: str, group: int) -> list[int]:
    """Run a vault until it is killed; the indices that its callers were told."""
    child = subprocess.run(
        [sys.executable, "-m", "tests.crashes.vault_child", str(folder), step, str(group)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert child.returncode == 9, child.stderr
    return [int(line) for line in child.stdout.splitlines() if line.isdigit()]


def whole(stage: VaultStage) -> int:
    """The size of the log, after everything in it has been read back and verified."""
    raw = stage.get(None, "/v1/log/checkpoint").content
    head = verify_checkpoint(raw, stage.origin, Vkey.parse(stage.vault.log.vkey))
    reader = VerifiedTileReader(head.size, head.root, stage.vault.log.read_tile)
    entries = [entry for n in range(-(-head.size // 256)) for entry in reader.entries(n)]
    with stage.vault.engine.connect() as conn:
        stored = list(conn.exec_driver_sql("SELECT entry FROM entries ORDER BY idx").scalars())
        events = conn.exec_driver_sql("SELECT count(*) FROM events").scalar()
    assert entries == stored
    assert events == head.size - 1
    return head.size


def history(stage: VaultStage, alice: Holder) -> list[Logged]:
    found = []
    for row in stage.get(alice, "/v1/me/log").json()["rows"]:
        logged = row["logged"]
        found.append(
            Logged(
                logged["index"],
                unb64u(logged["entry"]),
                Opening.from_json(logged["opening"]),
                unb64u(logged["object"]),
            )
        )
    return found


@pytest.mark.parametrize("group", [0, 2])
@pytest.mark.parametrize("step", STEPS)
def test_a_killed_writer_leaves_a_log_that_goes_on(tmp_path: Path, step: str, group: int) -> None:
    told = dies(tmp_path, step, group)
    with vault_stage(tmp_path) as stage:
        size = whole(stage)
        assert set(told) < set(range(size))
        alice = Holder(stage, "alice")
        ledger = stage.chain.ledger(stage.relayer.address)
        envelope = alice.make_card(alice.dossier, stage.vault.dossier_domain, stage.clock.now())
        _open_again(stage, alice, envelope, ledger)
        assert verify_history(alice.tag_key, history(stage, alice)).n == size - 1
        answer = stage.post(
            alice, "/v1/me/statements", {"statement": alice.statement("notice", text="after")}
        )
        assert answer.json()["index"] == size
        assert whole(stage) == size + 1


def _open_again(stage: VaultStage, alice: Holder, envelope: Any, ledger: Any) -> None:
    """The chain in memory died with the process: the dossier is opened on the new one as it was."""
    from protocol.dossier_messages import OpenDossier
    from tests.vault_stage import FAR

    message = OpenDossier(alice.address, alice.address, alice.salt, FAR)
    signed = alice.account.sign_digest(message.digest(stage.vault.dossier_domain))
    ledger.open_dossier(message, signed, envelope.card, envelope.account_signature)
    stage.follow()


@pytest.mark.parametrize("persisted", [False, True])
@pytest.mark.parametrize("which", range(3))
def test_a_blob_write_that_fails_is_made_good(tmp_path: Path, which: int, persisted: bool) -> None:
    blobs = MemoryBlobs()
    with vault_stage(tmp_path, blobs=blobs) as stage:
        alice = stage.holder()
        fails = _Once("put", which)
        if persisted:
            blobs.fail_after = fails
        else:
            blobs.fail = fails
        answers = [
            stage.post(alice, "/v1/me/statements", {"statement": alice.statement("notice", text=str(i))})
            for i in range(3)
        ]
        late = [answer for answer in answers if answer.status_code == 503]
        assert [answer.json()["code"] for answer in late] == ["sequencer_late"] * len(late)
        assert fails.done
        stage.vault.sequencer.call(lambda tx: log_event(tx, 1, "note", b"{}").index)
        assert whole(stage) == 6


def test_the_same_request_after_a_late_answer_has_its_answer_once(tmp_path: Path) -> None:
    blobs = MemoryBlobs()
    with vault_stage(tmp_path, blobs=blobs) as stage:
        alice = stage.holder()
        blobs.fail = _Once("put", 0)
        said, key = {"statement": alice.statement("notice", text="once")}, b64u(bytes(16))
        late = stage.post(alice, "/v1/me/statements", said, key=key)
        assert (late.status_code, late.json()["code"]) == (503, "sequencer_late")
        answer = stage.post(alice, "/v1/me/statements", said, key=key)
        assert answer.status_code == 201
        assert [row.opening.t for row in history(stage, alice) if row.opening] == ["key", "note"]
        assert whole(stage) == 3


class _Once:
    """A fault at the given write from now on, once."""

    def __init__(self, operation: str, which: int) -> None:
        self.operation, self.left, self.done = operation, which, False

    def __call__(self, operation: str, _name: str) -> None:
        if operation != self.operation or self.done:
            return
        self.left -= 1
        if self.left < 0:
            self.done = True
            raise Unavailable("blobs_unreachable", "the blob store does not answer")
