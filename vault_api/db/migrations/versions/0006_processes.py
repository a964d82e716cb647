"""Many processes: leases, what of the chain's facts is to be forgotten, jobs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables, and count changes where the log's end is kept."""
    op.add_column("log_head", sa.Column("changes", sa.BigInteger(), server_default="0", nullable=False))
    op.create_table(
        "leases",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("holder", sa.String(64), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )
    op.create_table(
        "chain_changes",
        sa.Column("no", BIG, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("no", name="pk_chain_changes"),
    )
    op.create_table(
        "jobs",
        sa.Column("row", BIG, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("wanted", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("row", name="pk_jobs"),
        sa.UniqueConstraint("kind", name="uq_jobs_kind"),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("jobs")
    op.drop_table("chain_changes")
    op.drop_table("leases")
    op.drop_column("log_head", "changes")
