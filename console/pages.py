"""Help pages as a terminal shows them: measured in columns, where a Chinese character takes two.

click counts characters, breaks a line only at blanks, and leaves its placeholders (``TEXT``, ``[OPTIONS]``)
in English. Here a line may break between Chinese characters, never before a closing or after an opening
mark, and placeholders are looked up in the catalog like every other text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from unicodedata import combining, east_asian_width

import click

from console.i18n import _

_WIDE = "\u2e80-\u303f\u3040-\u9fff\uf900-\ufaff\uff01-\uff60"
_OPENING, _CLOSING = "（《「『【", "，。、；：！？）》」』】…"
# Patterns as text: only a page of help compiles them.
_PIECE = rf"(\s*)([{_OPENING}]*(?:[^\s{_WIDE}]+|[{_WIDE}])[{_CLOSING}]*)"
_PLACEHOLDER = r"\b[A-Z][A-Z0-9]+(?:[_-][A-Z0-9]+)*(?: RANGE)?"
_UNTOUCHED = "\b"  # click's mark of a paragraph that keeps its lines


class HelpPage(click.HelpFormatter):
    """Formats help for ``console.frame``: click's layout, by columns, in the current language."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        said = _("Usage:") if prefix is None else prefix.rstrip()
        head = said + ("" if said.endswith("：") else " ") + prog + " "
        lines = wrap(placeholders(args), self.width - columns(head)) or [""]
        self.write(head + ("\n" + " " * columns(head)).join(lines) + "\n")

    def write_heading(self, heading: str) -> None:
        mark = "：" if columns(heading[-1:]) == 2 else ":"
        self.write(" " * self.current_indent + heading + mark + "\n")

    def write_text(self, text: str) -> None:
        indent = " " * self.current_indent
        for line in _paragraphs(text, self.width - self.current_indent):
            self.write((indent + line).rstrip() + "\n")

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        listed = [(placeholders(term), text) for term, text in rows]
        room = min(max((columns(term) for term, _text in listed), default=0), col_max) + col_spacing
        indent, hanging = " " * self.current_indent, " " * (self.current_indent + room)
        for term, text in listed:
            fits = columns(term) <= room - col_spacing
            head = indent + term + (" " * (room - columns(term)) if fits else "\n" + hanging)
            lines = _paragraphs(text, max(self.width - columns(hanging), 10))
            self.write(((head + ("\n" + hanging).join(lines)) if text else indent + term) + "\n")


def placeholders(text: str) -> str:
    """``text`` with its upper-case placeholders in the current language."""
    return re.sub(_PLACEHOLDER, lambda found: _(found[0]), text)


def columns(text: str) -> int:
    """How many columns of a terminal ``text`` takes."""
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def wrap(text: str, width: int) -> list[str]:
    """``text`` in lines of at most ``width`` columns; a word that is longer stands alone."""
    lines, line = [], ""
    for found in re.finditer(_PIECE, text):
        longer = line + (found[1] if line else "") + found[2]
        if line and columns(longer) > width:
            lines.append(line)
            longer = found[2]
        line = longer
    return [*lines, line] if line else lines


def _paragraphs(text: str, width: int) -> list[str]:
    """The lines of ``text``: its paragraphs wrapped, an empty line between them."""
    return [line for at, block in enumerate(_blocks(text)) for line in [*[""] * (at > 0), *_fill(block, width)]]


def _blocks(text: str) -> Iterator[list[str]]:
    for block in re.split(r"\n[ \t]*\n", text.strip("\n")):
        yield block.splitlines()


def _fill(lines: list[str], width: int) -> list[str]:
    if lines and lines[0].strip(" ") == _UNTOUCHED:
        return lines[1:]
    return wrap(" ".join(line.strip() for line in lines), width)
