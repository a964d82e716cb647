"""Seams with a clock beside them: each call of a ledger or a blob store is timed, and its failures are counted by code.

Names of methods are the labels: there are as many as the port has, whatever is asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar, cast

from prometheus_client import Counter, Histogram
from sqlalchemy import Engine, event

from chain.ledger import BlockRef, Ledger
from protocol.errors import OneFileError, Unavailable
from vault_api import metrics
from vault_api.blobs import BlobStore

Seam = TypeVar("Seam")


def timed_blobs(blobs: BlobStore) -> BlobStore:
    """The same store, with its times in the metrics."""
    return cast("BlobStore", _Timed(blobs, metrics.BLOB_SECONDS, metrics.BLOB_FAILURES))


def timed_ledger(ledger: Ledger) -> Ledger:
    """The same ledger, with its times in the metrics, and the newest head that it told."""
    return cast("Ledger", _Timed(ledger, metrics.RPC_SECONDS, metrics.RPC_FAILURES))


def timed_engine(engine: Engine) -> Engine:
    """The same engine: its statements are timed. Those of the hottest path go by the driver, in the group's time."""
    event.listen(engine, "before_cursor_execute", _before)
    event.listen(engine, "after_cursor_execute", _after)
    return engine


class _Timed:
    """Passes everything on; a method is wrapped when it is first asked for."""

    def __init__(self, inner: object, seconds: Histogram, failures: Counter) -> None:
        self._inner = inner
        self._seconds = seconds
        self._failures = failures

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name.startswith("_") or not callable(found):
            return found  # asked for again each time: a property may say something else then
        wrapped = self._wrapped(name, found)
        self.__dict__[name] = wrapped
        return wrapped

    def _wrapped(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        seconds = self._seconds.labels(name)

        def call(*given: Any, **named: Any) -> Any:
            began = time.perf_counter()
            try:
                result = method(*given, **named)
            except OneFileError as error:
                # What is refused by who was asked is an answer; what did not answer is a failure.
                if isinstance(error, Unavailable):
                    self._failures.labels(name, error.code).inc()
                raise
            finally:
                seconds.observe(time.perf_counter() - began)
            if isinstance(result, BlockRef) and name == "head":
                metrics.CHAIN_HEAD.set(result.number)
            return result

        return call


def _before(conn: Any, _cursor: Any, _statement: str, _parameters: Any, _context: Any, _many: bool) -> None:
    conn.info["onefile_began"] = time.perf_counter()


def _after(conn: Any, _cursor: Any, _statement: str, _parameters: Any, _context: Any, _many: bool) -> None:
    metrics.DATABASE_SECONDS.observe(time.perf_counter() - conn.info["onefile_began"])
