"""Hears what other processes of the same database have committed, and looks by itself when it hears nothing.

On PostgreSQL a connection of its own listens (``LISTEN``). Nothing depends on a word that is heard: without any, the
thread looks every ``poll_s`` seconds, and so it does where a database has no such thing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import Engine

from protocol.errors import OneFileError
from vault_api.db.signals import CHANNEL

if TYPE_CHECKING:
    import psycopg

POLL_S = 0.2
AGAIN_S = 2.0  # until a broken connection is tried again

_log = structlog.get_logger("vault_api.listening")


class Listener:
    """A thread that calls ``heard`` with the words that came, or with none after ``poll_s`` seconds of silence."""

    def __init__(
        self, name: str, engine: Engine, heard: Callable[[frozenset[str]], None], *, poll_s: float = POLL_S
    ) -> None:
        self._name = name
        self._engine = engine
        self._heard = heard
        self._poll_s = poll_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._connection: psycopg.Connection[Any] | None = None
        self._not_before = 0.0
        self._last = ""

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """End; returns when it has."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        self._hang_up()

    def _run(self) -> None:
        while not self._ended.is_set():
            words = self._words()
            if not self._ended.is_set():
                self.once(words)

    def once(self, words: frozenset[str]) -> None:
        """Look, having heard ``words``; an error is logged when it is not the one of the last time."""
        said = ""
        try:
            self._heard(words)
        except OneFileError as error:
            said = error.code
        except Exception as error:  # noqa: BLE001 (who stops listening leaves callers waiting)
            said = type(error).__name__
        if said and said != self._last:
            _log.error("look failed", listener=self._name, code=said)
        self._last = said

    def _words(self) -> frozenset[str]:
        if self._engine.dialect.name != "postgresql":
            self._ended.wait(self._poll_s)
            return frozenset()
        try:
            line = self._connected()
            if line is None:
                self._ended.wait(self._poll_s)
                return frozenset()
            return frozenset(note.payload for note in line.notifies(timeout=self._poll_s, stop_after=1))
        except _driver_error() as error:
            _log.error("not listening", listener=self._name, kind=type(error).__name__)
            self._hang_up()
            self._not_before = time.monotonic() + AGAIN_S
            return frozenset()

    def _connected(self) -> psycopg.Connection[Any] | None:
        import psycopg

        if self._connection is None and time.monotonic() >= self._not_before:
            arguments, options = self._engine.dialect.create_connect_args(self._engine.url)
            self._connection = psycopg.connect(*arguments, autocommit=True, connect_timeout=5, **options)
            self._connection.execute(f"LISTEN {CHANNEL}")
        return self._connection

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _driver_error() -> type[Exception]:
    import psycopg

    return psycopg.Error
