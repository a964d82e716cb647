"""Opening a case: a signed statement of kind ``complaint`` about a receipt or a slip, logged like every other event.

A complaint about a use names its grant or show and the SHA-256 of the receipt that the reader signed; one about an item
the SHA-256 of the slip that its issuer signed. Who signed it is thereby told by the log, and cannot have been told
otherwise. It also says that the holder has looked: a contested item is marked no longer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from client.session import Session
from protocol import wire
from protocol.encoding import b64u, unb64u
from protocol.entries import AccessRecord, Entry
from protocol.errors import Denied, Malformed, OneFileError
from protocol.statements import MAX_TEXT, parse_statement
from wallet_cli.services.expecting import slip_hash
from wallet_cli.services.logged import said
from wallet_cli.services.said import events, own_statements
from wallet_cli.services.tokens import statement

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
    if wanted.isascii() and wanted.isdigit():
        return _use(session, int(wanted[:9]))
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


def cases(session: Session) -> list[Case]:
    """Every complaint of ours that the history holds, oldest first."""
    answers = list(_answers(session))
    found = []
    for signed in own_statements(session):
        body = signed.body
        if body.kind == "complaint" and body.about is not None:
            mine = tuple(answer for about, answer in answers if about == signed.hash)
            state = "answered" if any(answer["kind"] != "acknowledgement" for answer in mine) else "acknowledged"
            found.append(
                Case(b64u(signed.hash), body.iat, body.text or "", body.about, state if mine else "open", mine)
            )
    return found


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


def _answers(session: Session) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Statements of others in the history that are about something, and who signed them by their own word.

    That their issuer's registered key signed them is for ``wallet notices`` to show, which fetches the cards.
    """
    own = {signed.hash for signed in own_statements(session)}
    for kind, raw in events(session):
        if kind != "note":
            continue
        try:
            signed = parse_statement(raw)
        except OneFileError:
            continue
        body = signed.body
        if body.about is not None and signed.hash not in own:
            yield body.about, {"kind": body.kind, "by": body.iss, "at": body.iat, "text": body.text}
