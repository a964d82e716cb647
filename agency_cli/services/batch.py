"""One order for each row of a file: a bad row is told and kept apart, and the others go on.

Few rows are at work at once: memory does not grow with the file. Running the same file again issues what is missing and
nothing twice, since a row's certificate number names its deposit (``agency_cli/services/issuing.py``). What a row
can't help, such as a vault that does not answer or a role that ended, stops the run.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO, TypeVar

from agency_cli.services.flight import in_flight
from agency_cli.services.holders import Addressee, Ways, addressee, cards_of, check_same, of_token, states_of
from agency_cli.services.issuing import Desk, issue
from agency_cli.services.orders import Order, china_today, make_order
from agency_cli.services.records import Issued
from agency_cli.services.rows import CERTIFICATE_MEMBERS, Row, Tick, is_csv, open_text, read_rows, type_of, typed_fields
from chain.ledger import DossierState
from client.files import PRIVATE_FILE
from client.gathering import Gathering
from console.i18n import describe
from protocol import wire
from protocol.canonical import Json
from protocol.encoding import unhex0x
from protocol.errors import Conflict, Malformed, OneFileError, Unavailable
from protocol.fields import text_of
from protocol.licence_types import LicenceType

Question = TypeVar("Question")
Answer = TypeVar("Answer")
MAX_DOCUMENTS = 63
BATCH = 16  # questions that travel together: deposits with a small document each are well within what a vault takes
AT_ONCE = 64  # rows begun: while they wait for chain, vault or disk, another one is signed and sealed
DRAWN = 32  # status indices at once: what a run leaves of them is never used
PATIENCE_S = 0.02  # that a question waits for others: a journey costs as much work as signing half a credential
# Refusals that say something of us or of the moment, not of the row: the next row would meet the same.
STOPS = frozenset(
    {
        "agency_card_behind",
        "agency_compromised",
        "agency_not_admitted",
        "agency_not_registered",
        "card_foreign_keys",
        "not_an_issuer",
        "signature_key_old",
        "signature_key_unknown",
        "signature_stale",
        "wrong_passphrase",
    }
)


@dataclass(frozen=True, slots=True)
class BatchOrder:
    """Which file, of which kind, where its rejects go, and the licence type of rows that name none."""

    path: Path
    rejects: Path
    default_type: str | None = None
    encoding: str = "utf-8"


@dataclass(slots=True)
class Outcome:
    """How many rows were issued now, had been issued before, or were refused; and the first refusals."""

    issued: int = 0
    known: int = 0
    rejected: int = 0
    examples: list[dict[str, Any]] = field(default_factory=list)


def run_batch(desk: Desk, order: BatchOrder, tick: Tick) -> Outcome:
    """Issue every row. What stops the run is raised; rows before it stay issued, and a second run goes on."""
    _gather(desk)
    outcome = Outcome()
    with open_text(order.path, order.encoding) as source, _rejects(order) as reject:
        rows = read_rows(source, table=is_csv(order.path), tick=tick)
        with closing(in_flight(lambda row: _at_work(desk, row, order), rows, AT_ONCE)) as flight:
            for row, made in flight:
                _settle(outcome, reject, row, made)
    return outcome


def _gather(desk: Desk) -> None:
    """What rows at work ask chain and vault travels together, and who waits for an answer lets another row work."""
    session = desk.session
    desk.draw_ahead = DRAWN
    states = Gathering[bytes, DossierState](lambda dossiers: states_of(session, dossiers), BATCH, PATIENCE_S)
    cards = Gathering[bytes, wire.Card](lambda subjects: cards_of(session, subjects), BATCH, PATIENCE_S)
    deposits = Gathering[wire.Deposit, wire.Deposited](session.api.deposit_batch, BATCH, PATIENCE_S)
    desk.ways = Ways(_aside(desk, states.ask), _aside(desk, cards.ask))
    desk.send = _aside(desk, deposits.ask)


def _aside(desk: Desk, ask: Callable[[Question], Answer]) -> Callable[[Question], Answer]:
    def asked(question: Question) -> Answer:
        with desk.baton.waiting():
            return ask(question)

    return asked


def _settle(outcome: Outcome, reject: Any, row: Row, made: Future[Issued]) -> None:
    """Count what became of a row; what stops the run is raised."""
    try:
        made.result()
    except OneFileError as error:
        if _stops(error):
            raise
        if _known(error):
            outcome.known += 1
        else:
            _note(outcome, reject, row, error)
    else:
        outcome.issued += 1


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a row says: the licence, for whom, its claims, what overrides their certificate, and documents."""

    licence: LicenceType
    to: Json
    token: Json
    body: Mapping[str, Json]
    overrides: dict[str, Json]
    documents: tuple[Path, ...]


def row_parts(row: Row, path: Path, default_type: str | None) -> Parsed:
    """Read one row of the file at ``path``; raises what is wrong with it."""
    if row.error is not None:
        raise row.error
    licence = type_of(row, default_type)
    rest = dict(row.body)
    rest.pop("type", None)
    to, token = rest.pop("to", None), rest.pop("card_token", None)
    documents = _documents(rest.pop("documents", []), path.parent)
    overrides = {name: rest.pop(name) for name in CERTIFICATE_MEMBERS if name in rest}
    if not _has_number(overrides, rest):
        # Without a number of its own a row would be another certificate in each run.
        raise Malformed("field_missing", "{field}: missing", field="row.number")
    body = typed_fields(rest, licence) if is_csv(path) else rest
    return Parsed(licence, to, token, body, overrides, documents)


def _at_work(desk: Desk, row: Row, order: BatchOrder) -> Issued:
    with desk.baton.working():
        return issue_row(desk, row, order)


def issue_row(desk: Desk, row: Row, order: BatchOrder) -> Issued:
    """Issue one row; raises what is wrong with it."""
    said = row_parts(row, order.path, order.default_type)
    to = _addressee(said.to, said.token, order.path.parent)
    today = china_today(desk.now())
    made: Order = make_order(
        said.body, said.licence, desk.office, today=today, overrides=said.overrides, documents=said.documents
    )
    return issue(desk, made, to)


def _has_number(overrides: Mapping[str, Json], rest: Mapping[str, Json]) -> bool:
    certificate = rest.get("certificate")
    return "number" in overrides or (isinstance(certificate, dict) and "number" in certificate)


def _addressee(to: Json, token: Json, base: Path) -> Addressee:
    if token is not None:
        found = of_token(text_of(token, "row.card_token", limit=8192))
        if isinstance(to, str) and to.startswith("0x"):
            check_same(found, unhex0x(to, length=32, what="row.to"))
        return found
    if to is None:
        raise Malformed("field_missing", "{field}: missing", field="row.to")
    text = text_of(to, "row.to", limit=8192)
    if text == "-":
        raise Malformed("field_form", "{field}: not of the expected form", field="row.to")
    return addressee(text, base=base)


def _documents(value: Json, base: Path) -> tuple[Path, ...]:
    if not isinstance(value, list) or len(value) > MAX_DOCUMENTS:
        raise Malformed("field_type", "{field}: expected {want}", field="row.documents", want="list")
    return tuple(base / text_of(name, "row.documents", limit=4096) for name in value)


def _known(error: OneFileError) -> bool:
    return isinstance(error, Conflict) and error.code == "certificate_issued"


def _stops(error: OneFileError) -> bool:
    return isinstance(error, Unavailable) or error.code in STOPS


def _note(outcome: Outcome, reject: Any, row: Row, error: OneFileError) -> None:
    outcome.rejected += 1
    reason = describe(error)
    if len(outcome.examples) < 20:
        outcome.examples.append({"line": row.line, "code": error.code, "reason": reason})
    reject(row, error.code, reason)


@contextmanager
def _rejects(order: BatchOrder) -> Iterator[Any]:
    """A function that keeps a refused row with its reason; no file is left where none was refused."""
    writer = _Rejects(order)
    try:
        yield writer
    finally:
        writer.close()


class _Rejects:
    """Writes refused rows in the form of the batch file, so that they can be mended and run again."""

    def __init__(self, order: BatchOrder) -> None:
        self._path = order.rejects
        self._table = is_csv(order.path)
        self._out: TextIO | None = None
        self._columns: list[str] = []
        self._path.unlink(missing_ok=True)

    def __call__(self, row: Row, code: str, reason: str) -> None:
        out = self._open(row)
        if self._table:
            told = {"reject_line": str(row.line), "reject_code": code, "reject_reason": reason}
            csv.writer(out).writerow([{**row.raw, **told}.get(name, "") for name in self._columns])
        else:
            kept = {**row.raw, "reject": {"line": row.line, "code": code, "reason": reason}}
            out.write(json.dumps(kept, ensure_ascii=False) + "\n")
        out.flush()

    def close(self) -> None:
        if self._out is not None:
            self._out.close()

    def _open(self, row: Row) -> TextIO:
        """The file, begun with the first refused row: with a header that has all columns of the batch file."""
        if self._out is None:
            self._path.touch(mode=PRIVATE_FILE, exist_ok=False)
            self._out = self._path.open("w", encoding="utf-8", newline="")
            own = [name for name in row.raw if not name.startswith("reject")]
            self._columns = [*own, "reject_line", "reject_code", "reject_reason"]
            if self._table:
                csv.writer(self._out).writerow(self._columns)
        return self._out
