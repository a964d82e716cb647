"""Headers of documents that are shown at a window."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "show_headers",
        sa.Column("show_row", BIG, nullable=False),
        sa.Column("pos", sa.Integer(), nullable=False),
        sa.Column("item", sa.LargeBinary(32), nullable=False),
        sa.Column("payload", sa.LargeBinary(32), nullable=False),
        sa.Column("header", sa.LargeBinary()),
        sa.ForeignKeyConstraint(["show_row"], ["shows.row"], name="fk_show_headers_show_row"),
        sa.PrimaryKeyConstraint("show_row", "pos", name="pk_show_headers"),
    )
    op.create_index("ix_show_headers_payload", "show_headers", ["payload"])


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("show_headers")
