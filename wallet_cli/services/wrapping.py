"""Wrapping headers anew, here or in a process of its own that goes on when the command has ended (ADR 20).

The person has the prompt back as soon as chain, vault and key store are settled. The process gets the roots and
nothing else: no account that signs, no passphrase. It ends by itself when all is wrapped, when the wallet is locked,
and when the vault does not answer or refuses; why is kept (``wrapping_state.py``). What is left to do stands in the
items alone, so that it can be killed anywhere and is started again.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from client import agent
from client.background import OUTSIDE, spawn
from client.keystore import Keys
from client.profile import Profile
from client.session import Session
from client.settings import Settings
from console.i18n import describe
from protocol import wire_keys
from protocol.errors import Conflict, OneFileError, Unavailable
from protocol.keys import AccountKey, RevokeKey, TagKey
from wallet_cli.services import rewrapping, wrapping_state
from wallet_cli.services.registration import newest_card
from wallet_cli.services.rewrapping import RewrapReport
from wallet_cli.services.wrapping_state import Reason, State

AT_ONCE = wire_keys.MAX_REWRAPS  # so few need one request: to wait for it is shorter than to be told of a process
MODULE = "wallet_cli.wrapping_main"
WATCH_S, FOLLOW_S = 0.1, 0.2
AGENT_EVERY = 10  # looks: the agent is asked once a second
AGENT_GONE = 2  # answers missing in a row: a change of keys starts another agent in place of the first

Tell = Callable[[State], None]
Keep = Callable[[State], None]


def want(session: Session) -> None:
    """The keys have changed: from now on a command that finds nobody at work begins."""
    if not wrapping_state.stop(session.profile, "superseded"):
        raise wrapping_state.busy()
    wrapping_state.save(session.profile, State(session.party.card_seq, 0, 0, session.clock.now()))


def left(session: Session) -> int:
    """How many of the items that are here are not sealed to the newest card."""
    return len(rewrapping.divided(session, newest_card(session))[1])


def here(session: Session, tell: Tell) -> RewrapReport:
    """Wrap in this process. If another is at it, wait for its end first, and do what it left."""
    handle = wrapping_state.take(session.profile)
    if handle is None:
        follow(session, tell)
        handle = wrapping_state.take(session.profile)
    if handle is None:
        raise wrapping_state.busy()
    with wrapping_state.working(handle):
        return _carry_out(session, tell, lambda: wrapping_state.check(session.profile), _keep(session))


def apart(session: Session) -> State:
    """Have a process of its own wrap; returns once it has the keys. ``Conflict`` if one is at it."""
    handle = wrapping_state.take(session.profile)
    if handle is None:
        raise wrapping_state.busy()
    with wrapping_state.working(handle):
        card = newest_card(session)
        present, todo = rewrapping.divided(session, card)
        return _handed(session, handle, State(card.card.seq, len(present) - len(todo), len(present), 0))


def go_on(session: Session) -> bool:
    """Start the process again if it was broken off by what passes; whether it was. Asks neither vault nor chain."""
    profile = session.profile
    found = wrapping_state.load(profile)
    if found is None or not found.goes_on(session.clock.now()) or wrapping_state.running(profile):
        return False
    handle = wrapping_state.take(profile, 0)
    if handle is None:
        return False
    with wrapping_state.working(handle):
        try:
            _handed(session, handle, replace(found, refused=(), reason=None))
        except OneFileError:
            return False  # it is kept, and `wallet keys rewrap` tells it: this command was about something else
    return True


def follow(session: Session, tell: Tell) -> None:
    """Tell how far the process at work is, until it ends."""
    while wrapping_state.running(session.profile):
        found = wrapping_state.load(session.profile)
        if found is not None:
            tell(found)
        session.clock.sleep(FOLLOW_S)


def told(profile: Profile) -> dict[str, Any] | None:
    """How far it is, for people and programs: ``state`` is running, done, stopped, or broken-off (killed)."""
    found = wrapping_state.load(profile)
    if found is None:
        return None
    at_work = wrapping_state.running(profile)
    state = "running" if at_work else {"working": "broken-off"}.get(found.phase, found.phase)
    return {
        "state": state,
        "card_seq": found.card_seq,
        "done": found.done,
        "total": found.total,
        "refused": [{"item": item, "code": code} for item, code in found.refused],
        "reason": None if found.reason is None else _reason(found.reason),
    }


def _reason(reason: Reason) -> dict[str, str]:
    return {"code": reason.code, "message": describe(reason.error)}


# --- what both ways share ---------------------------------------------------------------------------


def _carry_out(session: Session, tell: Tell, ask: Callable[[], None], keep: Keep) -> RewrapReport:
    last = State(session.party.card_seq, 0, 0, session.clock.now())

    def hear(report: RewrapReport) -> None:
        nonlocal last
        last = State(report.card_seq, report.done, report.total, session.clock.now(), refused=tuple(report.refused))
        keep(last)
        tell(last)

    try:
        report = rewrapping.rewrap(session, hear, ask=ask)
    except OneFileError as error:
        keep(last.stopped(error, session.clock.now()))
        raise
    except Exception as error:
        keep(last.stopped(_fault(error), session.clock.now()))
        raise
    keep(replace(last, phase="done", refused=tuple(report.refused)))
    return report


def _fault(error: Exception) -> OneFileError:
    return Conflict("wrapping_failed", "a fault of this program: {kind}", kind=type(error).__name__)


def _keep(session: Session) -> Keep:
    return lambda state: wrapping_state.save(session.profile, state)


# --- handing over -----------------------------------------------------------------------------------


def _handed(session: Session, handle: int, before: State) -> State:
    """Start the process, which holds the lock from its first moment on: the descriptor is handed over."""
    begun = replace(before, phase="working", at=session.clock.now())
    wrapping_state.save(session.profile, begun)
    if spawn(MODULE, order(session, handle), keep=OUTSIDE, handles=(handle,)) is None:
        error = Unavailable("wrapping_start", "the process that wraps headers did not start")
        wrapping_state.save(session.profile, begun.stopped(error, session.clock.now()))
        raise error
    return begun


def order(session: Session, handle: int) -> dict[str, Any]:
    """All that the process needs, for its standard input."""
    settings = asdict(replace(session.settings, passphrase_file=None))
    places = {name: str(settings[name].absolute()) for name in _PATHS}  # it works in another folder
    return {
        "profile": session.profile.name,
        "settings": {**settings, **places},
        "keys": _roots_alone(session.keys).unsafe_plaintext().decode("utf-8"),
        "bound": agent.left_s(session.profile) is not None,
        "lock": handle,
    }


_PATHS = ("home", "deployment")


def session_of(given: dict[str, Any]) -> Session:
    """The session of the process that got ``given``."""
    values = {name: value for name, value in given["settings"].items() if name not in _PATHS}
    paths = {name: Path(given["settings"][name]) for name in _PATHS}
    settings = Settings(**{**values, **paths, "rpc_urls": tuple(values["rpc_urls"])})
    session = Session(Profile.of("wallet", given["profile"], settings.home), settings)
    session.use_keys(Keys.parse(given["keys"].encode("utf-8")))
    return session


def _roots_alone(keys: Keys) -> Keys:
    """The roots, by which headers open and words are signed; in place of all other keys such as nobody else has."""
    drawn = [secrets.token_bytes(32) for _number in range(3)]
    return Keys(keys.kind, keys.roots, AccountKey(drawn[0]), TagKey(drawn[1]), RevokeKey(drawn[2]))


# --- the process ------------------------------------------------------------------------------------


class Watch(threading.Thread):
    """Ends the process at once, in the middle of a request too, when the wallet is locked or the keys change.

    ``bound``: the wallet was unlocked for a time when it began; when that time is over, it is locked here too.
    """

    def __init__(self, session: Session, *, bound: bool, leave: Callable[[int], object]) -> None:
        super().__init__(daemon=True)
        self._session, self._bound, self._leave = session, bound, leave
        self._over, self._guard, self._left = threading.Event(), threading.Lock(), False
        self._looks = self._missing = 0

    def run(self) -> None:
        while not self._over.wait(WATCH_S):
            error = self.why()
            if error is not None:
                self._end(error)
                return

    def why(self) -> OneFileError | None:
        """Why it shall end now."""
        self._looks += 1
        if self._bound and self._looks % AGENT_EVERY == 0:
            gone = agent.left_s(self._session.profile) is None
            self._missing = self._missing + 1 if gone else 0
        if self._missing >= AGENT_GONE:
            return wrapping_state.locked()
        return wrapping_state.asked_to_stop(self._session.profile)

    def keep(self, state: State) -> None:
        """Keep how far it is; not any more once this process leaves."""
        with self._guard:
            if not self._left:
                wrapping_state.save(self._session.profile, state)

    def over(self) -> None:
        self._over.set()
        self.join()

    def _end(self, error: OneFileError) -> None:
        profile, now = self._session.profile, self._session.clock.now()
        with self._guard:
            found = wrapping_state.load(profile)
            if found is not None:
                wrapping_state.save(profile, found.stopped(error, now))
            self._left = True
            self._leave(0)


def work(session: Session, *, bound: bool, leave: Callable[[int], object] = os._exit) -> int:
    """What the process does: wrap, and keep how it ended. Returns its exit code."""
    watch = Watch(session, bound=bound, leave=leave)
    watch.start()
    try:
        _carry_out(session, lambda _state: None, lambda: None, watch.keep)
    except Exception:  # noqa: BLE001 (it is kept for who asks; nobody reads what this process would print)
        return 1
    finally:
        watch.over()
        session.close()
    return 0
