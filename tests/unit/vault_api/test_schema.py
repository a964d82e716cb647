"""Migrations and tables say the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from protocol.errors import Malformed, Unavailable
from vault_api.db.engine import open_engine, ping
from vault_api.db.migrate import check_schema, migrate, newest, revision_of
from vault_api.db.tables import metadata


def test_the_migrations_make_the_tables_that_the_program_uses(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'vault.db'}")
    assert migrate(engine) == newest() == revision_of(engine)
    with engine.connect() as conn:
        context = MigrationContext.configure(conn, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_a_second_migration_changes_nothing(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'vault.db'}")
    migrate(engine)
    assert migrate(engine) == newest()
    engine.dispose()


def test_an_empty_database_is_brought_up_and_a_foreign_one_refused(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'fresh' / 'vault.db'}")
    check_schema(engine)
    assert revision_of(engine) == newest()
    with engine.connect() as conn, conn.begin():
        conn.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(Unavailable) as refused:
        check_schema(engine)
    assert refused.value.code == "schema_old"
    engine.dispose()


def test_a_revision_can_be_taken_back(tmp_path: Path) -> None:
    from alembic import command

    from vault_api.db.migrate import alembic_config

    engine = open_engine(f"sqlite:///{tmp_path / 'vault.db'}")
    migrate(engine)
    config = alembic_config()
    with engine.connect() as conn, conn.begin():
        config.attributes["connection"] = conn
        command.downgrade(config, "base")
    with engine.connect() as conn:
        left = conn.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars().all()
    assert set(left) <= {"alembic_version", "sqlite_sequence"}
    engine.dispose()


def test_a_url_that_is_none_is_refused() -> None:
    with pytest.raises(Malformed) as refused:
        open_engine("not a url")
    assert refused.value.code == "setting"


def test_a_database_that_does_not_answer_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "vault.db").mkdir()
    engine = open_engine(f"sqlite:///{tmp_path / 'vault.db'}")
    with pytest.raises(Unavailable) as refused:
        ping(engine)
    assert refused.value.code == "database_unreachable"
    engine.dispose()
