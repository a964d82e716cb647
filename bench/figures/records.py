"""What was run: one line of JSON for each run in ``bench/results/figures.jsonl``, and what all of them come to."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.figures.figure import FIGURES, Figure, Tally
from scripts.processes import ROOT

FILE = ROOT / "bench" / "results" / "figures.jsonl"


@dataclass(frozen=True, slots=True)
class Run:
    """One part of a figure. ``n``: tries that were made, of ``asked``; ``commit`` ends in + on changed code."""

    name: str
    n: int
    asked: int
    seed: str
    broken: int
    controls: int
    failed: int
    outcomes: dict[str, int]
    measures: dict[str, float]
    finds: list[str]
    seconds: float
    processes: int
    cores: int
    python: str
    commit: str
    date: str

    @classmethod
    def of(cls, figure: Figure, tally: Tally, **given: Any) -> Run:
        """Of a tally; what is left is the machine's and is looked up."""
        return cls(
            name=figure.name,
            n=tally.done,
            broken=tally.broken,
            controls=tally.controls,
            failed=tally.failed,
            outcomes=dict(sorted(tally.outcomes.items())),
            measures={name: round(value, 3) for name, value in sorted(tally.measures.items())},
            finds=tally.finds,
            cores=os.cpu_count() or 1,
            python=platform.python_version(),
            commit=commit(),
            **given,
        )


def keep(run: Run, path: Path = FILE) -> None:
    """Add one line."""
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(run), ensure_ascii=False) + "\n")


def load(path: Path = FILE) -> list[Run]:
    """All runs, in the order in which they were made."""
    if not path.exists():
        return []
    return [Run(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


@dataclass(frozen=True, slots=True)
class Total:
    """What all runs of a figure come to."""

    figure: Figure
    n: int
    broken: int
    controls: int
    failed: int
    runs: int
    seconds: float

    @property
    def met(self) -> bool:
        """Whether the goal is reached, by runs of which none broke anything."""
        return self.n >= self.figure.goal and self.controls >= self.figure.control_goal


def totals(runs: Iterable[Run], figures: Sequence[Figure] = FIGURES) -> list[Total]:
    """Added up. The same seed again makes the same tries again: of its runs the longest counts.

    A run that broke something sets the count back to nothing, since the code before it was wrong; ``broken`` and
    ``failed`` are of all runs.
    """
    made = list(runs)
    return [_total(figure, [run for run in made if run.name == figure.name]) for figure in figures]


def _total(figure: Figure, runs: Sequence[Run]) -> Total:
    longest: dict[str, Run] = {}
    for run in runs:
        if run.broken or run.failed:
            longest.clear()
        elif run.seed not in longest or run.n > longest[run.seed].n:
            longest[run.seed] = run
    counted = longest.values()
    return Total(
        figure=figure,
        n=sum(run.n for run in counted),
        broken=sum(run.broken for run in runs),
        controls=sum(run.controls for run in counted),
        failed=sum(run.failed for run in runs),
        runs=len(counted),
        seconds=sum(run.seconds for run in counted),
    )


def table(found: Iterable[Total]) -> list[str]:
    """The totals as a table in Markdown."""
    lines = [
        "| figure | tries | goal | broken | controls | failed | runs | hours | |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for total in found:
        figure = total.figure
        cells = [
            f"`{figure.name}`", f"{total.n:,}", f"{figure.goal:,}", f"{total.broken:,}", _controls(total),
            f"{total.failed:,}", str(total.runs), f"{total.seconds / 3600:.2f}", "met" if total.met else "open",
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _controls(total: Total) -> str:
    goal = total.figure.control_goal
    return f"{total.controls:,}" if goal == 1 else f"{total.controls:,} of {goal:,}"


def commit() -> str:
    """The commit that runs here, with a + if files that it tracks were changed since; "unknown" outside of git."""
    try:
        head = _git("rev-parse", "--short=12", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return head + ("+" if changed else "")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=20, check=True)
    return done.stdout.strip()
