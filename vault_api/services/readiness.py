"""Whether the vault could do its work now, part by part, in bounded time and at most once a second.

Without an essential part nothing can be answered: then the vault is not ready, and whoever spreads the load sends
nobody here. What else is down is named, and does not take a vault out of service that works on without it: deposits,
grants and releases go on while the chain is silent, for as long as its facts are believed.
"""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from protocol.errors import OneFileError, Unavailable
from vault_api.db.engine import ping
from vault_api.db.migrate import check_schema
from vault_api.gauges import oldest_age, signed_size
from vault_api.keeping.standing import check_anchored
from vault_api.log_keys import check_named
from vault_api.vault import Vault

KEEP_S = 1.0  # an answer is good for so long, however many ask
ASK_S = 2.0  # a part that says nothing for so long is late
OK, LATE = "ok", "late"
ESSENTIAL = frozenset({"database", "schema", "blobs", "log", "log_signing", "chain_facts", "process"})


class Readiness:
    """Asks every part at once, each in a thread of its own, and remembers what was said."""

    def __init__(self, vault: Vault, *, timer: Callable[[], float] = time.monotonic) -> None:
        self._timer = timer
        self._parts = _parts(vault)
        self._asked: dict[str, _Asked] = {}
        self._round: asyncio.Task[dict[str, str]] | None = None
        self._at = 0.0

    async def look(self) -> tuple[bool, dict[str, str]]:
        """Whether everything essential answers, and what each part says: ``ok``, ``late`` or its refusal's code."""
        if self._round is None or (self._round.done() and self._timer() - self._at >= KEEP_S):
            self._at = self._timer()
            self._round = asyncio.ensure_future(asyncio.to_thread(self._ask_all))
        said = await asyncio.shield(self._round)
        return all(said[name] == OK for name in ESSENTIAL), said

    def _ask_all(self) -> dict[str, str]:
        ends = time.monotonic() + ASK_S
        for name, ask in self._parts.items():
            # One that hangs is asked once, and not again by every round.
            if name not in self._asked or self._asked[name].answered.is_set():
                self._asked[name] = _Asked(ask)
        return {name: asked.within(ends - time.monotonic()) for name, asked in self._asked.items()}


class _Asked:
    """A question in a thread that nobody has to wait for, not even the end of the process."""

    def __init__(self, ask: Callable[[], object]) -> None:
        self.answered = threading.Event()
        self._said = LATE
        threading.Thread(target=self._run, args=(ask,), name="ready", daemon=True).start()

    def within(self, seconds: float) -> str:
        self.answered.wait(max(0.0, seconds))
        return self._said

    def _run(self, ask: Callable[[], object]) -> None:
        try:
            ask()
            self._said = OK
        except OneFileError as error:
            self._said = error.code
        except SQLAlchemyError:
            self._said = "database_unreachable"
        except Exception:  # noqa: BLE001 (whatever a part raises, it is not well)
            self._said = "internal"
        finally:
            self.answered.set()


def _parts(vault: Vault) -> dict[str, Callable[[], object]]:
    return {
        "process": lambda: _serving(vault),
        "database": lambda: ping(vault.engine),
        "schema": lambda: check_schema(vault.engine),
        "blobs": lambda: vault.blobs.size("ready"),
        "log": lambda: _log(vault),
        "log_signing": lambda: _signing(vault),
        "chain_facts": vault.facts.age_s,
        "chain": vault.ledger.head,
        "disk": lambda: _room(vault),
    }


def _serving(vault: Vault) -> None:
    if vault.waiters.closed:
        raise Unavailable("stopping", "the service is about to end")


def _log(vault: Vault) -> None:
    """Open, no shorter than what the chain has of it, and under the key that it names (docs/operations.md)."""
    assert vault.log.head  # raises where it is not open
    check_anchored(vault.engine)
    check_named(vault.engine)


def _signing(vault: Vault) -> None:
    with vault.engine.connect() as conn:
        age = oldest_age(conn, vault.clock.now(), beyond=signed_size(conn))
    if age > vault.settings.sign_late_s:
        raise Unavailable("log_late", "an entry is unsigned for {age_s} s", age_s=age)


def _room(vault: Vault) -> None:
    free = shutil.disk_usage(vault.settings.home).free
    if free < vault.settings.disk_free_bytes:
        raise Unavailable("disk_nearly_full", "{free} bytes are free", free=free)
