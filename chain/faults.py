"""Failures on demand: the seam by which the ledger in memory is made to fail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from chain.garbage import unreachable
from protocol.errors import OneFileError


@dataclass(slots=True)
class _Fault:
    method: str | None
    after: bool
    error: OneFileError


class Faults:
    """Failures to come, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._queue: list[_Fault] = []

    def fail(
        self,
        method: str | None = None,
        *,
        after: bool = False,
        times: int = 1,
        error: OneFileError | None = None,
    ) -> None:
        """Let the next `times` calls of `method` (None: of any) raise `error`, by default `chain_unreachable`.

        `after`: what the call does is done, and only its answer is lost.
        """
        fault = _Fault(method, after, error or unreachable("a fault that was asked for"))
        self._queue += [fault] * times

    @contextmanager
    def around(self, method: str) -> Iterator[None]:
        """Raise what was asked for, before or after the body."""
        fault = next((f for f in self._queue if f.method in {None, method}), None)
        if fault is not None:
            self._queue.remove(fault)
            if not fault.after:
                raise fault.error
        yield
        if fault is not None:
            raise fault.error
