"""The agencies' history: read once, continued, and thrown away when its block is gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from chain import events as e
from chain.events import Event
from chain.history import RegistryHistory
from chain.ledger import MAX_EVENT_RANGE
from chain.values import BlockRef
from protocol.errors import Unavailable
from tests.chain_stage import Actor, MemoryStage, admitted


class Reading:
    """A history over the ledger in memory, and what it asked for."""

    def __init__(self, stage: MemoryStage) -> None:
        self.asked: list[tuple[int, int]] = []
        self._chain = stage.chain
        self.forge: Sequence[Event] | None = None
        self.history = RegistryHistory(stage.chain.block, self.read, 1)

    def read(self, first: int, last: int) -> Sequence[Event]:
        self.asked.append((first, last))
        return self._chain.events(first, last) if self.forge is None else self.forge


def test_what_was_read_is_not_read_again() -> None:
    stage = MemoryStage()
    reading = Reading(stage)
    police = admitted(stage)
    head = stage.chain.head
    first = reading.history.at(head)
    assert reading.history.at(head) is first
    assert reading.asked == [(1, head.number)]
    assert police.account in first.agencies


def test_new_blocks_are_added_to_what_is_known() -> None:
    stage = MemoryStage()
    reading = Reading(stage)
    admitted(stage, "one")
    before = stage.chain.head
    reading.history.at(before)
    admitted(stage, "two")
    world = reading.history.at(stage.chain.head)
    assert list(world.agencies) == [Actor("one").account, Actor("two").account]
    assert reading.asked[1] == (before.number + 1, stage.chain.head.number)
    assert list(reading.history.at(before).agencies) == [Actor("one").account]


def test_a_block_that_is_gone_takes_all_with_it() -> None:
    stage = MemoryStage()
    reading = Reading(stage)
    admitted(stage)
    reading.history.at(stage.chain.head)
    stage.chain.reorganise(3)
    assert reading.history.at(stage.chain.head).agencies == {}


def test_ranges_are_bounded() -> None:
    stage = MemoryStage()
    stage.mine(MAX_EVENT_RANGE + 5)
    reading = Reading(stage)
    reading.history.at(stage.chain.head)
    assert all(last - first < MAX_EVENT_RANGE for first, last in reading.asked)
    assert len(reading.asked) == 2


def test_events_that_do_not_follow_from_each_other_are_garbage() -> None:
    stage = MemoryStage()
    reading = Reading(stage)
    reading.forge = [e.RoleSet(e.EventRef(stage.chain.head, bytes(32), 0), bytes(20), 1)]
    with pytest.raises(Unavailable) as caught:
        reading.history.at(stage.chain.head)
    assert caught.value.code == "chain_garbage"
    reading.forge = None
    assert reading.history.at(stage.chain.head).agencies == {}


def test_a_block_of_the_past_is_answered_from_what_is_known() -> None:
    stage = MemoryStage()
    reading = Reading(stage)
    admitted(stage)
    reading.history.at(stage.chain.head)
    early = replace(BlockRef(1, bytes(32), 0), number=1)
    assert reading.history.at(early).agencies == {}
    assert len(reading.asked) == 1
