"""Tables of notices: who is told what, what agencies have said, and what must be deleted when.

Notices point at logged events and never copy them: what a deletion erases is gone from here too.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, String, Table

from vault_api.db.tables import Big, metadata

notices = Table(
    "notices",
    metadata,
    Column("row", Big, primary_key=True, autoincrement=True),
    Column("agency", LargeBinary(20)),
    Column("dossier_row", Big),
    Column("kind", String(32), nullable=False),
    Column("grant_row", Big),
    Column("show_row", Big),
    Column("item", LargeBinary(32)),
    Column("about", LargeBinary(32)),
    Column("said", LargeBinary(32)),
    Column("card_hash", LargeBinary(32)),
    Column("idx", Big),
    Column("at", BigInteger, nullable=False),
    Index(None, "agency", "row"),
    Index(None, "dossier_row", "row"),
    Index(None, "said"),
    Index(None, "at"),
)
said = Table(
    "said",
    metadata,
    Column("row", Big, primary_key=True, autoincrement=True),
    Column("said", LargeBinary(32), nullable=False, unique=True),
    Column("agency", LargeBinary(20), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("about", LargeBinary(32), nullable=False),
    Column("idx", Big, ForeignKey("entries.idx"), nullable=False),
    Column("at", BigInteger, nullable=False),
    Index(None, "agency", "kind", "about"),
)
retentions = Table(
    "retentions",
    metadata,
    Column("row", Big, primary_key=True, autoincrement=True),
    Column("receipt_sha256", LargeBinary(32), nullable=False, unique=True),
    Column("agency", LargeBinary(20), nullable=False),
    Column("dossier_row", Big, nullable=False),
    Column("grant_row", Big),
    Column("show_row", Big),
    Column("due_at", BigInteger),
    Index(None, "due_at"),
)
