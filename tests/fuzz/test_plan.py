"""What a worker is given next: even shares of the time, or what the goal lacks."""

from __future__ import annotations

from tests.fuzz.parser import Parser
from tests.fuzz.plan import LEAST_S, MOST_S, NO_LIMIT, Job, Plan, Shares, ToGoal
from tests.fuzz.tally import GOAL, Count


def _parser(name: str) -> Parser:
    return Parser(name, lambda _data: None, (), lambda: [b""])


A, B, C = map(_parser, "abc")


def _all(plan: Plan) -> list[Job]:
    return list(iter(plan.next, None))


def test_each_parser_has_an_even_share_of_what_all_workers_have() -> None:
    assert _all(Shares([A, B, C], 60, workers=2)) == [Job(parser, 40, NO_LIMIT) for parser in (A, B, C)]


def test_in_a_short_time_only_some_have_a_share() -> None:
    assert _all(Shares([A, B, C], 2, workers=2)) == [Job(A, LEAST_S), Job(B, LEAST_S)]
    assert _all(Shares([A, B, C], 1, workers=1)) == [Job(A, LEAST_S)]


class World:
    """Inputs that were recorded, and a clock that is set by hand."""

    def __init__(self, **inputs: int) -> None:
        self.inputs = inputs
        self.now = 0.0

    def plan(self, seconds: int) -> ToGoal:
        return ToGoal([A, B, C], seconds, lambda: {n: Count(i, 0) for n, i in self.inputs.items()}, lambda: self.now)


def test_the_parser_next_to_the_goal_comes_first_and_gets_what_it_lacks() -> None:
    world = World(a=GOAL - 5, b=GOAL, c=GOAL - 3)
    plan = world.plan(10_000)
    first = plan.next()
    assert first == Job(C, MOST_S, 3)
    assert plan.next() == Job(A, MOST_S, 5)  # another worker meanwhile
    assert plan.next() is None  # nobody else lacks anything
    world.inputs["c"] += 1  # its time was over before it had all
    plan.done(first)
    assert plan.next() == Job(C, MOST_S, 2)


def test_a_parser_that_was_never_run_lacks_all_of_it() -> None:
    assert World(a=GOAL, b=GOAL).plan(100).next() == Job(C, 100, GOAL)


def test_no_job_begins_when_the_time_is_over() -> None:
    world = World()
    plan = world.plan(30)
    world.now = 20.0
    assert plan.next() == Job(A, 10, GOAL)
    world.now = 30.0 - LEAST_S + 0.5
    assert plan.next() is None
