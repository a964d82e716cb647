"""A sync in the background, so that the page can tell how far it is."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from typing import Any

from client.session import Session
from console.i18n import describe, speaking
from protocol.errors import OneFileError
from wallet_cli.services import syncing
from wallet_cli.services.syncing import SyncReport


class SyncJob:
    """At most one sync at a time; what the last one came to stays here."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._beginning = threading.Lock()
        self.fetched = 0
        self.report: SyncReport | None = None
        self.problem: str | None = None

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self, opened: AbstractContextManager[Session], lang: str) -> None:
        """Begin, unless one runs already. ``opened`` is entered by the thread that syncs."""
        with self._beginning:
            if self.running:
                return
            self.fetched, self.report, self.problem = 0, None, None
            self._thread = threading.Thread(target=self._run, args=(opened, lang), daemon=True)
            self._thread.start()

    def join(self) -> None:
        """Wait until it is through."""
        if self._thread is not None:
            self._thread.join()

    def state(self) -> dict[str, Any]:
        """For the page that waits."""
        return {"running": self.running, "fetched": self.fetched}

    def _run(self, opened: AbstractContextManager[Session], lang: str) -> None:
        with speaking(lang):
            try:
                with opened as session:
                    self.report = syncing.sync(session, step=self._step)
            except OneFileError as error:
                self.problem = describe(error)

    def _step(self, size: int) -> None:
        self.fetched += size
