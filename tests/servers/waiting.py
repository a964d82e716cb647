"""Wait for what a server does in its own time, with a bound."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


def soon(holds: Callable[[], bool], within_s: float = 20.0) -> bool:
    """Whether it holds before the time is over."""
    until, pause = time.monotonic() + within_s, threading.Event()
    while not holds() and time.monotonic() < until:
        pause.wait(0.05)
    return holds()
