"""Questions that are asked at the same time travel together."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from client.gathering import Gathering
from protocol.errors import Denied, OneFileError


class Courier:
    """Keeps the first journeys until ``go`` is set, so that others have to wait."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.away = threading.Semaphore(0)
        self.journeys: list[list[int]] = []

    def __call__(self, batch: Sequence[int]) -> list[int | OneFileError]:
        self.journeys.append(list(batch))
        self.away.release()
        assert self.go.wait(10)
        return [Denied("odd", "{n} is odd", n=n) if n % 2 else n * 10 for n in batch]


def asked(gathering: Gathering[int, int], n: int) -> int | str:
    try:
        return gathering.ask(n)
    except OneFileError as error:
        return str(error)


def test_what_is_asked_meanwhile_goes_with_the_next_journey_and_each_gets_its_own_answer() -> None:
    courier = Courier()
    gathering = Gathering[int, int](courier, 5)
    with ThreadPoolExecutor(20) as pool:
        early = pool.submit(asked, gathering, 0)
        assert courier.away.acquire(timeout=10)
        late = [pool.submit(asked, gathering, n) for n in range(1, 12)]
        while len(gathering._waiting) < len(late):
            pass
        courier.go.set()
        answers = [one.result(10) for one in (early, *late)]
    assert answers == [f"{n} is odd" if n % 2 else n * 10 for n in range(12)]
    assert [len(batch) for batch in courier.journeys] == [1, 5, 5, 1]


def test_a_question_waits_for_company_but_not_when_there_is_enough_of_it() -> None:
    courier = Courier()
    courier.go.set()
    gathering = Gathering[int, int](courier, 3, patience_s=60.0)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(gathering.ask, (0, 2, 4, 6, 8, 10), timeout=30))
    assert answers == [0, 20, 40, 60, 80, 100]
    assert [len(batch) for batch in courier.journeys] == [3, 3]


def test_nobody_waits_for_company_for_ever() -> None:
    courier = Courier()
    courier.go.set()
    assert [Gathering[int, int](courier, 3, patience_s=0.001).ask(n) for n in (2, 4)] == [20, 40]
    assert courier.journeys == [[2], [4]]


def test_all_that_travelled_meet_the_error_of_the_journey() -> None:
    def send(_batch: Sequence[int]) -> list[int | OneFileError]:
        raise Denied("closed", "nobody is there")

    gathering = Gathering[int, int](send, 5)
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda n: asked(gathering, n), range(8))) == {"nobody is there"}

