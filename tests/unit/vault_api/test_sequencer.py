"""The one writer: groups, savepoints, numbers, clock, and answers that wait for the signature."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from protocol.errors import Conflict, Denied, Unavailable
from tests.vault_stage import T0, VaultStage
from vault_api.db.prepared import raw
from vault_api.fakes import MemoryBlobs, unreachable
from vault_api.logbook import log_event
from vault_api.sequencer import Tx, Work


@pytest.fixture
def written(stage: VaultStage) -> VaultStage:
    stage.holder()
    return stage


def note(tx: Tx) -> int:
    return log_event(tx, 1, "note", b"{}").index


def test_work_of_many_threads_gets_every_index_once(written: VaultStage) -> None:
    found: list[int] = []

    def some() -> None:
        found.extend(written.vault.sequencer.call(note) for _ in range(20))

    threads = [threading.Thread(target=some) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(2, 102))
    assert written.vault.log.size == 102


def test_work_that_raises_leaves_nothing_and_hurts_nobody(written: VaultStage) -> None:
    def fails(tx: Tx) -> int:
        note(tx)
        raise Denied("no", "no")

    def breaks(tx: Tx) -> int:
        note(tx)
        raise ZeroDivisionError

    sequencer = written.vault.sequencer
    futures = [sequencer.submit(work) for work in (note, fails, note, breaks, note)]
    assert sorted(futures[i].result(10) for i in (0, 2, 4)) == [2, 3, 4]
    with pytest.raises(Denied):
        futures[1].result(10)
    with pytest.raises(ZeroDivisionError):
        futures[3].result(10)
    assert written.vault.log.size == 5


def test_an_attempt_that_is_undone_leaves_the_rest(written: VaultStage) -> None:
    def work(tx: Tx) -> int:
        first = note(tx)
        with pytest.raises(Conflict):
            tx.attempt(lambda: fails(tx))
        assert tx.size == first + 1
        return first

    def fails(tx: Tx) -> None:
        note(tx)
        raise Conflict("no", "no")

    assert written.vault.sequencer.call(work) == 2
    assert written.vault.log.size == 3


def test_a_cancelled_piece_of_work_is_not_done(written: VaultStage) -> None:
    sequencer = written.vault.sequencer
    gate = threading.Event()
    sequencer.submit(lambda _tx: gate.wait(10))
    cancelled = sequencer.submit(note)
    assert cancelled.cancel()
    gate.set()
    assert sequencer.call(note) == 2


def test_a_caller_is_told_to_come_back_and_the_work_is_still_done(tmp_path: Any) -> None:
    stage = VaultStage(tmp_path, sequencer_wait_s=0.2)
    try:
        gate = threading.Event()
        sequencer = stage.vault.sequencer
        with pytest.raises(Unavailable) as late:
            sequencer.call(lambda _tx: gate.wait(10))
        assert late.value.code == "sequencer_late"

        async def slow() -> None:
            await sequencer.acall(lambda _tx: 7)

        with pytest.raises(Unavailable):
            asyncio.run(slow())
        gate.set()
        assert asyncio.run(sequencer.acall(lambda tx: tx.size)) == 1
    finally:
        stage.close()


def test_the_clock_may_lag_a_little_and_no_more(tmp_path: Any) -> None:
    stage = VaultStage(tmp_path, clock_lag_s=30)
    try:
        alice = stage.holder()
        stage.clock.advance(-30)
        assert stage.vault.sequencer.call(lambda tx: tx.now) == T0
        assert stage.vault.sequencer.call(note) == 2
        stage.clock.advance(-1)
        with pytest.raises(Unavailable) as behind:
            stage.vault.sequencer.call(note)
        assert behind.value.code == "clock_behind"
        assert stage.vault.sequencer.call(lambda tx: tx.now) == T0 - 31
        said = {"statement": alice.statement("notice", text="late")}
        answer = stage.post(alice, "/v1/me/statements", said)
        assert (answer.status_code, answer.json()["code"]) == (503, "clock_behind")
    finally:
        stage.close()


def test_the_clock_may_not_be_behind_the_latest_block(written: VaultStage) -> None:
    written.chain.advance(100)
    written.chain.mine()
    written.follow()
    with pytest.raises(Unavailable) as behind:
        written.vault.sequencer.call(note)
    assert behind.value.code == "clock_behind"
    written.clock.advance(100)
    assert written.vault.sequencer.call(note) == 2


def test_nothing_is_answered_before_its_tiles_are_durable(tmp_path: Any) -> None:
    blobs = MemoryBlobs()
    stage = VaultStage(tmp_path, blobs=blobs)
    try:
        stage.holder()
        blobs.fail = unreachable("put")
        with pytest.raises(Unavailable) as late:
            stage.vault.sequencer.call(note)
        assert late.value.code == "sequencer_late"
        assert stage.vault.log.size == 2
        # What asks for no entry is answered all the same.
        assert stage.vault.sequencer.call(lambda tx: tx.size) == 3
        blobs.fail = unreachable()
        deadline = time.monotonic() + 10
        while stage.vault.log.size < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert stage.vault.log.size == 3
        assert stage.vault.sequencer.call(note) == 3
    finally:
        stage.close()


def test_a_fault_that_nobody_has_thought_of_ends_no_writer(tmp_path: Any) -> None:
    blobs = MemoryBlobs()
    stage = VaultStage(tmp_path, blobs=blobs)
    try:
        stage.holder()

        def breaks(_operation: str, _name: str) -> None:
            blobs.fail = unreachable()
            raise RuntimeError("of a library")

        blobs.fail = breaks
        with pytest.raises(Unavailable) as late:
            stage.vault.sequencer.call(note)
        assert late.value.code == "sequencer_late"
        assert stage.vault.sequencer.call(note) == 3
        assert stage.vault.log.size == 4
    finally:
        stage.close()


def test_a_commit_that_fails_is_told_and_the_truth_is_read_again(written: VaultStage) -> None:
    sequencer = written.vault.sequencer

    def breaks(tx: Tx) -> int:
        note(tx)
        tx.conn.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
        tx.conn.exec_driver_sql(
            "INSERT INTO objects (item_row, pos, payload, size) VALUES (999, 0, x'00', 1)"
        )
        return 1

    with pytest.raises(Unavailable) as refused:
        sequencer.call(breaks)
    assert refused.value.code == "database_unreachable"
    assert sequencer.call(note) == 2
    assert written.vault.log.size == 3


def test_a_database_that_does_not_answer_is_told(written: VaultStage) -> None:
    def broken(_tx: Tx) -> int:
        raise OperationalError("select", {}, Exception("gone"))

    with pytest.raises(OperationalError):
        written.vault.sequencer.call(broken)
    assert written.vault.sequencer.call(note) == 2


def test_a_transaction_that_the_database_ended_by_itself_takes_its_group_with_it(written: VaultStage) -> None:
    gate = threading.Event()
    sequencer = written.vault.sequencer

    def full_disk(tx: Tx) -> int:
        note(tx)
        raw(tx.conn, "ROLLBACK")
        raise OperationalError("insert", {}, Exception("database or disk is full"))

    sequencer.submit(lambda _tx: gate.wait(10))
    futures = [sequencer.submit(work) for work in (note, full_disk, note)]
    gate.set()
    for future in futures:
        with pytest.raises(Unavailable) as told:
            future.result(10)
        assert told.value.code == "database_unreachable"
    assert written.vault.log.size == 2
    assert sequencer.call(note) == 2
    with written.vault.engine.connect() as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM entries").scalar() == 3


def test_a_log_that_was_never_opened_takes_nothing(tmp_path: Any) -> None:
    from protocol.note_signer import Ed25519NoteSigner
    from vault_api.clock import FixedClock
    from vault_api.db.engine import open_engine
    from vault_api.db.migrate import migrate
    from vault_api.leases import SEQUENCER
    from vault_api.log_store import LogStore
    from vault_api.sequencer import Directly, Sequencer, Writer
    from vault_api.tenure import Tenure

    engine = open_engine(f"sqlite:///{tmp_path / 'vault.db'}")
    migrate(engine)
    log = LogStore(
        engine, MemoryBlobs(), Ed25519NoteSigner("onefile/1/0x" + "00" * 20 + "/main", bytes(range(32)))
    )
    with pytest.raises(Unavailable) as refused:
        Writer(engine, Directly(Sequencer(engine, log, Tenure(engine, SEQUENCER, "one", 5))), FixedClock(T0)).start()
    assert refused.value.code == "log_not_open"
    with pytest.raises(Unavailable):
        _ = log.head
    engine.dispose()


def test_stopping_twice_or_before_starting_is_harmless(written: VaultStage) -> None:
    written.vault.sequencer.stop()
    written.vault.sequencer.stop()
    written.vault.sequencer.start()
    assert written.vault.sequencer.call(note) == 2


@contextmanager
def held(sequencer: Work) -> Iterator[None]:
    """The writer busy with a group of one: what is handed in meanwhile waits, and then comes in full groups."""
    entered, gate = threading.Event(), threading.Event()

    def work(_tx: Tx) -> None:
        entered.set()
        gate.wait(10)

    sequencer.submit(work)
    assert entered.wait(10)
    yield
    gate.set()


def test_a_full_group_leaves_the_rest_for_the_next(written: VaultStage) -> None:
    sequencer = written.vault.sequencer
    with held(sequencer):
        futures = [sequencer.submit(note) for _ in range(600)]
    indices = [future.result(30) for future in futures]
    groups = [range(2, 258), range(258, 514), range(514, 602)]  # whoever came first is in the first group
    assert [set(indices[g.start - 2 : g.stop - 2]) for g in groups] == [set(g) for g in groups]


def test_within_a_group_the_order_of_arrival_is_lost(written: VaultStage) -> None:
    sequencer = written.vault.sequencer
    with held(sequencer):
        futures = [sequencer.submit(note) for _ in range(200)]
    indices = [future.result(30) for future in futures]
    assert sorted(indices) == list(range(2, 202))
    neighbours = sum(later == earlier + 1 for earlier, later in pairwise(indices))
    assert neighbours < 20  # one is expected; in the order of arrival there would be 199
