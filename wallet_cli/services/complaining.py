"""Opening a case: a signed statement of kind ``complaint`` about a receipt or a slip, logged like every other event.

A complaint about a use names its grant or show and the SHA-256 of the receipt that the reader signed; one about an item
the SHA-256 of the slip that its issuer signed. Who signed it is thereby told by the log, and cannot have been told
otherwise. It also says that the holder has looked: a contested item is marked no longer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from client.checks import Desk
from client.session import Session
from protocol import wire
from protocol.encoding import b64u, unb64u
from protocol.entries import AccessRecord, Entry
from protocol.errors import Denied, Malformed, OneFileError
from protocol.identifiers import parse_agency_urn
from protocol.signed import Signed
from protocol.statements import MAX_TEXT, Statement, parse_statement
from wallet_cli.services.expecting import slip_hash
from wallet_cli.services.logged import said
from wallet_cli.services.said import events, own_statements
from wallet_cli.services.tokens import own_urn, statement

MAX_ROW_DIGITS = 9  # what is longer is the beginning of an item's id
NO_WORDS = "The holder contests this."


@dataclass(frozen=True, slots=True)
class Target:
    """What a complaint is about. ``about``: SHA-256 of the receipt or slip; ``name``: how the holder named it."""

    name: str
    about: bytes
    grant: bytes | None = None
    show: bytes | None = None
    item: bytes | None = None

    def to_json(self) -> dict[str, Any]:
        ids = {"grant": self.grant, "show": self.show, "item": self.item}
        named = {name: b64u(value) for name, value in ids.items() if value is not None}
        return {"row": self.name, "about": b64u(self.about), **named}


@dataclass(frozen=True, slots=True)
class Case:
    """A complaint of ours, and what was answered: the statements of others that are about it."""

    id: str
    at: int
    text: str
    about: bytes
    state: str
    answers: tuple[dict[str, Any], ...]

    def to_json(self) -> dict[str, Any]:
        answers = list(self.answers)
        return {
            "case": self.id,
            "at": self.at,
            "about": b64u(self.about),
            "text": self.text,
            "state": self.state,
            "answers": answers,
        }


def find(session: Session, wanted: str) -> Target:
    """The use with this n in ``wallet uses``, or the item whose id begins so."""
    if wanted.isascii() and wanted.isdigit() and len(wanted) <= MAX_ROW_DIGITS:
        return _use(session, int(wanted))
    record = session.store.item(wanted)
    if record.slip is None:
        raise Denied("item_deleted", "the item {item} was deleted", item=record.id)
    return Target(record.id, slip_hash(record), item=record.item)


def complain(session: Session, target: Target, text: str | None) -> tuple[str, int]:
    """State it, signed, in the log; the case's id (SHA-256 of the statement) and its index."""
    words = text or NO_WORDS
    if len(words) > MAX_TEXT:
        raise Malformed("text_too_long", "a complaint has at most {limit} characters", limit=MAX_TEXT)
    members: dict[str, bytes | str | None] = {"about": target.about, "text": words}
    members |= {"grant": target.grant, "show": target.show}
    word = statement(session, "complaint", **members)
    index = said(session, "note", word, session.api.state(wire.Statement(statement=word)))
    return b64u(parse_statement(word).hash), index


def cases(session: Session, desk: Desk) -> list[Case]:
    """Every complaint of ours that the history holds, oldest first, each with what agencies said to it."""
    answers = list(_answers(session, desk))
    slips = {slip_hash(record): record.item for record in session.store.items() if record.slip is not None}
    return [
        _case(signed, answers, slips.get(signed.body.about or b""))
        for signed in own_statements(session)
        if signed.body.kind == "complaint"
    ]


def _case(signed: Signed[Statement], answers: list[Signed[Statement]], item: bytes | None) -> Case:
    body = signed.body
    mine = [answer.body for answer in answers if _answers_to(answer.body, signed, item)]
    found = tuple({"kind": one.kind, "by": one.iss, "at": one.iat, "text": one.text} for one in mine)
    answered = any(one.kind != "acknowledgement" for one in mine)
    state = "answered" if answered else "acknowledged" if mine else "open"
    return Case(b64u(signed.hash), body.iat, body.text or "", body.about or b"", state, found)


def _answers_to(answer: Statement, case: Signed[Statement], item: bytes | None) -> bool:
    """It is about the complaint; or about the same receipt, or a correction of the item, and not older."""
    if answer.about == case.hash:
        return True
    same = answer.about == case.body.about or (answer.kind == "correction" and item is not None and answer.item == item)
    return same and answer.iat >= case.body.iat


def _use(session: Session, n: int) -> Target:
    for number, row in enumerate(session.store.history()):
        logged = row["logged"]
        if number != n:
            continue
        if Entry.parse(unb64u(logged["entry"], what="entry")).t != "access" or logged.get("object") is None:
            break
        record = AccessRecord.parse(unb64u(logged["object"], what="object"))
        return Target(str(n), record.receipt, grant=record.grant, show=record.show)
    raise Denied("use_not_found", "event {n} of this dossier is no use that can be named", n=n)


def _answers(session: Session, desk: Desk) -> Iterator[Signed[Statement]]:
    """Statements of agencies in the history, each by a registered key of who it says it is by."""
    for kind, raw in events(session):
        if kind not in {"note", "correct"}:
            continue
        try:
            signed = parse_statement(raw)
            if signed.body.iss != own_urn(session):
                account = parse_agency_urn(signed.body.iss).account
                yield signed.verified_by(desk.issuer_card(account, signed.jws.kid).present_key)
        except OneFileError:
            continue  # of a later version, or nobody's word: `wallet notices` says more of it
