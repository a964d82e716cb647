"""The table of recovery shares: ciphertext for guardians; see ``vault_api/db/tables.py`` for the habits."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, Table, UniqueConstraint

from vault_api.db.tables import Big, metadata

shares = Table(
    "shares",
    metadata,
    Column("row", Big, primary_key=True, autoincrement=True),
    Column("dossier_row", Big, ForeignKey("dossiers.row"), nullable=False),
    Column("guardian_row", Big, ForeignKey("dossiers.row"), nullable=False),
    Column("share", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
    UniqueConstraint("dossier_row", "guardian_row"),
    Index(None, "guardian_row"),
)
