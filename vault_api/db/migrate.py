"""Migrations (Alembic): the schema is brought up to date by ``vault-api migrate``, and at the first serve.

The same files for SQLite and PostgreSQL, all steps in one transaction on either. Of several processes that begin at
once one migrates, the others wait for it and find nothing to do.

Alembic is imported only to migrate: it is a fifth of what a start imports, and a restart has nothing to migrate.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, column, inspect, select, table

from protocol.errors import Malformed, Unavailable
from vault_api.db.engine import OLDEST_POSTGRES, WRITER

if TYPE_CHECKING:
    from alembic.config import Config

ONE_AT_A_TIME = 0x6F6E6566  # of PostgreSQL's advisory locks: ours alone in a database of the vault
FOLDER = Path(__file__).with_name("migrations")
_KEPT = table("alembic_version", column("version_num"))  # Alembic's own table, of one row


def migrate(engine: Engine) -> str:
    """Bring the schema to the newest revision and return its name. Nothing happens if it is there."""
    from alembic import command

    config = alembic_config()
    with engine.connect().execution_options(**WRITER) as conn, conn.begin():
        _alone(conn)
        config.attributes["connection"] = conn
        command.upgrade(config, "head")
    return newest()


def _alone(conn: Connection) -> None:
    """Wait for other migrations; without the limits on time that are for serving. SQLite's BEGIN has waited."""
    if conn.dialect.name != "postgresql":
        return
    conn.exec_driver_sql("SET LOCAL statement_timeout = 0")
    conn.exec_driver_sql("SET LOCAL lock_timeout = 0")
    conn.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ONE_AT_A_TIME})")


@cache
def newest() -> str:
    """The revision that this program works with: the number of its newest migration's file."""
    return max(path.name.partition("_")[0] for path in (FOLDER / "versions").glob("[0-9]*_*.py"))


def revision_of(engine: Engine) -> str | None:
    """The revision that the database has; None if it has no tables of ours."""
    with engine.connect() as conn:
        if not inspect(conn).has_table(_KEPT.name):
            return None
        revision: str | None = conn.execute(select(_KEPT.c.version_num)).scalar()
    return revision


def check_schema(engine: Engine) -> None:
    """Bring an empty database up; ``Unavailable("schema_old")`` for one that is not of this program's revision."""
    _check_server(engine)
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


def _check_server(engine: Engine) -> None:
    with engine.connect():  # the version is asked for at the first connection
        version = engine.dialect.server_version_info
    if engine.dialect.name == "postgresql" and version is not None and version < OLDEST_POSTGRES:
        raise Malformed(
            "setting",
            "{name}: {problem}",
            name="ONEFILE_DATABASE_URL",
            problem=f"expected PostgreSQL {OLDEST_POSTGRES[0]} or newer, got {'.'.join(map(str, version))}",
        )


def alembic_config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    return config
