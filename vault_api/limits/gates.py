"""Gates in front of the work: so many at once, so many waiting, and nobody for long.

A server that takes everything answers everybody late. Here whoever would wait too long is told so at once, which is
cheap, and what is taken is answered as fast as ever. A burst may wait for its turn, in order; nobody may join a queue
that moves so slowly that its first has waited for long. While more are refused than served it is an overload: then
fewer are within and hardly anybody waits, since the next one comes before a free place gets cold, and since to refuse
somebody after a wait costs ten times as much as to refuse him at once. The few that wait let an overload end when only
a few callers are left, who come again at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from protocol.errors import Unavailable
from vault_api import metrics

WINDOW_S = 0.25  # in which more were refused than served is an overload
FORGOTTEN_S = 2.0  # what was counted so long ago says nothing about now
PATIENT_S = 0.5  # how long one may wait in a burst
STANDING_S = 0.1  # and how long its first, before nobody else may join


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
        self._queue: dict[asyncio.Future[None], float] = {}  # in the order in which they came, and when
        self._began = timer()  # of what is counted now
        self._served = self._refused = 0
        self._crowded = False
        self._busy = metrics.LIMITED.labels("busy_" + name)

    @property
    def full(self) -> bool:
        """Whether whoever comes now is refused. In an overload half as many may wait as may be within."""
        if self.within < self._places:
            return False
        room = self._room if self._calm else min(self._room, self._hurried // 2)
        return len(self._queue) >= room or self._stands

    @property
    def _calm(self) -> bool:
        seconds = self._timer() - self._began
        if seconds >= WINDOW_S:
            self._crowded = self._refused > self._served and seconds < FORGOTTEN_S
            self._began, self._served, self._refused = self._timer(), 0, 0
        return not self._crowded

    @property
    def _stands(self) -> bool:
        first = next(iter(self._queue.values()), None)
        return first is not None and self._timer() - first > STANDING_S

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
        self._queue[place] = began
        try:
            async with asyncio.timeout(PATIENT_S):
                await place
        except TimeoutError:
            self._withdraw(place)
            raise self.refuse() from None
        except BaseException:
            self._withdraw(place)
            raise
        metrics.GATE_WAIT.labels(self.name).observe(self._timer() - began)

    def leave(self) -> None:
        """Go out again: the place goes to who has waited longest."""
        self.within -= 1
        self._served += 1
        while self._queue and self.within < self._places:
            place = next(iter(self._queue))
            del self._queue[place]
            if not place.done():
                self.within += 1
                place.set_result(None)

    def _withdraw(self, place: asyncio.Future[None]) -> None:
        if place in self._queue:
            del self._queue[place]
        elif not place.cancelled() and place.exception() is None:
            self.leave()  # its turn came in the moment in which it gave up

    def _send_away(self) -> None:
        """Let nobody wait on, who would be answered late in the place of somebody who comes now."""
        waiting, self._queue = self._queue, {}
        for place in waiting:
            if not place.done():
                place.set_exception(TimeoutError())

    def refuse(self) -> Unavailable:
        """The refusal of who finds no room or waits too long."""
        self._refused += 1
        if self._refused > self._served:
            self._crowded = True
            if self._stands:
                self._send_away()
        self._busy.inc()
        return Unavailable("busy", "the service has too much to do now; send the same request again")
