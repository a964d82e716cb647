"""Where the time goes: the functions of a run by their own time, as lines of text that name no machine's paths."""

from __future__ import annotations

import cProfile
import io
import pstats
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scripts.processes import ROOT

LINES = 12
# Threads that wait: their time is nobody's work.
_WAITING = (
    "acquire",
    "select.",
    "sleep",
    "_queue.SimpleQueue",
    "posix.read",
    "wait4",
    "waitpid",
    "epoll",
    "run_until",
    "runners.py",
)


def of_call(call: Callable[[], object]) -> tuple[str, ...]:
    """The profile of one call in this thread."""
    profile = cProfile.Profile()
    profile.runcall(call)
    return lines_of(pstats.Stats(profile, stream=io.StringIO()))


def of_file(path: Path) -> tuple[str, ...]:
    """The profile that ``python -m cProfile -o`` wrote."""
    return lines_of(pstats.Stats(str(path), stream=io.StringIO()))


@contextmanager
def every_thread() -> Iterator[Callable[[], tuple[str, ...]]]:
    """Profile all threads that begin inside; the function gives the lines once they have ended.

    Processor time of each thread: in wall time a thread that waits for the interpreter would look busy.
    """
    profiles: list[cProfile.Profile] = []

    def begin(*_: Any) -> None:
        sys.setprofile(None)
        profiles.append(cProfile.Profile(time.thread_time))
        profiles[-1].enable()

    def lines() -> tuple[str, ...]:
        stats = pstats.Stats(profiles[0], stream=io.StringIO())
        for profile in profiles[1:]:
            stats.add(profile)
        return lines_of(stats)

    threading.setprofile(begin)
    try:
        yield lines
    finally:
        threading.setprofile(None)


def lines_of(stats: pstats.Stats) -> tuple[str, ...]:
    """The first functions by own time: share of all own time, calls, where."""
    table: dict[tuple[str, int, str], tuple[int, int, float, float, Any]] = stats.stats  # type: ignore[attr-defined]  # the stubs leave it out
    rows = [(own, calls, _where(*key)) for key, (_, calls, own, _, _) in table.items()]
    working = sorted((row for row in rows if not any(word in row[2] for word in _WAITING)), reverse=True)
    total = sum(own for own, _, _ in working) or 1.0
    return tuple(f"{own / total:4.0%} {calls:>9,} calls  {where}" for own, calls, where in working[:LINES])


def _where(file: str, line: int, name: str) -> str:
    if file == "~":
        plain = name.strip("<>{}").removeprefix("built-in method ").removeprefix("method ")
        return re.sub(r" at 0x[0-9a-f]+", "", plain)
    path = file.partition("site-packages/")[2] or _below(file)
    return f"{path}:{line} {name}"


def _below(file: str) -> str:
    path = Path(file)
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name


class Steps:
    """Wall time between the steps of the sequencer, over all its groups; give it to the vault as ``on_step``."""

    def __init__(self) -> None:
        self._took: dict[str, float] = {}
        self._last = 0.0
        self._groups = 0

    def __call__(self, step: str) -> None:
        now = time.perf_counter()
        if step == "begun":
            self._groups += 1
        else:
            self._took[step] = self._took.get(step, 0.0) + now - self._last
        self._last = now

    def clear(self) -> None:
        """Begin anew."""
        self._took.clear()
        self._groups = 0

    def line(self) -> str:
        """Milliseconds of each step for one group."""
        told = ", ".join(f"{step} {took / self._groups * 1e3:.1f}" for step, took in self._took.items())
        return f"sequencer, wall time of one of {self._groups} groups in ms: {told or 'nothing'}"
