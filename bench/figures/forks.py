"""The figure ``forks``: every fork and rollback of the log raises an alarm, and no honest continuation does.

The honest log is a whole vault's: its writer appends, its publisher anchors, its routes answer; the chain now and then
loses its newest blocks. After each step a monitor looks (``client/monitoring``), with what it kept. The lies are signed
with the log's own key, and shown to the same monitor with the same memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from random import Random

import httpx2
from sqlalchemy import select

from bench.figures.books import LIES, Lie, Scene
from bench.figures.figure import Tally
from bench.figures.rooms import Room
from client.api import VaultApi
from client.http import Http
from client.monitoring.looking import Alarm, Look, Place, Watch
from client.monitoring.state import MonitorState
from protocol.errors import OneFileError
from protocol.note_signer import Ed25519NoteSigner
from tests.desk import DeskTransport
from vault_api.db import tables as t
from vault_api.log_key import read_secret
from vault_api.logbook import log_public
from vault_api.sequencer import Tx

HONEST_EACH = 10  # honest continuations for each lie
MOST_GROWTH = 12
REORGANISED = 0.03
URI = "urn:onefile:status:0x" + "0" * 40 + ":0"
Looking = Callable[[Watch, MonitorState, int], Look]


def looked(watch: Watch, before: MonitorState, now: int) -> Look:
    """The real monitor's look."""
    return watch.look(before, now)


class Forks:
    """``look`` is what finds out, ``room`` what it looks at; others than the real are only for tests of this figure."""

    def __init__(self, look: Looking = looked, room: Room | None = None) -> None:
        self._look = look
        self._room = room

    def close(self) -> None:
        """Nothing to clear away: a batch has a vault of its own, since what it draws goes by the log's size."""

    def end(self) -> Tally:
        return Tally()

    def batch(self, draw: Random, size: int) -> Tally:
        if self._room is not None:
            return self._batch(draw, size, self._room)
        with closing(Room.open()) as room:
            return self._batch(draw, size, room)

    def _batch(self, draw: Random, size: int, room: Room) -> Tally:
        tally, log, state = Tally(), Log(room), MonitorState()
        for _ in range(size):
            for _ in range(HONEST_EACH):
                log.step(draw)
                state = self._honest(draw, log, state, tally)
            self._lie(draw, log, state, tally)
        return tally

    def _honest(self, draw: Random, log: Log, state: MonitorState, tally: Tally) -> MonitorState:
        """A look at the honest vault, once or at two addresses, now and then beginning from nothing."""
        before = MonitorState() if draw.random() < 0.02 else state
        gossip = [state.note] if state.note and draw.random() < 0.2 else []
        lie = Lie([log.honest] * draw.choice((1, 1, 2)), gossip)  # that is none
        try:
            with log.watch(lie) as watch:
                found = self._look(watch, before, log.now)
        except Alarm as alarm:
            tally.control(alarm is None, f"a false alarm: {alarm.error.code}")
            return state
        tally.control(found.size == log.size, "the monitor did not see the newest head")
        return found.state

    def _lie(self, draw: Random, log: Log, state: MonitorState, tally: Tally) -> None:
        log.grow(draw.randrange(1, MOST_GROWTH))
        name = draw.choice(tuple(LIES))
        if name == "another root on chain":
            log.anchor()
        try:
            with log.watch(LIES[name](draw, log.scene(state))) as watch:
                self._look(watch, state, log.now)
        except Alarm as alarm:
            tally.held(f"{name}: {alarm.error.code}")
        except OneFileError as error:
            tally.broke(f"no alarm: {name}: {error.code}")
        else:
            tally.broke(f"no alarm: {name}")


class Log:
    """The honest log of a room, and monitors of it."""

    def __init__(self, room: Room) -> None:
        self._room, self._stage = room, room.stage
        self.honest: httpx2.BaseTransport = DeskTransport(room.desk)
        key = read_secret(self._stage.vault.settings.log_key)
        assert key is not None
        self._signer = Ed25519NoteSigner(self._stage.vault.origin, key)
        self._ledger = self._stage.chain.ledger(self._stage.relayer.address)
        self.grow(5)
        self.anchor()

    @property
    def now(self) -> int:
        return self._stage.clock.now()

    @property
    def size(self) -> int:
        return self._stage.vault.log.size

    def step(self, draw: Random) -> None:
        """Grow by some entries, and anchor, or lose some blocks, now and then."""
        self.grow(draw.randrange(MOST_GROWTH))
        self._stage.clock.at += draw.randrange(120)
        if draw.random() < REORGANISED:
            self._stage.chain.reorganise(1)
            self._stage.follow()
            self.anchor()
        elif draw.random() < 0.4:
            self.anchor()

    def grow(self, count: int) -> None:
        def work(tx: Tx) -> None:
            for _ in range(count):
                log_public(tx, "status", URI, b"a status token")

        self._stage.vault.sequencer.call(work)

    def anchor(self) -> None:
        self._stage.publish()
        self._stage.follow()

    def scene(self, state: MonitorState) -> Scene:
        with self._stage.vault.engine.connect() as conn:
            entries: Sequence[bytes] = conn.execute(select(t.entries.c.entry).order_by(t.entries.c.idx)).scalars().all()
        assert state.last is not None
        kept = int(state.note.split(b"\n")[1])
        return Scene(self._stage.vault.origin, entries, kept, state.last.size, self._signer, self.honest, self._ledger)

    @contextmanager
    def watch(self, lie: Lie) -> Iterator[Watch]:
        places = [Place(f"http://{n}.test", self._api(n, way)) for n, way in enumerate(lie.places)]
        try:
            yield Watch(lie.ledger or self._ledger, self._stage.vault.origin, places, lie.gossip)
        finally:
            for place in places:
                place.api.http.close()

    def _api(self, number: int, way: httpx2.BaseTransport) -> VaultApi:
        return VaultApi(Http(f"http://{number}.test", clock=Standing(self.now), transport=way, tries=1))


class Standing:
    """A clock that stands; nobody waits by it."""

    def __init__(self, at: int) -> None:
        self._at = at

    def now(self) -> int:
        return self._at

    def sleep(self, seconds: float) -> None:
        raise AssertionError(f"waited for {seconds} s")


def open_work() -> Forks:
    return Forks()
