"""Binding a credential anew: the same claims for the holder's newest key, in place of the old credential.

Needed when a later key card of the holder revoked the key that the credential is bound to, or when our own key was
reported compromised before the credential was anchored: verifiers refuse both. The claims come from who has them,
as they were issued (a keyed digest tells whether they are the same); the new certificate is the next revision,
``supersedes`` the old, and the old one's status becomes ``revoked``. Its number names its deposit, so that a run that
broke off goes on where it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from agency_cli.services.batch import STOPS, row_parts
from agency_cli.services.holders import Addressee
from agency_cli.services.issuing import Desk, check, issue
from agency_cli.services.office import Office
from agency_cli.services.orders import Order, china_today, make_order
from agency_cli.services.publishing import publish_all
from agency_cli.services.records import Issued
from agency_cli.services.rows import Row, Tick, is_csv, open_text, read_rows
from client import checks
from console.i18n import describe
from protocol.canonical import Json
from protocol.errors import Conflict, Denied, OneFileError, Unavailable
from protocol.facts import AnchorFacts, CardFact
from protocol.identifiers import parse_certificate_id
from protocol.licence_types import LicenceType, licence_type
from protocol.status_list import INVALID
from protocol.vct import parse_vct

MAX_REVISION = 999


@dataclass(frozen=True, slots=True)
class Due:
    """A credential and why it must be bound anew: ``holder_key`` or ``issuer_key``."""

    record: Issued
    reason: str


@dataclass(frozen=True, slots=True)
class Claims:
    """What was issued: the body as it was ordered, its overrides, and documents on this disk."""

    body: Mapping[str, Json]
    overrides: Mapping[str, Json]
    documents: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows as they were issued; ``dossier``: of one holder alone."""

    path: Path
    default_type: str | None = None
    encoding: str = "utf-8"
    dossier: bytes | None = None
    dry_run: bool = False


@dataclass(slots=True)
class Outcome:
    """How many were bound anew now or before, how many needed nothing, and which rows were refused."""

    rebound: int = 0
    known: int = 0
    not_due: int = 0
    refused: list[dict[str, Any]] = field(default_factory=list)


class Judge:
    """What the chain says of our cards and of the holders': read once for a run."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._facts = checks.open_desk(desk.session).facts
        self._ours = self._facts.agency(desk.standing().account).cards
        self._anchors: AnchorFacts = self._facts.anchors()
        self._holders: dict[bytes, tuple[CardFact, ...]] = {}

    def reason(self, record: Issued) -> str | None:
        """Why ``record`` must be bound anew; None if it need not."""
        if self._desk.lists.of(record.status).bits.get(record.status.idx) == INVALID:
            return None
        if self._key_revoked(record):
            return "holder_key"
        return "issuer_key" if self._issuer_compromised(record) else None

    def _key_revoked(self, record: Issued) -> bool:
        """Whether the card that it was deposited for is below what a later one revoked."""
        if record.dossier not in self._holders:
            self._holders[record.dossier] = self._facts.dossier(record.dossier).cards
        cards = self._holders[record.dossier]
        return _card_of(cards, record.card, record.issued_at).seq < max(card.revoked_below for card in cards)

    def _issuer_compromised(self, record: Issued) -> bool:
        """Whether it was anchored when the key that signed it was compromised: what was anchored before stays good."""
        since = _card_of(self._ours, record.signer, record.issued_at).compromised_since
        if since is None:
            return False
        first = None if record.index is None else self._anchors.first_covering(record.index)
        return first is None or first.time >= since


def _card_of(cards: Sequence[CardFact], named: bytes | None, at: int) -> CardFact:
    """The card that a record names; for an older record the one that counted at ``at``."""
    for card in cards:
        if card.hash == named:
            return card
    return max((card for card in cards if card.since <= at), key=lambda card: card.seq, default=cards[0])


def due(desk: Desk, dossier: bytes | None = None) -> Iterator[Due]:
    """Everything that must be bound anew, of one dossier or of all."""
    judge = Judge(desk)
    for record in desk.records.all():
        if record.state == "deposited" and dossier in {None, record.dossier}:
            reason = judge.reason(record)
            if reason is not None:
                yield Due(record, reason)


def rebind(desk: Desk, record: Issued, claims: Claims, *, dry_run: bool = False) -> Issued | None:
    """Issue the next revision of ``record`` and end the old one; the new record, None in a dry run.

    ``Conflict("rebind_claims")`` if the claims are not those that were issued. The list is not published here.
    """
    order = next_order(desk, record, claims)
    to = Addressee(record.dossier)
    if dry_run:
        check(desk, order, to)
        return None
    try:
        made = issue(desk, order, to)
    except Conflict as error:
        known = desk.records.of_certificate(order.certificate_id)
        if error.code != "certificate_issued" or known is None:
            raise
        made = known
    desk.lists.set(record.status, INVALID)
    return made


def next_order(desk: Desk, record: Issued, claims: Claims) -> Order:
    """The order of the next revision, whose claims were compared with what was issued."""
    licence = licence_type(parse_vct(record.vct)[0])
    # The day of issue stays what it was, where nobody said one.
    before = _order(claims, licence, desk.office, china_today(record.issued_at))
    named = parse_certificate_id(record.certificate_id)
    revision = int(named.version)
    earlier = str(replace(named, version=f"{revision - 1:03}")) if revision > 1 else ""
    again = replace(before, given={**before.given, "revision": revision, "supersedes": earlier})
    if record.content not in {desk.digest(b"order", one.content()) for one in (before, again)}:
        raise Conflict("rebind_claims", "the claims are not those that were issued as {item}", item=record.id)
    if revision >= MAX_REVISION:
        raise Denied("rebind_revision", "a certificate has at most {most} revisions", most=MAX_REVISION)
    certificate = replace(
        before.certificate,
        # A number that was drawn stands in the certificate id alone.
        number=before.certificate.number if "number" in before.given else named.serial,
        serial=named.serial,
        revision=revision + 1,
        supersedes=record.certificate_id,
    )
    given: dict[str, Json] = {**before.given, "revision": revision + 1, "supersedes": record.certificate_id}
    return replace(before, certificate=certificate, given=given)


def publish(desk: Desk) -> None:
    """Bring the ended statuses out."""
    publish_all(desk.session, desk.standing(), desk.lists)


def rebind_file(desk: Desk, batch: Batch, tick: Tick) -> Outcome:
    """Bind anew what is due of the rows of a batch file as it was issued; what is not due is left alone.

    What was bound anew before is known by its record, and its old status is set again: harmless to repeat.
    """
    judge, outcome = Judge(desk), Outcome()
    with open_text(batch.path, batch.encoding) as source:
        for row in read_rows(source, table=is_csv(batch.path), tick=tick):
            try:
                _rebind_row(desk, judge, row, batch, outcome)
            except OneFileError as error:
                if isinstance(error, Unavailable) or error.code in STOPS:
                    raise
                outcome.refused.append({"line": row.line, "code": error.code, "reason": describe(error)})
    if outcome.rebound + outcome.known and not batch.dry_run:
        publish(desk)
    return outcome


def _rebind_row(desk: Desk, judge: Judge, row: Row, batch: Batch, outcome: Outcome) -> None:
    found = row_parts(row, batch.path, batch.default_type)
    claims = Claims(found.body, found.overrides, found.documents)
    revisions = _revisions(desk, found.licence, claims)
    if batch.dossier not in {None, revisions[-1].dossier}:
        return
    for record in revisions:
        if judge.reason(record) is None:
            continue
        outcome.rebound += record is revisions[-1]
        outcome.known += record is not revisions[-1]
        rebind(desk, record, claims, dry_run=batch.dry_run)
        return
    outcome.not_due += 1


def _revisions(desk: Desk, licence: LicenceType, claims: Claims) -> list[Issued]:
    """The records of the certificate that a row was issued as, oldest first: itself and what was bound anew."""
    order = _order(claims, licence, desk.office, china_today(desk.now()))
    found: list[Issued] = []
    name = parse_certificate_id(order.certificate_id)
    while (record := desk.records.of_certificate(str(name))) is not None and record.state == "deposited":
        found.append(record)
        name = replace(name, version=f"{int(name.version) + 1:03}")
    if not found:
        raise Denied("rebind_unknown", "no certificate of this row was issued by this profile")
    return found


def _order(claims: Claims, licence: LicenceType, office: Office, day: date) -> Order:
    return make_order(
        claims.body, licence, office, today=day, overrides=dict(claims.overrides), documents=claims.documents
    )
