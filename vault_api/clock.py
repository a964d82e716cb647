"""The vault's clock, behind a seam: times of a grant hold by this clock and by no other.

Whole seconds of Unix time, UTC. What the clock may not do is go back behind what is already logged or
behind the latest block: the sequencer checks that before it logs (FORMATS, Grant).
"""

from __future__ import annotations

import time
from typing import Protocol

from protocol.errors import Unavailable


class Clock(Protocol):
    """Tells the time; never raises."""

    def now(self) -> int:
        """Whole seconds since 1970, UTC."""


def put_forward(now: int, floor: int, lag_s: int) -> int:
    """``floor``, where the clock lags behind it by no more than ``lag_s``; else what the clock says."""
    return floor if floor - lag_s <= now < floor else now


def clock_behind(now: int, floor: int) -> Unavailable:
    """The clock stands behind what is logged or on chain: no time that it tells is worth anything."""
    return Unavailable(
        "clock_behind",
        "the vault's clock says {now}, which is before {floor}, already logged or on chain",
        now=now,
        floor=floor,
    )


class SystemClock:
    """The clock of the machine."""

    def now(self) -> int:
        return int(time.time())


class FixedClock:
    """A clock that stands still until it is moved: for tests and for replays."""

    def __init__(self, at: int) -> None:
        self.at = at

    def now(self) -> int:
        return self.at

    def advance(self, seconds: int) -> None:
        """Move on by ``seconds`` (or back, to see what happens)."""
        self.at += seconds
