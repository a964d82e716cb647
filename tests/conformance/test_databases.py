"""One suite over both databases: the same migrations, statements, errors and sights of what others commit."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, bindparam, insert, inspect, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import QueuePool

from protocol.errors import Malformed, Unavailable
from scripts.servers.postgres import Postgres
from tests.vault_stage import lay_schema
from vault_api.db import tables as t
from vault_api.db.engine import WRITER, insert_row, open_engine, ping, settle
from vault_api.db.migrate import alembic_config, check_schema, migrate, newest, revision_of
from vault_api.db.prepared import Prepared, raw
from vault_api.db.tables import metadata
from vault_api.settings import Settings

WAIT_S = 20.0
HEAD = {"id": 1, "frontier": b"\x00" * 8, "last_at": 1}


@pytest.fixture(params=["sqlite", "postgres"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database without any table."""
    if request.param == "sqlite":
        engine = open_engine(f"sqlite:///{tmp_path / 'vault.db'}")
        yield engine
        engine.dispose()
        return
    server: Postgres = request.getfixturevalue("postgres_server")
    with server.database() as url:
        engine = open_engine(url)
        yield engine
        engine.dispose()


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A migrated database."""
    if request.param == "sqlite":
        settings = Settings(home=tmp_path)
        lay_schema(settings)
        url = settings.database
    else:
        url = request.getfixturevalue("postgres_url")
    made = open_engine(url)
    yield made
    made.dispose()


@pytest.fixture
def on_postgres(postgres_url: str) -> Iterator[Engine]:
    made = open_engine(postgres_url)
    yield made
    made.dispose()


def commit(engine: Engine, *rows: dict[str, object]) -> None:
    with engine.connect().execution_options(**WRITER) as conn, conn.begin():
        for row in rows:
            conn.execute(insert(t.entries), row)


def entry(idx: int) -> dict[str, object]:
    return {"idx": idx, "entry": b"e%d" % idx, "at": idx}


# --- migrations -----------------------------------------------------------------------------------


def test_the_migrations_make_the_tables_that_the_program_uses(empty: Engine) -> None:
    assert migrate(empty) == newest() == revision_of(empty)
    with empty.connect() as conn:
        context = MigrationContext.configure(conn, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
    assert set(inspect(empty).get_table_names()) == {*metadata.tables, "alembic_version"}


def test_every_revision_can_be_taken_back_and_made_again(empty: Engine) -> None:
    migrate(empty)
    config = alembic_config()
    with empty.connect().execution_options(**WRITER) as conn, conn.begin():
        config.attributes["connection"] = conn
        command.downgrade(config, "base")
    assert set(inspect(empty).get_table_names()) == {"alembic_version"}
    assert migrate(empty) == newest()


def test_processes_that_begin_at_once_migrate_once(postgres_server: Postgres) -> None:
    with postgres_server.database() as url, ThreadPoolExecutor(3) as pool:
        engines = [open_engine(url) for _ in range(3)]
        list(pool.map(check_schema, engines))
        assert {revision_of(engine) for engine in engines} == {newest()}
        for engine in engines:
            engine.dispose()


def test_an_old_server_is_refused(on_postgres: Engine) -> None:
    ping(on_postgres)
    on_postgres.dialect.server_version_info = (14, 9)
    with pytest.raises(Malformed) as refused:
        check_schema(on_postgres)
    assert refused.value.facts["problem"] == "expected PostgreSQL 15 or newer, got 14.9"


# --- what a statement gives -----------------------------------------------------------------------

_BY_IDX: Prepared[object] = Prepared(select(t.entries).where(t.entries.c.idx == bindparam("idx")))
_ALL: Prepared[object] = Prepared(select(t.entries).order_by(t.entries.c.idx))
_ADD: Prepared[None] = Prepared(insert(t.entries), "idx", "entry", "at")
_NONCE: Prepared[None] = Prepared(insert(t.nonces), "thumbprint", "nonce", "at")


@pytest.mark.parametrize("value", [b"", b"\x00\xff%s?:name", bytes(range(256)) * 4096], ids=["none", "odd", "long"])
def test_a_prepared_statement_gives_back_what_was_written(engine: Engine, value: bytes) -> None:
    numbers = (0, 1, 255, 2**15, 2**31 - 1, 2**31, 2**63 - 1)
    with engine.connect().execution_options(**WRITER) as conn, conn.begin():
        for number in numbers:
            _ADD.run(conn, {"idx": number, "entry": value, "at": number})
    with engine.connect() as conn:
        for number in numbers:
            found = _BY_IDX.first(conn, {"idx": number})
            assert tuple(found) == (number, value, number)
            assert (type(found.entry), type(found.at)) == (bytes, int)
        assert [row.idx for row in _ALL.all(conn, {})] == list(numbers)
        assert {row.entry for row in conn.execute(select(t.entries))} == {value}
        assert _BY_IDX.first(conn, {"idx": 7}) is None


def test_a_row_has_the_number_that_the_database_gave_it(engine: Engine) -> None:
    row = {"thumbprint": b"t" * 32, "at": 1}
    with engine.connect().execution_options(**WRITER) as conn, conn.begin():
        first = insert_row(conn, t.nonces, {**row, "nonce": b"a" * 16})
        _NONCE.run(conn, {**row, "nonce": b"b" * 16})
        third = insert_row(conn, t.nonces, {**row, "nonce": b"c" * 16})
        assert conn.execute(select(t.nonces.c.row).order_by(t.nonces.c.row)).scalars().all() == [
            first,
            first + 1,
            third,
        ]


def test_numbers_grow_in_the_order_of_the_commits_also_after_one_that_failed(engine: Engine) -> None:
    row = {"thumbprint": b"t" * 32, "at": 1}
    seen = []
    for turn in range(6):
        with engine.connect().execution_options(**WRITER) as conn:
            taken = conn.begin()
            number = insert_row(conn, t.nonces, {**row, "nonce": turn.to_bytes(16, "big")})
            if turn % 2:
                taken.rollback()
            else:
                taken.commit()
                seen.append(number)
    assert seen == sorted(set(seen))


# --- savepoints -----------------------------------------------------------------------------------


def test_an_error_behind_a_savepoint_leaves_the_transaction_usable(engine: Engine) -> None:
    commit(engine, entry(1))
    with engine.connect().execution_options(**WRITER) as conn, conn.begin():
        _ADD.run(conn, entry(2))
        raw(conn, "SAVEPOINT work")
        with pytest.raises(conn.dialect.loaded_dbapi.IntegrityError):
            _ADD.run(conn, entry(1))
        raw(conn, "ROLLBACK TO SAVEPOINT work")
        raw(conn, "RELEASE SAVEPOINT work")
        raw(conn, "SAVEPOINT work")
        with pytest.raises(IntegrityError):
            conn.execute(insert(t.entries), entry(2))
        raw(conn, "ROLLBACK TO SAVEPOINT work")
        _ADD.run(conn, entry(3))
    with engine.connect() as conn:
        assert [row.idx for row in _ALL.all(conn, {})] == [1, 2, 3]


def test_a_foreign_key_is_held(engine: Engine) -> None:
    row = {"idx": 5, "uri": "u", "t": "status", "object": b""}
    with engine.connect().execution_options(**WRITER) as conn, conn.begin(), pytest.raises(IntegrityError):
        conn.execute(insert(t.public_entries), row)


# --- what others commit ---------------------------------------------------------------------------


def test_a_reader_sees_one_state_for_as_long_as_it_reads(engine: Engine) -> None:
    commit(engine, entry(1))
    with engine.connect() as conn, conn.begin():
        assert len(_ALL.all(conn, {})) == 1
        commit(engine, entry(2))
        assert len(_ALL.all(conn, {})) == 1
    with engine.connect() as conn:
        assert len(_ALL.all(conn, {})) == 2


def test_what_was_not_committed_is_seen_by_nobody(engine: Engine) -> None:
    with engine.connect().execution_options(**WRITER) as writing:
        taken = writing.begin()
        _ADD.run(writing, entry(1))
        with engine.connect() as conn:
            assert _ALL.all(conn, {}) == []
        taken.rollback()
    with engine.connect() as conn:
        assert _ALL.all(conn, {}) == []


def test_writers_that_lock_the_head_write_one_after_the_other(engine: Engine) -> None:
    with engine.connect().execution_options(**WRITER) as conn, conn.begin():
        conn.execute(insert(t.log_head), HEAD)
    held = threading.Event()

    def write(_turn: int) -> int:
        with engine.connect().execution_options(**WRITER) as conn, conn.begin():
            wanted = select(t.log_head.c.last_at).where(t.log_head.c.id == 1).with_for_update()
            size = int(conn.execute(wanted).scalar_one())
            held.set()
            _ADD.run(conn, entry(size))
            conn.execute(update(t.log_head), {"last_at": size + 1})
            return size

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(write, range(12))) == list(range(1, 13))
    assert held.is_set()


# --- what goes wrong ------------------------------------------------------------------------------


def test_a_connection_that_broke_is_unavailable_and_the_next_one_works(on_postgres: Engine) -> None:
    with on_postgres.connect() as conn, on_postgres.connect() as other:
        pid = conn.execute(text("SELECT pg_backend_pid()")).scalar_one()
        other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        with pytest.raises(Unavailable) as refused:
            conn.execute(select(t.entries))
        assert refused.value.code == "database_unreachable"
    commit(on_postgres, entry(1))
    with on_postgres.connect() as conn:
        assert len(_ALL.all(conn, {})) == 1


@pytest.mark.parametrize("how", ["run", "all", "first", "raw"])
def test_a_connection_that_broke_under_a_prepared_statement_is_unavailable(on_postgres: Engine, how: str) -> None:
    does = {"run": _ALL.run, "all": _ALL.all, "first": _ALL.first, "raw": lambda conn, _: raw(conn, "SAVEPOINT work")}
    with on_postgres.connect() as conn, on_postgres.connect() as other:
        pid = conn.execute(text("SELECT pg_backend_pid()")).scalar_one()
        other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        with pytest.raises(Unavailable) as refused:
            does[how](conn, {})
        assert refused.value.code == "database_unreachable"
    ping(on_postgres)


def test_an_answer_that_takes_too_long_is_unavailable(on_postgres: Engine) -> None:
    with on_postgres.connect() as conn, conn.begin():
        conn.execute(text("SET LOCAL statement_timeout = 20"))
        with pytest.raises(Unavailable) as refused:
            conn.execute(text("SELECT pg_sleep(5)"))
    assert refused.value.code == "database_unreachable"


def test_another_error_of_a_prepared_statement_stays_what_it_is(engine: Engine) -> None:
    other = engine.dialect.loaded_dbapi.ProgrammingError if _is_postgres(engine) else Unavailable
    with engine.connect().execution_options(**WRITER) as conn, conn.begin(), pytest.raises(other):
        raw(conn, "SELECT nothing FROM nowhere")


def test_a_pool_that_is_used_up_is_unavailable(engine: Engine) -> None:
    pool = engine.pool
    assert isinstance(pool, QueuePool)
    pool._timeout, pool._max_overflow = 0.05, 0  # of seconds, and of connections beyond the kept ones
    with ExitStack() as held:
        for _ in range(pool.size()):
            held.enter_context(engine.connect())
        with pytest.raises(Unavailable) as refused:
            engine.connect()
    assert refused.value.code == "database_unreachable"
    ping(engine)


def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    engine = open_engine(f"postgresql://vault@/vault?host={tmp_path}")
    with pytest.raises(Unavailable) as refused:
        ping(engine)
    assert refused.value.code == "database_unreachable"
    with pytest.raises(Unavailable):
        check_schema(engine)
    engine.dispose()


def test_a_commit_waits_for_the_disk_and_a_lock_does_not_wait_for_ever(on_postgres: Engine) -> None:
    with on_postgres.connect() as conn:
        shown = {
            name: conn.execute(text(f"SHOW {name}")).scalar_one()
            for name in ("synchronous_commit", "lock_timeout", "statement_timeout", "server_encoding")
        }
    assert shown == {
        "synchronous_commit": "on",
        "lock_timeout": "10s",
        "statement_timeout": "30s",
        "server_encoding": "UTF8",
    }


@pytest.mark.parametrize("url", ["mysql://vault@db/vault", "postgresql+asyncpg://db/vault", "oracle://db"])
def test_a_database_that_we_do_not_know_is_refused(url: str) -> None:
    with pytest.raises(Malformed) as refused:
        open_engine(url)
    assert refused.value.code == "setting"


def test_settling_is_for_sqlite_and_nothing_elsewhere(engine: Engine) -> None:
    commit(engine, entry(1))
    settle(engine)
    with engine.connect() as conn:
        assert len(_ALL.all(conn, {})) == 1


def _is_postgres(engine: Engine) -> bool:
    return engine.dialect.name == "postgresql"
