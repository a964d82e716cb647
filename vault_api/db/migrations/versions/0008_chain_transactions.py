"""What was sent to the chain, and the revocations that are in a block."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "chain_revoked",
        sa.Column("row", BIG, nullable=False),
        sa.Column("secret", sa.LargeBinary(32), nullable=False),
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("row", name="pk_chain_revoked"),
        sa.UniqueConstraint("secret", name="uq_chain_revoked_secret"),
    )
    op.create_index("ix_chain_revoked_block", "chain_revoked", ["block"])
    op.create_table(
        "chain_transactions",
        sa.Column("row", BIG, nullable=False),
        sa.Column("account", sa.LargeBinary(20), nullable=False),
        sa.Column("nonce", sa.BigInteger(), nullable=False),
        sa.Column("pos", sa.Integer(), nullable=False),
        sa.Column("lane", sa.LargeBinary(32), nullable=False),
        sa.Column("callee", sa.LargeBinary(20), nullable=True),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("gas", sa.BigInteger(), nullable=False),
        sa.Column("tip", sa.BigInteger(), nullable=False),
        sa.Column("fee", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.Column("block", sa.BigInteger(), nullable=True),
        sa.Column("block_hash", sa.LargeBinary(32), nullable=True),
        sa.Column("block_time", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("row", name="pk_chain_transactions"),
        sa.UniqueConstraint("account", "nonce", "pos", name="uq_chain_transactions_account_nonce_pos"),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("chain_transactions")
    op.drop_table("chain_revoked")
