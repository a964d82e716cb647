"""Running a part of a figure: batch after batch, on every core, until as many tries are made or the time is up."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import closing
from datetime import UTC, datetime
from multiprocessing.util import Finalize

from bench.figures.figure import Figure, Tally, Work, draw_of
from bench.figures.records import Run

PART_MINUTES = 20
MOST_TOLD = 300  # characters of an error
Told = Callable[[Tally, float], None]


def run_part(
    figure: Figure,
    n: int,
    seed: str,
    *,
    processes: int = 0,
    minutes: float = PART_MINUTES,
    tell: Told = lambda _tally, _seconds: None,
) -> tuple[Run, Tally]:
    """Make ``n`` tries, or as many as fit into ``minutes``: the beginning of the tries of that seed, without a gap.

    What was begun is ended, so that a part may take some seconds more. Ctrl-C or SIGTERM ends it in the same way.
    """
    many = 1 if figure.alone else processes or os.cpu_count() or 1
    began, tally = time.monotonic(), Tally()
    until = began + minutes * 60
    sizes = _sizes(figure, n)
    source = _here(figure, seed, sizes, until) if many == 1 else _spread(figure, seed, sizes, until, many)
    for number, made in source:
        tally.add(made, f"{seed}/{number}: ")
        tell(tally, time.monotonic() - began)
    run = Run.of(
        figure,
        tally,
        asked=n,
        seed=seed,
        seconds=round(time.monotonic() - began, 1),
        processes=many,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    return run, tally


def again(figure: Figure, seed: str, number: int, size: int) -> Tally:
    """One batch again, of the first ``size`` tries."""
    with closing(figure.open()) as work:
        return work.batch(draw_of(figure, seed, number), size)


def _made(work: Work, figure: Figure, seed: str, number: int, size: int) -> Tally:
    """One batch. An error of the figure itself is a control that failed: what other batches found is not lost."""
    try:
        return work.batch(draw_of(figure, seed, number), size)
    except Exception as error:  # noqa: BLE001 (whatever one batch dies of, what the others found must not go with it)
        traceback.print_exc()
        tally = Tally()
        tally.control(good=False, what=f"the batch ended in {type(error).__name__}: {error}"[:MOST_TOLD])
        return tally


def _sizes(figure: Figure, n: int) -> Iterator[tuple[int, int]]:
    """Number and size of each batch."""
    for number, first in enumerate(range(0, n, figure.batch)):
        yield number, min(figure.batch, n - first)


Batches = Iterator[tuple[int, int]]
Made = Iterator[tuple[int, Tally]]


def _here(figure: Figure, seed: str, sizes: Batches, until: float) -> Made:
    with closing(figure.open()) as work:
        number = 0
        try:
            for number, size in sizes:
                yield number, _made(work, figure, seed, number, size)
                if time.monotonic() > until:
                    break
        except KeyboardInterrupt:
            pass
        yield number, work.end()


_work: list[Work] = []


def _begin(figure: Figure) -> None:
    _work.append(figure.open())
    Finalize(None, _work[0].close, exitpriority=1)  # a process of a pool leaves by no other door


def _batch(figure: Figure, seed: str, number: int, size: int) -> tuple[int, Tally]:
    return number, _made(_work[0], figure, seed, number, size)


def _spread(figure: Figure, seed: str, sizes: Batches, until: float, many: int) -> Made:
    with ProcessPoolExecutor(many, initializer=_begin, initargs=(figure,)) as pool:
        waiting: set[Future[tuple[int, Tally]]] = set()
        try:
            for number, size in sizes:
                if time.monotonic() > until:
                    break
                waiting.add(pool.submit(_batch, figure, seed, number, size))
                if len(waiting) > many:
                    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    yield from (one.result() for one in done)
        except KeyboardInterrupt:
            for one in waiting:
                one.cancel()
        yield from (one.result() for one in waiting if not one.cancelled())
