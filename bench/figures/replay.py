"""The figure ``replay``: nothing that is sent again to a whole vault has a second effect.

A batch sends some requests for the first time, in copies that race: statements, deposits, grants, all uses of each
grant, revocations. Then it sends them again, as they were and changed, at once and later, some over a real socket. What
had an effect is counted in the database: entries of the log, uses of grants, releases, items, grants.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from random import Random

from bench.figures.figure import Tally
from bench.figures.replays import Again, Sender, Sent, Ways, code_of
from bench.figures.rooms import Room
from bench.figures.wire import Asked, Told, Wire
from tests.vault_parties import Party
from vault_api.app import create_app
from vault_api.db import tables as t

OVER_HTTP = 0.05  # of the rounds
RACERS = 8  # copies of a request that are sent at once
AT_ONCE = (2, 8, 32)  # replays
STRETCH = 500  # tries, after which the database is counted
USES = 2
LATEST_S = 150  # replays come until so much later: a signature is good for 60 s, its nonce is kept for 120
PENDING, BUSY = 202, 503
PATIENCE, PAUSE_S = 50, 0.1  # with a vault that is busy: how often, and how long in between
Effects = dict[str, int]
COUNTED = (t.entries, t.releases, t.items, t.grants, t.payloads, t.events)


class Replay:
    """One vault for all batches of a process."""

    def __init__(self, room: Room | None = None) -> None:
        self._own = room is None
        self._room = room or Room.open()
        self._sender = Sender(self._room)
        self._wire = Wire(create_app(self._room.stage.vault))

    def close(self) -> None:
        self._wire.close()
        if self._own:
            self._room.close()

    def end(self) -> Tally:
        return Tally()

    def batch(self, draw: Random, size: int) -> Tally:
        tally = Tally()
        ways = Ways(self._sender, self._first(draw, tally))
        counted = self._effects()
        while tally.done < size:
            counted = self._stretch(draw, ways, min(STRETCH, size - tally.done), counted, tally)
        self._room.stage.clock.at += LATEST_S  # if a replay was logged, then at a later time: nobody is to be behind it
        self._room.stage.follow()  # a vault that has not heard of its chain for an hour refuses every use
        return tally

    def _stretch(self, draw: Random, ways: Ways, size: int, before: Effects, tally: Tally) -> Effects:
        """Some rounds, and what they have changed, which is nothing."""
        made: Counter[str] = Counter()
        while made.total() < size:
            made += self._round(draw, ways, min(draw.choice(AT_ONCE), size - made.total()), tally)
        after = self._effects()
        for name, count in after.items():
            if count != before[name]:
                told = ", ".join(f"{many} {what}" for what, many in sorted(made.items()))
                tally.broke(f"{count - before[name]} more {name} after {told}")
        return after

    def _effects(self) -> Effects:
        found = {table.name: self._room.count(table) for table in COUNTED}
        return {**found, "uses": self._room.uses(), "signed": self._room.stage.vault.log.size}

    # --- the first time ---------------------------------------------------------------------------

    def _first(self, draw: Random, tally: Tally) -> list[Sent]:
        """Every kind once or more, each in copies that race: one of them is the first, the others are replays."""
        sender, found = self._sender, []
        for kind, (by, asked) in (("statement", sender.statement()), ("deposit", sender.deposit())):
            found.append(self._write(draw, kind, by, asked, tally))
        for ended in (False, False, True):
            grant, asked = sender.grant(USES)
            found.append(self._write(draw, "grant", self._room.world.alice, asked, tally))
            uses = [sender.use(grant) for _ in range(USES)]
            kind = "use of an ended grant" if ended else "use"
            for number, use in enumerate(uses, 1):
                found.append(Sent(kind, use, self._use(draw, use, number, tally), grant=grant))
            if ended:
                revoke = sender.revoke(grant)
                answers = self._copies(draw, revoke)
                tally.control(all(told.status == 200 for told in answers), "a revocation was refused")
                found.append(Sent("revocation", revoke, answers[0]))
        return found

    def _write(self, draw: Random, kind: str, by: Party, asked: Asked, tally: Tally) -> Sent:
        before = self._room.count(t.entries)
        answers = self._copies(draw, asked)
        taken = [told for told in answers if told.status == 201]
        grown = self._room.count(t.entries) - before
        tally.control(len(taken) == 1, f"{len(taken)} of {RACERS} copies of a {kind} were taken")
        if grown != 1:
            tally.broke(f"{kind}: {RACERS} copies at once made {grown} entries")
        tally.held(f"{kind}: copies at once", RACERS - 1)
        return Sent(kind, asked, (taken or answers)[0], by)

    def _use(self, draw: Random, asked: Asked, number: int, tally: Tally) -> Told:
        before = self._room.uses()
        answers = self._copies(draw, asked)
        good = all(told.status == 200 and b'"use_no":%d,' % number in told.body for told in answers)
        tally.control(good, f"a use was not answered as use {number}")
        counted = self._room.uses() - before
        if counted != 1:
            tally.broke(f"{RACERS} copies of a receipt at once were {counted} uses")
        tally.held("use: copies at once", RACERS - 1)
        return answers[0]

    # --- again ------------------------------------------------------------------------------------

    def _round(self, draw: Random, ways: Ways, many: int, tally: Tally) -> Counter[str]:
        """Some replays at once, at the same time or later; how many of which kind."""
        clock = self._room.stage.clock
        now, later = clock.at, draw.choice((0, 0, draw.randrange(LATEST_S)))
        chosen = [ways.draw(draw) for _ in range(many)]
        clock.at = now + later
        answers = self._send(draw, [way.asked for way in chosen])
        clock.at = now
        for way, told in zip(chosen, answers, strict=True):
            _judge(way, told, tally)
        return Counter(way.name for way in chosen)

    def _copies(self, draw: Random, asked: Asked) -> list[Told]:
        return self._send(draw, [asked] * RACERS)

    def _send(self, draw: Random, many: Sequence[Asked]) -> list[Told]:
        """At once; what the gates turn away, before anything looks at it, is sent once more, as they ask for."""
        way = self._wire.together if draw.random() < OVER_HTTP else self._at_the_desk
        answers = way(many)
        for _ in range(PATIENCE):
            away = [place for place, told in enumerate(answers) if _turned_away(told)]
            if not away:
                break
            time.sleep(PAUSE_S)
            for place, told in zip(away, way([many[place] for place in away]), strict=True):
                answers[place] = told
        return answers

    def _at_the_desk(self, many: Sequence[Asked]) -> list[Told]:
        answers = self._room.desk.together(
            [(one.method, f"{self._room.origin}{one.path}", one.body, one.headers) for one in many]
        )
        return [Told(answer.status_code, answer.content) for answer in answers]


def _turned_away(told: Told) -> bool:
    return told.status == BUSY and code_of(told) == "busy"


def _judge(way: Again, told: Told, tally: Tally) -> None:
    """An answer that is not a right one: a second effect if it is a yes, else something that the figure must know."""
    if told.status == PENDING:
        tally.held("no answer in time, and nothing handed over")
        return
    right = way.right(told)
    if not right and told.status < 400:
        tally.broke(f"{way.name}: {told.status}")
        return
    if not right:
        tally.control(right, f"{way.name}: {told.status} {told.body[:200]!r}")
    tally.held(way.name if right else f"{way.name}, for another reason")


def open_work() -> Replay:
    return Replay()
