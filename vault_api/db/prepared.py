"""Statements that are compiled once and run on the driver's own cursor: for the path of every use.

SQLAlchemy's execution of a cached statement costs several times what SQLite needs for it. These statements are
written in Core like all others, compiled for the connection's dialect when first run, and share its transaction.
They take and give plain values only: our columns need no conversion on either database. What SQLAlchemy would have
told the engine of an error is told here: a database that does not answer is ``Unavailable("database_unreachable")``.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler

from vault_api.db.engine import did_not_answer, unreachable

Params = Mapping[str, Any]
Row = TypeVar("Row")


class Prepared(Generic[Row]):
    """A statement with named parameters. ``Row`` is for the reader: a named tuple of the selected columns."""

    def __init__(self, statement: ClauseElement, *parameters: str) -> None:
        self._statement = statement
        self._parameters = list(parameters) or None
        self._compiled: dict[str, tuple[str, Callable[[Params], Any], Callable[[Any], Any]]] = {}

    def run(self, conn: Connection, params: Params) -> None:
        """Run it for its effect."""
        sql, bind, _ = self._for(conn)
        cursor = _cursor(conn)
        try:
            cursor.execute(sql, bind(params))
        except Exception as error:
            _answered(conn, error)
            raise
        finally:
            cursor.close()

    def all(self, conn: Connection, params: Params) -> list[Any]:
        """All rows."""
        sql, bind, row = self._for(conn)
        cursor = _cursor(conn)
        try:
            cursor.execute(sql, bind(params))
            return [row(found) for found in cursor.fetchall()]
        except Exception as error:
            _answered(conn, error)
            raise
        finally:
            cursor.close()

    def first(self, conn: Connection, params: Params) -> Any | None:
        """The first row; None if there is none."""
        sql, bind, row = self._for(conn)
        cursor = _cursor(conn)
        try:
            cursor.execute(sql, bind(params))
            found = cursor.fetchone()
            return None if found is None else row(found)
        except Exception as error:
            _answered(conn, error)
            raise
        finally:
            cursor.close()

    def _for(self, conn: Connection) -> tuple[str, Callable[[Params], Any], Callable[[Any], Any]]:
        made = self._compiled.get(conn.dialect.name)
        if made is None:
            made = self._compile(conn)
            self._compiled[conn.dialect.name] = made
        return made

    def _compile(self, conn: Connection) -> tuple[str, Callable[[Params], Any], Callable[[Any], Any]]:
        compiled = self._statement.compile(conn.engine, column_keys=self._parameters)
        assert isinstance(compiled, SQLCompiler)
        names = [column.name for column in getattr(self._statement, "selected_columns", ())]
        row = _row_of(names)
        fixed = dict(compiled.params)
        if compiled.positiontup is None:
            return compiled.string, lambda params: {**fixed, **params}, row
        order = list(compiled.positiontup)
        return compiled.string, lambda params: [{**fixed, **params}[name] for name in order], row


def _row_of(names: list[str]) -> Callable[[Any], Any]:
    if not names:
        return tuple
    made = namedtuple("Row", names)  # type: ignore[misc]  # noqa: PYI024 (its fields are the statement's)
    return made._make


def raw(conn: Connection, sql: str) -> None:
    """A statement without parameters or rows, on the driver's own cursor."""
    cursor = _cursor(conn)
    try:
        cursor.execute(sql)
    except Exception as error:
        _answered(conn, error)
        raise
    finally:
        cursor.close()


def _answered(conn: Connection, error: Exception) -> None:
    """Raise ``Unavailable`` for an error by which the database did not answer; a connection that broke is let go."""
    if did_not_answer(conn.dialect, error):
        of_driver: Any = error
        if conn.dialect.is_disconnect(of_driver, conn.connection.driver_connection, None):
            conn.invalidate(error)
        raise unreachable() from error


def _cursor(conn: Connection) -> Any:
    # Begins no transaction on SQLite, since that costs more than the statement does. So who reads twice and needs the
    # same state both times begins one; on PostgreSQL the driver has.
    return conn.connection.cursor()
