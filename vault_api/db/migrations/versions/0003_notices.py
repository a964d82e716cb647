"""Notices, what agencies said, and what must be deleted when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "notices",
        sa.Column("row", BIG, nullable=False),
        sa.Column("agency", sa.LargeBinary(20)),
        sa.Column("dossier_row", BIG),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("grant_row", BIG),
        sa.Column("show_row", BIG),
        sa.Column("item", sa.LargeBinary(32)),
        sa.Column("about", sa.LargeBinary(32)),
        sa.Column("said", sa.LargeBinary(32)),
        sa.Column("card_hash", sa.LargeBinary(32)),
        sa.Column("idx", BIG),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("row", name="pk_notices"),
    )
    op.create_index("ix_notices_agency_row", "notices", ["agency", "row"])
    op.create_index("ix_notices_dossier_row_row", "notices", ["dossier_row", "row"])
    op.create_index("ix_notices_said", "notices", ["said"])
    op.create_index("ix_notices_at", "notices", ["at"])
    op.create_table(
        "said",
        sa.Column("row", BIG, nullable=False),
        sa.Column("said", sa.LargeBinary(32), nullable=False),
        sa.Column("agency", sa.LargeBinary(20), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("about", sa.LargeBinary(32), nullable=False),
        sa.Column("idx", BIG, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["idx"], ["entries.idx"], name="fk_said_idx"),
        sa.PrimaryKeyConstraint("row", name="pk_said"),
        sa.UniqueConstraint("said", name="uq_said_said"),
    )
    op.create_index("ix_said_agency_kind_about", "said", ["agency", "kind", "about"])
    op.create_table(
        "retentions",
        sa.Column("row", BIG, nullable=False),
        sa.Column("receipt_sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("agency", sa.LargeBinary(20), nullable=False),
        sa.Column("dossier_row", BIG, nullable=False),
        sa.Column("grant_row", BIG),
        sa.Column("show_row", BIG),
        sa.Column("due_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("row", name="pk_retentions"),
        sa.UniqueConstraint("receipt_sha256", name="uq_retentions_receipt_sha256"),
    )
    op.create_index("ix_retentions_due_at", "retentions", ["due_at"])


def downgrade() -> None:
    """Drop the tables."""
    for name in ("retentions", "said", "notices"):
        op.drop_table(name)
