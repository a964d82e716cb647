"""The log's key: pinned, and replaced only by what the chain says."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from client import checks, deployment
from client.facts import AnchorHistory
from client.log_key import kept_head, proven_entry, signed_head
from client.monitoring.state import MonitorState, load_state, save_state
from client.session import Session
from client.trust import Trust, TrustFacts
from protocol import merkle
from protocol.errors import Malformed, Unavailable, Untrusted
from protocol.note import Checkpoint, FormerKey, Vkey, sign_checkpoint
from protocol.note_signer import Ed25519NoteSigner
from protocol.tlog_proof import TlogProof
from tests.wallet_stage import Stage

ENTRY = b"an entry"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    made = Stage(tmp_path_factory.mktemp("log-key"))
    made.holder("alice")
    yield made
    made.close()


@pytest.fixture
def alice(stage: Stage) -> Session:
    """Her profile, tied to the key that the log had at first."""
    session = stage.session("alice")
    deployment.pin(session.profile, session.deployment.with_log(stage.vault.origin, stage.vault.log.vkey))
    return session


def signer(stage: Stage, seed: int) -> Ed25519NoteSigner:
    return Ed25519NoteSigner(stage.vault.origin, bytes([seed]) * 32)


def a_note(by: Ed25519NoteSigner, size: int = 1) -> bytes:
    return sign_checkpoint(Checkpoint(by.name, size, merkle.root(merkle.leaf_hashes([ENTRY]))), by)


def rotated(stage: Stage, seed: int) -> Ed25519NoteSigner:
    """The key that the log's owner has put in place."""
    made = signer(stage, seed)
    stage.ledger.rotate_log_vkey(stage.vault.origin_hash, str(made.vkey))
    return made


def test_a_key_that_the_chain_does_not_know_changes_nothing(stage: Stage, alice: Session) -> None:
    signed_head(alice, a_note(rotated(stage, 4)))
    before = deployment.pinned(alice.profile)
    with pytest.raises(Untrusted) as caught:
        signed_head(alice, a_note(signer(stage, 66)))
    assert caught.value.code == "note_unsigned"
    assert deployment.pinned(alice.profile) == before


def test_a_key_that_the_chain_has_is_learnt_and_pinned(stage: Stage, alice: Session) -> None:
    fresh = rotated(stage, 5)
    assert signed_head(alice, a_note(fresh)).size == 1
    record = deployment.pinned(alice.profile).log
    assert record is not None
    assert record.vkey == str(fresh.vkey)
    proof = TlogProof(0, (), a_note(fresh)).serialise()
    assert proven_entry(alice, proof, ENTRY)[0] == 0
    with pytest.raises(Untrusted) as caught:
        signed_head(alice, a_note(signer(stage, 66)))
    assert caught.value.code == "note_unsigned"


def test_a_signature_that_does_not_hold_asks_nobody(stage: Stage, alice: Session) -> None:
    record = alice.deployment.log
    assert record is not None
    head = a_note(signer(stage, 6)).decode().rpartition("— ")[0]
    line = f"— {record.origin} {_line_of(Vkey.parse(record.vkey))}\n"
    stage.chain.faults.fail("log_state")
    with pytest.raises(Untrusted) as caught:
        signed_head(alice, (head + line).encode())
    assert caught.value.code == "note_signature"
    with pytest.raises(Unavailable):  # which nobody has met yet
        stage.ledger.log_state(stage.vault.origin_hash)


def test_without_the_chain_it_is_not_known_whether_the_key_was_replaced(stage: Stage, alice: Session) -> None:
    stage.chain.faults.fail("log_state")
    with pytest.raises(Unavailable):
        signed_head(alice, a_note(signer(stage, 66)))


def test_who_has_no_profile_learns_the_key_for_this_run(stage: Stage) -> None:
    session = stage.session("nobody")
    fresh = rotated(stage, 9)
    assert signed_head(session, a_note(fresh)).size == 1
    assert session.log.vkey == str(fresh.vkey)
    assert not session.profile.folder.exists()


def test_a_kept_head_is_read_whatever_key_the_log_has_since(stage: Stage, alice: Session) -> None:
    assert kept_head(alice, a_note(signer(stage, 66), 7)).size == 7
    other = Ed25519NoteSigner("onefile/1/0x" + "1" * 40 + "/main", bytes(32))
    with pytest.raises(Untrusted) as caught:
        kept_head(alice, a_note(other))
    assert caught.value.code == "checkpoint_origin"


def test_a_record_from_before_takes_the_key_that_vault_and_chain_have(stage: Stage, alice: Session) -> None:
    old = alice.deployment.with_log(stage.vault.origin, stage.vault.log.vkey)
    fresh = rotated(stage, 11)
    info = alice.public_api.info().model_copy(update={"log_vkey": str(fresh.vkey)})
    learnt = deployment.with_log(old, info, stage.ledger).log
    assert learnt is not None
    assert learnt.vkey == str(fresh.vkey)
    with pytest.raises(Untrusted) as caught:  # the vault alone is not believed
        deployment.with_log(old, info, None)
    assert caught.value.code == "vault_other_log"
    with pytest.raises(Untrusted):  # nor one that still names the key before
        deployment.with_log(old, alice.public_api.info(), stage.ledger)


def test_a_record_without_a_log_or_of_another_learns_nothing(stage: Stage, alice: Session) -> None:
    bare = dataclasses.replace(alice.deployment, log=None)
    assert deployment.with_chain_key(bare, stage.ledger) == bare
    strange = alice.deployment.with_log("onefile/31337/0x" + "1" * 40 + "/none", "x")
    assert deployment.with_chain_key(strange, stage.ledger) == strange


def test_a_history_knows_the_keys_before_and_how_far_they_count(stage: Stage, alice: Session) -> None:
    origin = alice.log.origin
    whole = AnchorHistory()
    whole.read_on(stage.ledger, origin)
    state = stage.ledger.log_state(stage.vault.origin_hash)
    assert state is not None
    assert (whole.vkey, whole.size) == (state.vkey, state.size)
    count = len(whole.former)
    last = rotated(stage, 21)
    stage.ledger.rotate_log_vkey(stage.vault.origin_hash, f"{origin}+no key at all")
    fresh = rotated(stage, 22)
    rotated(stage, 22)  # the same again is no change
    whole.read_on(stage.ledger, origin)
    assert whole.vkey == str(fresh.vkey)
    added = whole.former[count:]
    assert added == [FormerKey(Vkey.parse(state.vkey), state.size), FormerKey(last.vkey, state.size)]


def test_a_trust_file_takes_the_keys_along(stage: Stage, alice: Session) -> None:
    fresh = rotated(stage, 31)
    trust = checks.assemble(alice, checks.open_desk(alice))
    assert trust.vkey == str(fresh.vkey)
    assert trust.former
    assert Trust.from_json(trust.to_json()) == trust
    facts = TrustFacts(trust).anchors()
    assert (facts.vkey, facts.former) == (trust.vkey, trust.former)
    late = trust.history()
    newest = rotated(stage, 32)
    late.read_on(stage.ledger, alice.log.origin)
    assert (late.vkey, late.former[-1].vkey) == (str(newest.vkey), fresh.vkey)


@pytest.mark.parametrize(
    "keys",
    [{"present": "x", "former": []}, {"present": None, "former": [["x", 1]]}, {"former": []}],
)
def test_keys_of_another_form_in_a_trust_file_are_refused(alice: Session, keys: dict[str, Any]) -> None:
    value = checks.assemble(alice, checks.open_desk(alice)).to_json()
    with pytest.raises(Malformed):
        Trust.from_json({**value, "log_keys": keys})


@pytest.mark.parametrize("row", [["key"], ["x", 1], "row", [1, 1]])
def test_rows_of_another_form_among_former_keys_are_refused(
    stage: Stage, alice: Session, tmp_path: Path, row: Any
) -> None:
    value = checks.assemble(alice, checks.open_desk(alice)).to_json()
    present = str(signer(stage, 1).vkey)
    with pytest.raises(Malformed):
        Trust.from_json({**value, "log_keys": {"present": present, "former": [row]}})
    save_state(tmp_path, MonitorState(origin=alice.log.origin, vkey=present))
    path = tmp_path / "monitor.json"
    path.write_text(path.read_text().replace('"vkey"', f'"former":[{_json(row)}],"vkey"'))
    with pytest.raises(Malformed):
        load_state(tmp_path)


def test_the_monitor_keeps_former_keys(stage: Stage, tmp_path: Path) -> None:
    former = (FormerKey(signer(stage, 1).vkey, 5),)
    state = MonitorState(origin=stage.vault.origin, vkey=str(signer(stage, 2).vkey), former=former)
    save_state(tmp_path, state)
    assert load_state(tmp_path) == state


def _line_of(vkey: Vkey) -> str:
    return base64.b64encode(vkey.key_id + bytes(64)).decode()


def _json(value: object) -> str:
    return json.dumps(value)
