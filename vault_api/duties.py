"""What a process of the vault does beside HTTP: everything, or one role of several (ADR 26, docs/processes.md).

On SQLite there is one process, which has every duty and takes every lease by force: its file lock stands for them. On
PostgreSQL each duty has a lease, whichever processes may do it; the others stand by.
"""

from __future__ import annotations

import time

from sqlalchemy import Engine

from protocol.errors import Malformed, Unavailable
from vault_api.build import Outside, signing_of, tenure_of
from vault_api.jobs import HandOver, Worker, do_due
from vault_api.leases import FOLLOWER, HOUSEKEEPING, JOBS, PUBLISHER, SEQUENCER
from vault_api.loops import Rounds, loops_of
from vault_api.opening import log_is_open
from vault_api.sharing import Signing
from vault_api.tenure import Keeper, Tenure
from vault_api.vault import Vault

ALL, API, WORKER = "all", "api", "worker"
ROLES: dict[str, frozenset[str]] = {
    ALL: frozenset({SEQUENCER, FOLLOWER, PUBLISHER, HOUSEKEEPING, JOBS}),
    API: frozenset(),
    SEQUENCER: frozenset({SEQUENCER}),
    PUBLISHER: frozenset({PUBLISHER}),
    WORKER: frozenset({FOLLOWER, HOUSEKEEPING, JOBS}),
}
LOG_WAIT_S = 60.0  # for the sequencer of a new vault to open the log
LOOK_S = 0.2


class Duties:
    """The threads of one process. ``start`` and ``stop`` belong to the process's life."""

    def __init__(self, vault: Vault, outside: Outside, role: str = ALL, *, shared: bool = False) -> None:
        self._vault = vault
        self._shared = shared
        self._signing: Signing | None = None
        self._hand_over = HandOver(vault.engine) if shared and _carried(vault.engine) else None
        self._loops: list[Rounds] = loops_of(vault, ROLES[role], self._hand_over or do_due)
        self._worker = Worker(vault) if self._hand_over is not None and JOBS in ROLES[role] else None
        tenures = [loop.tenure for loop in self._loops if loop.tenure is not None]
        if shared and SEQUENCER in ROLES[role]:
            mine = tenure_of(vault.settings, outside, SEQUENCER)
            self._signing = signing_of(vault, outside, mine)
            tenures.insert(0, mine)
        self._tenures: list[Tenure] = tenures
        self._keeper = Keeper(tenures, vault.settings.lease_s)

    def start(self) -> None:
        """Begin: first to sign, then to write, then the rounds."""
        if self._shared:
            self._keeper.start()
        else:
            for tenure in self._tenures:
                tenure.seize()
        if self._signing is not None:
            self._signing.start()
        self._vault.sequencer.start()
        for part in (*self._loops, *([self._worker] if self._worker is not None else ())):
            part.start()

    def stop(self) -> None:
        """Finish what was begun, give the leases back, end."""
        for part in (*([self._worker] if self._worker is not None else ()), *self._loops):
            part.stop()
        if self._hand_over is not None:
            self._hand_over.close()
        self._vault.sequencer.stop()
        if self._signing is not None:
            self._signing.stop()
        if self._shared:
            self._keeper.stop()
        self._vault.engine.dispose()


def _carried(engine: Engine) -> bool:
    """Whether jobs are carried to workers; else housekeeping does them."""
    return engine.dialect.name == "postgresql"


def is_shared(engine: Engine) -> bool:
    """Whether several processes may work on this database."""
    return engine.dialect.name != "sqlite"


def check_role(engine: Engine, role: str) -> None:
    """Refuse a role of several processes on a database that takes one process only."""
    if role != ALL and not is_shared(engine):
        raise Malformed(
            "setting",
            "{name}: {problem}",
            name="ONEFILE_DATABASE_URL",
            problem="SQLite takes one vault process: run vault-api serve alone, or name a PostgreSQL database",
        )


def opens_the_log(role: str) -> bool:
    """Whether a process of this role may begin a log; the others wait for it."""
    return SEQUENCER in ROLES[role]


def wait_for_log(engine: Engine, wait_s: float = LOG_WAIT_S) -> None:
    """Return when the log is open; ``Unavailable("log_not_open")`` if nobody opens it in time."""
    until = time.monotonic() + wait_s
    while time.monotonic() < until:
        if log_is_open(engine):
            return
        time.sleep(LOOK_S)
    raise Unavailable("log_not_open", "the log is not open yet: run vault-api serve once")
