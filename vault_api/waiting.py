"""Long polling without holding a thread: who waits for a show session is woken when it changes."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator


class Waiters:
    """Events by session. ``wake`` and ``close`` from any thread; ``listening`` in the event loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[bytes, set[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = defaultdict(set)
        self._others: Callable[[bytes], None] = lambda _session: None
        self.closed = False  # the process is about to end: nobody waits here any more

    def close(self) -> None:
        """Wake everybody who waits here: each is told what there is, as if its time were over."""
        self.closed = True
        with self._lock:
            sessions = list(self._waiting)
        for session in sessions:
            self.wake_here(session)

    def tell_others(self, tell: Callable[[bytes], None]) -> None:
        """From now on, wake those too who wait at other processes; ``tell`` reaches them."""
        self._others = tell

    def wake(self, session: bytes) -> None:
        """Something about this session has changed. Whoever is not reached looks again by itself after a second."""
        self.wake_here(session)
        self._others(session)

    def wake_here(self, session: bytes) -> None:
        """The same, told by another process."""
        with self._lock:
            waiting = list(self._waiting.get(session, ()))
        for loop, event in waiting:
            with contextlib.suppress(RuntimeError):  # a loop that has closed has nobody waiting
                loop.call_soon_threadsafe(event.set)

    @contextlib.contextmanager
    def listening(self, session: bytes) -> Iterator[asyncio.Event]:
        """An event that is set by ``wake``; begin to listen before looking, so that nothing is missed."""
        entry = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._waiting[session].add(entry)
        try:
            yield entry[1]
        finally:
            with self._lock:
                self._waiting[session].discard(entry)
                if not self._waiting[session]:
                    del self._waiting[session]
