"""Gates in front of the work: so many at once, so many waiting, and nobody for long.

A server that takes everything answers everybody late. Here whoever would wait too long is told so at once, which is
cheap, and what is taken is answered as fast as ever. A burst may wait for its turn, in order. As soon as somebody had
to be refused it is an overload, until nobody was for a second: then only a few may wait, only for a moment, and who
came last is served first, since who has waited for long will be refused anyway.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from protocol.errors import Unavailable
from vault_api import metrics

CALM_S = 1.0  # without a refusal for so long, whoever waits is a burst and no overload
PATIENT_S = 0.5  # how long one may wait in a burst
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
        self._refused_at = -CALM_S

    @property
    def full(self) -> bool:
        """Whether whoever comes now is refused. In an overload no more may wait than may be within."""
        if self.within < self._at_once:
            return False
        return len(self._queue) >= (self._room if self._calm else min(self._room, self._at_once))

    @property
    def _calm(self) -> bool:
        return self._timer() - self._refused_at >= CALM_S

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._queue)

    async def enter(self) -> None:
        """Come in, or wait for one's turn; ``Unavailable("busy")`` if there is no room or it takes too long."""
        if self.within < self._at_once:
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
        while self._queue:
            place = self._queue.popleft() if self._calm else self._queue.pop()
            if not place.done():
                place.set_result(None)
                return
        self.within -= 1

    def _withdraw(self, place: asyncio.Future[None]) -> None:
        if place in self._queue:
            self._queue.remove(place)
        elif not place.cancelled():
            self.leave()  # its turn came in the moment in which it gave up

    def refuse(self) -> Unavailable:
        """The refusal of who finds no room or waits too long; from now on it is an overload."""
        self._refused_at = self._timer()
        metrics.LIMITED.labels("busy_" + self.name).inc()
        return Unavailable("busy", "the service has too much to do now; send the same request again")
