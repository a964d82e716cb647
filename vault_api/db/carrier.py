"""The tables of procrastinate, in the vault's own database on PostgreSQL.

Nothing is in them that does not stand in the outbox (``vault_api/wants.py``). So those of another version of the
library are dropped and laid anew, never migrated. Which version laid them, a comment on one of them says.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from sqlalchemy import Connection, Engine, text

from protocol.errors import Unavailable
from vault_api.db.engine import WRITER
from vault_api.db.migrate import ONE_AT_A_TIME

LIBRARY = "procrastinate"
_LAID = text("SELECT obj_description(to_regclass('procrastinate_jobs'), 'pg_class')")
_THERE = text("SELECT to_regclass('procrastinate_jobs') IS NOT NULL")
# All that has its name, in this schema; the types go last, as tables and functions are made of them.
_DROPS = text(
    r"""
    SELECT format('DROP TABLE IF EXISTS %s CASCADE', oid::regclass) FROM pg_class
     WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND relname LIKE 'procrastinate\_%'
    UNION ALL
    SELECT format('DROP FUNCTION IF EXISTS %s CASCADE', oid::regprocedure) FROM pg_proc
     WHERE pronamespace = current_schema()::regnamespace AND proname LIKE 'procrastinate\_%'
    UNION ALL
    SELECT format('DROP TYPE IF EXISTS %s CASCADE', t.oid::regtype) FROM pg_type t
      LEFT JOIN pg_class c ON c.oid = t.typrelid
     WHERE t.typnamespace = current_schema()::regnamespace AND t.typname LIKE 'procrastinate\_%'
       AND (t.typtype = 'e' OR c.relkind = 'c')
    """
)


def lay_tables(engine: Engine, *, anew: bool = False) -> None:
    """See that the tables are there, and are those of the library that is installed; several processes may begin at
    once. Other ones are laid ``anew``, while nothing runs, or refused: ``Unavailable("schema_old")``."""
    if engine.dialect.name != "postgresql":
        return
    with engine.connect().execution_options(**WRITER) as conn, conn.begin():
        conn.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ONE_AT_A_TIME})")
        want = f"{LIBRARY} {version(LIBRARY)}"
        if conn.execute(_THERE).scalar():
            laid = conn.execute(_LAID).scalar()
            if laid == want:
                return
            if not anew:
                raise Unavailable(
                    "schema_old",
                    "the database has schema {got}, this program needs {want}: run vault-api migrate",
                    got=laid or LIBRARY,
                    want=want,
                )
            for drop in conn.execute(_DROPS).scalars().all():
                conn.exec_driver_sql(drop)
        _lay(conn, want)


def _lay(conn: Connection, name: str) -> None:
    from procrastinate.schema import SchemaManager

    driver: Any = conn.connection.driver_connection
    driver.execute(SchemaManager.get_schema())
    conn.exec_driver_sql(f"COMMENT ON TABLE procrastinate_jobs IS '{name}'")
