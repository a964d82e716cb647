"""Results on disk: docs/performance.json, docs/performance.md and a picture for each row.

A run of some rows replaces these rows and leaves the others as they were: each says on which day and machine it was
measured.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.limits import LIMITS
from bench.registry import ROWS, Row
from bench.results import Outcome
from bench.svg import chart
from bench.text import exact, number, spread, verdict

VERSION = 1
HEAD = """# Performance

Every figure stands beside that of an alternative, measured on the same machine in the same run. Both take turns, the
order turns round with each round, and a ratio is taken within a round: so a machine that slows down slows both.
Figures are medians with quartiles over the rounds. A goal that was missed says so, with the profile that shows why;
none is reached by leaving work out.

Made by `make bench` (all rows; `make bench ROWS=c,f` for some), which also writes `performance.json` with every
single round. `make bench-quick` shows small versions of all rows in a few minutes and writes nothing. What each row
does on both sides is said at the top of its file in `bench/rows/`.
"""


def load(folder: Path) -> dict[str, Any]:
    """What former runs wrote; empty where there is nothing."""
    path = folder / "performance.json"
    if not path.exists():
        return {"v": VERSION, "rows": {}}
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def save(folder: Path, results: Mapping[str, Any]) -> None:
    """Write everything anew from ``results``."""
    pictures = folder / "performance"
    pictures.mkdir(parents=True, exist_ok=True)
    text = json.dumps(results, ensure_ascii=False, indent=1) + "\n"
    (folder / "performance.json").write_text(text, encoding="utf-8")
    (folder / "performance.md").write_text(markdown(results), encoding="utf-8")
    for row, entry in _measured(results):
        picture = chart(row.title.replace("`", ""), Outcome.from_json(entry["outcome"]))
        (pictures / f"{row.key}.svg").write_text(picture, encoding="utf-8")


def markdown(results: Mapping[str, Any]) -> str:
    """The page."""
    parts = [HEAD, *_summary(results)]
    for row, entry in _measured(results):
        parts += _section(row, entry)
    return "\n".join(parts)


def table(row: Row, outcome: Outcome) -> Iterator[str]:
    """One row's figures as lines for a terminal."""
    yield f"{row.key}  {row.title}, beside {row.alternative}   [{outcome.unit}]"
    for series in outcome.series:
        yield f"    {series.name:<44} {number(series.median):>10}   {spread(*series.spread)}"
    for goal in outcome.goals:
        shown = f"{number(goal.value)}{goal.unit} (goal {goal.sign} {exact(goal.target)})"
        yield f"    {'→ ' + goal.text:<56} {shown}: {verdict(goal)}"


def _measured(results: Mapping[str, Any]) -> Iterator[tuple[Row, dict[str, Any]]]:
    for row in ROWS:
        entry = results["rows"].get(row.key)
        if entry is not None:
            yield row, entry


def _summary(results: Mapping[str, Any]) -> Iterator[str]:
    yield "| row | what | goal | measured | quartiles | |"
    yield "|---|---|---|---|---|---|"
    for row, entry in _measured(results):
        for place, goal in enumerate(Outcome.from_json(entry["outcome"]).goals):
            name = f"[{row.key}](#{row.key})" if place == 0 else ""
            target = f"{goal.sign} {exact(goal.target)}{goal.unit}"
            figures = f"{number(goal.value)}{goal.unit} | {spread(*goal.spread)}"
            mark = verdict(goal) if goal.met else f"**{verdict(goal)}**"
            yield f"| {name} | {_title(row, place)}{goal.text} | {target} | {figures} | {mark} |"
    yield ""


def _title(row: Row, place: int) -> str:
    return f"{row.title}: " if place == 0 else "… "


def _section(row: Row, entry: Mapping[str, Any]) -> Iterator[str]:
    outcome = Outcome.from_json(entry["outcome"])
    yield f'<a id="{row.key}"></a>\n\n## {row.key} · {row.title}\n'
    yield f"Beside: {row.alternative}. In {outcome.unit}.\n"
    yield f"![{row.title.replace('`', '')}](performance/{row.key}.svg)\n"
    yield "| | median | quartiles | rounds |\n|---|---|---|---|"
    for series in outcome.series:
        name = f"**{series.name}**" if series.name in outcome.ours else series.name
        yield f"| {name} | {number(series.median)} | {spread(*series.spread)} | {len(series.rounds)} |"
    yield f"\n**What limits it.** {LIMITS[row.key]}\n"
    if outcome.facts:
        yield "; ".join(f"{name}: {_fact(value)}" for name, value in outcome.facts.items()) + ".\n"
    if outcome.profile:
        yield "Profile of our side, by own time:\n\n```text\n" + "\n".join(outcome.profile) + "\n```\n"
    yield f"Measured {entry['day']}, load before {entry['load']}, on {_machine(entry['machine'])}.\n"


def _fact(value: object) -> str:
    return number(value) if isinstance(value, float) else str(value)


def _machine(facts: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in facts.items())
