"""Claiming: an item is verified in full, its documents too, and only then stated in the log as accepted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from client.checks import Desk, open_desk
from client.session import Session
from client.store import ItemRecord
from client.verdicts import verdict_json
from client.verification import Deposited, judge_deposited
from protocol import wire
from protocol.encoding import unb64u
from protocol.entries import Entry
from protocol.errors import Denied, OneFileError
from protocol.keycard import KeyCardEnvelope
from protocol.verdict import Verdict
from wallet_cli.services.logged import said
from wallet_cli.services.opening import OpenedItem, check_document, open_item
from wallet_cli.services.payloads import Step
from wallet_cli.services.tokens import statement
from wallet_cli.services.views import title_of


@dataclass(frozen=True, slots=True)
class Claimed:
    """What came of one item. ``accepted``: the statement is in the log."""

    item: str
    title: str
    verdict: Verdict
    accepted: bool
    index: int | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "item": self.item,
            "title": self.title,
            "accepted": self.accepted,
            "index": self.index,
            "verdict": verdict_json(self.verdict),
        }


def claim(session: Session, wanted: Sequence[str], step: Step | None = None) -> list[Claimed]:
    """Verify and accept the items named, or every one that is not accepted yet."""
    desk = open_desk(session)
    store = session.store
    records = [store.item(text) for text in wanted] if wanted else [r for r in store.items() if _open(r)]
    return [_claim_one(session, desk, record, step) for record in records]


def look(session: Session, desk: Desk, record: ItemRecord) -> Claimed:
    """The verdict on one item as it stands now; nothing is stated, and no document fetched."""
    item = _issued(session, record)
    accepted = record.claimed_at is not None
    return Claimed(record.id, title_of(item), judge_item(session, desk, item), accepted=accepted)


def judge_item(session: Session, desk: Desk, item: OpenedItem) -> Verdict:
    """The verdict on an issued item by the policy ``window``."""
    return judge_deposited(desk, item.raw, deposited(item.record), own_cards=own_cards(session))


def deposited(record: ItemRecord) -> Deposited:
    """What came with an item."""
    if record.slip is None or record.salt is None or record.opening is None:
        raise Denied("item_deleted", "the item {item} was deleted", item=record.id)
    return Deposited(record.slip, record.salt, record.opening.salt, record.entry, record.proof)


def own_cards(session: Session) -> list[KeyCardEnvelope]:
    """All key cards of this dossier: each was logged whole, and the walk over the history has checked it."""
    return list(_cards_of(session))


def _cards_of(session: Session) -> Iterator[KeyCardEnvelope]:
    for row in session.store.history():
        logged = row["logged"]
        if logged.get("object") and Entry.parse(unb64u(logged["entry"], what="entry")).t == "key":
            try:
                yield KeyCardEnvelope.parse(unb64u(logged["object"], what="object"))
            except OneFileError:
                continue  # a kind of key object that this version does not know


def _open(record: ItemRecord) -> bool:
    return record.state == "present" and record.claimed_at is None


def _issued(session: Session, record: ItemRecord) -> OpenedItem:
    item = open_item(session, record)
    if item.credential is None:
        raise Denied(
            "item_own", "the item {item} is your own document: there is nobody's word to accept", item=record.id
        )
    return item


def _claim_one(session: Session, desk: Desk, record: ItemRecord, step: Step | None) -> Claimed:
    item = _issued(session, record)
    verdict = judge_item(session, desk, item)
    title = title_of(item)
    if verdict.verdict != "accept":
        return Claimed(record.id, title, verdict, accepted=False)
    for document in item.documents:
        check_document(session, item, document, step)
    if record.claimed_at is not None:
        return Claimed(record.id, title, verdict, accepted=True)
    word = statement(session, "claim", item=record.item)
    index = said(session, "note", word, session.api.state(wire.Statement(statement=word)))
    session.store.save_item(replace(record, claimed_at=session.clock.now()))
    return Claimed(record.id, title, verdict, accepted=True, index=index)
