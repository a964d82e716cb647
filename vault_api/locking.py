"""One vault process at a time for one home: a lock file that the system lets go when its holder dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy.engine import make_url

from protocol.errors import Conflict
from vault_api.settings import Settings


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Be the one process of a SQLite vault: hold the locks of its home and of its database file.

    On PostgreSQL there may be several, also on one machine, and nothing is locked: they have leases.
    """
    url = make_url(settings.database)
    with ExitStack() as held:
        if url.get_backend_name() == "sqlite":
            held.enter_context(only_one(settings.vault_home))
            folder = Path(url.database or settings.vault_home / "vault.db").resolve().parent
            if folder != settings.vault_home.resolve():
                held.enter_context(only_one(folder))
        yield


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
