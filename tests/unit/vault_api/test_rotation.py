"""A log whose key is replaced: who may sign from where on, what is refused, and what a crash leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, delete, event, select, update
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from chain.events import EventRef, LogVkeyRotated
from chain.files import read_deployment
from chain.ledger import Ledger
from protocol.entries import Entry, entry_hash, opening_statement, verify_public
from protocol.errors import Conflict, OneFileError, Untrusted
from protocol.note import MAX_FORMER_KEYS, Vkey, verify_checkpoint
from tests.new_keys import damages, entries, forget_keys, keys, name_on_chain, put_key, restart, rotated, signer, start
from tests.vault_stage import VaultStage
from vault_api.build import build_vault
from vault_api.chain_events import ChainEvents
from vault_api.db import tables as t
from vault_api.leases import SEQUENCER
from vault_api.log_keys import LOG_KEYS, LogKeys, check_named
from vault_api.log_store import LogStore
from vault_api.opening import log_signer, open_log
from vault_api.rotation import take_over
from vault_api.sequencer import Sequencer, Tx
from vault_api.services.checks import anchor_facts
from vault_api.services.info import info
from vault_api.tenure import Tenure


def refusal(stage: VaultStage) -> str:
    """A start that is refused changes nothing; by which code."""
    stage.vault.sequencer.stop()
    before = entries(stage), keys(stage)
    with pytest.raises(OneFileError) as told:
        build_vault(stage.settings, stage.outside)
    assert (entries(stage), keys(stage)) == before
    return told.value.code


def test_a_new_key_signs_from_the_entry_on_that_the_log_names_it_with(stage: VaultStage) -> None:
    first = stage.vault.log.vkey
    stage.holder()
    stage.publish()
    before = stage.vault.log.head
    second = put_key(stage, "second")
    name_on_chain(stage, second)
    vault = restart(stage)
    assert (vault.log.size, vault.log.vkey, info(vault).log_vkey) == (before.size + 1, second, second)
    said = opening_statement(stage.origin, second)
    *_, new = (found := entries(stage))
    link = entry_hash(found[0])
    verify_public(Entry.parse(new), uri=stage.origin, prev_entry_hash=link, object_bytes=said)
    # The new head is the new key's alone, and what the former one signed counts as far as it went.
    with pytest.raises(Untrusted, match="no key"):
        verify_checkpoint(vault.log.head.note, stage.origin, Vkey.parse(first))
    assert verify_checkpoint(vault.log.head.note, stage.origin, Vkey.parse(second)).size == before.size + 1
    facts = anchor_facts(vault, stage.clock.now(), index=0, size=before.size)
    assert [(str(key.vkey), key.size) for key in facts.former] == [(first, before.size)]
    assert verify_checkpoint(before.note, stage.origin, Vkey.parse(facts.vkey), facts.former).size == before.size
    recorded = read_deployment(stage.settings.deployment).log
    assert recorded is not None
    assert recorded.vkey == second
    # A second start finds it done, and the anchors go on.
    assert restart(stage).log.size == before.size + 1
    assert stage.publish().size == before.size + 1


def test_a_record_that_may_not_be_written_keeps_no_new_key_from_signing(stage: VaultStage) -> None:
    first = stage.vault.log.vkey
    second = put_key(stage, "second")
    name_on_chain(stage, second)
    mounted = stage.settings.deployment  # one file and no more may be written to, as in a container
    held = mounted.rename(mounted.parent / "held.json")
    (mounted / "in the way").mkdir(parents=True)
    with capture_logs() as said:
        assert restart(stage).log.vkey == second
    kept = [(line["event"], line["vkey"]) for line in said if line["log_level"] == "warning"]
    assert kept == [("deployment record not written", second)]
    recorded = read_deployment(held).log
    assert recorded is not None
    assert recorded.vkey == first


def test_three_keys_are_verified_each_where_it_signed(stage: VaultStage) -> None:
    first = stage.vault.log.vkey
    stage.holder()
    rotated(stage, "second")
    third = rotated(stage, "third").log.vkey
    found = keys(stage)
    assert found is not None
    sizes = [since for _vkey, since in found.rows]
    assert [found.of(size) for size in (1, sizes[1], sizes[1] + 1, sizes[2] + 1)] == [
        first, first, found.rows[1][0], third,
    ]  # fmt: skip
    assert damages(stage) == damages(stage, third) == damages(stage, first) == []
    # A key that is none of them has signed nothing here.
    stranger = str(signer(stage, "stranger").vkey)
    assert {kind for kind, _name in damages(stage, stranger)} == {"checkpoint"}
    # And back: a former key that the chain names again takes over like any other.
    assert rotated(stage, "second").log.size == rotated(stage, "third").log.size - 1
    found = keys(stage)
    assert found is not None
    sizes = [since for _vkey, since in found.rows]
    assert damages(stage) == []
    # A row that says otherwise than the log is damage: of a head, or of the key itself.
    moved = LogKeys((found.rows[0], (found.rows[1][0], sizes[2]), (third, sizes[2] + 9)))
    with stage.outside.engine.begin() as conn:
        conn.execute(update(t.meta).where(t.meta.c.name == LOG_KEYS), {"value": moved.serialise()})
    assert [name for kind, name in damages(stage) if kind == "log key"] == [found.rows[1][0], third]
    odd = LogKeys((found.rows[0], (third, sizes[2])))
    with stage.outside.engine.begin() as conn:
        conn.execute(update(t.meta).where(t.meta.c.name == LOG_KEYS), {"value": odd.serialise()})
        conn.execute(update(t.entries).where(t.entries.c.idx == sizes[2]), {"entry": b"{}"})
    assert ("log key", third) in damages(stage)


def test_a_key_that_the_chain_does_not_name_is_refused_and_nothing_is_written(stage: VaultStage) -> None:
    first = stage.settings.log_key.read_text()
    put_key(stage, "stranger")
    assert refusal(stage) == "log_key_other"
    # Named by the chain: the former file is refused before and after the new one has taken over.
    second = put_key(stage, "second")
    name_on_chain(stage, second)
    stage.settings.log_key.write_text(first)
    assert refusal(stage) == "log_key_former"
    put_key(stage, "second")
    assert restart(stage).log.vkey == second
    stage.settings.log_key.write_text(first)
    assert refusal(stage) == "log_key_former"


def test_a_silent_chain_says_nothing_against_a_key_that_signs_and_nothing_for_a_new_one(stage: VaultStage) -> None:
    stage.chain.faults.fail("log_state")
    assert restart(stage).log.vkey == stage.vault.log.vkey
    name_on_chain(stage, put_key(stage, "second"))
    stage.chain.faults.fail("log_state", times=2)
    assert refusal(stage) == "chain_unreachable"
    assert restart(stage).log.vkey == str(signer(stage, "second").vkey)


def test_a_log_that_the_chain_does_not_know_takes_no_new_key(
    stage: VaultStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_key(stage, "second")
    monkeypatch.setattr(type(stage.outside.ledger), "log_state", lambda *_a, **_k: None)
    assert refusal(stage) == "log_not_on_chain"


def test_a_start_that_died_after_the_commit_is_finished_by_the_next(stage: VaultStage) -> None:
    size = stage.vault.log.size
    stage.vault.sequencer.stop()
    second = put_key(stage, "second")
    name_on_chain(stage, second)
    ledger, engine = stage.outside.ledger, stage.outside.engine
    new = signer(stage, "second")
    assert take_over(engine, ledger, new, stage.clock) == size
    # The process is gone: nothing is signed, the record names the former key. And once more is not twice.
    assert take_over(engine, ledger, new, stage.clock) is None
    vault = start(stage)
    assert (vault.log.size, len(entries(stage)), vault.log.vkey) == (size + 1, size + 1, second)
    recorded = read_deployment(stage.settings.deployment).log
    assert recorded is not None
    assert recorded.vkey == second


@pytest.mark.parametrize("persisted", [False, True])
def test_a_commit_without_an_answer_leaves_one_entry_in_the_end(stage: VaultStage, *, persisted: bool) -> None:
    size, engine = stage.vault.log.size, stage.outside.engine
    stage.vault.sequencer.stop()
    second = put_key(stage, "second")
    name_on_chain(stage, second)

    def unanswered(conn: Connection) -> None:
        if persisted:
            driver: Any = conn.connection.dbapi_connection
            driver.commit()
        raise OperationalError("COMMIT", {}, Exception("gone"))

    event.listen(engine, "commit", unanswered)
    with pytest.raises(OperationalError):
        take_over(engine, stage.outside.ledger, signer(stage, "second"), stage.clock)
    event.remove(engine, "commit", unanswered)
    assert len(entries(stage)) == size + persisted
    assert (start(stage).log.size, len(entries(stage)), stage.vault.log.vkey) == (size + 1, size + 1, second)


def test_the_quicker_of_two_processes_takes_over_for_both(stage: VaultStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one looked before, and finds it done in its own transaction."""
    second = put_key(stage, "second")
    name_on_chain(stage, second)
    stage.vault.sequencer.stop()
    ledger, engine, new = stage.outside.ledger, stage.outside.engine, signer(stage, "second")
    plain, found = ledger.head, []

    def between() -> Any:
        monkeypatch.setattr(ledger, "head", plain, raising=False)
        found.append(take_over(engine, ledger, new, stage.clock))
        return plain()

    monkeypatch.setattr(ledger, "head", between, raising=False)
    assert take_over(engine, ledger, new, stage.clock) is None
    assert found == [len(entries(stage)) - 1]


def test_a_sequencer_with_the_former_key_signs_no_head_that_covers_the_new_ones_entry(stage: VaultStage) -> None:
    """It was paused, or runs elsewhere: lease or no lease, the head is refused where it would be kept."""
    old = log_signer(stage.settings.log_key, stage.origin, may_create=False)
    engine, blobs = stage.outside.engine, stage.outside.blobs
    stage.vault.sequencer.stop()
    tenure = Tenure(engine, SEQUENCER, "the former", 60)
    late = LogStore(engine, blobs, old)
    sequencer = Sequencer(engine, late, tenure)
    sequencer.seize()
    size = late.size
    second = put_key(stage, "second")
    name_on_chain(stage, second)
    take_over(engine, stage.outside.ledger, signer(stage, "second"), stage.clock)
    sequencer.unsure()
    with capture_logs() as said:
        sequencer.catch_up()
    assert [(line["event"], line["kind"]) for line in said] == [("log is late", "log_key_former")]
    with engine.connect() as conn:
        assert conn.execute(select(t.checkpoints.c.size)).scalars().all()[-1] == size
    # It goes on naming what the database says, and the new key's process signs.
    late.refresh()
    assert late.vkey == second
    vault = start(stage)
    assert verify_checkpoint(vault.log.head.note, stage.origin, Vkey.parse(second)).size == size + 1


def test_a_running_vault_says_that_the_chain_has_replaced_its_key(stage: VaultStage) -> None:
    def state() -> str:
        try:
            check_named(stage.vault.engine)
        except Conflict as told:
            return told.code
        return "ok"

    def apply(work: Callable[[Tx], None]) -> str:
        stage.vault.sequencer.call(work)
        return state()

    assert stage.client.get("/readyz").json()["log"] == state() == "ok"
    before = stage.chain.head.number
    name_on_chain(stage, put_key(stage, "second"))
    stage.follow()
    assert state() == "log_key_former"
    # The block leaves the chain: then nothing has replaced it. A block below it says nothing.
    events = ChainEvents(stage.vault.facts, stage.vault.origin_hash)
    assert apply(lambda tx: events.undo(tx, before + 1)) == "log_key_former"
    assert apply(lambda tx: events.undo(tx, before)) == "ok"
    of_another = LogVkeyRotated(EventRef(stage.chain.head, bytes(32), 0), bytes(32), "another log's key")
    assert apply(lambda tx: events.apply(tx, [of_another])) == "ok"


class Recorded:
    """A ledger whose deployment record names a key of the log."""

    def __init__(self, ledger: Ledger, origin: str, vkey: str) -> None:
        self._ledger = ledger
        self.deployment = ledger.deployment.with_log(origin, vkey)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)


def test_a_database_of_a_program_that_knew_one_key_learns_its_name(stage: VaultStage) -> None:
    first = stage.vault.log.vkey
    forget_keys(stage)
    assert restart(stage).log.vkey == first
    assert keys(stage) == LogKeys.first(first)
    # With the next key's file in place, the deployment record tells the first; else nobody does.
    forget_keys(stage)
    put_key(stage, "second")
    assert refusal(stage) == "log_key_other"
    name_on_chain(stage, str(signer(stage, "second").vkey))
    known: Any = Recorded(stage.outside.ledger, stage.origin, first)
    open_log(stage.outside.engine, known, signer(stage, "second"), stage.clock, "main")
    found = keys(stage)
    assert found is not None
    assert [vkey for vkey, _since in found.rows] == [first, str(signer(stage, "second").vkey)]


def test_before_the_first_head_entry_0_tells_the_first_key(stage: VaultStage) -> None:
    first = stage.vault.log.vkey
    stage.vault.sequencer.stop()
    forget_keys(stage)
    with stage.outside.engine.begin() as conn:
        conn.execute(delete(t.checkpoints))
    put_key(stage, "second")
    assert refusal(stage) == "log_key_other"
    known: Any = Recorded(stage.outside.ledger, stage.origin, first)
    with pytest.raises(Conflict) as told:
        open_log(stage.outside.engine, known, signer(stage, "second"), stage.clock, "main")
    assert (told.value.code, keys(stage)) == ("log_key_other", LogKeys.first(first))


def test_a_log_names_the_newest_of_its_former_keys(stage: VaultStage) -> None:
    vkey = stage.vault.log.vkey
    many = LogKeys(tuple((vkey, n) for n in range(MAX_FORMER_KEYS + 3)))
    assert [key.size for key in many.former] == list(range(3, MAX_FORMER_KEYS + 3))
    assert (many.has(vkey), many.has("another"), many.since) == (True, False, MAX_FORMER_KEYS + 2)
