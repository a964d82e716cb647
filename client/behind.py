"""A writer that hashes and writes in a thread of its own, so that who fetches or decrypts need not wait for either.

Both run outside the interpreter's lock for parts as large as ours. Memory stays bounded: ``write`` waits where the
thread is more than ``AHEAD`` parts behind.
"""

from __future__ import annotations

import hashlib
import queue
import sys
import threading
from types import TracebackType
from typing import Protocol, Self

from protocol.stream import ByteWriter, write_all

PART_BYTES = 1 << 20
AHEAD = 4
SWITCH_S = 0.0002  # else the thread waits for the interpreter after each call, longer than the call took


class Hash(Protocol):
    """What ``hashlib`` makes."""

    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class Behind:
    """Use it in ``with``: when the block has ended, however it did, all that was written stands in ``target`` and in
    ``state``. A fault of ``target`` is raised by a later ``write`` or at the end of the block."""

    def __init__(self, target: ByteWriter, state: Hash | None = None) -> None:
        self.state: Hash = hashlib.sha256() if state is None else state
        self.size = 0
        self._target = target
        self._parts: list[bytes] = []
        self._waiting = 0
        self._queue: queue.Queue[list[bytes] | None] = queue.Queue(AHEAD)
        self._fault: Exception | None = None
        self._usual_s = sys.getswitchinterval()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def write(self, data: bytes, /) -> int:
        """Take ``data``, all of it."""
        if self._fault is not None:
            raise self._fault
        self._parts.append(data)
        self._waiting += len(data)
        self.size += len(data)
        if self._waiting >= PART_BYTES:
            self._hand_over()
        return len(data)

    def __enter__(self) -> Self:
        self._thread.start()
        sys.setswitchinterval(SWITCH_S)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._hand_over()
        self._queue.put(None)
        self._thread.join()
        sys.setswitchinterval(self._usual_s)
        if kind is None and self._fault is not None:
            raise self._fault

    def _hand_over(self) -> None:
        self._queue.put(self._parts)
        self._parts, self._waiting = [], 0

    def _run(self) -> None:
        while (parts := self._queue.get()) is not None:
            try:
                self._take(parts)
            except Exception as fault:  # noqa: BLE001 (raised where somebody waits for it)
                self._fault = fault

    def _take(self, parts: list[bytes]) -> None:
        if self._fault is not None:
            return  # after a fault nothing more is written
        whole = b"".join(parts)
        write_all(self._target, whole)
        self.state.update(whole)
