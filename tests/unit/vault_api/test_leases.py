"""Leases: who holds one, for how long, and that a holder that was overtaken writes nothing more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, select, update

from tests.vault_stage import VaultStage
from vault_api.db import tables as t
from vault_api.db import tables_processes as p
from vault_api.db.engine import WRITER, open_engine
from vault_api.db.migrate import migrate
from vault_api.leases import SEQUENCER, Lease, LeaseLost, database_ms, give_back, renew, take
from vault_api.log_store import LogStore
from vault_api.logbook import log_event
from vault_api.sequencer import Sequencer
from vault_api.tenure import Fenced, Keeper, Tenure

HOUR_MS = 3_600_000


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = open_engine(f"sqlite:///{tmp_path / 'leases.db'}")
    migrate(made)
    yield made
    made.dispose()


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    with engine.connect().execution_options(**WRITER) as conn, conn.begin():
        yield conn


def taken(engine: Engine, holder: str, ttl_ms: int = HOUR_MS, *, by_force: bool = False) -> Lease | None:
    with writing(engine) as conn:
        return take(conn, "work", holder, ttl_ms, by_force=by_force)


def late(engine: Engine) -> None:
    """The database's time passes the end of every lease."""
    with writing(engine) as conn:
        conn.execute(update(p.leases), {"until_ms": 1})


def held_by(engine: Engine) -> tuple[str, int]:
    with engine.connect() as conn:
        row = conn.execute(select(p.leases)).one()
    return row.holder, row.epoch


# --- rows -----------------------------------------------------------------------------------------


def test_a_lease_is_taken_once_and_then_waited_for(engine: Engine) -> None:
    assert taken(engine, "one") == Lease("work", 1)
    assert taken(engine, "two") is None
    assert held_by(engine) == ("one", 1)


def test_a_lease_whose_time_is_over_goes_to_the_next_with_a_new_epoch(engine: Engine) -> None:
    first = taken(engine, "one")
    late(engine)
    assert taken(engine, "two") == Lease("work", 2)
    assert first is not None
    with writing(engine) as conn:
        assert not renew(conn, first, HOUR_MS)
        give_back(conn, first)
    assert taken(engine, "three") is None
    assert held_by(engine) == ("two", 2)


def test_a_lease_that_nobody_has_taken_is_renewed_although_its_time_is_over(engine: Engine) -> None:
    lease = taken(engine, "one")
    late(engine)
    assert lease is not None
    with writing(engine) as conn:
        assert renew(conn, lease, HOUR_MS)
    assert taken(engine, "two") is None


def test_a_lease_that_was_given_back_is_free_at_once(engine: Engine) -> None:
    lease = taken(engine, "one")
    assert lease is not None
    with writing(engine) as conn:
        give_back(conn, lease)
    assert taken(engine, "two") == Lease("work", 2)


def test_an_overtaken_holder_is_told_by_its_next_check(engine: Engine) -> None:
    first = taken(engine, "one")
    second = taken(engine, "two", by_force=True)
    assert first is not None
    assert second is not None
    with writing(engine) as conn:
        second.check(conn)
        with pytest.raises(LeaseLost):
            first.check(conn)


def test_the_databases_time_is_the_present_one(engine: Engine) -> None:
    import time

    with engine.connect() as conn:
        assert abs(database_ms(conn) - time.time() * 1000) < 60_000


# --- a process and its leases ---------------------------------------------------------------------


def test_the_second_process_waits_and_takes_over_when_the_first_goes(engine: Engine) -> None:
    one, two = (Tenure(engine, "work", name, 60) for name in ("one", "two"))
    assert (one.hold(), two.hold(), one.hold()) == (True, False, True)
    one.end()
    assert (one.held, two.hold(), two.epoch) == (False, True, 2)


def test_a_process_that_was_overtaken_learns_it_when_it_renews(engine: Engine) -> None:
    one, two = (Tenure(engine, "work", name, 60) for name in ("one", "two"))
    one.hold()
    late(engine)
    assert two.hold()
    assert one.held  # it was asleep, and believes so still
    with engine.connect() as conn, pytest.raises(LeaseLost):
        one.check(conn)
    assert not one.hold()
    assert one.epoch == 0
    with engine.connect() as conn, pytest.raises(LeaseLost):
        one.check(conn)
    one.end()
    assert held_by(engine) == ("two", 2)


def test_a_keeper_takes_leases_and_gives_them_back(engine: Engine) -> None:
    tenure = Tenure(engine, "work", "one", 0.04)
    keeper = Keeper([tenure], 0.04)
    keeper.start()
    assert tenure.held
    keeper.stop()
    assert not tenure.held
    assert taken(engine, "two") == Lease("work", 2)


def test_a_keeper_survives_a_database_that_does_not_answer(tmp_path: Path) -> None:
    nowhere = open_engine(f"sqlite:///{tmp_path / 'empty.db'}")  # no table of ours
    tenure = Tenure(nowhere, "work", "one", 60)
    keeper = Keeper([tenure], 60)
    keeper.once()
    assert not tenure.held
    keeper.stop()
    nowhere.dispose()


# --- what is done under a lease -------------------------------------------------------------------


def test_work_under_a_lease_that_is_lost_leaves_nothing(stage: VaultStage) -> None:
    stage.holder()
    engine = stage.vault.engine
    one, two = (Tenure(engine, "work", name, 60) for name in ("one", "two"))
    fenced = Fenced(stage.vault.sequencer, one)
    fenced.start()
    assert fenced.wait_s == stage.vault.sequencer.wait_s
    one.hold()
    assert fenced.call(lambda tx: log_event(tx, 1, "note", b"{}").index) == 2
    late(engine)
    two.hold()
    with pytest.raises(LeaseLost):
        fenced.call(lambda tx: log_event(tx, 1, "note", b"{}").index)
    fenced.stop()
    assert stage.vault.sequencer.call(lambda tx: tx.size) == 3


def test_a_paused_sequencer_that_wakes_up_signs_nothing(stage: VaultStage) -> None:
    """Two sequencers on one database: the first sleeps while the second takes over, and wakes up with an old view."""
    alice = stage.holder()
    vault = stage.vault
    vault.sequencer.stop()
    asleep, awake = (_sequencer(stage, name) for name in ("asleep", "awake"))
    asleep.tenure.hold()
    asleep.sequencer.catch_up()
    _appends(stage)
    late(vault.engine)
    awake.tenure.hold()
    awake.log.refresh()
    awake.sequencer.catch_up()
    assert awake.log.size == 3
    _appends(stage)
    asleep.sequencer.catch_up()  # it knows neither that it was overtaken nor that size 3 is signed
    assert _signed(vault.engine) == [1, 2, 3]
    awake.sequencer.catch_up()
    assert _signed(vault.engine) == [1, 2, 3, 4]
    asleep.sequencer.catch_up()
    assert asleep.log.size == 4
    vault.sequencer.start()
    said = {"statement": alice.statement("notice", text="after")}
    assert stage.post(alice, "/v1/me/statements", said).json()["index"] == 4


class _Signs:
    def __init__(self, stage: VaultStage, name: str) -> None:
        engine = stage.vault.engine
        self.tenure = Tenure(engine, SEQUENCER, name, 60)
        late(engine)
        self.log = LogStore(engine, stage.vault.blobs, stage.vault.log._signer)
        self.sequencer = Sequencer(engine, self.log, self.tenure)


def _sequencer(stage: VaultStage, name: str) -> _Signs:
    return _Signs(stage, name)


def _appends(stage: VaultStage) -> None:
    """Another process commits an entry, and signs nothing."""
    from vault_api.writer import Writer

    class Elsewhere:
        def start(self) -> None: ...

        def stop(self) -> None: ...

        def unfinished(self) -> bool:
            return False

        def again(self) -> None: ...

        def unsure(self) -> None: ...

        def committed(self, _end: object, _fresh: object, done: list[object]) -> None:
            for job in done:
                job.answer()  # type: ignore[attr-defined]  # a job of the writer's

    writer = Writer(stage.vault.engine, Elsewhere(), stage.clock)  # type: ignore[arg-type]  # a list will do
    writer.start()
    writer.call(lambda tx: log_event(tx, 1, "note", b"{}").index)
    writer.stop()


def _signed(engine: Engine) -> list[int]:
    with engine.connect() as conn:
        return list(conn.execute(select(t.checkpoints.c.size).order_by(t.checkpoints.c.size)).scalars())
