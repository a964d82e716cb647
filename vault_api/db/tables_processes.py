"""Tables by which processes of one database come to terms; see ``vault_api/db/tables.py`` for the habits.

``leases``: who may do what only one may do, in the database's own time (milliseconds since 1970). ``chain_changes``: of
which subjects a process must forget what it has read. ``jobs``: what is to be done once its transaction has committed.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, String, Table

from vault_api.db.tables import Big, metadata

leases = Table(
    "leases",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("holder", String(64), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
)
chain_changes = Table(
    "chain_changes",
    metadata,
    Column("no", Big, primary_key=True, autoincrement=False),
    Column("kind", String(12), nullable=False),
    Column("subject", LargeBinary(32), nullable=False),
)
jobs = Table(
    "jobs",
    metadata,
    Column("row", Big, primary_key=True, autoincrement=True),
    Column("kind", String(32), nullable=False, unique=True),
    Column("wanted", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
)
