"""A log of a thousand dossiers as it would come about: who acts when, what arrives together, and the real sequencer.

Groups are made of what arrives while the one before is being written. Within one, an issuer may hand in several items
for one dossier at once, a wallet may have several words to say, and everything else is of others.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy import insert

from protocol.entries import AccessRecord, Entry, dossier_entry, entry_hash
from protocol.hashing import ZERO32, sha256
from tests.attacks.clustering import PublicLog
from tests.vault_stage import VaultStage
from vault_api.db import tables as t
from vault_api.logbook import log_event, log_public
from vault_api.sequencer import Tx

DOSSIERS = 1000
PUBLIC = -1


@dataclass(frozen=True)
class Event:
    """One thing that is handed in: whose (a number, or PUBLIC), and its kind."""

    owner: int
    kind: str


def lives(rng: random.Random) -> list[list[Event]]:
    """What happens to each dossier in its order; every inner list is one dossier's."""
    found = []
    for owner in range(DOSSIERS):
        life = [Event(owner, "key")]
        for _ in range(rng.randint(1, 3)):
            life += [Event(owner, "issue")] * rng.choice((1, 1, 2, 3)) + [Event(owner, "note")] * rng.randint(0, 2)
        for _ in range(rng.randint(0, 2)):
            life += [Event(owner, "grant"), *[Event(owner, "access")] * rng.randint(1, 3)]
            life += [Event(owner, "revoke")] * rng.randint(0, 1)
        found.append(life)
    return found


def busy(rng: random.Random, at_once: int = 64) -> Iterator[list[Event]]:
    """Groups of a busy day: ``at_once`` dossiers act in any moment, and what one does at once arrives side by side."""
    waiting = lives(rng)
    rng.shuffle(waiting)
    acting = [waiting.pop() for _ in range(at_once)]
    while acting:
        group: list[Event] = []
        for life in rng.sample(acting, k=min(len(acting), rng.randint(8, at_once))):
            group += _burst(life)
        if rng.random() < 0.3:
            group.insert(rng.randrange(len(group) + 1), Event(PUBLIC, "status"))
        acting = [life for life in acting if life]
        while waiting and len(acting) < at_once:
            acting.append(waiting.pop())
        yield group


def quiet(rng: random.Random) -> tuple[PublicLog, list[int]]:
    """A quiet log of 300 dossiers: one thing at a time, each signed by itself, and dossiers one after the other."""
    raw, owners = [], []
    for life in lives(rng)[:300]:
        key, last, grant, uses = rng.randbytes(32), ZERO32, rng.randbytes(32), 0
        for n, event in enumerate(life):
            body = rng.randbytes(300)
            if event.kind == "access":
                uses += 1
                body = AccessRecord(rng.randbytes(32), grant, None, uses, (), 0).serialise()
            entry = dossier_entry(
                event.kind, tag_key=key, n=n, prev_entry_hash=last, salt=rng.randbytes(32), object_bytes=body
            )
            raw.append(entry.serialise())
            owners.append(event.owner)
            last = entry_hash(raw[-1])
    spans = tuple((i, i + 1) for i in range(len(raw)))
    return PublicLog(tuple(raw), tuple(map(Entry.parse, raw)), spans), owners


def _burst(life: list[Event]) -> list[Event]:
    """What a dossier hands in at once: all items that an issuer has for it, all words of a wallet, else one thing."""
    taken = [life.pop(0)]
    while life and taken[0].kind in {"issue", "note"} and life[0].kind == taken[0].kind:
        taken.append(life.pop(0))
    return taken


class Lived:
    """The log that came of it, and whose each entry is."""

    def __init__(self, stage: VaultStage, seed: int) -> None:
        self.stage, self._rng = stage, random.Random(seed)
        self._rows = self._dossiers()
        self._uses = [0] * DOSSIERS
        self._grants = [self._rng.randbytes(32) for _ in range(DOSSIERS)]

    def _dossiers(self) -> list[int]:
        rows = [
            {
                "dossier": self._rng.randbytes(32),
                "tag_key": self._rng.randbytes(32),
                "next_n": 0,
                "last_entry": ZERO32,
                "opened_at": self.stage.clock.now(),
            }
            for _ in range(DOSSIERS)
        ]

        def work(tx: Tx) -> list[int]:
            tx.conn.execute(insert(t.dossiers), rows)
            return list(tx.conn.execute(t.dossiers.select().with_only_columns(t.dossiers.c.row)).scalars())

        return self.stage.vault.sequencer.call(work)

    def run(self, groups: Iterable[list[Event]]) -> tuple[PublicLog, list[int]]:
        """Hand everything in, group by group; the public log, and the owner of each entry."""
        owners: dict[int, int] = {}
        ends = [self.stage.vault.log.size]
        for group in groups:
            for event, index in zip(group, self._together(group), strict=True):
                owners[index] = event.owner
            ends.append(self.stage.vault.log.size)
        with self.stage.vault.engine.connect() as conn:
            raw = tuple(row.entry for row in conn.execute(t.entries.select().order_by(t.entries.c.idx)))
        entries = tuple(Entry.parse(one) for one in raw)
        spans = tuple((first, end) for first, end in pairwise(ends) if end > first)
        return PublicLog(raw, entries, spans), [owners.get(i, PUBLIC) for i in range(len(raw))]

    def _together(self, group: Sequence[Event]) -> list[int]:
        """Hand a group in while the writer is busy, in its order: the real sequencer makes one group of it."""
        entered, gate = threading.Event(), threading.Event()
        sequencer = self.stage.vault.sequencer

        def hold(_tx: Tx) -> None:
            entered.set()
            gate.wait(10)

        sequencer.submit(hold)
        assert entered.wait(10)
        futures = [sequencer.submit(self._work(event)) for event in group]
        gate.set()
        return [future.result(10) for future in futures]

    def _work(self, event: Event) -> Callable[[Tx], int]:
        if event.owner == PUBLIC:
            body = self._rng.randbytes(400)
            return lambda tx: log_public(tx, "status", "urn:onefile:status:0x" + "0" * 40 + ":0", body)
        row = self._rows[event.owner]
        if event.kind != "access":
            body = self._rng.randbytes(self._rng.randint(300, 3000))
            return lambda tx: log_event(tx, row, event.kind, body).index
        self._uses[event.owner] += 1
        record = AccessRecord(
            receipt=self._rng.randbytes(32),
            grant=self._grants[event.owner],
            show=None,
            use_no=self._uses[event.owner],
            released=(sha256(self._rng.randbytes(8)),),
            at=self.stage.clock.now(),
        )
        return lambda tx: log_event(tx, row, "access", record.serialise(), access=record).index
