"""Rows of the database as JSON lines: an array a row, its columns in the order that ``begin.json`` gives.

Whole numbers and texts are themselves, bytes are base64url without padding, nothing is null. A part holds whole rows
of one table, in the order of its primary key.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from sqlalchemy import Column, Connection, LargeBinary, Row, Table, select
from sqlalchemy.types import Integer, String

from protocol.encoding import b64u, unb64u
from protocol.errors import Malformed
from vault_api import db
from vault_api.db.tables import metadata
from vault_api.keeping.archive import damaged

PART_BYTES = 4 << 20  # a part is closed once it has so many
MAX_PART_BYTES = 128 << 20  # one row may be a whole request of the largest size that a setting allows
MAX_TABLES = 200
FETCH_ROWS = 2_000
# What belongs to running processes and to uploads on their way: it would be wrong on another machine.
LEFT_OUT = frozenset({"leases", "uploads"})

_KINDS: tuple[tuple[type, str], ...] = ((LargeBinary, "bytes"), (Integer, "integer"), (String, "text"))
_MOST = (1 << 63) - 1


@cache
def kept_tables() -> tuple[Table, ...]:
    """Every table that a backup holds, those first that others refer to."""
    for module in iter_modules(db.__path__):
        if module.name.startswith("tables"):
            import_module(f"{db.__name__}.{module.name}")
    return tuple(table for table in metadata.sorted_tables if table.name not in LEFT_OUT)


def columns_of(table: Table) -> list[list[str]]:
    """Name and kind of each column, as ``begin.json`` gives them."""
    return [[column.name, _kind(column)] for column in table.columns]


def parts_of(conn: Connection, table: Table) -> Iterator[tuple[int, bytes]]:
    """The parts of a table: how many rows, and their lines."""
    keys = list(table.primary_key.columns)
    rows = conn.execution_options(yield_per=FETCH_ROWS).execute(select(table).order_by(*keys))
    held = bytearray()
    count = 0
    for row in rows:
        held += line_of(row)
        count += 1
        if len(held) >= PART_BYTES:
            yield count, bytes(held)
            held.clear()
            count = 0
    if held:
        yield count, bytes(held)


def line_of(row: Row[Any] | Sequence[Any]) -> bytes:
    """One row as a line."""
    values = [b64u(bytes(value)) if isinstance(value, bytes | memoryview) else value for value in row]
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


class RowReader:
    """Reads the lines of one table; ``Malformed("backup_format")`` for what is no row of it."""

    def __init__(self, table: Table) -> None:
        self._readers = [_reader(column) for column in table.columns]
        self._name = table.name

    def parse(self, raw: bytes) -> list[tuple[Any, ...]]:
        """The rows of a part."""
        if not raw.endswith(b"\n"):
            raise damaged("a row is cut off")
        return [self._row(line) for line in raw[:-1].split(b"\n")]

    def _row(self, line: bytes) -> tuple[Any, ...]:
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            raise self._wrong() from None
        if not isinstance(values, list) or len(values) != len(self._readers):
            raise self._wrong()
        try:
            return tuple(read(value) for read, value in zip(self._readers, values, strict=True))
        except Malformed:
            raise self._wrong() from None

    def _wrong(self) -> Malformed:
        return damaged(f"a row is none of the table {self._name}")


def _kind(column: Column[Any]) -> str:
    return next(kind for wanted, kind in _KINDS if isinstance(column.type, wanted))


def _reader(column: Column[Any]) -> Callable[[Any], Any]:
    kind = _kind(column)
    length = getattr(column.type, "length", None)
    read: Callable[[Any], Any] = _integer
    if kind == "bytes":
        read = lambda value: _bytes(value, length)  # noqa: E731 (one of three ways to read a value)
    elif kind == "text":
        read = lambda value: _text(value, length)  # noqa: E731 (one of three ways to read a value)
    if not column.nullable:
        return read
    return lambda value: None if value is None else read(value)


def _integer(value: Any) -> int:
    if type(value) is not int or not -_MOST <= value <= _MOST:
        raise damaged("a number is none")
    return value


def _bytes(value: Any, length: int | None) -> bytes:
    data = unb64u(value)
    if length is not None and len(data) > length:
        raise damaged("bytes are none")
    return data


def _text(value: Any, length: int | None) -> str:
    if not isinstance(value, str) or "\0" in value or (length is not None and len(value) > length):
        raise damaged("a text is none")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise damaged("a text is none") from None
    return value
