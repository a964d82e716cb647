"""Tables of the usual service, as SQLAlchemy's ORM maps them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Engine, ForeignKey, LargeBinary, Text, UniqueConstraint, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Agency(Base):
    __tablename__ = "agencies"
    account: Mapped[str] = mapped_column(primary_key=True)
    urn: Mapped[str]
    division: Mapped[str]
    reader_since: Mapped[int]
    reader_until: Mapped[int | None]
    card: Mapped[str]
    card_x: Mapped[str]
    card_y: Mapped[str]
    card_compromised_since: Mapped[int | None]


class Dossier(Base):
    __tablename__ = "dossiers"
    dossier: Mapped[str] = mapped_column(primary_key=True)
    controller: Mapped[str]
    grant_epoch: Mapped[int]
    frozen_until: Mapped[int]
    items: Mapped[list[Item]] = relationship()


class Item(Base):
    __tablename__ = "items"
    item: Mapped[str] = mapped_column(primary_key=True)
    dossier: Mapped[str] = mapped_column(ForeignKey("dossiers.dossier"), index=True)


class Scenario(Base):
    __tablename__ = "scenarios"
    hash: Mapped[str] = mapped_column(primary_key=True)
    body: Mapped[dict[str, Any]] = mapped_column(JSON)


class Nullifier(Base):
    __tablename__ = "nullifiers"
    nullifier: Mapped[str] = mapped_column(primary_key=True)
    spent_at: Mapped[int]


class Grant(Base):
    __tablename__ = "grants"
    grant_id: Mapped[str] = mapped_column(primary_key=True)
    typed_data: Mapped[dict[str, Any]] = mapped_column(JSON)
    signature: Mapped[str]
    parcel: Mapped[bytes] = mapped_column(LargeBinary)
    uses: Mapped[int]
    last_use_at: Mapped[int | None]


class Use(Base):
    __tablename__ = "uses"
    id: Mapped[int] = mapped_column(primary_key=True)
    grant_id: Mapped[str] = mapped_column(ForeignKey("grants.grant_id"))
    use_no: Mapped[int]
    jti: Mapped[str]
    receipt: Mapped[str] = mapped_column(Text)
    receipt_sha256: Mapped[str]
    at: Mapped[int]
    __table_args__ = (UniqueConstraint("grant_id", "jti"),)


class LogEntry(Base):
    __tablename__ = "log"
    idx: Mapped[int] = mapped_column(primary_key=True)
    previous: Mapped[str]
    entry: Mapped[str] = mapped_column(Text)
    hash: Mapped[str]


def open_database(path: str) -> Engine:
    """SQLite as the vault has it: WAL, every commit on the disk, a writer that takes its lock at the beginning."""
    engine = create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=30000;")

    @event.listens_for(engine, "begin")
    def begin(conn: Any) -> None:
        conn.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
