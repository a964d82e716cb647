"""Rounds that alternate between candidates, so that a noisy machine is noisy for all of them.

Processor time of this process, not wall time: another process on the core then costs nobody. Each round gives one
rate for each candidate; the ratio of two candidates is taken within a round and then its median over the rounds.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rates:
    """Calls a second of one candidate, one value a round."""

    name: str
    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    @property
    def spread(self) -> tuple[float, float]:
        """The first and the last decile."""
        deciles = statistics.quantiles(self.rounds, n=10, method="inclusive")
        return deciles[0], deciles[-1]

    def ratio_to(self, other: Rates) -> float:
        """The median over the rounds of this rate over the other's in the same round."""
        return statistics.median(a / b for a, b in zip(self.rounds, other.rounds, strict=True))


def measure(candidates: Mapping[str, Callable[[], object]], *, rounds: int, round_s: float) -> dict[str, Rates]:
    """Run every candidate in every round for about ``round_s`` seconds of processor time."""
    batch = {name: _batch(call, round_s) for name, call in candidates.items()}
    rates: dict[str, list[float]] = {name: [] for name in candidates}
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for name, call in candidates.items():
                rates[name].append(_rate(call, batch[name]))
    finally:
        gc.enable()
    return {name: Rates(name, tuple(values)) for name, values in rates.items()}


def _batch(call: Callable[[], object], round_s: float) -> int:
    """How many calls take about ``round_s``; the calls made to find out warm every cache."""
    count = 1
    while (took := count / _rate(call, count)) < round_s / 4:
        count *= 2
    return max(1, round(count * round_s / took))


def _rate(call: Callable[[], object], count: int) -> float:
    start = time.process_time()
    for _ in range(count):
        call()
    return count / max(time.process_time() - start, 1e-9)
