"""The recursion limit that a library raised for the whole process is brought back."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from protocol.recursion import LIMIT, TOO_DEEP, keep_limit


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    before = sys.getrecursionlimit()
    yield
    sys.setrecursionlimit(before)


def test_a_limit_beyond_the_c_stack_is_brought_back() -> None:
    sys.setrecursionlimit(10 * TOO_DEEP)
    keep_limit()
    assert sys.getrecursionlimit() == LIMIT


def test_a_limit_that_somebody_needs_a_little_higher_is_left_alone() -> None:
    sys.setrecursionlimit(LIMIT + 500)
    keep_limit()
    assert sys.getrecursionlimit() == LIMIT + 500
