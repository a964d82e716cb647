"""A process and its leases: taken when they are free, renewed while they are held, given back at the end.

``Keeper`` is the thread that does so. ``Fenced`` is the writer for whoever works under a lease: each piece of work
checks the lease in its own transaction.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TypeVar

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from protocol.errors import OneFileError
from vault_api.db.engine import WRITER
from vault_api.leases import Lease, LeaseLost, give_back, renew, take
from vault_api.writer import Tx, Work

RENEWALS = 4  # of a lease in the time for which it is given

Result = TypeVar("Result")
_log = structlog.get_logger("vault_api.tenure")


class Tenure:
    """What one process knows of one lease. The database knows better: ``check`` asks it."""

    def __init__(self, engine: Engine, name: str, holder: str, ttl_s: float) -> None:
        self.name = name
        self._engine = engine
        self._holder = holder
        self._ttl_ms = int(ttl_s * 1000)
        self._lease: Lease | None = None

    @property
    def held(self) -> bool:
        """Whether the lease was this process's when it last asked."""
        return self._lease is not None

    @property
    def epoch(self) -> int:
        """The epoch of the lease that is held; 0 for none."""
        return self._lease.epoch if self._lease is not None else 0

    def check(self, conn: Connection) -> None:
        """``LeaseLost`` unless the lease is held, and stays held until this transaction is over."""
        lease = self._lease
        if lease is None:
            raise LeaseLost(self.name)
        lease.check(conn)

    def seize(self) -> None:
        """Take the lease from whoever has it: for the one process of a database that takes no second one.

        It is given for no time at all, so that nobody waits for it who finds the database later.
        """
        with self._engine.connect().execution_options(**WRITER) as conn, conn.begin():
            self._lease = take(conn, self.name, self._holder, 0, by_force=True)

    def hold(self) -> bool:
        """Renew the lease, or take it if it is free; whether it is held now."""
        before = self._lease
        try:
            with self._engine.connect().execution_options(**WRITER) as conn, conn.begin():
                after = self._renewed(conn, before)
        except IntegrityError:
            after = None  # two found that there was none, and the other was quicker
        if (before is None) != (after is None):
            _log.info("lease", name=self.name, held=after is not None, epoch=after.epoch if after else 0)
        self._lease = after
        return after is not None

    def _renewed(self, conn: Connection, before: Lease | None) -> Lease | None:
        if before is not None and renew(conn, before, self._ttl_ms):
            return before
        return take(conn, self.name, self._holder, self._ttl_ms)

    def end(self) -> None:
        """Give the lease back: the next process need not wait for its end."""
        lease, self._lease = self._lease, None
        if lease is None:
            return
        with self._engine.connect().execution_options(**WRITER) as conn, conn.begin():
            give_back(conn, lease)


class Keeper:
    """The thread that keeps the leases of a process."""

    def __init__(self, tenures: Sequence[Tenure], ttl_s: float) -> None:
        self._tenures = tenures
        self._every_s = ttl_s / RENEWALS
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)

    def start(self) -> None:
        """Take what is free, and begin to keep it."""
        self.once()
        self._thread.start()

    def stop(self) -> None:
        """Give everything back."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        for tenure in self._tenures:
            try:
                tenure.end()
            except (OneFileError, SQLAlchemyError) as error:  # it ends by itself
                _log.error("lease not given back", name=tenure.name, kind=type(error).__name__)

    def once(self) -> None:
        """One round over all leases."""
        for tenure in self._tenures:
            try:
                tenure.hold()
            except (OneFileError, SQLAlchemyError) as error:
                # Whether it is still held is unknown here, and does not matter: every write asks again.
                _log.error("lease not renewed", name=tenure.name, kind=type(error).__name__)

    def _run(self) -> None:
        while not self._ended.wait(self._every_s):
            self.once()


class Fenced(Work):
    """A writer that does nothing without the lease. Starting and stopping are the writer's own matter."""

    def __init__(self, writer: Work, tenure: Tenure) -> None:
        self._writer = writer
        self._tenure = tenure

    @property
    def wait_s(self) -> float:
        """How long a caller waits."""
        return self._writer.wait_s

    def start(self) -> None:
        """The writer runs already."""

    def stop(self) -> None:
        """The writer goes on."""

    def submit(self, work: Callable[[Tx], Result]) -> Future[Result]:
        """Hand in work that fails with ``LeaseLost`` where another process has taken over."""

        def fenced(tx: Tx) -> Result:
            self._tenure.check(tx.conn)
            return work(tx)

        return self._writer.submit(fenced)
