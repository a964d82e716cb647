"""Jobs: wanted in a transaction, done in process or by a worker, and not lost when their carrier loses them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect, select

from protocol.errors import Unavailable
from tests.processes.shared import Cluster, cluster, soon
from tests.vault_stage import VaultStage, vault_stage
from vault_api import jobs
from vault_api.db import tables_processes as p
from vault_api.db.carrier import lay_tables
from vault_api.db.engine import open_engine
from vault_api.duties import WORKER
from vault_api.jobs import FORGET, KINDS, RETENTIONS, HandOver, do, do_due
from vault_api.vault import Vault
from vault_api.wants import due, want
from vault_api.writer import Tx


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[VaultStage]:
    with vault_stage(tmp_path) as made:
        yield made


def waiting(vault: Vault) -> dict[str, int]:
    with vault.engine.connect() as conn:
        return dict(conn.execute(select(p.jobs.c.kind, p.jobs.c.wanted)).all())  # type: ignore[arg-type]  # rows of two


def wanted(vault: Vault, *kinds: str) -> None:
    def work(tx: Tx) -> None:
        for kind in kinds:
            want(tx, kind)

    vault.sequencer.call(work)


def test_a_sweep_does_what_is_due_and_leaves_nothing(stage: VaultStage) -> None:
    stage.sweep()
    assert waiting(stage.vault) == {}


def test_a_job_that_was_wanted_twice_is_one(stage: VaultStage) -> None:
    wanted(stage.vault, FORGET, FORGET, RETENTIONS)
    assert waiting(stage.vault) == {FORGET: 2, RETENTIONS: 1}
    do_due(stage.vault)
    assert waiting(stage.vault) == {}


def test_a_job_is_wanted_only_if_its_transaction_commits(stage: VaultStage) -> None:
    def work(tx: Tx) -> None:
        want(tx, FORGET)
        raise Unavailable("chain_unreachable", "down")

    with pytest.raises(Unavailable):
        stage.vault.sequencer.call(work)
    assert waiting(stage.vault) == {}


def test_a_job_that_is_wanted_while_it_is_done_stays(stage: VaultStage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "KINDS", {FORGET: lambda vault: wanted(vault, FORGET)})
    wanted(stage.vault, FORGET)
    do(stage.vault, FORGET)
    assert waiting(stage.vault) == {FORGET: 2}


@pytest.mark.parametrize("fault", [Unavailable("blobs_unreachable", "down"), ZeroDivisionError()])
def test_a_job_that_fails_waits_longer_each_time_and_keeps_nobody(
    stage: VaultStage, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def fails(_vault: Vault) -> None:
        raise fault

    monkeypatch.setattr(jobs, "KINDS", {FORGET: fails, RETENTIONS: KINDS[RETENTIONS]})
    wanted(stage.vault, FORGET, RETENTIONS)
    do_due(stage.vault)
    assert waiting(stage.vault) == {FORGET: 1}
    with stage.vault.engine.connect() as conn:
        assert due(conn, stage.clock.now()) == {}
        assert due(conn, stage.clock.now() + 10) == {FORGET: 1}
    stage.clock.advance(10)
    do_due(stage.vault)
    with stage.vault.engine.connect() as conn:
        assert due(conn, stage.clock.now() + 19) == {}
        assert due(conn, stage.clock.now() + 20) == {FORGET: 1}


def test_a_kind_that_this_version_does_not_know_stays(stage: VaultStage) -> None:
    wanted(stage.vault, "of tomorrow")
    do_due(stage.vault)
    do(stage.vault, FORGET)  # nobody wanted it
    assert waiting(stage.vault) == {"of tomorrow": 1}


# --- procrastinate --------------------------------------------------------------------------------


@pytest.fixture
def many(postgres_url: str, tmp_path: Path) -> Iterator[Cluster]:
    engine = open_engine(postgres_url)
    lay_tables(engine)
    lay_tables(engine)  # once is enough, twice does no harm
    engine.dispose()
    with cluster(tmp_path, postgres_url) as made:
        yield made


def carried(engine: Engine) -> int:
    with engine.connect() as conn:
        return int(conn.exec_driver_sql("SELECT count(*) FROM procrastinate_jobs").scalar_one())


def test_a_worker_does_what_another_process_wanted(many: Cluster) -> None:
    many.sequencer()
    many.process(WORKER)
    api = many.process()
    wanted(api.vault, FORGET, RETENTIONS)
    assert soon(lambda: waiting(api.vault) == {})
    assert soon(lambda: carried(api.vault.engine) == 0)


def test_a_job_is_carried_once_and_again_if_the_carrier_loses_it(many: Cluster) -> None:
    many.sequencer()
    api = many.process()
    wanted(api.vault, FORGET)
    hand_over = HandOver(api.vault.engine)
    hand_over(api.vault)
    hand_over(api.vault)
    assert carried(api.vault.engine) == 1
    with api.vault.engine.connect() as conn, conn.begin():
        conn.exec_driver_sql("TRUNCATE procrastinate_jobs CASCADE")
    hand_over(api.vault)
    assert carried(api.vault.engine) == 1
    hand_over.close()
    hand_over.close()
    many.process(WORKER)
    assert soon(lambda: waiting(api.vault) == {})


def test_tables_of_another_version_of_the_carrier_are_laid_anew_by_a_migration_and_lose_nothing(many: Cluster) -> None:
    many.sequencer()
    api = many.process()
    engine = api.vault.engine
    wanted(api.vault, FORGET)
    hand_over = HandOver(engine)
    hand_over(api.vault)
    hand_over.close()
    with engine.connect() as conn, conn.begin():
        conn.exec_driver_sql("COMMENT ON TABLE procrastinate_jobs IS 'procrastinate 3.0.0'")
        conn.exec_driver_sql("ALTER TABLE procrastinate_jobs DROP COLUMN attempts CASCADE")
        ours = set(inspect(conn).get_table_names())
    with pytest.raises(Unavailable, match=r"schema procrastinate 3\.0\.0") as old:
        lay_tables(engine)
    assert (old.value.code, carried(engine)) == ("schema_old", 1)
    lay_tables(engine, anew=True)
    lay_tables(engine)
    assert set(inspect(engine).get_table_names()) == ours
    assert carried(engine) == 0
    hand_over(api.vault)
    assert carried(engine) == 1
    hand_over.close()
    many.process(WORKER)
    assert soon(lambda: waiting(api.vault) == {})


def test_sqlite_needs_no_carrier(stage: VaultStage) -> None:
    lay_tables(stage.vault.engine)
    with stage.vault.engine.connect() as conn:
        tables = set(conn.exec_driver_sql("SELECT name FROM sqlite_master").scalars())
    assert not any(name.startswith("procrastinate") for name in tables)
