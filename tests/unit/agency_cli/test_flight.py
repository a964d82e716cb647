"""Several things at work at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from agency_cli.services.flight import Baton, Turns, in_flight


def test_results_come_in_the_order_of_the_things_however_long_each_takes() -> None:
    second = threading.Event()

    def work(n: int) -> int:
        if n == 1:
            second.set()
        assert second.wait(10)  # the first ends after the second has begun: they are at work together
        return n * n

    assert [(n, made.result()) for n, made in in_flight(work, range(9), 3)] == [(n, n * n) for n in range(9)]


def test_few_things_are_read_ahead() -> None:
    read: list[int] = []

    def things() -> Iterator[int]:
        for n in range(100):
            read.append(n)
            yield n

    flight = in_flight(lambda n: n, things(), 4)
    next(flight)
    assert len(read) == 4
    flight.close()
    assert len(read) == 4


def test_what_fails_is_told_with_its_thing() -> None:
    def work(n: int) -> int:
        if n == 2:
            raise KeyError(n)
        return n

    outcomes = [(n, made.exception()) for n, made in in_flight(work, range(4), 2)]
    assert [n for n, fault in outcomes if fault] == [2]


def test_a_caller_that_stops_waits_for_what_has_begun() -> None:
    ended: list[int] = []
    begun = threading.Barrier(2)

    def work(n: int) -> None:
        begun.wait(10)
        ended.append(n)

    with closing(in_flight(work, range(10), 2)) as flight:
        next(flight)
    assert sorted(ended) == [0, 1]


def test_a_name_is_held_by_one_at_a_time() -> None:
    turns, inside, most = Turns(), 0, 0
    guard = threading.Lock()

    def hold(name: str) -> None:
        nonlocal inside, most
        with turns.of(name):
            with guard:
                inside += 1
                most = max(most, inside)
            with turns.of(f"another than {name}"):
                pass
            with guard:
                inside -= 1

    threads = [threading.Thread(target=hold, args=["a name"]) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, inside) == (1, 0)


def test_of_several_one_works_at_a_time_and_who_waits_lets_another_one_work() -> None:
    baton, met = Baton(), threading.Barrier(3)
    at_work = most = 0

    def work(_n: int) -> None:
        nonlocal at_work, most
        with baton.working():
            at_work += 1
            most = max(most, at_work)
            at_work -= 1
            with baton.waiting():
                met.wait(10)  # all three are here at once, so none of them has kept the baton
            at_work += 1
            most = max(most, at_work)
            at_work -= 1

    assert [made.exception() for _, made in in_flight(work, range(3), 3)] == [None, None, None]
    assert (most, at_work) == (1, 0)


def test_who_does_not_hold_the_baton_waits_without_it() -> None:
    baton = Baton()
    with baton.working():
        stranger = threading.Thread(target=lambda: baton.waiting().__enter__())
        stranger.start()
        stranger.join(10)
        assert not stranger.is_alive()
        assert not baton._free.acquire(blocking=False)  # it is still ours


def test_the_baton_is_passed_on_by_who_fails() -> None:
    baton = Baton()
    for _ in range(2):
        with pytest.raises(KeyError), baton.working(), baton.waiting():
            raise KeyError
    assert baton._free.acquire(blocking=False)
