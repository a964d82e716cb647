"""Gates in front of the work: so many at once, so many waiting, and nobody for long.

A server that takes everything answers everybody late. Here whoever would wait too long is told so at once, which is
cheap, and what is taken is answered as fast as ever. A burst may wait for its turn, in order. While more are refused
than served it is an overload: then fewer are within, a few may wait, only for a moment, and who came last is served
first, since who has waited for long will be refused anyway.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from protocol.errors import Unavailable
from vault_api import metrics

WINDOW_S = 1.0  # in which more were refused than served is an overload
PATIENT_S = 0.5  # how long one may wait in a burst
HURRIED_S = 0.02  # and in an overload


class Gate:
    """At most ``at_once`` within, in an overload ``hurried``; at most ``waiting`` before it.

    For one event loop at a time, without a lock.
    """

    def __init__(
        self,
        name: str,
        at_once: int,
        waiting: int,
        *,
        hurried: int | None = None,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.within = 0
        self._at_once = at_once
        self._hurried = at_once if hurried is None else min(at_once, hurried)
        self._room = waiting
        self._timer = timer
        self._queue: deque[asyncio.Future[None]] = deque()
        self._began = timer()  # of the second that is counted now
        self._served = self._refused = 0
        self._crowded = False

    @property
    def full(self) -> bool:
        """Whether whoever comes now is refused. In an overload no more may wait than may be within."""
        if self._calm:
            return self.within >= self._at_once and len(self._queue) >= self._room
        return self.within >= self._hurried and len(self._queue) >= min(self._room, self._hurried)

    @property
    def _calm(self) -> bool:
        seconds = self._timer() - self._began
        if seconds >= WINDOW_S:
            # Of a second long ago nothing follows for now.
            self._crowded = self._refused > self._served and seconds < 2 * WINDOW_S
            self._began, self._served, self._refused = self._timer(), 0, 0
        return not self._crowded

    @property
    def _places(self) -> int:
        return self._at_once if self._calm else self._hurried

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._queue)

    async def enter(self) -> None:
        """Come in, or wait for one's turn; ``Unavailable("busy")`` if there is no room or it takes too long."""
        if self.within < self._places:
            self.within += 1
            return
        if self.full:
            raise self.refuse()
        began = self._timer()
        place = asyncio.get_running_loop().create_future()
        self._queue.append(place)
        try:
            async with asyncio.timeout(PATIENT_S if self._calm else HURRIED_S):
                await place
        except TimeoutError:
            self._withdraw(place)
            raise self.refuse() from None
        except BaseException:
            self._withdraw(place)
            raise
        metrics.GATE_WAIT.labels(self.name).observe(self._timer() - began)

    def leave(self) -> None:
        """Go out again: the place goes to who has waited longest, in an overload to who came last."""
        self.within -= 1
        self._served += 1
        while self._queue and self.within < self._places:
            place = self._queue.popleft() if self._calm else self._queue.pop()
            if not place.done():
                self.within += 1
                place.set_result(None)

    def _withdraw(self, place: asyncio.Future[None]) -> None:
        if place in self._queue:
            self._queue.remove(place)
        elif not place.cancelled():
            self.leave()  # its turn came in the moment in which it gave up

    def refuse(self) -> Unavailable:
        """The refusal of who finds no room or waits too long."""
        self._refused += 1
        self._crowded = self._crowded or self._refused > self._served
        metrics.LIMITED.labels("busy_" + self.name).inc()
        return Unavailable("busy", "the service has too much to do now; send the same request again")
