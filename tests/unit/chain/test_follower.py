"""Events once, in order, and undone when their block leaves the chain."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from chain.events import Event, Nullified
from chain.follower import Follower, MemoryFollowerStore
from chain.ledger import BlockRef, LedgerReads
from protocol.errors import Unavailable
from protocol.hashing import keccak256, sha256
from tests.chain_stage import MemoryStage


def secret(number: int) -> bytes:
    return sha256(b"secret", bytes([number]))


class Scene:
    """A chain on which grants are revoked, and a follower with a store."""

    def __init__(self, *, blocks_a_step: int = 100, remember: int = 64) -> None:
        self.stage = MemoryStage()
        self.store = MemoryFollowerStore(remember=remember)
        self.follower = Follower(self.stage.ledger("follower"), self.store, blocks_a_step=blocks_a_step)

    def revoke(self, *numbers: int) -> None:
        for number in numbers:
            self.stage.ledger("alice").revoke(secret(number))

    def seen(self) -> list[int]:
        """Which revocations the store has, in its order."""
        known = {keccak256(secret(number)): number for number in range(30)}
        return [known[event.nullifier] for event in self.store.events if isinstance(event, Nullified)]


def test_every_event_comes_once_and_in_order() -> None:
    scene = Scene()
    scene.revoke(1, 2, 3)
    scene.follower.catch_up()
    scene.revoke(4)
    scene.follower.catch_up()
    assert scene.seen() == [1, 2, 3, 4]
    assert scene.store.tip() == scene.stage.chain.head


def test_at_the_head_nothing_is_done() -> None:
    scene = Scene()
    scene.follower.catch_up()
    step = scene.follower.step()
    assert (step.events, step.more, step.rolled_back) == ((), False, False)
    assert step.tip == scene.stage.chain.head


def test_ranges_are_bounded_and_leave_nothing_out() -> None:
    scene = Scene(blocks_a_step=3)
    scene.revoke(*range(1, 11))
    steps = scene.follower.catch_up()
    assert len(steps) >= 4
    assert scene.seen() == list(range(1, 11))
    assert [step.more for step in steps] == [True] * (len(steps) - 1) + [False]


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_a_reorganisation_is_undone_and_what_happened_instead_is_followed(depth: int) -> None:
    scene = Scene(blocks_a_step=1)
    scene.revoke(1, 2, 3, 4, 5)
    scene.follower.catch_up()
    scene.stage.chain.reorganise(depth)
    scene.revoke(9)
    steps = scene.follower.catch_up()
    assert steps[0].rolled_back
    assert scene.seen() == [*range(1, 6 - depth), 9]


def test_a_reorganisation_deeper_than_what_is_remembered_starts_again() -> None:
    scene = Scene(blocks_a_step=1, remember=2)
    scene.revoke(1, 2, 3, 4, 5)
    scene.follower.catch_up()
    scene.stage.chain.reorganise(4)
    scene.revoke(9)
    steps = scene.follower.catch_up()
    assert steps[0].tip is None
    assert scene.seen() == [1, 9]


def test_a_chain_that_became_shorter_is_followed_back() -> None:
    scene = Scene(blocks_a_step=1)
    scene.revoke(1, 2, 3)
    scene.follower.catch_up()
    del scene.stage.chain._blocks[-2:]
    scene.follower.catch_up()
    assert scene.seen() == [1]
    assert scene.store.tip() == scene.stage.chain.head


@pytest.mark.parametrize("method", ["head", "block", "events"])
def test_a_failure_changes_nothing_and_the_next_step_goes_on(method: str) -> None:
    scene = Scene()
    scene.revoke(1)
    scene.follower.catch_up()
    scene.revoke(2)
    tip = scene.store.tip()
    scene.stage.chain.faults.fail(method)
    with pytest.raises(Unavailable):
        scene.follower.step()
    assert scene.store.tip() == tip
    scene.follower.catch_up()
    assert scene.seen() == [1, 2]


class Restless:
    """A ledger whose chain is reorganised at a chosen moment of a step."""

    def __init__(self, stage: MemoryStage, moment: str) -> None:
        self._stage = stage
        self._ledger = stage.ledger("follower")
        self._moment = moment
        self.deployment = stage.deployment

    def head(self) -> BlockRef:
        self._now("before head")
        head = self._ledger.head()
        self._now("head")
        return head

    def block(self, number: int) -> BlockRef | None:
        return self._ledger.block(number)

    def events(self, first: int, last: int) -> Sequence[Event]:
        events = self._ledger.events(first, last)
        self._now("events")
        return events

    def _now(self, moment: str) -> None:
        if moment == self._moment:
            self._moment = "over"
            self._stage.chain.reorganise(2)
            self._stage.ledger("alice").revoke(secret(9))


@pytest.mark.parametrize("moment", ["before head", "head", "events"])
@pytest.mark.parametrize("known", [0, 2, 3])
def test_a_reorganisation_in_the_middle_of_a_step_is_noticed(moment: str, known: int) -> None:
    stage, store = MemoryStage(), MemoryFollowerStore()
    alice = stage.ledger("alice")
    for number in range(known):
        alice.revoke(secret(number))
    Follower(stage.ledger("follower"), store).catch_up()
    for number in range(known, 4):
        alice.revoke(secret(number))
    restless: LedgerReads = Restless(stage, moment)  # type: ignore[assignment]  # as much of one as a follower asks
    Follower(restless, store).catch_up()
    seen = [event.nullifier for event in store.events if isinstance(event, Nullified)]
    assert seen == [keccak256(secret(number)) for number in (0, 1, 9)]
    assert store.tip() == stage.chain.head


def test_a_chain_that_never_rests_is_unavailable() -> None:
    scene = Scene(blocks_a_step=1)
    scene.revoke(1, 2, 3)
    with pytest.raises(Unavailable) as caught:
        scene.follower.catch_up(steps=2)
    assert caught.value.code == "chain_restless"
    assert scene.seen() == [1] or scene.seen() == []
