"""One writer: every change of the vault's state, in order, many to a transaction.

Work is handed in as a function of ``Tx`` and runs in the sequencer's own thread, inside the transaction of its
group, each behind a savepoint of its own: work that raises leaves nothing behind and hurts nobody else of the
group. An answer is given only after

  (1) the transaction has committed,
  (2) the tiles and bundles that hold its entries are durable in the blob store,
  (3) the checkpoint that covers them is signed and persisted: never is anything signed that is not durable.

Within a group the order is drawn by lot: whoever handed in several things at once would else leave them side by side in
the log, where they tell a reader what belongs together. All of a group was handed in before any of it was answered, so
that nobody can have counted on an order.

What fails in (1) did not happen. What fails in (2) or (3) happened and is not answered: the caller gets
``Unavailable``, and the same request gets its answer once the log has caught up (FORMATS, Use).

There is one sequencer for one database. A second one on the same log would be refused by the primary key of
``entries``, at commit.
"""

from __future__ import annotations

import asyncio
import queue
import secrets
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import structlog
from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from protocol.errors import OneFileError, Unavailable
from protocol.merkle import Frontier, leaf_hashes
from vault_api.clock import Clock
from vault_api.db import tables as t
from vault_api.db.engine import WRITER
from vault_api.db.prepared import Prepared, raw
from vault_api.log_store import LogStore

Result = TypeVar("Result")
MAX_GROUP = 256
RETRY_S = 0.5

STEPS = ("begun", "worked", "committed", "stored", "signed")  # in this order, for each group

_log = structlog.get_logger("vault_api.sequencer")
_SAVEPOINT, _RELEASE, _UNDO = "SAVEPOINT work", "RELEASE SAVEPOINT work", "ROLLBACK TO SAVEPOINT work"
_HEAD = select(t.log_head.c.frontier, t.log_head.c.last_at).where(t.log_head.c.id == 1)
_INSERT_ENTRY: Prepared[None] = Prepared(insert(t.entries), "idx", "entry", "at")
_UPDATE_HEAD = update(t.log_head).where(t.log_head.c.id == 1)


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
    staged: list[bytes] = field(default_factory=list)
    needs_size: int = 0

    def append(self, entry: bytes) -> int:
        """Add a leaf to the log and return its index; ``Unavailable("clock_behind")`` if time ran back."""
        if self.now < self.floor:
            raise Unavailable(
                "clock_behind",
                "the vault's clock says {now}, which is before {floor}, already logged or on chain",
                now=self.now,
                floor=self.floor,
            )
        index = self.size
        _INSERT_ENTRY.run(self.conn, {"idx": index, "entry": entry, "at": self.now})
        self.staged.append(entry)
        self.size += 1
        self.require(index)
        return index

    def attempt(self, work: Callable[[], Result]) -> Result:
        """Do ``work`` behind a savepoint: if it raises, nothing of it stays, in the log or elsewhere."""
        staged, size, needs = len(self.staged), self.size, self.needs_size
        raw(self.conn, _SAVEPOINT)
        try:
            result = work()
        except BaseException:
            self._undo()
            del self.staged[staged:]
            self.size, self.needs_size = size, needs
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
class _Job(Generic[Result]):
    work: Callable[[Tx], Result]
    future: Future[Result]
    value: Result | None = None
    needs_size: int = 0


class Sequencer:
    """The writer thread. ``start`` before, ``stop`` after; ``submit`` from any thread between them."""

    def __init__(
        self,
        engine: Engine,
        log: LogStore,
        clock: Clock,
        *,
        wait_s: float = 5.0,
        lag_s: int = 0,
        block_time: Callable[[], int] = lambda: 0,
        on_step: Callable[[str], None] = lambda _step: None,
    ) -> None:
        self._engine = engine
        self._log = log
        self._clock = clock
        self._wait_s = wait_s
        self._lag_s = lag_s
        self._block_time = block_time
        self._on_step = on_step
        self._queue: queue.SimpleQueue[_Job[object] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._frontier: Frontier | None = None
        self._last_at = 0
        self._said = ""

    @property
    def wait_s(self) -> float:
        """How long a caller waits for its answer before it is told to come back."""
        return self._wait_s

    def start(self) -> None:
        """Finish what a former process left unsigned, then begin to take work."""
        self._load()
        self._catch_up()
        self._thread = threading.Thread(target=self._run, name="sequencer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Do what was handed in, then end the thread."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def submit(self, work: Callable[[Tx], Result]) -> Future[Result]:
        """Hand in work; the future has its result once it may be told."""
        future: Future[Result] = Future()
        self._queue.put(_Job(work, future))  # type: ignore[arg-type]  # the queue mixes result types
        return future

    def call(self, work: Callable[[Tx], Result]) -> Result:
        """Hand in work and wait for it; ``Unavailable("sequencer_late")`` if that takes too long."""
        try:
            return self.submit(work).result(self._wait_s)
        except FutureTimeout:
            raise late() from None

    async def acall(self, work: Callable[[Tx], Result]) -> Result:
        """As ``call``, without holding a thread."""
        future = asyncio.wrap_future(self.submit(work))
        try:
            return await asyncio.wait_for(asyncio.shield(future), self._wait_s)
        except TimeoutError:
            future.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody waits now
            raise late() from None

    def _run(self) -> None:
        while True:
            batch, ended = self._gather()
            if batch:
                self._group(batch)
            else:
                self._catch_up()
            if ended:
                return

    def _gather(self) -> tuple[list[_Job[object]], bool]:
        """Everything that waits, at most ``MAX_GROUP``; nothing at all if there is only a tail to finish."""
        batch: list[_Job[object]] = []
        try:
            job = self._queue.get(timeout=None if self._log.size == self._size() else RETRY_S)
            while job is not None:
                batch.append(job)
                if len(batch) == MAX_GROUP:
                    return batch, False
                job = self._queue.get_nowait()
        except queue.Empty:
            return batch, False
        return batch, True

    def _group(self, batch: Sequence[_Job[object]]) -> None:
        self._on_step("begun")
        try:
            done, fresh = self._transaction(batch)
        except Exception as error:  # noqa: BLE001 (a writer that dies would leave everybody waiting)
            # The commit may or may not have reached the disk: what is true is read again before the next one.
            self._frontier = None
            self._say("commit failed", error)
            for job in batch:
                if not job.future.done():
                    job.future.set_exception(
                        Unavailable("database_unreachable", "the database does not answer")
                    )
            return
        self._on_step("committed")
        self._catch_up(fresh)
        for job in done:
            if job.needs_size <= self._log.size:
                job.future.set_result(job.value)
            else:
                job.future.set_exception(late())

    def _transaction(self, batch: Sequence[_Job[object]]) -> tuple[list[_Job[object]], list[bytes]]:
        frontier = self._load()
        with self._engine.connect().execution_options(**WRITER) as conn, conn.begin():
            floor = max(self._last_at, self._block_time())
            now = self._now(floor)
            tx = Tx(conn, now, floor, frontier.size)
            done = [job for job in shuffled(batch) if self._one(tx, job)]
            grown = frontier.extend(leaf_hashes(tx.staged))
            if tx.staged:
                conn.execute(_UPDATE_HEAD, {"frontier": grown.serialise(), "last_at": now})
            self._on_step("worked")
        if tx.staged:
            self._frontier, self._last_at = grown, now
        return done, tx.staged

    def _now(self, floor: int) -> int:
        """The vault's clock. If it lags by no more than ``lag_s`` it is put forward to ``floor``; beyond that it
        stands behind, and nothing is logged (``clock_behind``)."""
        now = self._clock.now()
        return floor if floor - self._lag_s <= now < floor else now

    def _one(self, tx: Tx, job: _Job[object]) -> bool:
        if not job.future.set_running_or_notify_cancel():
            return False
        tx.needs_size = 0
        try:
            job.value = tx.attempt(lambda: job.work(tx))
        except TransactionLost:
            raise
        except Exception as error:  # noqa: BLE001 (whatever it was, it is the caller's answer)
            job.future.set_exception(error)
            if not isinstance(error, OneFileError):
                self._say("work failed", error)
            return False
        job.needs_size = tx.needs_size
        return True

    def _load(self) -> Frontier:
        if self._frontier is None:
            with self._engine.connect() as conn:
                row = conn.execute(_HEAD).one_or_none()
            if row is None:
                raise Unavailable("log_not_open", "the log is not open yet: run vault-api serve once")
            self._frontier = Frontier.parse(row.frontier)
            self._last_at = row.last_at
        return self._frontier

    def _size(self) -> int:
        return self._frontier.size if self._frontier is not None else 0

    def _catch_up(self, fresh: Sequence[bytes] = ()) -> None:
        """Store and sign up to the committed head. A failure is not an answer: it is tried again."""
        try:
            head = self._load()
            if self._log.size == head.size:
                return
            if self._log.size + len(fresh) != head.size:
                fresh = self._entries(self._log.size, head.size)
            self._log.store(fresh)
            self._on_step("stored")
            self._log.sign(head, self._last_at)
            self._on_step("signed")
            self._said = ""
        except (OneFileError, SQLAlchemyError) as error:
            self._say("log is late", error)

    def _say(self, what: str, error: Exception) -> None:
        """Log a failure once, by its kind: its text may repeat what was being written."""
        said = f"{what}: {error.code if isinstance(error, OneFileError) else type(error).__name__}"
        if said != self._said:
            _log.error(what, kind=said.partition(": ")[2])
        self._said = said

    def _entries(self, first: int, end: int) -> list[bytes]:
        rows = select(t.entries.c.entry).where(t.entries.c.idx >= first, t.entries.c.idx < end)
        with self._engine.connect() as conn:
            return list(conn.execute(rows.order_by(t.entries.c.idx)).scalars())


def late() -> Unavailable:
    """The answer while the log has not caught up; the same request gets the true answer later."""
    return Unavailable("sequencer_late", "the log has not caught up yet; send the same request again")


def shuffled(batch: Sequence[_Job[object]]) -> list[_Job[object]]:
    """The jobs of a group in an order that tells nothing about when each was handed in."""
    lots = secrets.token_bytes(16 * len(batch))
    order = sorted(range(len(batch)), key=lambda i: lots[16 * i : 16 * i + 16])
    return [batch[i] for i in order]
