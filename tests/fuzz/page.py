"""The numbers of ``docs/fuzzing.md``, from the tally: ``python -m tests.fuzz page`` writes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from statistics import median

from tests.fuzz.registry import PARSERS
from tests.fuzz.tally import GOAL, NONE, Count
from tests.strangers import ROOT

FILE = ROOT / "docs" / "fuzzing.md"
_BLOCK = re.compile(r"(?<=<!-- tally -->\n).*?(?=<!-- end of tally -->)", re.DOTALL)
_COLUMNS = 3


def made(text: str, counts: Mapping[str, Count]) -> str:
    """The page with the numbers of ``counts``."""
    return _BLOCK.sub(lambda _: block(counts), text)


def block(counts: Mapping[str, Count]) -> str:
    """A sentence, and the inputs of each parser in columns."""
    inputs = {name: counts.get(name, NONE).inputs for name in PARSERS}
    total, least = sum(inputs.values()), min(inputs, key=lambda name: inputs[name])
    reached = sum(count >= GOAL for count in inputs.values())
    left = (
        f"{total / (GOAL * len(PARSERS)):.1%} of the goal. {reached} parsers have reached it; the median has "
        f"{int(median(inputs.values())):,} inputs, the fewest has `{least}` with {inputs[least]:,}."
    )
    every = f"every parser has had its {GOAL:,}."
    said = f"{len(PARSERS)} parsers, {total:,} inputs: {every if reached == len(PARSERS) else left}\n"
    width = max(map(len, inputs)) + 1
    cells = [f"{name:<{width}}{count:>10,}" for name, count in sorted(inputs.items())]
    height = -(-len(cells) // _COLUMNS)
    rows = ("   ".join(cells[row::height]).rstrip() for row in range(height))
    return said + "\n```text\n" + "\n".join(rows) + "\n```\n"


def write(counts: Mapping[str, Count]) -> None:
    FILE.write_text(made(FILE.read_text(encoding="utf-8"), counts), encoding="utf-8")
