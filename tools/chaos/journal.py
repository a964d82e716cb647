"""The clients' own records: every operation that was asked for, and what was told about it.

An operation is *answered* (acknowledged), *given up* (sent, never answered: it may have happened or not), or
*refused*, which nothing that these clients ask for should be.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["deposit", "grant", "release", "revoke", "note"]
State = Literal["sent", "answered", "given up", "refused"]
KINDS: tuple[Kind, ...] = ("deposit", "grant", "release", "revoke", "note")


@dataclass(slots=True)
class Act:
    """One operation. ``object_sha256``: of what its log entry commits to; of the receipt for a release.

    ``ident``: the item, the grant, or the grant that is used or ended. ``payloads``: what a deposit brought along.
    """

    kind: Kind
    holder: int
    ident: bytes
    object_sha256: bytes
    payloads: tuple[bytes, ...] = ()
    state: State = "sent"
    tries: int = 0
    index: int | None = None
    use_no: int | None = None
    code: str = ""


@dataclass(slots=True)
class Journal:
    """All operations of one run, in the order in which they were first sent. Any thread may write."""

    acts: list[Act] = field(default_factory=list)
    silences: Counter[str] = field(default_factory=Counter)  # tries without an answer, by what came instead
    told: int = 0  # operations that were acknowledged
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, act: Act) -> Act:
        """Note an operation before its first byte is sent."""
        with self._lock:
            self.acts.append(act)
        return act

    def answered(self, act: Act, index: int, use_no: int | None = None) -> None:
        """It was acknowledged: it has this place in the log, and this number among the uses."""
        with self._lock:
            act.state, act.index, act.use_no = "answered", index, use_no
            self.told += 1

    def silent(self, code: str) -> None:
        """A try had no answer."""
        with self._lock:
            self.silences[code] += 1

    def count(self, state: State, kind: Kind | None = None) -> int:
        """How many operations ended so."""
        return sum(act.state == state and kind in {None, act.kind} for act in list(self.acts))
