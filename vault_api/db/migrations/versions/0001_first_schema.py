"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TABLES = (
    "releases",
    "objects",
    "grant_parcels",
    "grant_headers",
    "status_lists",
    "shows",
    "scenarios",
    "public_entries",
    "items",
    "grants",
    "events",
    "relays",
    "payloads",
    "nullified",
    "nonces",
    "meta",
    "log_head",
    "idempotency",
    "entries",
    "dossiers",
    "doomed",
    "checkpoints",
    "chain_revokes",
    "chain_facts",
    "chain_blocks",
    "cards",
    "anchors",
    "admitted",
)


def upgrade() -> None:
    """Create every table."""
    _log()
    _items()
    _grants()
    _requests()


def downgrade() -> None:
    """Drop every table, those that others refer to last."""
    for name in TABLES:
        op.drop_table(name)


def _log() -> None:
    """The log: entries, heads, and what opens them."""
    op.create_table(
        "meta",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_meta"),
    )
    op.create_table(
        "entries",
        sa.Column("idx", BIG, autoincrement=False, nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("idx", name="pk_entries"),
    )
    op.create_table(
        "log_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("frontier", sa.LargeBinary(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_log_head"),
    )
    op.create_table(
        "checkpoints",
        sa.Column("size", BIG, autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(32), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("size", name="pk_checkpoints"),
    )
    op.create_table(
        "dossiers",
        sa.Column("row", BIG, nullable=False),
        sa.Column("dossier", sa.LargeBinary(32), nullable=False),
        sa.Column("tag_key", sa.LargeBinary(32), nullable=False),
        sa.Column("next_n", sa.BigInteger(), nullable=False),
        sa.Column("last_entry", sa.LargeBinary(32), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("row", name="pk_dossiers"),
        sa.UniqueConstraint("dossier", name="uq_dossiers_dossier"),
    )
    op.create_table(
        "events",
        sa.Column("idx", BIG, autoincrement=False, nullable=False),
        sa.Column("dossier_row", BIG, nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("t", sa.String(16), nullable=False),
        sa.Column("salt", sa.LargeBinary(32)),
        sa.Column("object_sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("object", sa.LargeBinary()),
        sa.Column("grant_row", BIG),
        sa.Column("show_row", BIG),
        sa.ForeignKeyConstraint(["dossier_row"], ["dossiers.row"], name="fk_events_dossier_row"),
        sa.ForeignKeyConstraint(["idx"], ["entries.idx"], name="fk_events_idx"),
        sa.PrimaryKeyConstraint("idx", name="pk_events"),
        sa.UniqueConstraint("dossier_row", "n", name="uq_events_dossier_row_n"),
    )
    op.create_table(
        "public_entries",
        sa.Column("idx", BIG, autoincrement=False, nullable=False),
        sa.Column("uri", sa.String(256), nullable=False),
        sa.Column("t", sa.String(16), nullable=False),
        sa.Column("object", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["idx"], ["entries.idx"], name="fk_public_entries_idx"),
        sa.PrimaryKeyConstraint("idx", name="pk_public_entries"),
    )
    op.create_index("ix_public_entries_uri_idx", "public_entries", ["uri", "idx"])


def _items() -> None:
    """Key cards, items, payloads."""
    op.create_table(
        "cards",
        sa.Column("row", BIG, nullable=False),
        sa.Column("subject", sa.LargeBinary(32), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("card_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("thumbprint", sa.LargeBinary(32), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("stored_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("row", name="pk_cards"),
        sa.UniqueConstraint("card_hash", name="uq_cards_card_hash"),
    )
    op.create_index("ix_cards_subject_seq", "cards", ["subject", "seq"])
    op.create_index("ix_cards_thumbprint", "cards", ["thumbprint"])
    op.create_table(
        "payloads",
        sa.Column("row", BIG, nullable=False),
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("stored_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("row", name="pk_payloads"),
        sa.UniqueConstraint("sha256", name="uq_payloads_sha256"),
    )
    op.create_table(
        "doomed",
        sa.Column("row", BIG, nullable=False),
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("row", name="pk_doomed"),
        sa.UniqueConstraint("sha256", name="uq_doomed_sha256"),
    )
    op.create_table(
        "items",
        sa.Column("row", BIG, nullable=False),
        sa.Column("item", sa.LargeBinary(32), nullable=False),
        sa.Column("dossier_row", BIG, nullable=False),
        sa.Column("issuer", sa.String(256), nullable=False),
        sa.Column("jti", sa.String(128), nullable=False),
        sa.Column("slip", sa.Text()),
        sa.Column("salt", sa.LargeBinary(32)),
        sa.Column("idx", BIG, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger()),
        sa.ForeignKeyConstraint(["dossier_row"], ["dossiers.row"], name="fk_items_dossier_row"),
        sa.ForeignKeyConstraint(["idx"], ["entries.idx"], name="fk_items_idx"),
        sa.PrimaryKeyConstraint("row", name="pk_items"),
        sa.UniqueConstraint("issuer", "jti", name="uq_items_issuer_jti"),
        sa.UniqueConstraint("item", name="uq_items_item"),
    )
    op.create_index("ix_items_dossier_row_row", "items", ["dossier_row", "row"])
    op.create_table(
        "objects",
        sa.Column("item_row", BIG, nullable=False),
        sa.Column("pos", sa.Integer(), nullable=False),
        sa.Column("payload", sa.LargeBinary(32), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("header", sa.LargeBinary()),
        sa.ForeignKeyConstraint(["item_row"], ["items.row"], name="fk_objects_item_row"),
        sa.PrimaryKeyConstraint("item_row", "pos", name="pk_objects"),
    )
    op.create_index("ix_objects_payload", "objects", ["payload"])


def _grants() -> None:
    """Grants, their uses, and shows."""
    op.create_table(
        "grants",
        sa.Column("row", BIG, nullable=False),
        sa.Column("grant_id", sa.LargeBinary(32), nullable=False),
        sa.Column("dossier_row", BIG, nullable=False),
        sa.Column("agency", sa.LargeBinary(20), nullable=False),
        sa.Column("scenario", sa.LargeBinary(32), nullable=False),
        sa.Column("nullifier", sa.LargeBinary(32), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("not_after", sa.BigInteger(), nullable=False),
        sa.Column("max_uses", sa.BigInteger(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("attested_at", sa.BigInteger()),
        sa.Column("uses", sa.BigInteger(), nullable=False),
        sa.Column("last_use_at", sa.BigInteger()),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("idx", BIG, nullable=False),
        sa.Column("end_idx", BIG),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["dossier_row"], ["dossiers.row"], name="fk_grants_dossier_row"),
        sa.ForeignKeyConstraint(["idx"], ["entries.idx"], name="fk_grants_idx"),
        sa.PrimaryKeyConstraint("row", name="pk_grants"),
        sa.UniqueConstraint("grant_id", name="uq_grants_grant_id"),
        sa.UniqueConstraint("nullifier", name="uq_grants_nullifier"),
    )
    op.create_index("ix_grants_agency_row", "grants", ["agency", "row"])
    op.create_index("ix_grants_dossier_row_row", "grants", ["dossier_row", "row"])
    op.create_table(
        "grant_parcels",
        sa.Column("grant_row", BIG, nullable=False),
        sa.Column("pos", sa.Integer(), nullable=False),
        sa.Column("item", sa.LargeBinary(32), nullable=False),
        sa.Column("parcel", sa.LargeBinary()),
        sa.ForeignKeyConstraint(["grant_row"], ["grants.row"], name="fk_grant_parcels_grant_row"),
        sa.PrimaryKeyConstraint("grant_row", "pos", name="pk_grant_parcels"),
    )
    op.create_table(
        "grant_headers",
        sa.Column("grant_row", BIG, nullable=False),
        sa.Column("pos", sa.Integer(), nullable=False),
        sa.Column("item", sa.LargeBinary(32), nullable=False),
        sa.Column("payload", sa.LargeBinary(32), nullable=False),
        sa.Column("header", sa.LargeBinary()),
        sa.Column("released", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["grant_row"], ["grants.row"], name="fk_grant_headers_grant_row"),
        sa.PrimaryKeyConstraint("grant_row", "pos", name="pk_grant_headers"),
    )
    op.create_index("ix_grant_headers_payload", "grant_headers", ["payload"])
    op.create_table(
        "releases",
        sa.Column("row", BIG, nullable=False),
        sa.Column("grant_row", BIG, nullable=False),
        sa.Column("use_no", sa.BigInteger(), nullable=False),
        sa.Column("jti", sa.String(128), nullable=False),
        sa.Column("receipt_sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.Column("idx", BIG, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["grant_row"], ["grants.row"], name="fk_releases_grant_row"),
        sa.ForeignKeyConstraint(["idx"], ["entries.idx"], name="fk_releases_idx"),
        sa.PrimaryKeyConstraint("row", name="pk_releases"),
        sa.UniqueConstraint("grant_row", "jti", name="uq_releases_grant_row_jti"),
        sa.UniqueConstraint("grant_row", "use_no", name="uq_releases_grant_row_use_no"),
    )
    op.create_table(
        "shows",
        sa.Column("row", BIG, nullable=False),
        sa.Column("session", sa.LargeBinary(16), nullable=False),
        sa.Column("dossier_row", BIG, nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("collected_at", sa.BigInteger()),
        sa.Column("agency", sa.LargeBinary(20)),
        sa.Column("receipt", sa.Text()),
        sa.Column("receipt_sha256", sa.LargeBinary(32)),
        sa.Column("idx", BIG),
        sa.Column("card_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("agency_card_hash", sa.LargeBinary(32)),
        sa.Column("presentation", sa.LargeBinary()),
        sa.ForeignKeyConstraint(["dossier_row"], ["dossiers.row"], name="fk_shows_dossier_row"),
        sa.PrimaryKeyConstraint("row", name="pk_shows"),
        sa.UniqueConstraint("session", name="uq_shows_session"),
    )
    op.create_index("ix_shows_state_collected_at", "shows", ["state", "collected_at"])


def _requests() -> None:
    """Public objects, requests, and the chain."""
    op.create_table(
        "status_lists",
        sa.Column("agency", sa.LargeBinary(20), nullable=False),
        sa.Column("n", BIG, nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("iat", sa.BigInteger(), nullable=False),
        sa.Column("exp", sa.BigInteger(), nullable=False),
        sa.Column("idx", BIG, nullable=False),
        sa.ForeignKeyConstraint(["idx"], ["entries.idx"], name="fk_status_lists_idx"),
        sa.PrimaryKeyConstraint("agency", "n", name="pk_status_lists"),
    )
    op.create_table(
        "scenarios",
        sa.Column("row", BIG, nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.Column("uri", sa.String(256), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("jws", sa.Text(), nullable=False),
        sa.Column("idx", BIG, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["idx"], ["entries.idx"], name="fk_scenarios_idx"),
        sa.PrimaryKeyConstraint("row", name="pk_scenarios"),
        sa.UniqueConstraint("hash", name="uq_scenarios_hash"),
        sa.UniqueConstraint("uri", "version", name="uq_scenarios_uri_version"),
    )
    op.create_table(
        "nonces",
        sa.Column("row", BIG, nullable=False),
        sa.Column("thumbprint", sa.LargeBinary(32), nullable=False),
        sa.Column("nonce", sa.LargeBinary(16), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("row", name="pk_nonces"),
        sa.UniqueConstraint("thumbprint", "nonce", name="uq_nonces_thumbprint_nonce"),
    )
    op.create_index("ix_nonces_at", "nonces", ["at"])
    op.create_table(
        "idempotency",
        sa.Column("row", BIG, nullable=False),
        sa.Column("caller", sa.LargeBinary(32), nullable=False),
        sa.Column("key", sa.LargeBinary(16), nullable=False),
        sa.Column("request", sa.LargeBinary(32), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("idx", BIG),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("row", name="pk_idempotency"),
        sa.UniqueConstraint("caller", "key", name="uq_idempotency_caller_key"),
    )
    op.create_index("ix_idempotency_at", "idempotency", ["at"])
    op.create_index("ix_idempotency_idx", "idempotency", ["idx"])
    op.create_table(
        "relays",
        sa.Column("row", BIG, nullable=False),
        sa.Column("caller", sa.LargeBinary(32), nullable=False),
        sa.Column("function", sa.String(32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("row", name="pk_relays"),
    )
    op.create_index("ix_relays_caller_at", "relays", ["caller", "at"])
    op.create_index("ix_relays_function_at", "relays", ["function", "at"])
    op.create_table(
        "chain_facts",
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("subject", sa.LargeBinary(32), nullable=False),
        sa.Column("fact", sa.LargeBinary(), nullable=False),
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("stale", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "subject", name="pk_chain_facts"),
    )
    op.create_table(
        "chain_blocks",
        sa.Column("number", BIG, autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_chain_blocks"),
    )
    op.create_table(
        "admitted",
        sa.Column("row", BIG, nullable=False),
        sa.Column("account", sa.LargeBinary(20), nullable=False),
        sa.PrimaryKeyConstraint("row", name="pk_admitted"),
        sa.UniqueConstraint("account", name="uq_admitted_account"),
    )
    op.create_table(
        "nullified",
        sa.Column("row", BIG, nullable=False),
        sa.Column("nullifier", sa.LargeBinary(32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("block", sa.BigInteger()),
        sa.PrimaryKeyConstraint("row", name="pk_nullified"),
        sa.UniqueConstraint("nullifier", name="uq_nullified_nullifier"),
    )
    op.create_table(
        "chain_revokes",
        sa.Column("row", BIG, nullable=False),
        sa.Column("secret", sa.LargeBinary(32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("row", name="pk_chain_revokes"),
        sa.UniqueConstraint("secret", name="uq_chain_revokes_secret"),
    )
    op.create_table(
        "anchors",
        sa.Column("size", BIG, autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(32), nullable=False),
        sa.Column("checkpoint_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("tx", sa.LargeBinary(32), nullable=False),
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("block_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("block_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("size", name="pk_anchors"),
    )
