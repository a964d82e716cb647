"""What agencies have answered: acknowledgements, reports of deletion, requests, out of the dossier's own history.

The vault's feed only says that there is something. What counts is here: statements that the log commits to, each over
the signature of the agency that it is by, held against the uses and notices that they are about.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from client.checks import Desk
from client.notices import NoticeBox, verify_said
from client.session import Session
from console.i18n import N_
from protocol.canonical import loads_object
from protocol.encoding import b64u, unb64u
from protocol.entries import Entry
from protocol.errors import OneFileError, Unavailable
from protocol.keycard import KeyCardEnvelope
from protocol.receipts import Receipt, parse_receipt
from protocol.signed import Signed
from protocol.statements import Statement, parse_statement
from protocol.wire_notices import RETENTION_GRACE_S
from wallet_cli.services import said

RETENTION = {
    "kept": N_("kept until {day}"),
    "due": N_("due now"),
    "overdue": N_("OVERDUE"),
    "reported": N_("deleted, it says"),
    "nothing": N_("nothing was handed over"),
}
_AGENCY = "urn:onefile:agency:"
_NOTES = ("note", "correct")


@dataclass(frozen=True, slots=True)
class Answer:
    """What an agency said in this dossier. ``state``: signed, false, or unknown while its key can't be looked up."""

    said: Signed[Statement]
    index: int
    state: str


@dataclass(frozen=True, slots=True)
class Use:
    """One use by its receipt and log index, and what became of what it handed over.

    ``reported``: the log index of the report.
    """

    receipt: bytes
    index: int
    agency: str
    grant: bytes | None
    show: bytes | None
    retain_until: int
    state: str
    reported: int | None = None


@dataclass(slots=True)
class Told:
    """A notice of ours about the end of a grant, and the log index of its acknowledgement."""

    notice: bytes
    at: int
    acknowledged: int | None = None


@dataclass(slots=True)
class Standing:
    """How a grant or show stands with those who used it."""

    uses: list[Use] = field(default_factory=list)
    told: Told | None = None

    def count(self, state: str) -> int:
        """How many of the uses are so."""
        return sum(use.state == state for use in self.uses)


def answers(session: Session, desk: Desk) -> list[Answer]:
    """Everything that agencies have said in this dossier, in the order of the log."""
    _learn_cards(session, desk)
    found = []
    for row in session.store.history():
        logged = row["logged"]
        if not (logged.get("opening") and logged.get("object")):
            continue
        if Entry.parse(unb64u(logged["entry"], what="entry")).t in _NOTES:
            signed = _agencys_word(unb64u(logged["object"], what="object"))
            if signed is not None:
                found.append(Answer(signed, logged["index"], _state(session, desk, signed)))
    return found


def standings(session: Session, desk: Desk) -> dict[bytes, Standing]:
    """By grant or session: each use with its deletion, and whether the end was acknowledged."""
    signed = [one for one in answers(session, desk) if one.state == "signed"]
    reports = {
        (one.said.body.about, one.said.body.iss): one.index for one in signed if one.said.body.kind == "retention"
    }
    heard = {one.said.body.about: one for one in signed if one.said.body.kind == "acknowledgement"}
    found: dict[bytes, Standing] = {}
    for use in _uses(session, reports):
        found.setdefault(use.grant or use.show or b"", Standing()).uses.append(use)
    readers = {grant: standing.uses[0].agency for grant, standing in found.items()}
    for notice in said.own_statements(session):
        grant = notice.body.grant
        if notice.body.kind == "notice" and grant in found:
            answer = heard.get(notice.hash)
            told = Told(notice.hash, notice.body.iat)
            if answer is not None and answer.said.body.iss == readers[grant]:
                told.acknowledged = answer.index
            found[grant].told = told
    return found


def deletions(session: Session, desk: Desk) -> dict[int, str]:
    """What became of what each use handed over, by the use's index in the log."""
    return {use.index: use.state for standing in standings(session, desk).values() for use in standing.uses}


def _uses(session: Session, reports: dict[tuple[bytes | None, str], int]) -> Iterator[Use]:
    now, empty = session.clock.now(), _empty_shows(session)
    for row in session.store.history():
        if row.get("receipt") is None:
            continue
        signed = parse_receipt(row["receipt"])
        reported = reports.get((signed.hash, signed.body.iss))
        state = "nothing" if signed.body.show in empty else _retention(signed.body, reported, now)
        body = signed.body
        index = row["logged"]["index"]
        yield Use(signed.hash, index, body.iss, body.grant, body.show, body.retain_until, state, reported)


def _retention(receipt: Receipt, reported: int | None, now: int) -> str:
    if reported is not None:
        return "reported"
    if now <= receipt.retain_until:
        return "kept"
    return "due" if now <= receipt.retain_until + RETENTION_GRACE_S else "overdue"


def _empty_shows(session: Session) -> set[bytes | None]:
    """Shows at which nothing was handed over: refused, or not delivered in time."""
    found: set[bytes | None] = set()
    for kind, raw in said.events(session):
        if kind == "note" and raw.startswith(b"{"):
            try:
                note = loads_object(raw, what="note")
                found.add(unb64u(note["show"], length=16, what="show"))
            except (OneFileError, KeyError, TypeError):
                continue  # a note of a kind that this version does not know
    return found


def _agencys_word(raw: bytes) -> Signed[Statement] | None:
    try:
        signed = parse_statement(raw)
    except OneFileError:
        return None  # another kind of note
    return signed if signed.body.iss.startswith(_AGENCY) else None


def _state(session: Session, desk: Desk, signed: Signed[Statement]) -> str:
    try:
        verify_said(session, desk, signed)
    except Unavailable:
        return "unknown"
    except OneFileError:
        return "false"
    return "signed"


def _learn_cards(session: Session, desk: Desk) -> None:
    """Key cards that came with notices: of agencies that have newer ones by now. The chain judges each."""
    for kept in NoticeBox(session.profile.folder):
        if kept.notice.card is not None:
            try:
                desk.cards.add(KeyCardEnvelope.from_json(kept.notice.card))
            except OneFileError:
                continue  # garbled by the vault: the signature stays unknown


def to_json(standing: Standing) -> dict[str, Any]:
    """How a grant stands, for programs."""
    told = standing.told
    return {
        "retention": {state: standing.count(state) for state in RETENTION if standing.count(state)},
        "notice": None
        if told is None
        else {"notice": b64u(told.notice), "at": told.at, "acknowledged": told.acknowledged},
    }
