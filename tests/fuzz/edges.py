"""What of our bytecode an input reaches, told to ``libFuzzer`` where that may be new to it.

Its own functions for a branch and for a comparison take longer than most of these do, and nearly no input reaches
anything new. So most inputs run with a set in the place of the one and the bare comparison in the place of the other,
and an input that reaches a branch which none had reached runs once more, told.
``libFuzzer`` also counts how often a branch was taken: every sixteenth input is told whatever it reaches.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

TOLD_EVERY = 16
COMPARISONS = (operator.lt, operator.le, operator.eq, operator.ne, operator.gt, operator.ge)  # as CPython numbers them


def compared(left: object, right: object, comparison: int, _place: int, _constant: bool) -> Any:
    """What atheris' own function gives, and nothing told."""
    return COMPARISONS[comparison](left, right)


class Edges:
    """Runs inputs, and tells of them by two functions of ``atheris``, which instrumented code looks up at each branch
    (``_trace_branch``) and comparison (``_trace_cmp``).

    The first ``first`` inputs are all told: the corpus that a run begins with is chosen by what they reach.
    """

    def __init__(self, atheris: Any, first: int) -> None:
        self._atheris = atheris
        self._tell = atheris._trace_branch, atheris._trace_cmp
        self._first = first
        self._count = 0
        self._known: set[int] = set()

    def __call__(self, run: Callable[[], None]) -> None:
        self._count += 1
        if self._count <= self._first or self._count % TOLD_EVERY == 0 or self._is_new(run):
            run()

    def _is_new(self, run: Callable[[], None]) -> bool:
        before = len(self._known)
        self._tell_by(self._known.add, compared)
        try:
            run()
        finally:
            self._tell_by(*self._tell)
        return len(self._known) != before

    def _tell_by(self, branch: Callable[[int], object], comparison: Callable[..., Any]) -> None:
        self._atheris._trace_branch, self._atheris._trace_cmp = branch, comparison
