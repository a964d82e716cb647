"""Gates in front of the work: who comes in, who waits, who is refused, and how cheaply."""

from __future__ import annotations

import asyncio
import json

import pytest

from protocol.errors import Unavailable
from tests.limit_samples import Timer, scope
from vault_api.limits.addresses import Addresses
from vault_api.limits.buckets import Buckets
from vault_api.limits.crowd import Crowd
from vault_api.limits.gates import FORGOTTEN_S, STANDING_S, WINDOW_S, Gate
from vault_api.problems import problem


def test_a_gate_lets_so_many_in_and_hands_a_place_to_who_waited_longest() -> None:
    async def story() -> list[str]:
        gate, came = Gate("work", 1, 2), list[str]()

        async def one(name: str) -> None:
            await gate.enter()
            came.append(name)
            await asyncio.sleep(0)
            gate.leave()

        await asyncio.gather(one("a"), one("b"), one("c"))
        assert (gate.within, gate.waiting) == (0, 0)
        return came

    assert asyncio.run(story()) == ["a", "b", "c"]


def test_who_finds_no_room_before_the_gate_is_refused_at_once() -> None:
    async def story() -> str:
        gate = Gate("work", 1, 0)
        await gate.enter()
        with pytest.raises(Unavailable) as full:
            await gate.enter()
        gate.leave()
        await gate.enter()
        return full.value.code

    assert asyncio.run(story()) == "busy"


def test_nobody_joins_a_queue_whose_first_has_waited_for_long() -> None:
    async def story() -> None:
        timer = Timer()
        gate = Gate("work", 1, 9, timer=timer)
        await gate.enter()
        first, second = asyncio.ensure_future(gate.enter()), asyncio.ensure_future(gate.enter())
        await asyncio.sleep(0)
        assert not gate.full
        timer.now += 1.5 * STANDING_S
        assert gate.full
        for _ in range(2):
            gate.leave()
            await asyncio.sleep(0)
        assert (first.done(), second.done(), gate.waiting, gate.full) == (True, True, 0, False)

    asyncio.run(story())


def test_in_an_overload_who_has_waited_for_long_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vault_api.limits.gates.PATIENT_S", 3600.0)

    async def story() -> list[str]:
        timer, came = Timer(), list[str]()
        gate = Gate("work", 1, 2, timer=timer)
        await gate.enter()

        async def one(name: str) -> None:
            await gate.enter()
            came.append(name)

        first, second = asyncio.ensure_future(one("first")), asyncio.ensure_future(one("second"))
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):  # the third finds no room: from now on it is an overload
            await gate.enter()
        assert gate.waiting == 2  # of a burst, those wait on who could
        gate.leave()
        await first
        timer.now += 1.5 * STANDING_S
        for _ in range(2):  # more than were served
            with pytest.raises(Unavailable):
                await gate.enter()
        with pytest.raises(Unavailable):
            await second
        assert (gate.waiting, gate.within, gate.full) == (0, 1, True)
        timer.now += WINDOW_S
        gate.leave()
        await one("third")
        timer.now += WINDOW_S
        assert not gate.full  # in the last moments more were served than refused: others may wait again
        return came

    assert asyncio.run(story()) == ["first", "third"]


def test_in_an_overload_a_few_may_wait_so_that_it_ends_when_only_a_few_come_again() -> None:
    async def story() -> tuple[int, int]:
        timer = Timer()
        gate = Gate("work", 4, 9, timer=timer)
        gate.refuse()  # one refused and none served: an overload
        coming = [asyncio.ensure_future(gate.enter()) for _ in range(6)]
        await asyncio.sleep(0)
        found = gate.waiting, gate.within
        assert gate.full
        for _ in range(6):
            gate.leave()
            await asyncio.sleep(0)
        await asyncio.gather(*coming)
        timer.now += WINDOW_S
        assert not gate.full
        return found

    assert asyncio.run(story()) == (2, 4)


def test_whose_turn_does_not_come_in_time_is_refused_and_that_is_an_overload(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vault_api.limits.gates.PATIENT_S", 0.01)

    async def story() -> None:
        gate = Gate("work", 1, 5)
        await gate.enter()
        waits = [asyncio.ensure_future(gate.enter()) for _ in range(3)]
        refused_ones = await asyncio.gather(*waits, return_exceptions=True)
        assert [getattr(error, "code", None) for error in refused_ones] == ["busy"] * 3
        assert (gate.waiting, gate.within) == (0, 1)
        with pytest.raises(Unavailable):
            await gate.enter()
        gate.leave()
        await gate.enter()

    asyncio.run(story())


def test_in_an_overload_fewer_are_within_at_once() -> None:
    async def story() -> None:
        timer = Timer()
        gate = Gate("work", 3, 0, hurried=1, timer=timer)
        for _ in range(3):
            await gate.enter()
        assert gate.full
        with pytest.raises(Unavailable):
            await gate.enter()
        gate.leave()
        assert (gate.within, gate.full) == (2, True)  # a place is free, and is not given
        gate.leave()
        gate.leave()
        await gate.enter()
        assert gate.full
        timer.now += WINDOW_S
        await gate.enter()
        await gate.enter()
        assert gate.within == 3

    asyncio.run(story())


def test_an_overload_goes_on_while_more_are_refused_than_served_and_is_forgotten_after() -> None:
    async def story() -> list[bool]:
        timer, crowded = Timer(), list[bool]()
        gate = Gate("work", 2, 0, hurried=1, timer=timer)

        async def second(served: int, refused: int, *, later: float = WINDOW_S) -> None:
            for _ in range(served):
                gate.within += 1
                gate.leave()
            for _ in range(refused):
                gate.refuse()
            timer.now += later
            await gate.enter()
            crowded.append(gate.full)  # with one within: full in an overload alone
            gate.leave()

        await second(9, 10)
        await second(5, 5)
        await second(0, 3)
        await second(0, 3, later=FORGOTTEN_S)
        return crowded

    assert asyncio.run(story()) == [True, False, True, False]


def test_a_crowd_is_refused_but_for_those_that_can_be_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vault_api.limits.gates.PATIENT_S", 3600.0)

    async def story() -> tuple[int, int, int, int]:
        gate, most, done = Gate("work", 4, 8), 0, 0
        go_on = asyncio.Event()

        async def one() -> None:
            nonlocal most, done
            await gate.enter()
            most = max(most, gate.within)
            await go_on.wait()
            gate.leave()
            done += 1

        crowd = [asyncio.ensure_future(one()) for _ in range(1000)]
        await asyncio.sleep(0)
        waiting = gate.waiting
        go_on.set()
        said = await asyncio.gather(*crowd, return_exceptions=True)
        assert (gate.within, gate.waiting) == (0, 0)
        return most, waiting, done, sum(isinstance(error, Unavailable) for error in said)

    assert asyncio.run(story()) == (4, 8, 12, 988)


def test_who_goes_away_while_waiting_takes_no_place_along() -> None:
    async def story() -> None:
        gate = Gate("work", 1, 2)
        await gate.enter()
        gone, late = asyncio.ensure_future(gate.enter()), asyncio.ensure_future(gate.enter())
        await asyncio.sleep(0)
        gone.cancel()
        gate.leave()  # in the same moment: the place may be handed to who goes away
        late.cancel()
        await asyncio.gather(gone, late, return_exceptions=True)
        assert (gate.waiting, gate.within) == (0, 0)
        await gate.enter()
        again = asyncio.ensure_future(gate.enter())
        await asyncio.sleep(0)
        gate.leave()
        again.cancel()  # after its turn came, and before it knew
        await asyncio.gather(again, return_exceptions=True)
        assert (gate.waiting, gate.within) == (0, 0)

    asyncio.run(story())


# --- refusals before anything is asked -------------------------------------------------------------


def test_a_crowd_is_told_what_admission_would_tell_and_each_has_its_name() -> None:
    gate, timer = Gate("work", 1, 0), Timer()
    gates = dict.fromkeys(("work", "use", "transfer", "poll"), gate)
    crowd = Crowd(Addresses(()), Buckets(0), gates, problem, timer=timer)
    assert crowd.refusal(scope()) is None
    gate.within = 1
    english, again = crowd.refusal(scope()), crowd.refusal(scope())
    chinese = crowd.refusal(scope(accept_language="zh"))
    assert english is not None and again is not None and chinese is not None  # noqa: PT018 (for the type checker)
    assert english.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    head, _, body = english.partition(b"\r\n\r\n")
    told = json.loads(body)
    assert (told["code"], told["status"], told["fault"]) == ("busy", 503, "unavailable")
    assert f"x-request-id: {told['request_id']}".encode() in head
    assert told["request_id"] != "0" * 32
    assert english != again
    assert "繁忙" in chinese.decode()
    assert crowd.refusal(scope(path="/readyz")) is None


def test_an_address_beyond_its_rate_is_told_how_long_to_wait() -> None:
    rates = Buckets(0.1, timer=Timer())
    crowd = Crowd(Addresses(()), rates, {"work": Gate("work", 1, 0)}, problem)
    assert (crowd.refusal(scope()), rates.take("203.0.113.9"), rates.over("203.0.113.9")) == (None, 0.0, 10.0)
    refusal = crowd.refusal(scope())
    assert refusal is not None
    assert b"retry-after: 10" in refusal.lower()
    assert b"429 Too Many Requests" in refusal
