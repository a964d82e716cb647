"""One vault process at a time for one home: a lock file that the system lets go when its holder dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from protocol.errors import Conflict


@contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Hold the lock of ``home``; ``Conflict("vault_running")`` if another process holds it."""
    home.mkdir(parents=True, exist_ok=True)
    handle = os.open(home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Conflict("vault_running", "another vault process works in {home}", home=str(home)) from None
        yield
    finally:
        os.close(handle)
