"""The tables of key rings and of headers that were wrapped anew; see ``vault_api/db/tables.py`` for the habits."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, Table, Text, UniqueConstraint

from vault_api.db.tables import Big, metadata

rings = Table(
    "rings",
    metadata,
    Column("dossier_row", Big, ForeignKey("dossiers.row"), primary_key=True, autoincrement=False),
    Column("ring", LargeBinary, nullable=False),
    Column("sha256", LargeBinary(32), nullable=False),
    Column("at", BigInteger, nullable=False),
)
ring_keys = Table(
    "ring_keys",
    metadata,
    Column("row", Big, primary_key=True, autoincrement=True),
    Column("dossier_row", Big, ForeignKey("dossiers.row"), nullable=False),
    Column("thumbprint", LargeBinary(32), nullable=False),
    Column("jwk", Text, nullable=False),
    UniqueConstraint("dossier_row", "thumbprint"),
    Index(None, "thumbprint"),
)
rewraps = Table(
    "rewraps",
    metadata,
    Column("item_row", Big, ForeignKey("items.row"), primary_key=True, autoincrement=False),
    Column("jws", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)
