"""Whatever a seed is turned into, each parser takes it or raises its own error: nothing foreign, nothing untold.

The mutations are data (``tests/fuzz/mutation.py``), so that Hypothesis shrinks what it finds to the one change that
matters. Long runs are ``make fuzz``.
"""

from __future__ import annotations

import random
from functools import cache

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.fuzz.mutation import COMMON, KINDS, Step, drawn, mutated, words_of
from tests.fuzz.parser import attempt
from tests.fuzz.registry import PARSERS

# A step of a parser that imports what it needs, or draws a picture, may be slow the first time.
bounded = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


@cache
def material(name: str) -> tuple[list[bytes], list[bytes]]:
    """The small seeds of a parser, which all have been run once, and the words to put into them."""
    parser = PARSERS[name]
    seeds = [seed for seed in parser.seeds() if len(seed) <= 16 << 10]
    attempt(parser, seeds[0])  # imports are not for Hypothesis to watch
    return seeds, words_of(seeds, parser.words)


def steps(words: list[bytes]) -> st.SearchStrategy[list[Step]]:
    step = st.builds(
        Step,
        st.sampled_from(KINDS),
        st.integers(0, 1 << 16),
        st.integers(0, 24),
        st.integers(0, 1 << 12),
        st.one_of(st.sampled_from(words), st.binary(max_size=8)),
    )
    return st.lists(step, min_size=1, max_size=6)


@pytest.mark.parametrize("name", PARSERS)
def test_a_changed_seed_is_taken_or_refused_by_our_own_error(name: str) -> None:
    parser = PARSERS[name]
    seeds, words = material(name)

    @bounded
    @given(st.sampled_from(seeds), steps(words))
    def check(seed: bytes, changes: list[Step]) -> None:
        attempt(parser, mutated(seed, changes, parser.limit))

    check()


@bounded
@given(st.sampled_from(sorted(PARSERS)), st.binary(max_size=200))
@example("json", b"")
def test_any_bytes_at_all_are_taken_or_refused_by_our_own_error(name: str, data: bytes) -> None:
    material(name)
    attempt(PARSERS[name], data)


@given(st.binary(max_size=50), steps(list(COMMON)), st.integers(0, 100))
def test_a_mutation_is_the_same_each_time_and_never_larger_than_the_limit(
    seed: bytes, changes: list[Step], limit: int
) -> None:
    assert mutated(seed, changes, limit) == mutated(seed, changes, limit)
    assert len(mutated(seed, changes, limit)) <= max(limit, 0)


@given(st.integers(0, 2**32))
def test_drawn_steps_follow_from_their_seed(seed: int) -> None:
    drawn_once = drawn(random.Random(seed), COMMON)
    assert drawn_once == drawn(random.Random(seed), COMMON)
    assert {step.kind for step in drawn_once} <= set(KINDS)
