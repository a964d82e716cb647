"""Which parser a worker takes next, for how long and how many inputs: even shares of the time, or what the goal lacks."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tests.fuzz.parser import Parser
from tests.fuzz.tally import GOAL, NONE, Count

LEAST_S = 2
MOST_S = 900  # what a run that is broken off loses at most
NO_LIMIT = -1


@dataclass(frozen=True, slots=True)
class Job:
    """One parser for at most ``seconds`` and ``runs`` inputs."""

    parser: Parser
    seconds: int
    runs: int = NO_LIMIT


class Plan(Protocol):
    """Hands out jobs to several threads. ``next``: None when there is no more; ``done``: a job of this plan has ended."""

    def next(self) -> Job | None: ...

    def done(self, job: Job) -> None: ...


class Shares:
    """Each parser once, for an even share of the time that all workers have together."""

    def __init__(self, parsers: Sequence[Parser], seconds: int, workers: int) -> None:
        each = max(LEAST_S, seconds * workers // len(parsers))
        chosen = parsers[: max(1, seconds * workers // each)]
        if len(chosen) < len(parsers):
            print(f"fuzz: {seconds} s are enough for {len(chosen)} of {len(parsers)} parsers", file=sys.stderr)
        self._left = [Job(parser, each) for parser in reversed(chosen)]
        self._lock = threading.Lock()

    def next(self) -> Job | None:
        with self._lock:
            return self._left.pop() if self._left else None

    def done(self, job: Job) -> None:
        return


class ToGoal:
    """The parser that lacks fewest inputs first, until it has them; none is given more than it lacks.

    ``counts`` tells how many inputs each has by now, so each ended job has to be recorded before ``done``.
    """

    def __init__(
        self,
        parsers: Sequence[Parser],
        seconds: int,
        counts: Callable[[], Mapping[str, Count]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._parsers, self._counts, self._clock = parsers, counts, clock
        self._ends = clock() + seconds
        self._taken: set[str] = set()
        self._lock = threading.Lock()

    def next(self) -> Job | None:
        with self._lock:
            left, counts = int(self._ends - self._clock()), self._counts()
            lacking = [
                (GOAL - counts.get(parser.name, NONE).inputs, number)
                for number, parser in enumerate(self._parsers)
                if parser.name not in self._taken
            ]
            runs, number = min(((runs, number) for runs, number in lacking if runs > 0), default=(0, 0))
            if left < LEAST_S or runs == 0:
                return None
            self._taken.add(self._parsers[number].name)
            return Job(self._parsers[number], min(left, MOST_S), runs)

    def done(self, job: Job) -> None:
        with self._lock:
            self._taken.discard(job.parser.name)
