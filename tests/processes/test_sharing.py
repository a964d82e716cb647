"""Several processes on one database: one signs, all append, and what one has followed counts for all at once."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chain.deployment import Deployment
from chain.values import ROLE_READER
from protocol.errors import Malformed, Unavailable
from protocol.note import verify_checkpoint
from protocol.note_signer import Ed25519NoteSigner
from tests.processes.shared import WAIT_S, Cluster, Process, cluster, soon
from tests.vault_stage import VaultStage, refused, seed
from vault_api.chain_facts import DOSSIER
from vault_api.db import tables as t
from vault_api.duties import API, WORKER, check_role, is_shared, opens_the_log, wait_for_log
from vault_api.log_keys import LOG_KEYS
from vault_api.logbook import log_event
from vault_api.public_half import public_half
from vault_api.rotation import take_over
from vault_api.services.info import info
from vault_api.writer import KEEP_CHANGES, Tx


def note(tx: Tx) -> int:
    return log_event(tx, 1, "note", b"{}").index


@pytest.fixture
def many(tmp_path: Path) -> Iterator[Cluster]:
    """On SQLite, which takes several writers in one process: what is said of many processes holds there too."""
    with cluster(tmp_path) as made:
        yield made


@pytest.fixture
def on_postgres(postgres_url: str, tmp_path: Path) -> Iterator[Cluster]:
    with cluster(tmp_path, postgres_url) as made:
        yield made


def test_every_process_appends_to_one_log_and_one_signs(on_postgres: Cluster) -> None:
    on_postgres.sequencer()
    one, two = on_postgres.process(), on_postgres.process()
    size = one.vault.log.size
    found: list[int] = []

    def some(process: Process) -> None:
        found.extend(process.call(note) for _ in range(5))

    threads = [threading.Thread(target=some, args=(process,)) for process in (one, two, one, two)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(size, size + 20))
    assert soon(lambda: one.vault.log.size == two.vault.log.size == size + 20)
    assert one.vault.log.proof(size).splitlines()[1:-6] == two.vault.log.proof(size).splitlines()[1:-6]


def test_the_last_use_is_given_once_whichever_process_is_asked(on_postgres: Cluster) -> None:
    stage = on_postgres.stage
    on_postgres.sequencer()
    one, two = on_postgres.process(), on_postgres.process()
    on_postgres.use(one)
    world = on_postgres.world("bob")
    grant = world.grant(max_uses=1)
    assert grant.send().status_code == 201
    receipts = [grant.receipt() for _ in range(4)]
    gate, told = threading.Barrier(4), list[tuple[int, str]]()

    def ask(process: Process, receipt: str) -> None:
        gate.wait()
        answer = process.client.post(f"/v1/grants/{grant.name}/release", json={"receipt": receipt})
        told.append((answer.status_code, answer.json().get("code", "")))

    pairs = zip((one, two, one, two), receipts, strict=True)
    threads = [threading.Thread(target=ask, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(status for status, _ in told)[200] == 1, told
    assert {code for status, code in told if status != 200} == {"grant_used_up"}
    with stage.vault.engine.connect() as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM releases").scalar() == 1


def test_a_right_that_ended_counts_at_once_in_a_process_that_hears_nothing(many: Cluster) -> None:
    """The process that is asked has the agency in memory, and its listener is gone: the transaction itself tells it."""
    stage = many.stage
    many.sequencer()
    deaf, follower = many.process(), many.process()
    many.use(deaf)
    world = many.world("bob")
    grant = world.grant()
    assert grant.send().status_code == 201
    assert grant.release().status_code == 200
    deaf.vault.sequencer._ending._listener.stop()  # type: ignore[attr-defined]  # a Writer with an Elsewhere
    governor = stage.chain.ledger(stage.governor.address)
    governor.end_role(world.bank.address, ROLE_READER)
    many.use(follower)
    stage.follow()
    many.use(deaf)
    refused(grant.release(), 403, "not_reader")


def test_a_key_that_was_replaced_is_refused_at_once_by_every_process(many: Cluster) -> None:
    stage = many.stage
    many.sequencer()
    one, two = many.process(), many.process()
    alice = many.alice
    many.use(one)
    assert stage.get(alice, "/v1/me/log").status_code == 200
    one.vault.sequencer._ending._listener.stop()  # type: ignore[attr-defined]  # a Writer with an Elsewhere
    two.vault.sequencer.call(lambda tx: tx.touch(DOSSIER, alice.dossier))
    assert (DOSSIER, alice.dossier) in one.vault.facts._kept
    with one.vault.engine.connect() as conn:
        one.vault.facts.before_use(conn)
    assert (DOSSIER, alice.dossier) not in one.vault.facts._kept


def test_a_process_that_missed_more_changes_than_are_kept_forgets_everything(
    many: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vault_api.writer.KEEP_CHANGES", 2)
    assert KEEP_CHANGES > 2
    many.sequencer()
    one, two = many.process(), many.process()
    alice = many.alice
    one.vault.facts.dossier(alice.dossier)
    # At once: a process that hears of one after the other misses none.
    two.call(lambda tx: [tx.touch(DOSSIER, bytes([number]) * 32) for number in range(4)])
    with one.vault.engine.connect() as conn:
        one.vault.facts.look(conn)
    assert not one.vault.facts._kept


def test_a_reorganisation_that_one_process_followed_is_known_to_all(many: Cluster) -> None:
    many.sequencer()
    one, two = many.process(), many.process()
    alice = many.alice
    one.vault.facts.dossier(alice.dossier)
    many.use(two)
    many.stage.following._store.roll_back(None)
    with one.vault.engine.connect() as conn:
        one.vault.facts.look(conn)
    assert not one.vault.facts._kept


def test_who_waits_at_another_process_is_woken(on_postgres: Cluster) -> None:
    on_postgres.sequencer()
    one, two = on_postgres.process(), on_postgres.process()

    async def waits() -> bool:
        with one.vault.waiters.listening(b"session") as changed:
            await asyncio.to_thread(two.vault.waiters.wake, b"session")
            await asyncio.wait_for(changed.wait(), 10)
            return changed.is_set()

    assert asyncio.run(waits())


def test_a_second_sequencer_takes_over_when_the_first_ends(on_postgres: Cluster) -> None:
    first = Process(on_postgres.stage, "sequencer")
    first.start()
    second = on_postgres.sequencer()
    writer = on_postgres.process()
    index = writer.call(note)
    assert (first.duties._tenures[0].held, second.duties._tenures[0].held) == (True, False)
    first.stop()
    assert writer.call(note) == index + 1
    assert second.duties._tenures[0].held


def test_a_writer_that_stands_still_in_its_transaction_loses_it_and_the_others_go_on(
    on_postgres: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vault_api.ends.WRITER_IDLE_MS", 200)
    on_postgres.sequencer()
    still, other = on_postgres.process(), on_postgres.process()
    entered, gate = threading.Event(), threading.Event()

    def stands_still(tx: Tx) -> int:
        index = note(tx)
        entered.set()
        gate.wait(20)
        return index

    lost = still.vault.sequencer.submit(stands_still)
    assert entered.wait(10)
    index = other.call(note)
    gate.set()
    with pytest.raises(Unavailable) as told:
        lost.result(10)
    assert told.value.code == "database_unreachable"
    assert still.call(note) == index + 1


def test_nothing_is_answered_while_nobody_signs(tmp_path: Path) -> None:
    with cluster(tmp_path) as many:
        many.stage.settings = many.stage.settings.model_copy(update={"sequencer_wait_s": 0.5})  # of the processes alone
        writer = many.process()
        with pytest.raises(Unavailable) as late:
            writer.call(note)
        assert late.value.code == "sequencer_late"
        assert writer.call(lambda tx: tx.now) == many.stage.clock.now()  # asks for no signature
        size = writer.vault.log.size
        many.sequencer()
        assert soon(lambda: writer.vault.log.size == size + 1)


def test_a_worker_follows_the_chain_for_all(many: Cluster) -> None:
    many.sequencer()
    many.process(WORKER)
    api = many.process()
    stage = many.stage
    stage.chain.mine()
    assert soon(lambda: api.vault.facts.block_number == stage.chain.head.number)


def test_a_reader_finds_tiles_that_the_sequencer_has_replaced(many: Cluster) -> None:
    many.sequencer()
    old, writer = many.process(), many.process()
    old.deafen()
    size = old.vault.log.size
    for _ in range(3):
        writer.call(note)
    assert old.vault.log.size == size
    assert old.vault.log.proof(1)


def test_a_process_that_has_not_heard_yet_shows_what_another_has_answered(many: Cluster) -> None:
    """Whoever asks one process after the other must not take the second for one that hides something."""
    many.sequencer()
    old, writer = many.process(), many.process()
    old.deafen()
    log = old.vault.log
    first = log.size
    size = writer.call(note) + 1
    assert log.consistency(first, size) == writer.vault.log.consistency(first, size)
    size = writer.call(note) + 1
    assert log.checkpoint(size) == writer.vault.log.checkpoint(size)
    size = writer.call(note) + 1
    assert log.proof(size - 1) == writer.vault.log.proof(size - 1)
    size = writer.call(note) + 1
    newest = old.client.get("/v1/log/checkpoint")
    assert newest.text == writer.vault.log.head.note.decode()
    size = writer.call(note) + 1
    assert old.vault.told() == size


def test_only_the_sequencer_needs_the_logs_key(many: Cluster) -> None:
    many.sequencer()
    key = many.stage.settings.log_key
    key.rename(key.with_name("elsewhere"))
    api = many.process()
    assert api.call(note)
    assert api.vault.log.vkey == many.stage.vault.log.vkey
    with pytest.raises(Unavailable) as told:
        api.vault.log._signer.sign(b"anything")
    assert told.value.code == "log_key_missing"
    key.with_name("elsewhere").rename(key)


def test_the_logs_public_key_is_told_by_the_database_or_else_by_the_record_or_by_the_chain(stage: VaultStage) -> None:
    ledger, settings, engine = stage.vault.ledger, stage.settings, stage.vault.engine
    recorded = ledger.deployment.with_log(stage.origin, stage.vault.log.vkey)
    by_database = public_half(settings, engine, ledger)
    assert public_half(settings.model_copy(update={"log_name": "other"}), engine, ledger) is None
    with engine.begin() as conn:
        conn.execute(t.meta.delete().where(t.meta.c.name == LOG_KEYS))
    by_chain = public_half(settings, engine, ledger)
    only: Any = _Recorded(recorded)  # it is asked for nothing else
    by_record = public_half(settings, engine, only)
    assert by_database == by_chain == by_record
    assert str(by_chain.vkey) == stage.vault.log.vkey  # type: ignore[union-attr]  # it was found
    stage.chain.faults.fail("log_state")
    assert public_half(settings, engine, ledger) is None
    assert public_half(settings.model_copy(update={"log_name": "other"}), engine, ledger) is None


@dataclass
class _Recorded:
    deployment: Deployment


def test_a_new_log_key_is_followed_by_all_and_the_former_keys_sequencer_signs_no_more(tmp_path: Path) -> None:
    with cluster(tmp_path) as many:
        stage, ledger = many.stage, many.stage.outside.ledger
        first = stage.vault.log.vkey
        old, api = many.sequencer(), many.process()
        api.call(note)
        size = api.vault.log.size
        second = Ed25519NoteSigner(stage.origin, seed("second"))
        ledger.rotate_log_vkey(stage.vault.origin_hash, str(second.vkey))
        stage.settings.log_key.write_text(seed("second").hex())
        # The new key's process starts while the former one still has the lease.
        assert take_over(stage.outside.engine, ledger, second, stage.clock) == size
        waiting = api.vault.sequencer.submit(note)
        signing = old.duties._signing
        assert signing is not None
        assert soon(lambda: signing._sequencer._said == "log is late: log_key_former")
        assert (waiting.done(), api.vault.log.size) == (False, size)
        old.duties.stop()
        many.sequencer()
        assert waiting.result(WAIT_S) == size + 1
        assert api.vault.log.size == size + 2
        # The process that only serves was not started anew, and tells the new key and how far the former one goes.
        assert info(api.vault).log_vkey == str(second.vkey)
        assert [(str(key.vkey), key.size) for key in api.vault.log.former] == [(first, size)]
        verify_checkpoint(api.vault.log.head.note, stage.origin, second.vkey)


def test_sqlite_takes_one_process(stage: VaultStage) -> None:
    engine = stage.vault.engine
    assert not is_shared(engine)
    check_role(engine, "all")
    with pytest.raises(Malformed) as told:
        check_role(engine, API)
    assert told.value.facts["name"] == "ONEFILE_DATABASE_URL"


def test_who_may_not_open_the_log_waits_for_it(stage: VaultStage) -> None:
    engine = stage.vault.engine
    assert (opens_the_log("sequencer"), opens_the_log(API)) == (True, False)
    wait_for_log(engine)
    with engine.connect() as conn, conn.begin():
        conn.exec_driver_sql("DELETE FROM log_head")
    with pytest.raises(Unavailable) as told:
        wait_for_log(engine, 0.01)
    assert told.value.code == "log_not_open"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[VaultStage]:
    from tests.vault_stage import vault_stage

    with vault_stage(tmp_path) as made:
        yield made
