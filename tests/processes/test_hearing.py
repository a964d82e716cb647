"""Hearing of other processes, and going on when nothing is heard; the programs of the roles."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from console.frame import invoke
from protocol.errors import OneFileError, Unavailable
from tests.processes.shared import Cluster, cluster, soon
from tests.vault_stage import VaultStage, vault_stage
from vault_api import jobs, listening, running
from vault_api.db.carrier import lay_tables
from vault_api.db.engine import WRITER, open_engine
from vault_api.db.signals import tell
from vault_api.duties import WORKER
from vault_api.jobs import Worker
from vault_api.listening import Listener
from vault_api.locking import alone
from vault_api.main import cli
from vault_api.settings import Settings

LISTENING = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[VaultStage]:
    with vault_stage(tmp_path) as made:
        yield made


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    made = open_engine(postgres_url)
    yield made
    made.dispose()


@pytest.fixture
def many(postgres_url: str, tmp_path: Path) -> Iterator[Cluster]:
    engine = open_engine(postgres_url)
    lay_tables(engine)
    engine.dispose()
    with cluster(tmp_path, postgres_url) as made:
        yield made


def said(engine: Engine, word: str) -> None:
    with engine.connect().execution_options(**WRITER) as conn, conn.begin():
        tell(conn, word)


def listeners(engine: Engine) -> list[int]:
    with engine.connect() as conn:
        return list(conn.execute(text(LISTENING)).scalars())


def test_a_word_is_heard_once_its_transaction_has_committed(engine: Engine) -> None:
    heard: set[str] = set()
    listener = Listener("test", engine, heard.update, poll_s=0.02)
    listener.start()
    assert soon(lambda: len(listeners(engine)) == 1)
    with engine.connect().execution_options(**WRITER) as conn:
        tell(conn, "never")
        conn.rollback()
    said(engine, "hello")
    assert soon(lambda: heard == {"hello"})
    listener.stop()
    assert soon(lambda: listeners(engine) == [])


def test_a_line_that_broke_is_opened_again_and_meanwhile_it_looks(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "AGAIN_S", 0.3)
    heard, looks = set[str](), list[int]()

    def look(words: frozenset[str]) -> None:
        heard.update(words)
        looks.append(len(words))

    listener = Listener("test", engine, look, poll_s=0.02)
    listener.start()
    assert soon(lambda: len(listeners(engine)) == 1)
    with engine.connect() as conn:
        conn.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": listeners(engine)[0]})
    before = len(looks)
    assert soon(lambda: len(looks) > before + 3)
    assert soon(lambda: len(listeners(engine)) == 1)
    said(engine, "again")
    assert soon(lambda: "again" in heard)
    listener.stop()


@pytest.mark.parametrize("fault", [Unavailable("database_unreachable", "down"), ZeroDivisionError()])
def test_a_look_that_fails_is_followed_by_another(stage: VaultStage, fault: Exception) -> None:
    looks: list[int] = []

    def fails(_words: frozenset[str]) -> None:
        looks.append(1)
        if len(looks) < 3:
            raise fault

    listener = Listener("test", stage.vault.engine, fails, poll_s=0.01)
    listener.start()
    assert soon(lambda: len(looks) > 4)
    listener.stop()
    never = Listener("never", stage.vault.engine, fails)
    never.stop()


def test_the_answers_of_a_process_that_ends_are_waited_for(many: Cluster) -> None:
    many.sequencer()
    writer = many.process()
    future = writer.call(lambda tx: tx.size)
    assert future
    writer.vault.sequencer.stop()
    assert writer.vault.sequencer._ending._waiting == []  # type: ignore[attr-defined]  # a Writer with an Elsewhere


def test_jobs_of_a_worker_that_was_killed_do_not_stand_in_the_way(many: Cluster) -> None:
    with many.stage.vault.engine.connect() as conn, conn.begin():
        conn.exec_driver_sql(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock, status, args)"
            " VALUES ('vault', 'vault', 'forget', 'doing', '{}')"
        )
    many.sequencer()
    many.process(WORKER)

    def gone() -> bool:
        with many.stage.vault.engine.connect() as conn:
            return not conn.exec_driver_sql("SELECT count(*) FROM procrastinate_jobs").scalar()

    assert soon(gone)


def test_a_worker_goes_on_after_its_carrier_broke_off(stage: VaultStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """On SQLite there is no carrier at all: each try fails, and the thread lives."""
    monkeypatch.setattr(jobs, "POLL_S", 0.01)
    tried: list[int] = []

    def breaks(_engine: Engine, *, waits: bool) -> None:
        tried.append(int(waits))
        raise ZeroDivisionError

    monkeypatch.setattr(jobs, "_app", breaks)
    worker = Worker(stage.vault)
    worker.start()
    assert soon(lambda: len(tried) > 2)
    worker.stop()
    assert not worker._thread.is_alive()


# --- programs -------------------------------------------------------------------------------------


@pytest.fixture
def at_home(stage: VaultStage, monkeypatch: pytest.MonkeyPatch) -> VaultStage:
    monkeypatch.setenv("ONEFILE_HOME", str(stage.folder))
    monkeypatch.setattr(running, "connect", lambda _settings: stage.vault.ledger)
    return stage


@pytest.mark.parametrize(
    "command", [["sequencer"], ["publisher"], ["worker"], ["serve", "--role", "api"]], ids=lambda given: given[0]
)
def test_sqlite_refuses_every_role_of_several_processes(
    at_home: VaultStage, command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vault_api.logs.set_up", lambda: None)
    monkeypatch.setattr("sys.setswitchinterval", lambda _s: None)
    assert invoke(cli, [*command, "--lang", "en"], prog="vault-api") == 2
    assert "SQLite takes one vault process" in capsys.readouterr().err


def test_two_homes_with_one_sqlite_file_are_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shared' / 'vault.db'}"
    one, two = (Settings(home=tmp_path / name, database_url=url) for name in ("one", "two"))
    with alone(one), pytest.raises(OneFileError) as refused, alone(two):
        pass
    assert refused.value.code == "vault_running"


def test_postgresql_locks_no_home(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database_url="postgresql://nowhere/none")
    with alone(settings), alone(settings):
        assert not (tmp_path / "vault" / "lock").exists()


def test_a_role_without_http_works_until_it_is_told_to_end(many: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = many.stage
    monkeypatch.setattr(running, "connect", lambda _settings: stage.vault.ledger)
    monkeypatch.setattr(running, "fund_on_devnet", lambda *_: None)
    handlers: dict[int, Callable[..., object]] = {}
    monkeypatch.setattr(signal, "signal", handlers.setdefault)
    ready = threading.Event()
    thread = threading.Thread(target=running.run_duties, args=(stage.settings, "sequencer", ready.set))
    thread.start()
    assert ready.wait(20)
    api = many.process()
    assert api.call(lambda tx: tx.append(os.urandom(32)) >= 0)
    handlers[signal.SIGTERM]()
    thread.join(20)
    assert not thread.is_alive()
