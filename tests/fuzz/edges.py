"""What of our bytecode an input reaches, told to ``libFuzzer`` where that may be new to it.

Its own function for a branch takes longer than most branches, and nearly no input reaches anything new. So most inputs
run with a set in the place of that function, and one that reaches a branch which none had reached runs once more, told.
``libFuzzer`` also counts how often a branch was taken: every sixteenth input is told whatever it reaches.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

TOLD_EVERY = 16


class Edges:
    """Runs inputs, and tells of them by ``atheris._trace_branch``, which each branch of instrumented code looks up.

    The first ``first`` inputs are all told: the corpus that a run begins with is chosen by what they reach.
    """

    def __init__(self, atheris: Any, first: int) -> None:
        self._atheris = atheris
        self._tell = atheris._trace_branch
        self._first = first
        self._count = 0
        self._known: set[int] = set()
        self._reached: set[int] = set()

    def __call__(self, run: Callable[[], None]) -> None:
        self._count += 1
        if self._count <= self._first or self._count % TOLD_EVERY == 0 or self._is_new(run):
            run()

    def _is_new(self, run: Callable[[], None]) -> bool:
        self._atheris._trace_branch = self._reached.add
        try:
            run()
        finally:
            self._atheris._trace_branch = self._tell
        new = not self._known >= self._reached
        if new:
            self._known |= self._reached
        self._reached.clear()
        return new
