"""The holder's session behind the page: one thing at a time, and locked when nobody has looked at it for a while.

The page holds no key. The keys are in this process, as in a command's; the idle time and the agent's time end them.
Who opens again types the passphrase: a browser that was left open is no reason to ask less.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from client import agent
from client.keystore import read_keys
from client.session import Session
from protocol.errors import Denied
from protocol.recipients import Passphrase
from wallet_cli.services.answering import Answered, Asked
from wallet_cli.services.claiming import Claimed
from wallet_cli.services.granting import Plan
from wallet_cli.web.syncing import SyncJob
from wallet_cli.web.turn import Turn

IDLE_S = 15 * 60
WATCH_S = 5.0


@dataclass(slots=True)
class Unfinished:
    """What the holder is about to do; forgotten when the page locks."""

    asked: Asked | None = None
    answered: Answered | None = None
    plan: Plan | None = None
    turn: Turn | None = None
    seen: dict[str, Claimed] = field(default_factory=dict)


class Safe:
    """One profile's session, shared by all tabs. ``opened`` is the only way to it."""

    def __init__(self, session: Session, idle_s: int = IDLE_S) -> None:
        self._session, self.idle_s = session, idle_s
        self._busy = threading.RLock()
        self._used_at = session.clock.now()
        self._locked = False
        self._from_agent = agent.left_s(session.profile) is not None
        _opened = session.keys  # asked for now, at the terminal, not when the first page is drawn
        self.unfinished = Unfinished()
        self.syncing = SyncJob()

    @contextmanager
    def opened(self, *, quiet: bool = False) -> Iterator[Session]:
        """The session for one request; ``Denied("locked")`` if the page is locked.

        ``quiet``: a look that the page takes by itself, which shows no sign of the holder.
        """
        with self._busy:
            self.check()
            if self._locked:
                raise Denied("locked", "the page is locked: nobody used it for a while, or somebody locked it")
            if not quiet:
                self._used_at = self._session.clock.now()
            yield self._session

    def lock(self, *, agent_too: bool = False) -> None:
        """Forget the keys and whatever was begun; ``agent_too``: the agent forgets them as well."""
        with self._busy:
            turn, self.unfinished = self.unfinished.turn, Unfinished()
            if turn is not None:
                turn.end()
            self._session.forget_keys()
            self._locked = True
            if agent_too:
                agent.lock(self._session.profile)

    def unlock(self, passphrase: str) -> None:
        """Open the key store again; ``Denied("wrong_passphrase")``."""
        with self._busy:
            self._session.use_keys(read_keys(self._session.profile.key_file, Passphrase(passphrase)))
            self._locked = self._from_agent = False
            self._used_at = self._session.clock.now()

    def check(self) -> None:
        """Lock if the time is over, or the agent that gave the keys has ended."""
        with self._busy:
            idle = self._session.clock.now() - self._used_at >= self.idle_s
            ended = self._from_agent and agent.left_s(self._session.profile) is None
            if not self._locked and (idle or ended):
                self.lock()

    @contextmanager
    def watched(self, every_s: float = WATCH_S) -> Iterator[None]:
        """Check again and again, also while no browser asks anything: keys are not kept for nobody."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(every_s):
                self.check()

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
