"""The vault's clock, behind a seam: times of a grant hold by this clock and by no other.

Whole seconds of Unix time, UTC. What the clock may not do is go back behind what is already logged or
behind the latest block: the sequencer checks that before it logs (FORMATS, Grant).
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time; never raises."""

    def now(self) -> int:
        """Whole seconds since 1970, UTC."""


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
