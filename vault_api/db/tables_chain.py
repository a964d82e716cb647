"""Tables of what the vault has sent to the chain; see ``vault_api/db/tables.py`` for the habits.

``chain_transactions``: the journal of its account. ``chain_revoked``: revocations that are in a block which may still
leave the chain; from there they go back into ``chain_revokes``, the ones that are to be sent.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, UniqueConstraint

from vault_api.db.tables import Big, metadata

transactions = Table(
    "chain_transactions",
    metadata,
    Column("row", Big, primary_key=True, autoincrement=True),
    Column("account", LargeBinary(20), nullable=False),
    Column("nonce", BigInteger, nullable=False),
    Column("pos", Integer, nullable=False),  # of the attempts of one number, from 0
    Column("lane", LargeBinary(32), nullable=False),
    Column("callee", LargeBinary(20)),
    Column("data", LargeBinary, nullable=False),
    Column("gas", BigInteger, nullable=False),
    Column("tip", BigInteger, nullable=False),
    Column("fee", BigInteger, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("block", BigInteger),
    Column("block_hash", LargeBinary(32)),
    Column("block_time", BigInteger),
    UniqueConstraint("account", "nonce", "pos"),
)
revoked = Table(
    "chain_revoked",
    metadata,
    Column("row", Big, primary_key=True, autoincrement=True),
    Column("secret", LargeBinary(32), nullable=False, unique=True),
    Column("block", BigInteger, nullable=False),
    Index(None, "block"),
)
