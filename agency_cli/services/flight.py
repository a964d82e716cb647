"""Several things at work at once, told in the order in which they came."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

Thing = TypeVar("Thing")
Result = TypeVar("Result")


def in_flight(
    work: Callable[[Thing], Result], things: Iterable[Thing], at_once: int
) -> Generator[tuple[Thing, Future[Result]], None, None]:
    """Each thing with what ``work`` made of it, in their order; ``at_once`` are at work, and none is read ahead.

    If it is closed (``contextlib.closing``) nothing more is begun, and what has begun is waited for.
    """
    pending: deque[tuple[Thing, Future[Result]]] = deque()
    with ThreadPoolExecutor(at_once) as pool:
        try:
            for thing in things:
                pending.append((thing, pool.submit(work, thing)))
                if len(pending) >= at_once:
                    yield _done(pending)
            while pending:
                yield _done(pending)
        finally:
            for _thing, future in pending:
                future.cancel()


def _done(pending: deque[tuple[Thing, Future[Result]]]) -> tuple[Thing, Future[Result]]:
    thing, future = pending.popleft()
    future.exception()  # waits
    return thing, future


@dataclass(slots=True)
class Turns:
    """One at a time for each name: who asks for a name that is taken waits."""

    _taken: set[str] = field(default_factory=set)
    _given_back: threading.Condition = field(default_factory=threading.Condition, repr=False)

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Hold ``name``."""
        with self._given_back:
            self._given_back.wait_for(lambda: name not in self._taken)
            self._taken.add(name)
        try:
            yield
        finally:
            with self._given_back:
                self._taken.remove(name)
                self._given_back.notify_all()


@dataclass(slots=True)
class Baton:
    """Of several threads one works at a time; who waits for vault, chain or disk lets another one work.

    The interpreter lets only one thread compute anyway: thirty that all try spend as long on taking turns as on work.
    """

    _free: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _owner: int | None = None

    @contextmanager
    def working(self) -> Iterator[None]:
        """Hold the baton."""
        self._take()
        try:
            yield
        finally:
            self._pass_on()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Pass the baton on for the while, if this thread holds it. No lock may be held that a worker takes."""
        if self._owner != threading.get_ident():
            yield
            return
        self._pass_on()
        try:
            yield
        finally:
            self._take()

    def _take(self) -> None:
        self._free.acquire()
        self._owner = threading.get_ident()

    def _pass_on(self) -> None:
        self._owner = None
        self._free.release()
