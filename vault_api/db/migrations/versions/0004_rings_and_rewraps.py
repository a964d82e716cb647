"""Key rings, who may ask for them, and the holder's word on headers that were wrapped anew."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "rings",
        sa.Column("dossier_row", BIG, nullable=False),
        sa.Column("ring", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["dossier_row"], ["dossiers.row"], name="fk_rings_dossier_row"),
        sa.PrimaryKeyConstraint("dossier_row", name="pk_rings"),
    )
    op.create_table(
        "ring_keys",
        sa.Column("row", BIG, nullable=False),
        sa.Column("dossier_row", BIG, nullable=False),
        sa.Column("thumbprint", sa.LargeBinary(32), nullable=False),
        sa.Column("jwk", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["dossier_row"], ["dossiers.row"], name="fk_ring_keys_dossier_row"),
        sa.PrimaryKeyConstraint("row", name="pk_ring_keys"),
        sa.UniqueConstraint("dossier_row", "thumbprint", name="uq_ring_keys_dossier_row_thumbprint"),
    )
    op.create_index("ix_ring_keys_thumbprint", "ring_keys", ["thumbprint"])
    op.create_table(
        "rewraps",
        sa.Column("item_row", BIG, nullable=False),
        sa.Column("jws", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["item_row"], ["items.row"], name="fk_rewraps_item_row"),
        sa.PrimaryKeyConstraint("item_row", name="pk_rewraps"),
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("rewraps", "ring_keys", "rings"):
        op.drop_table(table)
