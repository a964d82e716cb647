"""A licence copy on paper: laid out, with the issuer's statement in a code (docs/spec/paper.md §2).

The issuer keeps no claims of what it issued, only a digest of the order under a key of its own: whoever prints gives
the claims again, and they are printed if they are the ones that were issued.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

from agency_cli.services.issuing import Desk
from agency_cli.services.orders import CHINA, Order, china_today, make_order
from agency_cli.services.records import Issued
from agency_cli.services.sheet import Row, Sheet, draw_sheet, load_font
from protocol.canonical import Json
from protocol.errors import Denied, Malformed, Untrusted
from protocol.identifiers import parse_certificate_id
from protocol.licence_types import HOLDER_FIELDS, LicenceType, claim_titles, licence_type
from protocol.paper import Paper, Value, paper_link, sign_paper
from protocol.status_list import STATUS_NAMES, VALID
from protocol.vct import parse_vct

DEFAULT_DAYS = 90
DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class PaperOrder:
    """``issued``: item or certificate id. ``body``, ``overrides``, ``documents``: as they were given to issue it.

    ``claims``: pointers of the holder's and the type's fields to print; none for all of them.
    """

    issued: str
    body: Mapping[str, Json]
    overrides: Mapping[str, Json]
    documents: tuple[Path, ...] = ()
    claims: tuple[str, ...] = ()
    days: int = DEFAULT_DAYS


@dataclass(frozen=True, slots=True)
class Prepared:
    """A copy that was checked in full and signed. ``link`` is what its code holds; ``raw`` the statement."""

    record: Issued
    paper: Paper
    raw: str
    link: str
    sheet: Sheet


def prepare(desk: Desk, order: PaperOrder) -> Prepared:
    """Check and sign a copy; nothing is drawn or kept.

    Raises ``Denied`` for what was not deposited, does not hold or may not be issued any more, and
    ``Untrusted("claims_other")`` for claims that are not those that were issued.
    """
    record = desk.records.find(order.issued)
    # (1) It is in the holder's dossier, and it holds.
    if record.state != "deposited":
        raise Denied("issued_unsure", "the deposit of item {item} was not confirmed", item=record.id)
    status = desk.lists.of(record.status).bits.get(record.status.idx)
    if status != VALID:
        raise Denied("paper_not_valid", "the licence's status is {status}", status=STATUS_NAMES[status])
    # (2) These claims, and no others, were issued.
    kind = licence_type(*parse_vct(record.vct))
    issued = _issued_order(desk, record, kind, order)
    # (3) We may still issue this type, with the key that signs.
    ours = desk.standing()
    ours.require_type(kind.type)
    now = desk.now()
    paper = Paper(
        iss=ours.urn,
        log=desk.session.log.origin,
        iat=now,
        exp=_end(issued, now, order.days),
        vct=record.vct,
        status=record.status,
        claims=_printed(issued, kind, order.claims),
    )
    raw = sign_paper(paper, desk.session.keys.present(ours.card.seq))
    link = paper_link(desk.session.public_api.info().public_origin, raw)
    return Prepared(record, paper, raw, link, _sheet(paper, kind, ours.state.name, link))


def draw(prepared: Prepared, font: Path | None) -> bytes:
    """The PDF of a copy."""
    load_font(font)
    return draw_sheet(prepared.sheet)


def _issued_order(desk: Desk, record: Issued, kind: LicenceType, order: PaperOrder) -> Order:
    made = make_order(
        order.body,
        kind,
        desk.office,
        today=china_today(record.issued_at),
        overrides=order.overrides,
        documents=order.documents,
    )
    if desk.digest(b"order", made.content()) != record.content:
        raise Untrusted("claims_other", "these are not the claims that item {item} was issued with", item=record.id)
    # A number that nobody gave was drawn: the certificate id keeps it.
    serial = parse_certificate_id(record.certificate_id).serial
    if "number" not in made.given:
        made = replace(made, certificate=replace(made.certificate, number=serial, serial=serial))
    if made.certificate_id != record.certificate_id:
        raise Untrusted("claims_other", "these are not the claims that item {item} was issued with", item=record.id)
    return made


def _end(issued: Order, now: int, days: int) -> int:
    """A copy holds no longer than its licence, whose last day ends at midnight in China."""
    last = issued.certificate.expiring_date
    end = now + days * DAY_S
    if last is not None:
        end = min(end, last_second(last) + 1)
    if end <= now:
        raise Denied("licence_ended", "the licence ended on {day}", day=str(last))
    return end


def last_second(day: date) -> int:
    """The last second of a day in China."""
    return int(datetime.combine(day, datetime.max.time().replace(microsecond=0), CHINA).timestamp())


def _printed(issued: Order, kind: LicenceType, wanted: Sequence[str]) -> dict[str, Value]:
    data = issued.certificate
    fixed: dict[str, Value] = {
        "/certificate_number": data.number,
        "/issue_dept_name": data.dept_name,
        "/issue_date": data.issue_date.isoformat(),
        "/effective_date": data.effective_date.isoformat(),
    }
    if data.expiring_date is not None:
        fixed["/expiring_date"] = data.expiring_date.isoformat()
    all_of = {f"/holder/{field.name}": issued.holder.get(field.name) for field in HOLDER_FIELDS}
    all_of |= {f"/{field.name}": issued.fields.get(field.name) for field in kind.fields}
    there = {pointer: value for pointer, value in all_of.items() if isinstance(value, str | int)}
    for pointer in wanted:
        if pointer not in there:
            raise Malformed("field_unknown", "{field}: unknown member", field=pointer[:200])
    return {**fixed, **{p: value for p, value in there.items() if not wanted or p in wanted}}


def _sheet(paper: Paper, kind: LicenceType, issuer: str, link: str) -> Sheet:
    titles = claim_titles(paper.vct)
    rows = [Row.of(titles[p], value) for p, value in paper.claims.items()]
    until = datetime.fromtimestamp(paper.exp - 1, CHINA).date().isoformat()
    made = datetime.fromtimestamp(paper.iat, CHINA).date().isoformat()
    origin = link.partition("#")[0]
    return Sheet(
        title_zh=f"{kind.title.zh}（纸质副本）",
        title_en=f"{kind.title.en} (paper copy)",
        rows=tuple(rows),
        notes=(
            f"由 {issuer} 于 {made} 制作，至 {until} 有效。",
            f"Made by {issuer} on {made}, holds until {until}.",
            f"扫码在 {origin} 核验：签名在浏览器内验证，内容不上传。",
            f"Scan to check at {origin}: the signature is verified in the browser, nothing printed here is sent.",
            "纸可复印，请核对持证人。 Paper can be copied: compare the person with an identity document.",
        ),
        code=link,
    )
