"""An input is told to the fuzzer if it reaches a branch that none had reached, and every sixteenth in any case."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from tests.fuzz.edges import TOLD_EVERY, Edges, compared


def refused(*_given: object) -> None:
    raise AssertionError("told of a comparison")


def taken(atheris: SimpleNamespace, branches: list[int]) -> None:
    for branch in branches:
        atheris._trace_branch(branch)


def told_of(reached: list[list[int]], first: int) -> list[int]:
    """The numbers of the inputs that were told, each with all the branches that it takes."""
    heard: list[int] = []
    atheris = SimpleNamespace(_trace_branch=heard.append, _trace_cmp=refused)
    edges, told = Edges(atheris, first), []
    for number, branches in enumerate(reached, start=1):
        heard.clear()
        edges(partial(taken, atheris, branches))
        assert heard in ([], branches)
        if heard:
            told.append(number)
    return told


def test_what_a_run_begins_with_is_told() -> None:
    assert told_of([[1]] * 8, first=3) == [1, 2, 3, 4]


def test_a_branch_is_told_when_it_is_new_and_with_it_how_often_each_was_taken() -> None:
    assert told_of([[1, 1], [1], [1, 2, 2], [2], [3, 3], [1, 2, 3]], first=0) == [1, 3, 5]


def test_every_sixteenth_is_told_whatever_it_reaches() -> None:
    assert told_of([[1]] * (2 * TOLD_EVERY), first=1) == [1, 2, TOLD_EVERY, 2 * TOLD_EVERY]


def test_after_a_fault_the_next_is_told_as_before() -> None:
    heard: list[int] = []
    atheris = SimpleNamespace(_trace_branch=heard.append, _trace_cmp=refused)
    edges = Edges(atheris, first=0)

    def run() -> None:
        atheris._trace_branch(7)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        edges(run)
    atheris._trace_branch(1)
    assert heard == [1]
    assert atheris._trace_cmp is refused


def test_what_is_not_told_is_compared_all_the_same() -> None:
    for number, signs in enumerate(([1, 0, 0], [1, 1, 0], [0, 1, 0], [1, 0, 1], [0, 0, 1], [0, 1, 1])):
        assert [compared(left, 2, number, 0, _constant=False) for left in (1, 2, 3)] == [bool(sign) for sign in signs]
    seen: list[Any] = []
    atheris = SimpleNamespace(_trace_branch=seen.append, _trace_cmp=refused)
    Edges(atheris, first=0)(lambda: seen.append(atheris._trace_cmp(b"a", "a", 2, 0, 1)))
    assert seen == [False]
