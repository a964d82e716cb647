"""Gates in front of the work: so many at once, so many waiting, and nobody for long.

A server that takes everything answers everybody late. Here whoever would wait too long is told so at once, which is
cheap, and what is taken is answered as fast as ever. How long one may wait depends on whether the queue has been empty
a moment ago: a burst may wait for its turn, while a queue that never empties is an overload, and then only those pass
whose turn comes at once.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from protocol.errors import Unavailable
from vault_api import metrics

CALM_S = 0.1  # a queue that was empty so recently is a burst
PATIENT_S = 1.0  # how long one waits in a burst
HURRIED_S = 0.02  # and in an overload


class Gate:
    """At most ``at_once`` within, at most ``waiting`` before it. For one event loop at a time, without a lock."""

    def __init__(self, name: str, at_once: int, waiting: int, *, timer: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self.within = 0
        self._at_once = at_once
        self._room = waiting
        self._timer = timer
        self._queue: deque[asyncio.Future[None]] = deque()
        self._empty_at = timer()

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._queue)

    async def enter(self) -> None:
        """Come in, or wait for one's turn; ``Unavailable("busy")`` if there is no room or it takes too long."""
        if self.within < self._at_once:
            self.within += 1
            self._empty_at = self._timer()
            return
        if len(self._queue) >= self._room:
            raise self._busy()
        began = self._timer()
        place = asyncio.get_running_loop().create_future()
        self._queue.append(place)
        try:
            async with asyncio.timeout(PATIENT_S if began - self._empty_at < CALM_S else HURRIED_S):
                await place
        except TimeoutError:
            self._withdraw(place)
            raise self._busy() from None
        except BaseException:
            self._withdraw(place)
            raise
        metrics.GATE_WAIT.labels(self.name).observe(self._timer() - began)

    def leave(self) -> None:
        """Go out again: the place goes to who has waited longest."""
        while self._queue:
            place = self._queue.popleft()
            if not place.done():
                place.set_result(None)
                return
        self.within -= 1
        self._empty_at = self._timer()

    def _withdraw(self, place: asyncio.Future[None]) -> None:
        if place in self._queue:
            self._queue.remove(place)
        elif not place.cancelled():
            self.leave()  # its turn came in the moment in which it gave up

    def _busy(self) -> Unavailable:
        metrics.LIMITED.labels("busy_" + self.name).inc()
        return Unavailable("busy", "the service has too much to do now; send the same request again")
