"""The writer of a process: every change of the vault's state, in order, many to a transaction (ADR 26).

Work is handed in as a function of ``Tx`` and runs in the writer's own thread, inside the transaction of its
group, each behind a savepoint of its own: work that raises leaves nothing behind and hurts nobody else of the
group. Any number of processes have a writer each: a transaction begins by locking the row ``log_head``, so that the
groups of all of them come one after the other, and each finds the end of the log where the last one left it.

An answer is given only after

  (1) the transaction has committed,
  (2) the tiles and bundles that hold its entries are durable in the blob store,
  (3) the checkpoint that covers them is signed and persisted: never is anything signed that is not durable.

(2) and (3) are the sequencer's (``vault_api/sequencer.py``); how they come about is the ``Ending``'s matter.

Within a group the order is drawn by lot: whoever handed in several things at once would else leave them side by side in
the log, where they tell a reader what belongs together. All of a group was handed in before any of it was answered, so
that nobody can have counted on an order.

What fails in (1) did not happen. What fails in (2) or (3) happened and is not answered: the caller gets
``Unavailable``, and the same request gets its answer once the log has caught up (FORMATS, Use).
"""

from __future__ import annotations

import asyncio
import queue
import secrets
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import structlog
from sqlalchemy import Connection, Engine, delete, insert, update

from protocol.errors import OneFileError, Unavailable
from protocol.merkle import leaf_hashes
from vault_api import metrics
from vault_api.clock import Clock, clock_behind, put_forward
from vault_api.db import tables as t
from vault_api.db import tables_processes as p
from vault_api.db.engine import WRITER
from vault_api.db.prepared import Prepared, raw
from vault_api.db.signals import tell
from vault_api.ends import LogEnd, locked_end
from vault_api.leases import LeaseLost
from vault_api.storage_full import is_full, storage_full

Result = TypeVar("Result")
MAX_GROUP = 256
KEEP_CHANGES = 10_000  # a process that has missed more forgets everything
RETRY_S = 0.5

STEPS = ("begun", "worked", "committed", "stored", "signed")  # in this order, for each group

_log = structlog.get_logger("vault_api.writer")
_SAVEPOINT, _RELEASE, _UNDO = "SAVEPOINT work", "RELEASE SAVEPOINT work", "ROLLBACK TO SAVEPOINT work"
_INSERT_ENTRY: Prepared[None] = Prepared(insert(t.entries), "idx", "entry", "at")
_UPDATE_HEAD: Prepared[None] = Prepared(
    update(t.log_head).where(t.log_head.c.id == 1), "frontier", "last_at", "changes"
)


class TransactionLost(Exception):  # noqa: N818 (not an error that anybody is told: the group is given up)
    """The database has ended the transaction by itself; nothing of its group has happened."""


@dataclass(slots=True)
class Tx:
    """What one piece of work sees: the group's connection, one moment, and the end of the log.

    ``floor`` is the latest time that the vault's clock may not be behind: the last logged time or the
    latest block's.
    """

    conn: Connection
    now: int
    floor: int
    size: int
    changes: int = 0
    staged: list[bytes] = field(default_factory=list)
    needs_size: int = 0

    def moment(self) -> int:
        """``now``, for whatever depends on the time; ``Unavailable("clock_behind")`` if time ran back."""
        if self.now < self.floor:
            raise clock_behind(self.now, self.floor)
        return self.now

    def append(self, entry: bytes) -> int:
        """Add a leaf to the log and return its index; ``Unavailable("clock_behind")`` if time ran back."""
        self.moment()
        index = self.size
        _INSERT_ENTRY.run(self.conn, {"idx": index, "entry": entry, "at": self.now})
        self.staged.append(entry)
        self.size += 1
        self.require(index)
        return index

    def touch(self, kind: str, subject: bytes) -> None:
        """What the chain says of this subject has changed: every process forgets it before its next transaction."""
        self.changes += 1
        self.conn.execute(insert(p.chain_changes), {"no": self.changes, "kind": kind, "subject": subject})
        self.conn.execute(delete(p.chain_changes).where(p.chain_changes.c.no <= self.changes - KEEP_CHANGES))

    def attempt(self, work: Callable[[], Result]) -> Result:
        """Do ``work`` behind a savepoint: if it raises, nothing of it stays, in the log or elsewhere."""
        staged, size, needs, changes = len(self.staged), self.size, self.needs_size, self.changes
        raw(self.conn, _SAVEPOINT)
        try:
            result = work()
        except BaseException:
            self._undo()
            del self.staged[staged:]
            self.size, self.needs_size, self.changes = size, needs, changes
            raise
        raw(self.conn, _RELEASE)
        return result

    def _undo(self) -> None:
        # A full disk or a broken one ends SQLite's transaction by itself: what follows would then be written
        # outside of any. So the whole group is given up, and not only this piece of work.
        try:
            raw(self.conn, _UNDO)
            raw(self.conn, _RELEASE)
        except Exception:  # noqa: BLE001 (the drivers share no base class)
            raise TransactionLost from None

    def require(self, index: int) -> None:
        """The answer may be given only once a signed checkpoint covers leaf ``index``."""
        self.needs_size = max(self.needs_size, index + 1)


@dataclass(slots=True)
class Job(Generic[Result]):
    """A piece of work, and what came of it."""

    work: Callable[[Tx], Result]
    future: Future[Result]
    value: Result | None = None
    needs_size: int = 0
    handed_in: float = field(default_factory=time.perf_counter)

    def answer(self) -> None:
        """Tell the result; nothing if the caller has been told something else already."""
        if not self.future.done():
            self.future.set_result(self.value)  # type: ignore[arg-type]  # it was done: there is a value

    def refuse(self, error: Exception) -> None:
        """Tell that it failed; nothing if the caller has been told something else already."""
        if not self.future.done():
            self.future.set_exception(error)


class Ending(Protocol):
    """How what was committed comes to be signed and answered. Called by the writer's thread alone."""

    def start(self) -> None:
        """Before the first work: finish what a former process left unsigned, if that is this process's to do."""

    def stop(self) -> None:
        """After the last work."""

    def unfinished(self) -> bool:
        """Whether something is committed and not signed that ``again`` should try."""

    def again(self) -> None:
        """Try to finish what is unfinished."""

    def committed(self, end: LogEnd, fresh: Sequence[bytes], done: Sequence[Job[object]]) -> None:
        """A group has committed, the log ends at ``end`` with ``fresh``: answer ``done`` once that is signed."""

    def unsure(self) -> None:
        """A commit failed, and may have reached the disk all the same."""


class Changes(Protocol):
    """Who remembers what the chain says, and has to forget it when the chain has changed."""

    def follow(self, conn: Connection, changes: int) -> None:
        """There were ``changes`` changes so far: forget what those touched that are not known here yet."""

    def made(self, changes: int) -> None:
        """Up to ``changes`` they were made here, and what they touched is forgotten already."""


class _NoChanges:
    def follow(self, conn: Connection, changes: int) -> None:
        pass

    def made(self, changes: int) -> None:
        pass


class Work(ABC):
    """What services hand their work to."""

    @property
    @abstractmethod
    def wait_s(self) -> float:
        """How long a caller waits for its answer before it is told to come back."""

    @abstractmethod
    def start(self) -> None:
        """Begin to take work."""

    @abstractmethod
    def stop(self) -> None:
        """Do what was handed in, then end."""

    @abstractmethod
    def submit(self, work: Callable[[Tx], Result]) -> Future[Result]:
        """Hand in work; the future has its result once it may be told."""

    def call(self, work: Callable[[Tx], Result]) -> Result:
        """Hand in work and wait for it; ``Unavailable("sequencer_late")`` if that takes too long."""
        try:
            return self.submit(work).result(self.wait_s)
        except FutureTimeout:
            raise late() from None

    async def acall(self, work: Callable[[Tx], Result]) -> Result:
        """As ``call``, without holding a thread."""
        future = asyncio.wrap_future(self.submit(work))
        try:
            return await asyncio.wait_for(asyncio.shield(future), self.wait_s)
        except TimeoutError:
            future.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody waits now
            raise late() from None


class Writer(Work):
    """The writer thread. ``start`` before, ``stop`` after; ``submit`` from any thread between them."""

    def __init__(
        self,
        engine: Engine,
        ending: Ending,
        clock: Clock,
        *,
        wait_s: float = 5.0,
        lag_s: int = 0,
        block_time: Callable[[], int] = lambda: 0,
        changes: Changes | None = None,
        on_step: Callable[[str], None] = lambda _step: None,
    ) -> None:
        self._engine = engine
        self._ending = ending
        self._clock = clock
        self._wait_s = wait_s
        self._lag_s = lag_s
        self._block_time = block_time
        self._changes = changes or _NoChanges()
        self._on_step = on_step
        self._queue: queue.SimpleQueue[Job[object] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._said = ""

    @property
    def wait_s(self) -> float:
        """How long a caller waits for its answer before it is told to come back."""
        return self._wait_s

    def start(self) -> None:
        """Finish what a former process left unsigned, then begin to take work."""
        self._ending.start()
        metrics.WRITER_QUEUE.set_function(self._queue.qsize)
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Do what was handed in, then end the thread."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None
            self._ending.stop()

    def submit(self, work: Callable[[Tx], Result]) -> Future[Result]:
        """Hand in work; the future has its result once it may be told."""
        future: Future[Result] = Future()
        self._queue.put(Job(work, future))  # type: ignore[arg-type]  # the queue mixes result types
        return future

    def _run(self) -> None:
        while True:
            batch, ended = self._gather()
            if batch:
                self._group(batch)
            else:
                self._ending.again()
            if ended:
                return

    def _gather(self) -> tuple[list[Job[object]], bool]:
        """Everything that waits, at most ``MAX_GROUP``; nothing at all if there is only a tail to finish."""
        batch: list[Job[object]] = []
        try:
            job = self._queue.get(timeout=RETRY_S if self._ending.unfinished() else None)
            while job is not None:
                batch.append(job)
                if len(batch) == MAX_GROUP:
                    return batch, False
                job = self._queue.get_nowait()
        except queue.Empty:
            return batch, False
        return batch, True

    def _group(self, batch: Sequence[Job[object]]) -> None:
        self._on_step("begun")
        metrics.GROUP_SIZE.observe(len(batch))
        began = time.perf_counter()
        for job in batch:
            metrics.WRITER_WAIT.observe(began - job.handed_in)
        try:
            with metrics.COMMIT_SECONDS.time():
                end, done, fresh = self._transaction(batch)
        except Exception as error:  # noqa: BLE001 (a writer that dies would leave everybody waiting)
            self._ending.unsure()
            self._say("commit failed", error)
            for job in batch:
                job.refuse(_not_committed(error))
            return
        # commit point: sequence (docs/spec/durability.md §3)
        self._on_step("committed")
        self._ending.committed(end, fresh, done)

    def _transaction(self, batch: Sequence[Job[object]]) -> tuple[LogEnd, list[Job[object]], list[bytes]]:
        with self._engine.connect().execution_options(**WRITER) as conn, conn.begin():
            end = locked_end(conn)
            self._changes.follow(conn, end.changes)
            floor = max(end.last_at, self._block_time())
            now = self._now(floor)
            tx = Tx(conn, now, floor, end.size, end.changes)
            done = [job for job in shuffled(batch) if self._one(tx, job)]
            grown = keep_grown(tx, end)
            self._on_step("worked")
        self._changes.made(tx.changes)
        return grown, done, tx.staged

    def _now(self, floor: int) -> int:
        """The vault's clock. If it lags by no more than ``lag_s`` it is put forward to ``floor``; beyond that it
        stands behind, and nothing is logged (``clock_behind``)."""
        return put_forward(self._clock.now(), floor, self._lag_s)

    def _one(self, tx: Tx, job: Job[object]) -> bool:
        if not job.future.set_running_or_notify_cancel():
            return False
        tx.needs_size = 0
        try:
            job.value = tx.attempt(lambda: job.work(tx))
        except TransactionLost:
            raise
        except Exception as error:  # noqa: BLE001 (whatever it was, it is the caller's answer)
            job.future.set_exception(storage_full() if is_full(error) else error)
            if not isinstance(error, OneFileError | LeaseLost):
                self._say("work failed", error)
            return False
        job.needs_size = tx.needs_size
        return True

    def _say(self, what: str, error: Exception) -> None:
        """Log a failure once, by its kind: its text may repeat what was being written."""
        said = f"{what}: {error.code if isinstance(error, OneFileError) else type(error).__name__}"
        if said != self._said:
            _log.error(what, kind=said.partition(": ")[2])
        self._said = said


def keep_grown(tx: Tx, end: LogEnd) -> LogEnd:
    """The end of the log behind what a transaction has done, kept in it; ``end`` is where it began."""
    if not tx.staged and tx.changes == end.changes:
        return end
    frontier = end.frontier.extend(leaf_hashes(tx.staged))
    grown = LogEnd(frontier, tx.now if tx.staged else end.last_at, tx.changes)
    _UPDATE_HEAD.run(tx.conn, grown.row())
    tell(tx.conn, "grown")
    return grown


def late() -> Unavailable:
    """The answer while the log has not caught up; the same request gets the true answer later."""
    return Unavailable("sequencer_late", "the log has not caught up yet; send the same request again")


def _not_committed(error: Exception) -> Unavailable:
    return storage_full() if is_full(error) else Unavailable("database_unreachable", "the database does not answer")


def shuffled(batch: Sequence[Job[object]]) -> list[Job[object]]:
    """The jobs of a group in an order that tells nothing about when each was handed in."""
    lots = secrets.token_bytes(16 * len(batch))
    order = sorted(range(len(batch)), key=lambda i: lots[16 * i : 16 * i + 16])
    return [batch[i] for i in order]
