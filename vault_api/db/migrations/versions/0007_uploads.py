"""Uploads that are under way."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "uploads",
        sa.Column("row", BIG, nullable=False),
        sa.Column("upload", sa.LargeBinary(16), nullable=False),
        sa.Column("owner", sa.LargeBinary(32), nullable=False),
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("touched_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("row", name="pk_uploads"),
        sa.UniqueConstraint("upload", name="uq_uploads_upload"),
        sa.UniqueConstraint("owner", "sha256", name="uq_uploads_owner_sha256"),
    )
    op.create_index("ix_uploads_touched_at", "uploads", ["touched_at"])


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("uploads")
