"""Whether the time that a comparison takes tells how far a guess is right; judged by effect size, never by seconds.

Two guesses, one wrong in its first byte and one in its last, are compared in turns, many times. Each turn has a secret
and guesses of its own, so that where an object happens to lie in memory is noise and no signal; each sample is the
fastest of a few calls, so that what else the machine does falls out. Cliff's delta says how often one class is slower
than the other: 0 is never knowing, 1 always; below 0.147 is called negligible.
"""

from __future__ import annotations

import gc
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from time import perf_counter_ns
from typing import Any

# A check of one guess, and two guesses: wrong at once, and nearly right.
Case = tuple[Callable[[Any], object], Any, Any]
Make = Callable[[], Case]
SAMPLES = 300
CALLS = 5
ROUNDS = 8
NEGLIGIBLE = 0.147
LARGE = 0.8


def cliffs_delta(one: Sequence[int], other: Sequence[int]) -> float:
    """How much more often a value of ``one`` is above a value of ``other`` than below: -1 to 1."""
    ordered = sorted(other)
    above = sum(bisect_left(ordered, value) for value in one)
    below = sum(len(ordered) - bisect_right(ordered, value) for value in one)
    return (above - below) / (len(one) * len(other))


def effect(make: Make) -> float:
    """Cliff's delta between the two guesses, which are made in turns; which comes first changes too."""
    times: tuple[list[int], list[int]] = ([], [])
    cases = [make() for _ in range(SAMPLES)]
    gc.disable()
    try:
        for turn, (check, first, last) in enumerate(cases):
            order = ((0, first), (1, last)) if turn % 2 else ((1, last), (0, first))
            for which, guess in order:
                times[which].append(_fastest(check, guess))
    finally:
        gc.enable()
    return cliffs_delta(_trimmed(times[1]), _trimmed(times[0]))


def tells_nothing(make: Make) -> bool:
    """Whether the effect is negligible in one of some rounds: noise comes and goes, a leak stays."""
    return any(abs(effect(make)) < NEGLIGIBLE for _ in range(ROUNDS))


def tells(make: Make) -> bool:
    """Whether the effect is large in one of some rounds: noise may hide it, and never makes it."""
    return any(effect(make) > LARGE for _ in range(ROUNDS))


def _fastest(check: Callable[[Any], object], guess: Any) -> int:
    check(guess)  # warm
    best = 1 << 62
    for _ in range(CALLS):
        begun = perf_counter_ns()
        check(guess)
        best = min(best, perf_counter_ns() - begun)
    return best


def _trimmed(times: list[int]) -> list[int]:
    """Without the slowest tenth: interrupts, and what else came between."""
    return sorted(times)[: len(times) * 9 // 10]
