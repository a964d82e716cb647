"""A copy for one purpose (加注件): made by the reader of what a use handed it (docs/spec/paper.md §4).

The order of the steps is the point. (1) The folder of the use is verified again. (2) The document is opened, and every
limit checked, before anything is said. (3) The log has our statement before the copy exists: no stamped copy is without
an entry that its holder sees. (4) The copy is signed, and put in its place whole.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from agency_cli.services import folders
from agency_cli.services.judging import Judged
from agency_cli.services.orders import CHINA
from agency_cli.services.pdf_copy import count_pages, with_strips
from agency_cli.services.pdf_signing import Signer, sign_pdf
from agency_cli.services.review import Review, review
from agency_cli.services.sheet import Row, Sheet, code_modules, draw_sheet, draw_strip, load_font
from agency_cli.services.standing import Standing, standing
from client.checks import Desk
from client.files import read_bounded, write_private
from client.http import Call, json_body
from client.session import Session
from protocol import wire
from protocol.encoding import b64u, unb64u
from protocol.entries import Entry, Opening, verify_opening
from protocol.errors import Conflict, Denied, Untrusted
from protocol.hashing import sha256
from protocol.licence_types import Title, by_vct, claim_titles
from protocol.scenario import Scenario
from protocol.stamp import MAX_DOCUMENT_BYTES, MAX_PURPOSE, Particulars, Stamp, stamp_code
from protocol.statements import Statement, parse_statement, sign_statement

_PDF = "application/pdf"


@dataclass(frozen=True, slots=True)
class StampOrder:
    """``folder``: of a use. ``item`` counts from 1. ``document`` None: the item's only PDF, or a sheet of its claims.

    ``purpose`` None: the scenario's title. ``until`` (seconds) None: as long as the use may be kept.
    """

    folder: Path
    out: Path
    item: int = 1
    document: str | None = None
    purpose: str | None = None
    until: int | None = None
    font: Path | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """What would be stamped: the document before the stamp, and what the stamp will say of it."""

    found: Review
    name: str
    source: bytes
    particulars: Particulars
    ours: Standing


@dataclass(frozen=True, slots=True)
class Stamped:
    """A copy that was made. ``sha256`` is of the whole signed file."""

    stamp: Stamp
    code: str
    out: Path
    sha256: bytes


def plan(session: Session, desk: Desk, order: StampOrder) -> Planned:
    """Check everything that a stamp needs, and say nothing to anybody."""
    if order.out.exists():
        raise Conflict("file_exists", "{path} exists already and is not replaced", path=str(order.out))
    load_font(order.font)
    found = review(session, desk, order.folder, policy="window")
    found.outcome.require_no_reject()
    receipt = found.files.receipt.body
    until = receipt.retain_until if order.until is None else order.until
    if not session.clock.now() < until <= receipt.retain_until:
        raise Denied(
            "stamp_until",
            "a stamp holds at most as long as the use may be kept, to {until}",
            until=receipt.retain_until,
        )
    if not 1 <= order.item <= len(found.outcome.items):
        raise Denied(
            "item_not_found", "the use has {count} items, not {item}", count=len(found.outcome.items), item=order.item
        )
    name, source = _source(order, found.outcome.items[order.item - 1])
    purpose = _purpose(order, found.files.scenario.body)
    size = len(source)
    particulars = Particulars(secrets.token_bytes(16), purpose, until, sha256(source), size, count_pages(source))
    particulars.serialise()
    return Planned(found, name, source, particulars, standing(session))


def stamp(session: Session, order: StampOrder, planned: Planned) -> Stamped:
    """Log the stamp, then make the copy. Raises as the vault does; nothing is written then."""
    made = _logged(session, planned)
    code = stamp_code(made)
    code_modules(code)
    lines = _lines(planned, made)
    mark = f"仅限：{planned.particulars.purpose}"
    writer = with_strips(planned.source, lambda width, height: draw_strip(width, height, lines, mark, code))
    ours = planned.ours
    signer = Signer(ours.state.name, ours.urn, session.keys.present(ours.card.seq), ours.card.valid_from)
    reason = stamp_reason(made)
    raw = sign_pdf(writer, signer, reason=reason, field=f"OneFile-{made.statement.body.jti[:8]}")
    write_private(order.out, raw, new=True)
    return Stamped(made, code, order.out, sha256(raw))


def stamp_reason(made: Stamp) -> str:
    """What the PDF signature gives as its reason: ties the signed file to one stamp."""
    return f"{made.particulars.purpose} [onefile-stamp {b64u(made.statement.hash)}]"


def _source(order: StampOrder, judged: Judged) -> tuple[str, bytes]:
    documents = [d.entry for d in judged.handed.documents if d.entry.media_type == _PDF]
    if order.document is None and not documents:
        return "claims.pdf", draw_sheet(claims_sheet(judged))
    chosen = [entry for entry in documents if order.document in {None, entry.name}]
    if len(chosen) != 1:
        names = ", ".join(entry.name for entry in documents)
        raise Denied("document_not_found", "name one PDF of the item: {names}", names=names or "–")
    path = folders.document_path(order.folder, order.item, chosen[0].name)
    return chosen[0].name, read_bounded(path, limit=MAX_DOCUMENT_BYTES)


def claims_sheet(judged: Judged) -> Sheet:
    """A sheet of what was shown of an item, where no document came along."""
    credential = judged.handed.credential
    kind, licence = by_vct(credential.vct), credential.licence
    titles = claim_titles(credential.vct)
    rows = [
        Row("颁发机构", "Issuing department", licence.dept_name),
        Row("颁发日期", "Date of issue", licence.issue_date.isoformat()),
    ]
    for pointer in credential.named:
        value = credential.opened.values[pointer]
        if isinstance(value, str | int):
            rows.append(Row.of(titles.get(pointer, Title(pointer, "")), value))
    return Sheet(
        title_zh=f"{kind.title.zh if kind else credential.vct}（出示内容）",
        title_en=f"{kind.title.en if kind else credential.vct} (what was shown)",
        rows=tuple(rows),
        notes=("由查验机构从电子凭证制作。 Made by the reading agency from the electronic credential.",),
    )


def _purpose(order: StampOrder, scenario: Scenario) -> str:
    if order.purpose is not None:
        return order.purpose
    both = f"{scenario.title.zh} {scenario.title.en}"
    return both if len(both) <= MAX_PURPOSE else scenario.title.zh[:MAX_PURPOSE]


def _logged(session: Session, planned: Planned) -> Stamp:
    """Our statement, once the log has it and its entry commits to these very bytes."""
    body = Statement(
        jti=b64u(secrets.token_bytes(16)),
        iat=session.clock.now(),
        iss=planned.ours.urn,
        aud=session.log.origin,
        kind="stamp",
        about=planned.found.files.receipt.hash,
        text=planned.particulars.text(),
    )
    raw = sign_statement(body, session.keys.present(planned.ours.card.seq))
    call = Call("POST", "/v1/stamps", body=json_body(wire.Statement(statement=raw)))
    answer = session.api.http.ask(call, wire.Logged)
    if answer.opening is None:
        raise Untrusted("stamp_unlogged", "the vault's answer does not open the stamp's entry")
    opening = Opening.from_json(answer.opening.model_dump())
    verify_opening(Entry.parse(unb64u(answer.entry, what="entry")), opening, raw.encode("ascii"))
    return Stamp(parse_statement(raw), planned.particulars, opening.salt, opening.index)


def _lines(planned: Planned, made: Stamp) -> Sequence[str]:
    said, day = made.particulars, datetime.fromtimestamp(made.particulars.until, CHINA).date().isoformat()
    return (
        f"加注机构 Stamped by: {planned.ours.state.name}",
        f"用途 For: {said.purpose}",
        f"有效至 Until: {day}",
        f"账本序号 Log entry: {made.index}    文件 File: {planned.name}",
        f"SHA-256 (before the stamp): {said.sha256.hex()}",
        "仅限上述用途，扫码核验。 For this purpose alone; scan to check.",
    )
