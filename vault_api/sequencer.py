"""The sequencer: stores the tiles of what was committed and signs the checkpoint that covers it (ADR 26).

There is exactly one at a time for one log: it holds a lease, and the transaction that keeps a checkpoint checks the
lease's epoch. A second one waits; one that was paused and overtaken cannot sign. Order, for everything that was
committed since the last checkpoint: tiles and bundles durable in the blob store, then the checkpoint signed and
persisted. Doing it again after a failure, whole or in part, does no harm.

Where one process does everything, the writer's own thread hands over to it after each commit (``Directly``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog
from sqlalchemy import Engine, select

from protocol.errors import OneFileError
from vault_api import metrics
from vault_api.db import tables as t
from vault_api.ends import LogEnd, committed_end
from vault_api.log_store import LogStore
from vault_api.tenure import Tenure
from vault_api.writer import STEPS, Job, Tx, Work, Writer, late, shuffled

__all__ = ["STEPS", "Directly", "Sequencer", "Tx", "Work", "Writer", "late", "shuffled"]

_log = structlog.get_logger("vault_api.sequencer")


class Sequencer:
    """Stores and signs, for whoever calls it; one thread of the process does."""

    def __init__(
        self,
        engine: Engine,
        log: LogStore,
        tenure: Tenure,
        *,
        on_step: Callable[[str], None] = lambda _step: None,
    ) -> None:
        self._engine = engine
        self._log = log
        self._tenure = tenure
        self._on_step = on_step
        self._end: LogEnd | None = None
        self._unsure = False
        self._said = ""

    def seize(self) -> None:
        """Become the sequencer, whoever was it before; ``Unavailable("log_not_open")`` if there is no log."""
        self._end = self._committed()
        self._tenure.seize()

    @property
    def size(self) -> int:
        """How many entries the newest signed checkpoint covers."""
        return self._log.size

    def unfinished(self) -> bool:
        """Whether something that was committed is not signed, as far as is known here."""
        return self._end is None or self._log.size != self._end.size

    def unsure(self) -> None:
        """Nobody knows what was committed last: it is read from the database."""
        self._end = None

    def catch_up(self, end: LogEnd | None = None, fresh: Sequence[bytes] = ()) -> None:
        """Store and sign up to ``end``, by default what the database says. A failure is not an answer: try again."""
        try:
            if self._unsure:
                self._log.refresh()  # what failed may have been persisted all the same
                self._unsure = False
            self._end = end = end or self._committed()
            if self._log.size == end.size:
                return
            self._finish(end, fresh)
            self._said = ""
        except Exception as error:  # noqa: BLE001 (a writer that dies of it would leave everybody waiting, for good)
            self._unsure = True
            self._say("log is late", error)

    def _finish(self, end: LogEnd, fresh: Sequence[bytes]) -> None:
        if self._log.size + len(fresh) != end.size:
            fresh = self._entries(self._log.size, end.size)
        with metrics.TILE_SECONDS.time():
            self._log.store(fresh)
        self._on_step("stored")
        with metrics.SIGN_SECONDS.time():
            self._log.sign(end.frontier, end.last_at, self._tenure.check)
        self._on_step("signed")

    def _committed(self) -> LogEnd:
        with self._engine.connect() as conn:
            return committed_end(conn)

    def _entries(self, first: int, end: int) -> list[bytes]:
        rows = select(t.entries.c.entry).where(t.entries.c.idx >= first, t.entries.c.idx < end)
        with self._engine.connect() as conn:
            return list(conn.execute(rows.order_by(t.entries.c.idx)).scalars())

    def _say(self, what: str, error: Exception) -> None:
        said = f"{what}: {error.code if isinstance(error, OneFileError) else type(error).__name__}"
        if said != self._said:
            _log.error(what, kind=said.partition(": ")[2])
        self._said = said


class Directly:
    """The ``Ending`` of a process that does everything: the writer's thread signs what it has committed."""

    def __init__(self, sequencer: Sequencer) -> None:
        self._sequencer = sequencer

    def start(self) -> None:
        """Finish what a former process left unsigned; ``Unavailable("log_not_open")`` if there is no log."""
        self._sequencer.seize()
        self._sequencer.catch_up()

    def stop(self) -> None:
        """Nothing is left to do: a tail is signed by the next process."""

    def unfinished(self) -> bool:
        """Whether a tail is not signed."""
        return self._sequencer.unfinished()

    def again(self) -> None:
        """Try the tail again."""
        self._sequencer.catch_up()

    def committed(self, end: LogEnd, fresh: Sequence[bytes], done: Sequence[Job[object]]) -> None:
        """Sign, then answer."""
        self._sequencer.catch_up(end, fresh)
        for job in done:
            if job.needs_size <= self._sequencer.size:
                job.answer()
            else:
                job.refuse(late())

    def unsure(self) -> None:
        """A commit failed, and may have reached the disk."""
        self._sequencer.unsure()
