"""The figure ``revocation-race``: once a revocation is acknowledged, no use of the grant succeeds any more.

Each round has a fresh grant. Threads send receipts to the vault over sockets, as fast as it answers; somewhere among
them one sends the revocation. A try is a request that was begun after the revocation had been sent. What is answered
with a key must have been begun before the acknowledgement, stand in the log before the revocation, and be counted as a
use. What was answered before anybody revoked must have been given: that is the control.
"""

from __future__ import annotations

import itertools
import json
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from sqlalchemy import select

from bench.figures.figure import Tally
from bench.figures.replays import Sender, code_of
from bench.figures.rooms import Room
from bench.figures.wire import Asked, Told, Wire
from tests.vault_parties import Grant
from vault_api.app import create_app
from vault_api.db import tables as t

THREADS = 8
RECEIPTS = 48  # of a round; a quarter of them is sent a second time
AGAIN = 4
LEAST, MOST = 8, 24  # requests that are begun before the revocation is
PENDING = 202
REFUSALS = frozenset({"grant_revoked"})


@dataclass(frozen=True, slots=True)
class Try:
    """One request, when it was begun and ended, and its answer."""

    begun: float
    ended: float
    told: Told


class RevocationRace:
    """One vault for all batches of a process."""

    def __init__(self, room: Room | None = None) -> None:
        self._own = room is None
        self._room = room or Room.open()
        self._sender = Sender(self._room)
        self._wire = Wire(create_app(self._room.stage.vault), THREADS)
        self._scenario = self._room.world.posted(scenario_id=f"race-{secrets.token_hex(4)}", max_uses=1_000)

    def close(self) -> None:
        self._wire.close()
        if self._own:
            self._room.close()

    def end(self) -> Tally:
        return Tally()

    def batch(self, draw: Random, size: int) -> Tally:
        tally = Tally()
        while tally.done < size:
            self._round(draw, tally)
        return tally

    def _round(self, draw: Random, tally: Tally) -> None:
        world = self._room.world
        grant = world.alice.grant(world.bank, self._scenario, world.deposit, max_uses=1_000)
        posted = grant.send()
        tally.control(posted.status_code == 201, f"a grant was refused: {posted.text}")
        uses = [self._sender.use(grant) for _ in range(RECEIPTS)]
        asked = [*uses, *uses[: RECEIPTS // AGAIN]]
        tries, revoked = self._race(asked, self._sender.revoke(grant), draw.randrange(LEAST, MOST))
        if revoked.told.status != 200:
            tally.control(revoked.told.status == 200, f"the revocation was refused: {revoked.told.body[:200]!r}")
            return
        for one in tries:
            self._judge(one, revoked, tally)
        self._counted(grant, tries, tally)

    def _race(self, asked: Sequence[Asked], revoke: Asked, after: int) -> tuple[list[Try], Try]:
        """Send all of it from as many threads; whoever begins request number ``after`` sends the revocation first."""
        numbers, waiting = itertools.count(), iter(asked)
        lock, revoked, made = threading.Lock(), list[Try](), list[Try]()

        def work(_thread: int) -> None:
            while True:
                with lock:
                    number, one = next(numbers), next(waiting, None)
                if number == after:
                    revoked.append(self._timed(revoke))
                if one is None:
                    return
                made.append(self._timed(one))

        self._wire.run(work, THREADS)
        return made, revoked[0]

    def _timed(self, asked: Asked) -> Try:
        begun = time.monotonic()
        told = self._wire.ask(asked)
        return Try(begun, time.monotonic(), told)

    def _judge(self, one: Try, revoked: Try, tally: Tally) -> None:
        given, told = one.told.status == 200, one.told
        if told.status == PENDING:
            tally.outcomes["no answer in time, and no key"] += 1
        elif one.ended < revoked.begun:
            tally.control(given, f"a use before the revocation was refused: {told.status} {told.body[:200]!r}")
        elif one.begun < revoked.begun:
            tally.outcomes[f"under way when it was revoked: {'used' if given else code_of(told)}"] += 1
        elif given and one.begun > revoked.ended:
            tally.broke("a key after the acknowledged revocation")
        elif given:
            self._before(one, revoked, tally)
        else:
            when = "after the acknowledgement" if one.begun > revoked.ended else "while it was revoked"
            right = code_of(told) in REFUSALS
            if not right:
                tally.control(right, f"{when}: {told.status} {told.body[:200]!r}")
            tally.held(f"{when}: {code_of(told)}")

    def _before(self, one: Try, revoked: Try, tally: Tally) -> None:
        """A use that won the race: it stands in the log before the revocation."""
        if _index(one.told) < int(json.loads(revoked.told.body)["index"]):
            tally.held("while it was revoked: used, logged before")
        else:
            tally.broke("a use that is logged after the revocation")

    def _counted(self, grant: Grant, tries: Sequence[Try], tally: Tally) -> None:
        """The database counts as many uses as were answered; every one is logged before the revocation."""
        given = {json.loads(one.told.body)["use_no"] for one in tries if one.told.status == 200}
        late = sum(one.told.status == PENDING for one in tries)  # counted, and not answered in time
        row = self._row(grant)
        told = f"{len(given)} uses were answered, {row.uses} counted"
        tally.control(max(given, default=0) <= row.uses <= len(given) + late, told)
        with self._room.stage.vault.engine.connect() as conn:
            after = select(t.releases.c.idx).where(t.releases.c.grant_row == row.row, t.releases.c.idx > row.end_idx)
            if conn.execute(after).first() is not None:
                tally.broke("the log has a use after the revocation")

    def _row(self, grant: Grant) -> Row:
        wanted = select(t.grants.c.row, t.grants.c.uses, t.grants.c.end_idx).where(t.grants.c.grant_id == grant.id)
        with self._room.stage.vault.engine.connect() as conn:
            found = conn.execute(wanted).one()
        return Row(found.row, found.uses, found.end_idx if found.end_idx is not None else 1 << 62)


@dataclass(frozen=True, slots=True)
class Row:
    """What the database has of a grant."""

    row: int
    uses: int
    end_idx: int


def _index(told: Told) -> int:
    return int(json.loads(told.body)["logged"]["index"])


def open_work() -> RevocationRace:
    return RevocationRace()
