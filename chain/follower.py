"""Follows the chain: every event once, in order, and undone when its block leaves the chain.

    follower = Follower(ledger, store)
    while follower.step().more: ...

A store remembers up to which block it has applied events. The follower compares that block's hash before it goes
on; if the chain has another block there, it takes the store back to the newest remembered block that is still on
the chain, and reads on from there. It reads bounded ranges, and checks that no reorganisation came in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from chain.events import Event
from chain.ledger import MAX_EVENT_RANGE, BlockRef, LedgerReads
from protocol.errors import Unavailable


class FollowerStore(Protocol):
    """What has been followed. Each method is one transaction: done, durable, or not at all."""

    def tip(self) -> BlockRef | None:
        """The block up to which events have been applied; None before the first."""

    def remembered(self) -> Sequence[BlockRef]:
        """Blocks to which `roll_back` can go, newest first, the tip among them."""

    def advance(self, events: Sequence[Event], tip: BlockRef) -> None:
        """Apply the events, in order, and remember `tip`, which comes after all of them."""

    def roll_back(self, to: BlockRef | None) -> None:
        """Undo all that was applied after `to` (None: everything) and let it be the tip."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one step did. `more`: the head was not reached. `rolled_back`: a reorganisation was undone."""

    events: tuple[Event, ...]
    tip: BlockRef | None
    more: bool
    rolled_back: bool = False


class Follower:
    """Takes a store along with the chain, one bounded range of blocks a step."""

    def __init__(self, ledger: LedgerReads, store: FollowerStore, *, blocks_a_step: int = MAX_EVENT_RANGE) -> None:
        self._ledger = ledger
        self._store = store
        self._blocks = min(blocks_a_step, MAX_EVENT_RANGE)

    def step(self) -> Step:
        """Go on by one range; raises what the ledger raises, and nothing has changed then."""
        tip = self._store.tip()
        # (1) Is the block that we stand on still on the chain?
        if tip is not None and self._ledger.block(tip.number) != tip:
            back = self._newest_common()
            self._store.roll_back(back)
            return Step((), back, more=True, rolled_back=True)
        # (2) The next range, and the block that ends it.
        head = self._ledger.head()
        first = self._ledger.deployment.deploy_block if tip is None else tip.number + 1
        if first > head.number:
            return Step((), tip, more=False)
        last = min(head.number, first + self._blocks - 1)
        end = head if last == head.number else self._ledger.block(last)
        events = tuple(self._ledger.events(first, last))
        # (3) Nothing moved while we read: the ends are still where they were.
        if end is None or self._ledger.block(last) != end or not _fits(events, end):
            return Step((), tip, more=True)
        if tip is not None and self._ledger.block(tip.number) != tip:
            return Step((), tip, more=True)
        self._store.advance(events, end)
        return Step(events, end, more=last < head.number)

    def catch_up(self, *, steps: int = 10_000) -> list[Step]:
        """Steps until the head is reached; `Unavailable` if it is not within that many."""
        taken = []
        for _ in range(steps):
            taken.append(self.step())
            if not taken[-1].more:
                return taken
        raise Unavailable(
            "chain_restless", "the chain changed faster than it could be followed in {steps} steps", steps=steps
        )

    def _newest_common(self) -> BlockRef | None:
        for block in self._store.remembered():
            if self._ledger.block(block.number) == block:
                return block
        return None


def _fits(events: Sequence[Event], end: BlockRef) -> bool:
    """Whether the events of the last block are those of that very block."""
    return all(event.at.block == end for event in events if event.at.block.number == end.number)


class MemoryFollowerStore:
    """A store that forgets everything with its process: for tests, and for who reads the chain anew each time."""

    def __init__(self, *, remember: int = 128) -> None:
        self.events: list[Event] = []
        self._blocks: list[BlockRef] = []
        self._remember = remember

    def tip(self) -> BlockRef | None:
        return self._blocks[-1] if self._blocks else None

    def remembered(self) -> Sequence[BlockRef]:
        return self._blocks[::-1]

    def advance(self, events: Sequence[Event], tip: BlockRef) -> None:
        self.events += events
        self._blocks = [*self._blocks[-self._remember + 1 :], tip]

    def roll_back(self, to: BlockRef | None) -> None:
        number = -1 if to is None else to.number
        self.events = [event for event in self.events if event.at.block.number <= number]
        self._blocks = [block for block in self._blocks if block.number <= number]
