"""A process that shares its database with others: what it hears from them, and what it tells its callers (ADR 26).

``Elsewhere`` is the ``Ending`` of its writer: another process signs, and callers are answered when the checkpoint is
seen here. The same thread follows what other processes have followed of the chain, and wakes who waits for a show.
``Signing`` is the sequencer's thread in the process that may hold its lease.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import Engine

from protocol.errors import OneFileError
from vault_api.chain_facts import ChainFacts
from vault_api.db.engine import WRITER
from vault_api.db.signals import tell
from vault_api.ends import LogEnd, committed_end
from vault_api.listening import POLL_S, Listener
from vault_api.log_store import LogStore
from vault_api.sequencer import Sequencer
from vault_api.tenure import Tenure
from vault_api.waiting import Waiters
from vault_api.writer import Job, late

WAKE = "wake "


@dataclass(slots=True)
class _Waiting:
    job: Job[object]
    until: float


class Elsewhere:
    """Answers what others sign."""

    def __init__(
        self,
        engine: Engine,
        log: LogStore,
        facts: ChainFacts,
        waiters: Waiters,
        *,
        wait_s: float,
        poll_s: float = POLL_S,
    ) -> None:
        self._engine = engine
        self._log = log
        self._facts = facts
        self._waiters = waiters
        self._wait_s = wait_s
        self._poll_s = poll_s
        self._lock = threading.Lock()
        self._waiting: list[_Waiting] = []
        self._listener: Listener | None = None
        waiters.tell_others(self.wake_others)

    def start(self) -> None:
        """Begin to listen; ``Unavailable("log_not_open")`` if there is no log."""
        with self._engine.connect() as conn:
            committed_end(conn)
        self.look()
        self._listener = Listener("listener", self._engine, self._heard, poll_s=self._poll_s)
        self._listener.start()

    def stop(self) -> None:
        """Wait for what was committed here to be signed, as long as a caller would; then end."""
        until = time.monotonic() + self._wait_s
        while self._waiting and time.monotonic() < until:
            time.sleep(self._poll_s / 10)
        if self._listener is not None:
            self._listener.stop()
            self._listener = None

    def unfinished(self) -> bool:
        """Nothing that this thread could finish."""
        return False

    def again(self) -> None:
        """Others sign."""

    def unsure(self) -> None:
        """Others read what is true."""

    def committed(self, _end: LogEnd, _fresh: Sequence[bytes], done: Sequence[Job[object]]) -> None:
        """Answer what is signed; the rest waits for the checkpoint."""
        until = time.monotonic() + self._wait_s
        size = self._log.size
        with self._lock:
            self._waiting += [_Waiting(job, until) for job in done if job.needs_size > size]
        for job in done:
            if job.needs_size <= size:
                job.answer()
        self._answer()  # what was signed since the size was read

    def look(self) -> None:
        """See what was signed and followed elsewhere."""
        with self._engine.connect() as conn:
            self._facts.look(conn)
        self._log.follow()
        self._answer()

    def wake_others(self, name: bytes) -> None:
        """Who waits for ``name`` at another process is woken too."""
        with suppress(OneFileError), self._engine.connect().execution_options(**WRITER) as conn, conn.begin():
            tell(conn, WAKE + name.hex())

    def _heard(self, words: frozenset[str]) -> None:
        for word in words:
            if word.startswith(WAKE):
                self._waiters.wake_here(bytes.fromhex(word.removeprefix(WAKE)))
        if not words or "signed" in words:
            self.look()

    def _answer(self) -> None:
        now, size = time.monotonic(), self._log.size
        with self._lock:
            ready = [one.job for one in self._waiting if one.job.needs_size <= size]
            over = [one.job for one in self._waiting if one.job.needs_size > size and one.until <= now]
            self._waiting = [one for one in self._waiting if one.job.needs_size > size and one.until > now]
        for job in ready:
            job.answer()
        for job in over:
            job.refuse(late())


class Signing:
    """The sequencer's thread: signs what any process has committed, as long as this one holds the lease."""

    def __init__(
        self, engine: Engine, log: LogStore, sequencer: Sequencer, tenure: Tenure, *, poll_s: float = POLL_S
    ) -> None:
        self._log = log
        self._sequencer = sequencer
        self._tenure = tenure
        self._epoch = 0
        self._listener = Listener("sequencer", engine, self._heard, poll_s=poll_s)

    def start(self) -> None:
        """Begin."""
        self._listener.start()

    def stop(self) -> None:
        """End; what is committed and not signed is signed by the next."""
        self._listener.stop()

    def _heard(self, words: frozenset[str]) -> None:
        if (not words or "grown" in words) and self._tenure.held:
            self.once()

    def once(self) -> None:
        """Sign up to the committed end."""
        epoch = self._tenure.epoch
        if epoch != self._epoch:
            self._log.refresh()  # somebody else may have signed since
            self._epoch = epoch
        self._sequencer.catch_up()
