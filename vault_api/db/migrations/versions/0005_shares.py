"""Recovery shares, sealed to guardians."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "shares",
        sa.Column("row", BIG, nullable=False),
        sa.Column("dossier_row", BIG, nullable=False),
        sa.Column("guardian_row", BIG, nullable=False),
        sa.Column("share", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["dossier_row"], ["dossiers.row"], name="fk_shares_dossier_row"),
        sa.ForeignKeyConstraint(["guardian_row"], ["dossiers.row"], name="fk_shares_guardian_row"),
        sa.PrimaryKeyConstraint("row", name="pk_shares"),
        sa.UniqueConstraint("dossier_row", "guardian_row", name="uq_shares_dossier_row_guardian_row"),
    )
    op.create_index("ix_shares_guardian_row", "shares", ["guardian_row"])


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("shares")
