"""Rounds that alternate between candidates, so that a noisy machine is noisy for all of them.

Two kinds of measurement. ``measure``: short calls, timed in processor time, a calibrated number of them a round.
``interleave``: whole trials, each of which says its own figure. In both the order turns round with every round, and
the ratio of two candidates is taken within a round and then its median over the rounds.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Timed = Callable[[int], float]  # makes so many calls and returns the seconds that they took


@dataclass(frozen=True, slots=True)
class Series:
    """The figures of one candidate, one a round, all in one unit."""

    name: str
    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    @property
    def spread(self) -> tuple[float, float]:
        """The first and the last quartile."""
        return quartiles(self.rounds)

    def ratios_to(self, other: Series) -> tuple[float, ...]:
        """This figure over the other's, round by round."""
        return tuple(a / b for a, b in zip(self.rounds, other.rounds, strict=True))

    def ratio_to(self, other: Series) -> float:
        """The median over the rounds of this figure over the other's in the same round."""
        return statistics.median(self.ratios_to(other))


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    """The first and the last quartile; of a single value that value."""
    if len(values) == 1:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


def timed(call: Callable[[], object]) -> Timed:
    """``call``, timed in processor time of this process: another process on the core then costs nobody."""

    def run(count: int) -> float:
        start = time.process_time()
        for _ in range(count):
            call()
        return time.process_time() - start

    return run


def measure(candidates: Mapping[str, Timed], *, rounds: int, round_s: float, work: float = 1.0) -> dict[str, Series]:
    """Units of work a second of every candidate; a call does ``work`` units, a round takes about ``round_s``."""
    batch = {name: _batch(call, round_s) for name, call in candidates.items()}

    def trial(name: str) -> Callable[[], float]:
        return lambda: work * _rate(candidates[name], batch[name])

    return interleave({name: trial(name) for name in candidates}, rounds=rounds)


def interleave(trials: Mapping[str, Callable[[], float]], *, rounds: int, warm_up: int = 0) -> dict[str, Series]:
    """Every trial once in every round, in alternating order; the figures of warm-up rounds are dropped."""
    found: dict[str, list[float]] = {name: [] for name in trials}
    gc.collect()
    for number in range(warm_up + rounds):
        for name in list(trials) if number % 2 == 0 else reversed(list(trials)):
            gc.disable()
            try:
                figure = trials[name]()
            finally:
                gc.enable()
            if number >= warm_up:
                found[name].append(figure)
    return {name: Series(name, tuple(values)) for name, values in found.items()}


def enough(rate: float, seconds: float, *, most: int, step: int = 1) -> int:
    """How many units at this rate take about so many seconds: a multiple of ``step``, at most ``most``.

    Machines differ by ten times; a trial that is bounded by time and size fits on all of them.
    """
    return min(most, max(step, int(rate * seconds) // step * step))


def _batch(call: Timed, round_s: float) -> int:
    """How many calls take about ``round_s``; the calls made to find out warm every cache."""
    count = 1
    while (took := count / _rate(call, count)) < round_s / 4:
        count *= 2
    return max(1, round(count * round_s / took))


def _rate(call: Timed, count: int) -> float:
    return count / max(call(count), 1e-9)
