"""The vault's tables. Keys are integers that grow with time; random ids stand in indexes beside them.

What is here is metadata and ciphertext: sealed headers and parcels, signed objects, log entries. No value of
a credential, no private key of a holder. What a deletion must destroy is nullable and is set to null in the
same transaction that logs the deletion: item salts, headers, parcels, opening salts, logged objects.
Bytes that were signed are kept as they came and never serialised again.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Big = BigInteger().with_variant(Integer, "sqlite")


def _row() -> Column[int]:
    return Column("row", Big, primary_key=True, autoincrement=True)


def _hash(name: str, *, nullable: bool = False, unique: bool = False) -> Column[bytes]:
    return Column(name, LargeBinary(32), nullable=nullable, unique=unique)


def _time(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


meta = Table("meta", metadata, Column("name", String(64), primary_key=True), Column("value", Text, nullable=False))

# --- the log ------------------------------------------------------------------------------------

log_head = Table(
    "log_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("frontier", LargeBinary, nullable=False),
    _time("last_at"),
    Column("changes", BigInteger, nullable=False, server_default="0"),
)
entries = Table(
    "entries",
    metadata,
    Column("idx", Big, primary_key=True, autoincrement=False),
    Column("entry", LargeBinary, nullable=False),
    _time("at"),
)
checkpoints = Table(
    "checkpoints",
    metadata,
    Column("size", Big, primary_key=True, autoincrement=False),
    _hash("root"),
    Column("note", LargeBinary, nullable=False),
    _time("at"),
)
dossiers = Table(
    "dossiers",
    metadata,
    _row(),
    _hash("dossier", unique=True),
    _hash("tag_key"),
    Column("next_n", BigInteger, nullable=False),
    _hash("last_entry"),
    _time("opened_at"),
)
events = Table(
    "events",
    metadata,
    Column("idx", Big, ForeignKey("entries.idx"), primary_key=True, autoincrement=False),
    Column("dossier_row", Big, ForeignKey("dossiers.row"), nullable=False),
    Column("n", BigInteger, nullable=False),
    Column("t", String(16), nullable=False),
    _hash("salt", nullable=True),
    _hash("object_sha256"),
    Column("object", LargeBinary),
    Column("grant_row", Big),
    Column("show_row", Big),
    UniqueConstraint("dossier_row", "n"),
)
public_entries = Table(
    "public_entries",
    metadata,
    Column("idx", Big, ForeignKey("entries.idx"), primary_key=True, autoincrement=False),
    Column("uri", String(256), nullable=False),
    Column("t", String(16), nullable=False),
    Column("object", LargeBinary, nullable=False),
    Index(None, "uri", "idx"),
)

# --- key cards, items, payloads -------------------------------------------------------------------

cards = Table(
    "cards",
    metadata,
    _row(),
    _hash("subject"),
    Column("kind", String(8), nullable=False),
    Column("seq", BigInteger, nullable=False),
    _hash("card_hash", unique=True),
    _hash("thumbprint"),
    Column("envelope", LargeBinary, nullable=False),
    _time("stored_at"),
    Index(None, "subject", "seq"),
    Index(None, "thumbprint"),
)
payloads = Table(
    "payloads",
    metadata,
    _row(),
    _hash("sha256", unique=True),
    Column("size", BigInteger, nullable=False),
    _time("stored_at"),
)
doomed = Table("doomed", metadata, _row(), _hash("sha256", unique=True), _time("at"))
items = Table(
    "items",
    metadata,
    _row(),
    _hash("item", unique=True),
    Column("dossier_row", Big, ForeignKey("dossiers.row"), nullable=False),
    Column("issuer", String(256), nullable=False),
    Column("jti", String(128), nullable=False),
    Column("slip", Text),
    _hash("salt", nullable=True),
    Column("idx", Big, ForeignKey("entries.idx"), nullable=False),
    _time("at"),
    _time("deleted_at", nullable=True),
    UniqueConstraint("issuer", "jti"),
    Index(None, "dossier_row", "row"),
)
objects = Table(
    "objects",
    metadata,
    Column("item_row", Big, ForeignKey("items.row"), primary_key=True),
    Column("pos", Integer, primary_key=True),
    _hash("payload"),
    Column("size", BigInteger, nullable=False),
    Column("header", LargeBinary),
    Index(None, "payload"),
)

# --- grants, releases, shows ----------------------------------------------------------------------

grants = Table(
    "grants",
    metadata,
    _row(),
    _hash("grant_id", unique=True),
    Column("dossier_row", Big, ForeignKey("dossiers.row"), nullable=False),
    Column("agency", LargeBinary(20), nullable=False),
    _hash("scenario"),
    _hash("nullifier", unique=True),
    Column("epoch", BigInteger, nullable=False),
    _time("not_before"),
    _time("not_after"),
    Column("max_uses", BigInteger, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    _time("attested_at", nullable=True),
    Column("uses", BigInteger, nullable=False),
    _time("last_use_at", nullable=True),
    _time("ended_at", nullable=True),
    Column("idx", Big, ForeignKey("entries.idx"), nullable=False),
    Column("end_idx", Big),
    _time("at"),
    Index(None, "dossier_row", "row"),
    Index(None, "agency", "row"),
)
grant_parcels = Table(
    "grant_parcels",
    metadata,
    Column("grant_row", Big, ForeignKey("grants.row"), primary_key=True),
    Column("pos", Integer, primary_key=True),
    _hash("item"),
    Column("parcel", LargeBinary),
)
grant_headers = Table(
    "grant_headers",
    metadata,
    Column("grant_row", Big, ForeignKey("grants.row"), primary_key=True),
    Column("pos", Integer, primary_key=True),
    _hash("item"),
    _hash("payload"),
    Column("header", LargeBinary),
    Column("released", Integer, nullable=False),
    Index(None, "payload"),
)
releases = Table(
    "releases",
    metadata,
    _row(),
    Column("grant_row", Big, ForeignKey("grants.row"), nullable=False),
    Column("use_no", BigInteger, nullable=False),
    Column("jti", String(128), nullable=False),
    _hash("receipt_sha256"),
    Column("receipt", Text, nullable=False),
    Column("idx", Big, ForeignKey("entries.idx"), nullable=False),
    _time("at"),
    UniqueConstraint("grant_row", "use_no"),
    UniqueConstraint("grant_row", "jti"),
)
shows = Table(
    "shows",
    metadata,
    _row(),
    Column("session", LargeBinary(16), nullable=False, unique=True),
    Column("dossier_row", Big, ForeignKey("dossiers.row"), nullable=False),
    Column("state", String(12), nullable=False),
    _time("expires"),
    _time("collected_at", nullable=True),
    Column("agency", LargeBinary(20)),
    Column("receipt", Text),
    _hash("receipt_sha256", nullable=True),
    Column("idx", Big),
    _hash("card_hash"),
    _hash("agency_card_hash", nullable=True),
    Column("presentation", LargeBinary),
    Index(None, "state", "collected_at"),
)
show_headers = Table(
    "show_headers",
    metadata,
    Column("show_row", Big, ForeignKey("shows.row"), primary_key=True),
    Column("pos", Integer, primary_key=True),
    _hash("item"),
    _hash("payload"),
    Column("header", LargeBinary),
    Index(None, "payload"),
)

# --- public objects -------------------------------------------------------------------------------

status_lists = Table(
    "status_lists",
    metadata,
    Column("agency", LargeBinary(20), primary_key=True),
    Column("n", Big, primary_key=True),
    Column("token", Text, nullable=False),
    _time("iat"),
    _time("exp"),
    Column("idx", Big, ForeignKey("entries.idx"), nullable=False),
)
scenarios = Table(
    "scenarios",
    metadata,
    _row(),
    _hash("hash", unique=True),
    Column("uri", String(256), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("jws", Text, nullable=False),
    Column("idx", Big, ForeignKey("entries.idx"), nullable=False),
    _time("at"),
    UniqueConstraint("uri", "version"),
)

# --- requests -------------------------------------------------------------------------------------

nonces = Table(
    "nonces",
    metadata,
    _row(),
    _hash("thumbprint"),
    Column("nonce", LargeBinary(16), nullable=False),
    _time("at"),
    UniqueConstraint("thumbprint", "nonce"),
    Index(None, "at"),
)
idempotency = Table(
    "idempotency",
    metadata,
    _row(),
    _hash("caller"),
    Column("key", LargeBinary(16), nullable=False),
    _hash("request"),
    Column("status", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("idx", Big),
    _time("at"),
    UniqueConstraint("caller", "key"),
    Index(None, "at"),
    Index(None, "idx"),
)
relays = Table(
    "relays",
    metadata,
    _row(),
    _hash("caller"),
    Column("function", String(32), nullable=False),
    _time("at"),
    Index(None, "caller", "at"),
    Index(None, "function", "at"),
)

# --- what the chain says, and what we want to tell it ---------------------------------------------

chain_facts = Table(
    "chain_facts",
    metadata,
    Column("kind", String(12), primary_key=True),
    Column("subject", LargeBinary(32), primary_key=True),
    Column("fact", LargeBinary, nullable=False),
    Column("block", BigInteger, nullable=False),
    Column("stale", Integer, nullable=False),
)
chain_blocks = Table(
    "chain_blocks",
    metadata,
    Column("number", Big, primary_key=True, autoincrement=False),
    _hash("hash"),
    _time("time"),
    _time("seen_at"),
)
admitted = Table("admitted", metadata, _row(), Column("account", LargeBinary(20), nullable=False, unique=True))
nullified = Table(
    "nullified", metadata, _row(), _hash("nullifier", unique=True), _time("at"), Column("block", BigInteger)
)
chain_revokes = Table("chain_revokes", metadata, _row(), _hash("secret", unique=True), _time("at"))
anchors = Table(
    "anchors",
    metadata,
    Column("size", Big, primary_key=True, autoincrement=False),
    _hash("root"),
    _hash("checkpoint_hash"),
    _hash("tx"),
    Column("block", BigInteger, nullable=False),
    _hash("block_hash"),
    _time("block_time"),
)
