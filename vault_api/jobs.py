"""The jobs of a vault: what is done now and then, by any process and without harm if it is done twice.

Each waits in the outbox (``vault_api/wants.py``). Where there is one process, housekeeping does what is due. On
PostgreSQL it hands what is due to procrastinate, and workers take it from there; procrastinate carries and nothing
more: a job that it loses still stands in the outbox and is handed over again.

Left out: what speaks with the chain. Anchors and revocations are sent from one account by one process in turn, which is
the publisher's lease and no job.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import Engine

from protocol.errors import OneFileError
from vault_api.db.engine import settle
from vault_api.services import garbage, notices, retentions, uploads
from vault_api.services.payloads import remove_doomed
from vault_api.vault import Vault
from vault_api.wants import PAYLOADS, done, due, failed, want
from vault_api.writer import Tx
from vault_api.writes import forget_old

if TYPE_CHECKING:
    import procrastinate

FORGET, RETENTIONS = "forget", "retentions"
UPLOADS, SWEEP, SETTLE = "uploads", "sweep", "settle"
TASK, QUEUE = "vault", "vault"
AT_ONCE = 2  # jobs of one worker
POLL_S = 1.0  # of a worker that hears nothing
STOP_S = 10

_log = structlog.get_logger("vault_api.jobs")


def _forget(vault: Vault) -> None:
    vault.sequencer.call(forget_old)
    vault.sequencer.call(notices.forget_old)


KINDS: Mapping[str, Callable[[Vault], object]] = {
    FORGET: _forget,
    RETENTIONS: retentions.look_after,
    PAYLOADS: lambda vault: vault.sequencer.call(lambda tx: remove_doomed(vault, tx)),
    UPLOADS: uploads.end_idle,
    SWEEP: garbage.sweep,
    SETTLE: lambda vault: settle(vault.engine),  # the last: what the others erased leaves the files
}
Carry = Callable[[Vault], None]


def want_all(tx: Tx) -> None:
    """Have every kind of job done: it is time."""
    for kind in KINDS:
        want(tx, kind)


def do_due(vault: Vault) -> None:
    """Do here what is due."""
    for kind in _due(vault):
        do(vault, kind)


def do(vault: Vault, kind: str) -> None:
    """Do one kind of job if it waits. A failure is logged, and the job waits on."""
    wanted = _due(vault).get(kind)
    work = KINDS.get(kind)
    if wanted is None or work is None:
        return  # another process was quicker, or it is of a later version
    try:
        work(vault)
    except Exception as error:  # noqa: BLE001 (one job that fails must not keep the others from being done)
        said = error.code if isinstance(error, OneFileError) else type(error).__name__
        _log.error("job failed", job=kind, code=said)
        failed(vault.sequencer, kind)
    else:
        done(vault.sequencer, kind, wanted)


def _due(vault: Vault) -> dict[str, int]:
    with vault.engine.connect() as conn:
        return due(conn, vault.clock.now())


# --- on PostgreSQL --------------------------------------------------------------------------------


class HandOver:
    """Gives procrastinate what is due, each kind of job once at a time."""

    def __init__(self, engine: Engine) -> None:
        self._app = _app(engine, waits=False)
        self._open = False

    def __call__(self, vault: Vault) -> None:
        """One round; ``procrastinate`` is opened when there is something."""
        kinds = _due(vault)
        if not kinds:
            return
        from procrastinate.exceptions import AlreadyEnqueued

        if not self._open:
            self._app.open()
            self._open = True
        for kind in kinds:
            with contextlib.suppress(AlreadyEnqueued):
                self._app.configure_task(TASK, queue=QUEUE, queueing_lock=kind).defer(kind=kind)

    def close(self) -> None:
        """Let the connections go."""
        if self._open:
            self._app.close()
            self._open = False


class Worker:
    """The thread of a worker process: takes what was handed over, and does it."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._ended = threading.Event()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Finish what was begun and end."""
        self._ended.set()
        if self._loop is not None and self._task is not None:
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._task.cancel)
        if self._thread.is_alive():
            self._thread.join(timeout=2 * STOP_S)

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                asyncio.run(self._work())
            except Exception as error:  # noqa: BLE001 (a worker that dies would leave the jobs undone)
                _log.error("worker broke off", kind=type(error).__name__)
            self._ended.wait(POLL_S)

    async def _work(self) -> None:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        app = _app(self._vault.engine, waits=True)
        app.task(name=TASK, queue=QUEUE)(self._do)
        with contextlib.suppress(asyncio.CancelledError):
            async with app.open_async():
                await _forget_stalled(app)
                await app.run_worker_async(
                    queues=[QUEUE],
                    concurrency=AT_ONCE,
                    install_signal_handlers=False,
                    delete_jobs="always",
                    fetch_job_polling_interval=POLL_S,
                    shutdown_graceful_timeout=STOP_S,
                )

    def _do(self, kind: str) -> None:
        do(self._vault, kind)


async def _forget_stalled(app: procrastinate.App) -> None:
    """Jobs of workers that were killed: what they were to do still stands in the outbox."""
    from procrastinate.jobs import Status

    for job in await app.job_manager.get_stalled_jobs():
        await app.job_manager.finish_job(job, Status.FAILED, delete_job=True)


def _app(engine: Engine, *, waits: bool) -> procrastinate.App:
    import procrastinate

    _arguments, options = engine.dialect.create_connect_args(engine.url)
    make = procrastinate.PsycopgConnector if waits else procrastinate.SyncPsycopgConnector
    return procrastinate.App(connector=make(kwargs=options, min_size=1, max_size=AT_ONCE + 2))
