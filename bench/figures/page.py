"""The table in docs/figures.md, made from the recorded runs."""

from __future__ import annotations

from pathlib import Path

from bench.figures.records import FILE, load, table, totals
from scripts.processes import ROOT

PAGE = ROOT / "docs" / "figures.md"
BEGIN, END = "<!-- totals: written by make figures -->", "<!-- end of totals -->"


def drawn(text: str, runs: Path = FILE) -> str:
    """The page with today's table in it."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return "\n".join([before + BEGIN, *table(totals(load(runs))), END + after])


def write(path: Path = PAGE, runs: Path = FILE) -> None:
    """Put today's table into the page."""
    path.write_text(drawn(path.read_text(encoding="utf-8"), runs), encoding="utf-8")
