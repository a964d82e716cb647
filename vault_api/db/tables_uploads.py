"""The table of uploads that are under way; see ``vault_api/db/tables.py`` for the habits."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table, UniqueConstraint

from vault_api.db.tables import Big, metadata

uploads = Table(
    "uploads",
    metadata,
    Column("row", Big, primary_key=True, autoincrement=True),
    Column("upload", LargeBinary(16), nullable=False, unique=True),
    Column("owner", LargeBinary(32), nullable=False),
    Column("sha256", LargeBinary(32), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("touched_at", BigInteger, nullable=False),
    UniqueConstraint("owner", "sha256"),
    Index(None, "touched_at"),
)
