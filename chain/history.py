"""The agencies' history, read once and continued: what `agency` and `agencies` answer from."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from chain.events import Event
from chain.garbage import garbage
from chain.ledger import MAX_EVENT_RANGE
from chain.values import BlockRef
from chain.world import World


class RegistryHistory:
    """The events of the AgencyRegistry up to a block, thrown away when that block has left the chain.

    The number of agencies of a state is small and so is their history; it is kept whole. May be used from
    several threads.
    """

    def __init__(
        self,
        block: Callable[[int], BlockRef | None],
        read: Callable[[int, int], Sequence[Event]],
        first_block: int,
    ) -> None:
        self._block = block
        self._read = read
        self._first = first_block
        self._events: list[Event] = []
        self._tip: BlockRef | None = None
        self._world = World()  # at the tip; whoever gets it only reads it
        self._lock = threading.Lock()

    def at(self, block: BlockRef) -> World:
        """The registry's state after `block`, which is on the chain."""
        with self._lock:
            if self._tip is not None and self._block(self._tip.number) != self._tip:
                self._events, self._tip = [], None
            if self._tip is None or self._tip.number < block.number:
                self._continue(block)
            if block == self._tip:
                return self._world
            return _after([event for event in self._events if event.at.block.number <= block.number])

    def _continue(self, block: BlockRef) -> None:
        begin = self._first if self._tip is None else self._tip.number + 1
        fresh: list[Event] = []
        for first in range(begin, block.number + 1, MAX_EVENT_RANGE):
            fresh += self._read(first, min(first + MAX_EVENT_RANGE - 1, block.number))
        world = _after([*self._events, *fresh])
        self._events += fresh
        self._tip, self._world = block, world


def _after(events: Sequence[Event]) -> World:
    try:
        return World.after(events)
    except KeyError:
        # No contract gives an unknown agency a role: an event was left out on the way.
        raise garbage("the agencies' events do not follow from each other") from None
