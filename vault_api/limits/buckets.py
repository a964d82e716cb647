"""Rates by name (an address, a caller): a token bucket each, in a table of bounded size.

A bucket is one number, the time at which it will be full again (the generic cell rate algorithm): a request puts it
forward by ``1 / rate``, and is refused while it lies more than a whole bucket ahead. The table forgets whom it has not
seen for longest: that one begins with a full bucket again, so that a flood of names loosens the limit for others and
never tightens it.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

MAX_NAMES = 50_000  # about 10 MB
BURST_S = 10  # a full bucket is worth the requests of so many seconds


class Buckets:
    """At most ``rate`` requests a second from each name, with bursts of ``BURST_S`` seconds' worth; 0: no limit."""

    def __init__(self, rate: float, *, names: int = MAX_NAMES, timer: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._names = names
        self._timer = timer
        self._lock = threading.Lock()
        self._full_at: OrderedDict[Hashable, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def over(self, name: Hashable) -> float:
        """What ``take`` would say, and nothing is counted."""
        if not self._rate:
            return 0.0
        now = self._timer()
        return max(0.0, max(now, self._full_at.get(name, now)) + 1 / self._rate - now - BURST_S)

    def take(self, name: Hashable) -> float:
        """Count one request of ``name``: 0 if it is within the limit, else the seconds until one would be."""
        if not self._rate:
            return 0.0
        now = self._timer()
        with self._lock:
            full_at = max(now, self._full_at.get(name, now)) + 1 / self._rate
            over = full_at - now - BURST_S
            if over > 0:
                return over
            self._full_at[name] = full_at
            self._full_at.move_to_end(name)
            if len(self._full_at) > self._names:
                self._full_at.popitem(last=False)
        return 0.0
