"""The rows of a batch file, streamed: one order each, CSV or JSON lines.

    JSONL  {"to": …, "number": …, "documents": ["a.pdf"], "holder": {…}, "certificate": {…}, "<field>": …}
    CSV    to,number,documents,holder.name,holder.identity_type,holder.identity_number,<field>,…

``to``: dossier id, urn, card token or its file; ``card_token`` beside a dossier id is the same. ``type``, ``number``,
``serial``, ``revision``, ``issue_date``, ``effective_date``, ``expiring_date`` and ``supersedes`` may stand in a row.
In CSV an empty cell is absent, documents are separated by ``;``, numbers and true/false are read by the field's kind.
Paths start from the batch file's folder. ``reject…`` members, which a rejects file adds, are ignored.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from protocol import canonical
from protocol.canonical import Json
from protocol.errors import Malformed
from protocol.licence_types import LicenceType, licence_type

MAX_ROW_CHARS = 1 << 20
MAX_ROW_LINES = 10_000
CERTIFICATE_MEMBERS = (
    "number",
    "serial",
    "revision",
    "issue_date",
    "effective_date",
    "expiring_date",
    "supersedes",
    "dept_name",
    "dept_code",
)
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,15})")
_BOOLEANS = {"true": True, "false": False, "是": True, "否": False}
_KEPT_CHARS = 1000
_UNREADABLE = [""]  # told from a row with one empty cell by identity
Tick = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it was read. ``raw`` is what a rejects file keeps; ``line`` counts from 1, a header included."""

    line: int
    raw: dict[str, Any]
    body: dict[str, Json]
    error: Malformed | None = None


def open_text(path: Path, encoding: str) -> TextIO:
    """The batch file as text; a byte order mark is skipped."""
    return path.open("r", encoding="utf-8-sig" if encoding == "utf-8" else encoding, newline="")


def is_csv(path: Path) -> bool:
    """By the ending of the name: ``.csv``, else JSON lines."""
    return path.suffix.lower() == ".csv"


def read_rows(source: TextIO, *, table: bool, tick: Tick) -> Iterator[Row]:
    """The rows of ``source`` one by one; ``tick`` is told of the bytes read. A row that can't be read has an error.

    Raises ``Malformed`` where nothing can be read any more: no text of this encoding, a CSV without a header.
    """
    lines = _counted(source, tick)
    return _csv_rows(lines) if table else _json_rows(lines)


def type_of(row: Row, default: str | None) -> LicenceType:
    """The licence type of a row: its own, else the command's."""
    named = row.body.get("type", default)
    if not isinstance(named, str):
        raise Malformed("field_missing", "{field}: missing", field="row.type")
    return licence_type(named)


def typed_fields(body: dict[str, Json], licence: LicenceType) -> dict[str, Json]:
    """A CSV row's fields by their kinds; what is no number or no truth value stays text and is refused later."""
    kinds = {field.name: field.kind for field in licence.fields}
    return {name: _typed(kinds.get(name, "text"), value) for name, value in body.items()}


def _typed(kind: str, value: Json) -> Json:
    if not isinstance(value, str):
        return value
    if kind == "integer" and _INTEGER.fullmatch(value):
        return int(value)
    if kind == "boolean":
        return _BOOLEANS.get(value.lower(), value)
    return value


def _counted(source: TextIO, tick: Tick) -> Iterator[tuple[str, bool]]:
    """Each line, and whether it is whole: of one that is too long only the beginning is kept."""
    while True:
        line = _read(source)
        if not line:
            return
        tick(len(line.encode("utf-8", "surrogatepass")))
        whole = len(line) <= MAX_ROW_CHARS
        yield (line, True) if whole else (line[:_KEPT_CHARS], False)
        while not whole and not line.endswith("\n") and (line := _read(source)):
            tick(len(line.encode("utf-8", "surrogatepass")))


def _read(source: TextIO) -> str:
    try:
        return source.readline(MAX_ROW_CHARS + 1)
    except UnicodeDecodeError:
        raise Malformed("batch_encoding", "the batch file is not text of the encoding that was said") from None


def _too_long() -> Malformed:
    return Malformed("batch_row", "a row has more than {limit} characters", limit=MAX_ROW_CHARS)


def _json_rows(lines: Iterator[tuple[str, bool]]) -> Iterator[Row]:
    for number, (line, whole) in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            if not whole:
                raise _too_long()
            value = canonical.loads_object(line, limit=4 * MAX_ROW_CHARS, what="row")
        except Malformed as error:
            yield Row(number, {"row": line.rstrip("\r\n")}, {}, error)
            continue
        raw = {name: part for name, part in value.items() if name != "reject"}
        yield Row(number, raw, raw)


def _csv_rows(lines: Iterator[tuple[str, bool]]) -> Iterator[Row]:
    source = _RowLines(lines)
    reader = csv.reader(source, strict=True)
    names = _cells(reader, source)
    if not names or names is _UNREADABLE or len(set(names)) != len(names):
        raise Malformed("batch_header", "the first row of a CSV file names each column once")
    names = [name.strip() for name in names]
    while (cells := _cells(reader, source)) is not None:
        if cells is _UNREADABLE:
            error = Malformed("batch_csv", "line {line} is not CSV", line=reader.line_num)
            yield Row(reader.line_num, dict.fromkeys(names, ""), {}, error)
        elif any(cell.strip() for cell in cells):
            yield _csv_row(reader.line_num, names, cells)


class _RowLines:
    """Whole lines for the reader of a table. A quoted cell may go on over lines, but no row beyond what a line may be.

    Nothing comes after one that does: behind a gap nobody knows where a row begins.
    """

    def __init__(self, lines: Iterator[tuple[str, bool]]) -> None:
        self._lines = lines
        self._chars = self._count = 0

    def begin_row(self) -> None:
        self._chars = self._count = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line, whole = next(self._lines)
        self._chars, self._count = self._chars + len(line), self._count + 1
        if not whole or self._chars > MAX_ROW_CHARS or self._count > MAX_ROW_LINES:
            raise _too_long()
        return line


def _cells(reader: Any, source: _RowLines) -> list[str] | None:
    """The cells of the next row; None at the end; ``_UNREADABLE`` for a row that is not CSV: others come after it."""
    source.begin_row()
    try:
        row: list[str] | None = next(reader, None)
    except csv.Error:
        return _UNREADABLE
    return row


def _csv_row(line: int, names: list[str], cells: list[str]) -> Row:
    raw = dict(zip(names, [*cells, *[""] * len(names)], strict=False))
    if len(cells) != len(names):
        error = Malformed("batch_cells", "expected {want} cells, got {got}", want=len(names), got=len(cells))
        return Row(line, raw, {}, error)
    body: dict[str, Json] = {}
    holder: dict[str, Json] = {}
    for name, cell in raw.items():
        value = cell.strip()
        if not value or name.startswith("reject"):
            continue
        group, dot, member = name.partition(".")
        if dot and group == "holder":
            holder[member] = value
        elif name == "documents":
            body[name] = [part.strip() for part in value.split(";") if part.strip()]
        else:
            body[name] = int(value) if name == "revision" and _INTEGER.fullmatch(value) else value
    return Row(line, raw, {**body, "holder": holder})
