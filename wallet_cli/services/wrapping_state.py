"""How far the wrapping of headers is, who works at it, and the word that ends it. Opens no keys and asks nobody.

    wrapping.json   how far it is; only a report: what is left to do stands in the items (``rewrapping.py``)
    wrapping.lock   held by the one process that works; the kernel gives it back when that process dies
    wrapping.stop   why it shall end, written by who wants that

A process that is killed leaves ``working`` behind and nobody who holds the lock: so it is known to be broken off.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

from client.files import PRIVATE_FILE, private_folder, read_json, write_json, write_private
from client.profile import Profile
from protocol.errors import FAULTS, Conflict, Denied, OneFileError

STATE_FILE, LOCK_FILE, STOP_FILE = "wrapping.json", "wrapping.lock", "wrapping.stop"
LOOK_S, PATIENCE_S, END_S = 0.02, 0.4, 10.0
AGAIN_S = 60  # what only time heals is not tried again with every command
# What is over when the next command opens the keys, and what only time heals. All else waits for a person.
OVER, PASSING = frozenset({"wrapping_locked", "wrapping_superseded"}), frozenset({"dossier_frozen"})
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Reason:
    """Why it ended early: an error of ours, kept so that it can be told later in any language."""

    fault: str
    code: str
    template: str
    facts: dict[str, str | int]

    @classmethod
    def of(cls, error: OneFileError) -> Self:
        return cls(error.fault, error.code, error.template, dict(error.facts))

    @property
    def error(self) -> OneFileError:
        return FAULTS.get(self.fault, OneFileError)(self.code, self.template, **self.facts)

    @property
    def waits_s(self) -> int | None:
        """In how many seconds the work may begin again by itself; None: a person must look."""
        if self.code in OVER:
            return 0
        return AGAIN_S if self.fault == "unavailable" or self.code in PASSING else None


@dataclass(frozen=True, slots=True)
class State:
    """``phase``: working, done or stopped, since ``at``; ``done`` of ``total`` items need nothing any more."""

    card_seq: int
    done: int
    total: int
    at: int
    phase: str = "working"
    refused: tuple[tuple[str, str], ...] = ()
    reason: Reason | None = None

    def stopped(self, error: OneFileError, at: int) -> State:
        return replace(self, phase="stopped", at=at, reason=Reason.of(error))

    def goes_on(self, now: int) -> bool:
        """Whether the work shall begin again by itself, if nobody is at it."""
        if self.reason is None:
            return self.phase == "working"
        return self.reason.waits_s is not None and not 0 <= now - self.at < self.reason.waits_s


def save(profile: Profile, state: State) -> None:
    """Keep how far it is."""
    told = None
    if state.reason is not None:
        reason = state.reason
        told = {"fault": reason.fault, "code": reason.code, "text": reason.template, "facts": reason.facts}
    refused = [list(row) for row in state.refused]
    counts = {"card_seq": state.card_seq, "done": state.done, "total": state.total, "at": state.at}
    body = {"v": _VERSION, **counts, "phase": state.phase, "refused": refused, "reason": told}
    write_json(profile.folder / STATE_FILE, body)


def forget(profile: Profile) -> None:
    """Nothing is under way any more, and nothing begins by itself."""
    (profile.folder / STATE_FILE).unlink(missing_ok=True)


def load(profile: Profile) -> State | None:
    """How far it is; None if nothing was wrapped yet, or the report can not be read: it is only a report."""
    path = profile.folder / STATE_FILE
    if not path.exists():
        return None
    try:
        return _parsed(read_json(path))
    except (OneFileError, OSError, KeyError, TypeError, ValueError):
        return None


def _parsed(value: dict[str, Any]) -> State | None:
    if value["v"] != _VERSION:
        return None
    refused = tuple((str(item), str(code)) for item, code in value["refused"])
    counts = (int(value["card_seq"]), int(value["done"]), int(value["total"]), int(value["at"]))
    reason = None
    if value["reason"] is not None:
        kept = value["reason"]
        reason = Reason(str(kept["fault"]), str(kept["code"]), str(kept["text"]), dict(kept["facts"]))
    return State(*counts, str(value["phase"]), refused, reason)


# --- who works --------------------------------------------------------------------------------------


@contextlib.contextmanager
def working(handle: int) -> Iterator[int]:
    """The lock that was taken, given back here at the end."""
    try:
        yield handle
    finally:
        os.close(handle)


def take(profile: Profile, patience_s: float | None = None) -> int | None:
    """Become the one who works: a descriptor to close at the end, or to hand to the process that goes on.

    None if another works. ``patience_s``: who only looks (``running``) holds the lock for a moment too.
    """
    handle = _opened(profile)
    until = time.monotonic() + (PATIENCE_S if patience_s is None else patience_s)
    while not _locked(handle):
        if time.monotonic() >= until:
            os.close(handle)
            return None
        time.sleep(LOOK_S)
    (profile.folder / STOP_FILE).unlink(missing_ok=True)  # it was for who worked before
    return handle


def running(profile: Profile) -> bool:
    """Whether some process works now."""
    if not (profile.folder / LOCK_FILE).exists():
        return False
    handle = _opened(profile)
    try:
        return not _locked(handle)
    finally:
        os.close(handle)


def _opened(profile: Profile) -> int:
    return os.open(private_folder(profile.folder) / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


# --- the word that ends it --------------------------------------------------------------------------


def locked() -> OneFileError:
    return Denied("wrapping_locked", "the wallet was locked")


def superseded() -> OneFileError:
    return Denied("wrapping_superseded", "the keys were changed again")


def busy() -> OneFileError:
    return Conflict("wrapping_busy", "another process of this wallet wraps headers now")


_WORDS = {"locked": locked, "superseded": superseded}


def stop(profile: Profile, word: str) -> bool:
    """Have whoever works end (``word``: locked or superseded) and wait for it; whether nobody works any more."""
    if not running(profile):
        return True
    write_private(profile.folder / STOP_FILE, word.encode("ascii"))
    until = time.monotonic() + END_S
    while time.monotonic() < until:
        if not running(profile):
            return True
        time.sleep(LOOK_S)
    return False


def asked_to_stop(profile: Profile) -> OneFileError | None:
    """Why who works shall end; None while nobody wants it."""
    try:
        word = (profile.folder / STOP_FILE).read_bytes()[:64].decode("ascii", "replace")
    except FileNotFoundError:
        return None
    return _WORDS.get(word, locked)()


def check(profile: Profile) -> None:
    """Raise why who works shall end, if somebody wants it."""
    error = asked_to_stop(profile)
    if error is not None:
        raise error
