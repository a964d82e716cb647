"""What an agency says to a holder, signed and logged in the holder's dossier (docs/spec/notices.md §4).

Each kind has one thing that it may be about, which the agency must have a part in: a receipt of its own, a notice that
was for it, a grant that it was given, an item that it issued. The same statement again has the same answer, uncounted,
however late it comes: who sends it until it is acknowledged says it once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, update

from protocol.errors import Conflict, Denied, Malformed, Untrusted
from protocol.hashing import ZERO32
from protocol.signed import Signed
from protocol.statements import Statement, parse_statement, verify_statement
from vault_api.callers import Agency
from vault_api.db import tables as t
from vault_api.db import tables_notices as tn
from vault_api.logbook import log_event, logged_at
from vault_api.sequencer import Tx
from vault_api.services import notices
from vault_api.vault import Vault
from vault_api.writes import Answer, write

MAX_REVIEWS = 20  # of one use
MAX_RENEWALS = 3  # of one grant: a holder is asked, and not pestered
MAX_CORRECTIONS = 20  # of one item


@dataclass(frozen=True, slots=True)
class Subject:
    """What a statement is about: the dossier, and the grant, show or item; ``key`` counts what was said of it."""

    dossier_row: int
    key: bytes
    grant_row: int | None = None
    show_row: int | None = None


@dataclass(frozen=True, slots=True)
class _Rule:
    """How a kind finds its subject, and how often it may be said of one."""

    find: Callable[[Connection, Vault, Agency, Statement], Subject]
    most: int


def add_statement(vault: Vault, agency: Agency, raw: str) -> Answer:
    """Log what an agency says, and tell the holder.

    Raises ``Malformed("statement_kind")`` for a kind that is not an agency's, ``Untrusted`` for another's word,
    ``Denied`` with ``…_unknown`` where the agency has no part in what it speaks of, and ``Conflict("statement_said")``
    for what is said once.
    """
    signed = parse_statement(raw)
    said = signed.body
    rule = _RULES.get(said.kind)
    if rule is None:
        raise Malformed("statement_kind", "no statement is of this kind")
    known = _known(vault, agency, signed)
    if known is not None:
        # commit point: statement (docs/spec/durability.md §2)
        return write(vault.sequencer, agency.signature, lambda tx: _again(tx, known))
    check_word(vault, agency, raw)
    with vault.engine.connect() as conn:
        subject = rule.find(conn, vault, agency, said)
    # commit point: statement (docs/spec/durability.md §2)
    answer = write(vault.sequencer, agency.signature, lambda tx: log_said(tx, agency, signed, subject, rule.most))
    with vault.engine.connect() as conn:
        holder = conn.execute(select(t.dossiers.c.dossier).where(t.dossiers.c.row == subject.dossier_row)).scalar_one()
    vault.waiters.wake(holder)
    return answer


def check_word(vault: Vault, agency: Agency, raw: str) -> Signed[Statement]:
    """The statement, if this agency signed it for this log just now."""
    signed = verify_statement(raw, agency.key, log=vault.origin, now=vault.clock.now())
    if signed.body.iss != vault.agency_urn(agency.account):
        raise Untrusted("statement_issuer", "the statement is by {got}", got=signed.body.iss)
    return signed


def log_said(tx: Tx, agency: Agency, signed: Signed[Statement], subject: Subject, most: int) -> Answer:
    """Log a verified statement and tell the holder, unless enough was said of the subject."""
    said = signed.body
    before = _said_before(tx.conn, agency.account, said.kind, subject.key, most)
    if len(before) >= most:
        raise _enough(said.kind, before[0], most)
    raw = signed.raw.encode("ascii")
    logged = log_event(
        tx, subject.dossier_row, said.logged_as, raw, grant_row=subject.grant_row, show_row=subject.show_row
    )
    word = {"said": signed.hash, "agency": agency.account, "kind": said.kind, "about": subject.key}
    tx.conn.execute(insert(tn.said), {**word, "idx": logged.index, "at": tx.now})
    rows = {"grant_row": subject.grant_row, "show_row": subject.show_row}
    about: dict[str, Any] = {**rows, "item": said.item, "about": said.about, "said": signed.hash, "idx": logged.index}
    about["card_hash"] = agency.card_hash
    notices.tell(tx, said.kind, dossier_row=subject.dossier_row, **about)
    _follow_up(tx, agency, said, subject, about)
    return Answer.of(logged.wire(), 201, index=logged.index)


def use_of(conn: Connection, _vault: Vault, agency: Agency, said: Statement) -> Subject:
    """The use of this agency whose receipt a statement is about."""
    assert said.about is not None  # the kinds that come here name one
    granted = (
        select(t.grants.c.dossier_row, t.grants.c.row)
        .join(t.releases, t.releases.c.grant_row == t.grants.c.row)
        .where(t.grants.c.agency == agency.account, t.releases.c.receipt_sha256 == said.about)
    )
    if said.grant is not None:  # found by its id, and not among all that the agency ever used
        granted = granted.where(t.grants.c.grant_id == said.grant)
    found = conn.execute(granted).first()
    if found is not None:
        return Subject(found.dossier_row, said.about, grant_row=found.row)
    shown = select(t.shows.c.dossier_row, t.shows.c.row).where(
        t.shows.c.agency == agency.account, t.shows.c.receipt_sha256 == said.about
    )
    found = None if said.grant is not None else conn.execute(shown).first()
    if found is None:
        raise Denied("receipt_unknown", "no use of this agency with this receipt is in the log")
    return Subject(found.dossier_row, said.about, show_row=found.row)


def _told(conn: Connection, _vault: Vault, agency: Agency, said: Statement) -> Subject:
    """The notice for this agency that it acknowledges."""
    assert said.about is not None  # an acknowledgement names one
    wanted = (
        select(t.events.c.dossier_row, tn.notices.c.grant_row, tn.notices.c.show_row)
        .join(t.events, t.events.c.idx == tn.notices.c.idx)
        .where(tn.notices.c.agency == agency.account, tn.notices.c.said == said.about)
    )
    row = conn.execute(wanted).first()
    if row is None:
        raise Denied("notice_unknown", "no such notice is here for you")
    return Subject(row.dossier_row, said.about, row.grant_row, row.show_row)


def _given(conn: Connection, _vault: Vault, agency: Agency, said: Statement) -> Subject:
    """The grant of this agency that it asks to renew."""
    assert said.grant is not None  # such a request names one
    wanted = select(t.grants.c.dossier_row, t.grants.c.row).where(
        t.grants.c.grant_id == said.grant, t.grants.c.agency == agency.account
    )
    row = conn.execute(wanted).one_or_none()
    if row is None:
        raise Denied("grant_unknown", "no such grant is here for you")
    return Subject(row.dossier_row, said.grant, grant_row=row.row)


def _issued(conn: Connection, vault: Vault, agency: Agency, said: Statement) -> Subject:
    """The item of this issuer that it corrects."""
    assert said.item is not None  # a correction names one
    wanted = select(t.items.c.dossier_row).where(
        t.items.c.item == said.item, t.items.c.issuer == vault.agency_urn(agency.account)
    )
    dossier_row = conn.execute(wanted).scalar()
    if dossier_row is None:
        raise Denied("item_unknown", "no such item is in this dossier")
    return Subject(dossier_row, said.item)


_RULES = {
    "review": _Rule(use_of, MAX_REVIEWS),
    "retention": _Rule(use_of, 1),
    "acknowledgement": _Rule(_told, 1),
    "renewal": _Rule(_given, MAX_RENEWALS),
    "correction": _Rule(_issued, MAX_CORRECTIONS),
}


def _follow_up(tx: Tx, agency: Agency, said: Statement, subject: Subject, about: dict[str, Any]) -> None:
    """What else a statement does: a report ends the waiting for it, a correction reaches the item's readers."""
    if said.kind == "retention":
        done = update(tn.retentions).where(tn.retentions.c.receipt_sha256 == said.about)
        tx.conn.execute(done, {"due_at": None})
    if said.kind == "correction":
        assert said.item is not None  # it names one
        for reader, grant_row in notices.readers_of(tx.conn, subject.dossier_row, said.item):
            if reader != agency.account:
                notices.tell(tx, said.kind, agency=reader, **{**about, "grant_row": grant_row})


def _said_before(conn: Connection, agency: bytes, kind: str, about: bytes, most: int) -> list[int]:
    wanted = select(tn.said.c.idx).where(tn.said.c.agency == agency, tn.said.c.kind == kind, tn.said.c.about == about)
    return list(conn.execute(wanted.order_by(tn.said.c.row).limit(most)).scalars())


def _known(vault: Vault, agency: Agency, signed: Signed[Statement]) -> int | None:
    """The index of this very statement, if it was logged before."""
    wanted = select(tn.said.c.idx).where(tn.said.c.said == signed.hash, tn.said.c.agency == agency.account)
    with vault.engine.connect() as conn:
        index: int | None = conn.execute(wanted).scalar()
    return index


def _again(tx: Tx, index: int) -> Answer:
    tx.require(index)
    return Answer.of(logged_at(tx.conn, index).wire(), index=index)


def _enough(kind: str, index: int, most: int) -> Conflict | Denied:
    if most == 1:
        return Conflict("statement_said", "this was said already: entry {index} of the log", index=index)
    if kind == "stamp":
        return Denied("stamps_enough", "this grant or show has {most} stamps already", most=most)
    return Denied("statements_enough", "this was said {most} times already", most=most)


def stamp_key(subject: Subject) -> bytes:
    """Stamps are counted by grant or show, and not by receipt."""
    number = (subject.grant_row or 0, subject.show_row or 0)
    return b"".join(part.to_bytes(16, "big") for part in number)


assert len(stamp_key(Subject(0, ZERO32))) == len(ZERO32)
