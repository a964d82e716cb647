"""Migrations (Alembic): the schema is brought up to date by ``vault-api migrate``, and at the first serve."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect

from protocol.errors import Unavailable

FOLDER = Path(__file__).with_name("migrations")


def migrate(engine: Engine) -> str:
    """Bring the schema to the newest revision and return its name. Nothing happens if it is there."""
    config = alembic_config()
    with engine.connect() as conn, conn.begin():
        config.attributes["connection"] = conn
        command.upgrade(config, "head")
    return newest()


@cache
def newest() -> str:
    """The revision that this program works with."""
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    assert head is not None
    return head


def revision_of(engine: Engine) -> str | None:
    """The revision that the database has; None if it has no tables of ours."""
    with engine.connect() as conn:
        return MigrationContext.configure(conn).get_current_revision()


def check_schema(engine: Engine) -> None:
    """Bring an empty database up; ``Unavailable("schema_old")`` for one that is not of this program's revision."""
    if not inspect(engine).get_table_names():
        migrate(engine)
        return
    got, want = revision_of(engine), newest()
    if got != want:
        raise Unavailable(
            "schema_old",
            "the database has schema {got}, this program needs {want}: run vault-api migrate",
            got=got or "none",
            want=want,
        )


def alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    return config
