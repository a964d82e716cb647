"""Data on standard output, talk on standard error; JSON or a table for people.

``rich`` is imported only when a table is drawn. In a pipe nothing is cut to a width, so that
``wallet items | grep …`` sees whole values.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import click

from console import frame
from console.i18n import _
from console.printable import printable

_UNCUT = 100_000  # columns of a console that is not a screen


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: the key in each row, and the title (already translated); ``lines``: cells may have several
    lines."""

    key: str
    title: str
    right: bool = False
    lines: bool = False


def emit(data: Any, human: Callable[[], None]) -> None:
    """Write ``data`` as JSON under ``--json``, else call ``human`` to draw it."""
    if frame.current().json:
        emit_json(data)
    else:
        human()


def emit_json(data: Any) -> None:
    """Write ``data`` to standard output as one JSON document."""
    click.echo(printable(json.dumps(data, ensure_ascii=False, indent=2), lines=True))


def line(text: str = "") -> None:
    """Data for people on standard output, in one line or several."""
    click.echo(printable(text, lines=True), color=frame.current().color)


def table(rows: Iterable[Mapping[str, object]], columns: Sequence[Column], *, empty: str | None = None) -> None:
    """Draw ``rows``; ``empty`` is said on standard error where there are none."""
    listed = list(rows)
    if not listed:
        say(empty or _("(nothing)"))
        return
    from rich import box
    from rich.table import Table

    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in columns:
        drawn.add_column(
            column.title, justify="right" if column.right else "left", overflow="fold", no_wrap=not _screen()
        )
    for row in listed:
        drawn.add_row(*(_cell(row.get(c.key), lines=c.lines) for c in columns))
    _print(drawn)


def fields(pairs: Iterable[tuple[str, object]]) -> None:
    """Draw label and value, one pair a line, the values aligned."""
    from rich.table import Table

    drawn = Table.grid(padding=(0, 2))
    drawn.add_column(no_wrap=True)
    drawn.add_column(overflow="fold", no_wrap=not _screen())
    for label, value in pairs:
        drawn.add_row(_cell(label), _cell(value))
    _print(drawn)


def say(text: str) -> None:
    """Talk to a person on standard error; silent under ``--json``."""
    if not frame.current().json:
        click.echo(printable(text), err=True, color=frame.current().color)


def warn(text: str) -> None:
    """A warning on standard error; under ``--json`` one JSON line."""
    if frame.current().json:
        click.echo(printable(json.dumps({"warning": text}, ensure_ascii=False)), err=True)
    else:
        said = click.style(_("warning:"), fg="yellow") + " " + printable(text)
        click.echo(said, err=True, color=frame.current().color)


def confirm(question: str, *, assume_yes: bool = False) -> bool:
    """Ask on standard error; ``assume_yes`` (a ``--yes`` flag) answers. False where nobody can answer."""
    if assume_yes:
        return True
    if not sys.stdin.isatty():
        return False
    return click.confirm(printable(question), err=True)


def binary_stdout() -> BinaryIO:
    """Standard output for bytes."""
    return sys.stdout.buffer


def is_stdout(target: str | Path | None) -> bool:
    """Whether ``target`` means standard output."""
    return target is None or str(target) == "-"


def _cell(value: object, *, lines: bool = False) -> Any:
    from rich.text import Text

    # Never markup, and nothing unseen: values come from outside.
    return Text("" if value is None else printable(str(value), lines=lines))


def _screen() -> bool:
    return sys.stdout.isatty()


def _print(drawn: Any) -> None:
    from rich.console import Console

    colour = frame.current().color
    console = Console(
        file=sys.stdout,
        width=None if _screen() else _UNCUT,
        no_color=colour is False or None,
        highlight=False,
        soft_wrap=False,
    )
    console.print(drawn)
