"""Every write of the vault × {fails, fails but was persisted, killed before, between, after}: docs/spec/durability.md.

After a restart every acknowledged write is there once, every other is absent or whole, and the same request again has
the true answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from tests.crashes.forks import Tell, in_child
from tests.crashes.matrix import FAILS, FAULTS, PERSISTED, POINTS, Case, Points, World, fresh_world
from tests.crashes.whole import check_no_orphans

WRITES = ("deposit", "grant", "release", "revoke", "sequence", "tile", "anchor")

# A child plays the vault and is killed: it does nothing of the test runner's.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with fresh_world() as made:
        yield made


def points_of(world: World, write: str, kinds: Sequence[str]) -> list[str]:
    """The points of these kinds, each kind at least once; where a second group begins is where the first has ended."""
    points = [point for point in world.points(write) if point.rpartition(" ")[0] in kinds]
    assert {point.rpartition(" ")[0] for point in points} == set(kinds)
    return [point for point in points if not point.startswith("begun") or point == "begun 1"]


@pytest.mark.parametrize("write", WRITES)
def test_a_vault_that_is_killed_in_a_write_loses_nothing_and_does_nothing_twice(world: World, write: str) -> None:
    points = points_of(world, write, POINTS[write])
    assert len(points) > 2
    assert points[-1] == "answered 1"
    before: list[Case] = []
    for point in points:
        case = Case(world.request(write), point)
        assert world.turn(before, [case]).killed, point
        assert (case.told is not None) is (point == "answered 1"), point
        before = [case]
    world.turn(before, [])


@pytest.mark.parametrize("write", WRITES)
def test_a_write_that_fails_is_absent_or_whole_and_the_same_request_finishes_it(world: World, write: str) -> None:
    points = points_of(world, write, FAULTS[write])
    cases = [Case(world.request(write), point, mode) for mode in (FAILS, PERSISTED) for point in points]
    ended = world.turn([], cases)
    assert not ended.killed
    assert [case.told for case in cases] == [None] * len(cases), "acknowledged although it failed"
    for case, told in zip(cases, ended.words("again"), strict=True):
        case.told = told
    world.turn(cases, [])


def test_no_bytes_are_left_that_no_item_names_when_their_day_is_over(world: World) -> None:
    points = ("half a payload 1", "put a payload 1", "worked 2")
    for point in points:
        assert world.turn([], [Case(world.request("deposit"), point)]).killed
    ended = in_child(lambda tell: clean(world, tell))
    assert ended.word("removed") > 0


def clean(world: World, tell: Tell) -> None:
    with world.vault(Points(), tell) as stage:
        tell({"removed": check_no_orphans(stage)})
