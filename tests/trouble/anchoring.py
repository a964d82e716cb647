"""A publisher over an endpoint that fails half the time, and its process dies: is every checkpoint anchored once?

    python -m tests.trouble.anchoring --checkpoints 10000 --seed 7

Every call of the endpoint fails with the given rate, before or after it did something; the process of the publisher dies
after some calls, also between the broadcast and its note, and starts again with nothing but outbox and journal. Now and
then blocks ask for more than a transaction offers, or the pool forgets what waits. At the end the chain's own events are
counted: each anchored size once, in order, and as recorded.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from dataclasses import dataclass, field

from chain.anchored import anchored_heads
from chain.fees import FeePolicy
from chain.journal import MemoryJournal
from chain.publisher import AnchorRecord, DurableHead, Publisher
from protocol.errors import OneFileError, Unavailable
from protocol.hashing import sha256
from protocol.merkle import leaf_hash, node_hash, root_from
from tests.chain_fixture import signer
from tests.chain_outbox import KilledError, MemoryOutbox
from tests.chain_stage import Log, MemoryStage
from tests.trouble.pool import GWEI, Pool, PoolLedger, RandomFaults, Unreliable

BLOCK_S = 12.0
MAX_TRIES = 2_000  # of one checkpoint; with half of all calls failing a run needs a few dozen


class GrownLog(Log):
    """A log whose tree is kept, so that ten thousand checkpoints are made in seconds."""

    def __init__(self, stage: MemoryStage) -> None:
        super().__init__(stage)
        self._levels: list[list[bytes]] = [[]]
        self._append(leaf_hash(self.entries[0]))

    def grow(self, size: int) -> None:
        for number in range(len(self.entries), size):
            self.entries.append(b"entry %d" % number)
            self._append(leaf_hash(self.entries[-1]))

    def root(self, size: int) -> bytes:
        return root_from(size, self.node)

    def node(self, level: int, index: int) -> bytes:
        return self._levels[level][index]

    def _append(self, leaf: bytes) -> None:
        self._levels[0].append(leaf)
        level = 0
        while len(self._levels[level]) % 2 == 0:
            if len(self._levels) == level + 1:
                self._levels.append([])
            self._levels[level + 1].append(node_hash(*self._levels[level][-2:]))
            level += 1


class NewestOutbox(MemoryOutbox):
    """An outbox that knows its newest checkpoint and record without looking through all."""

    log: GrownLog

    def newest_durable(self, *, at_most: int) -> DurableHead | None:
        newest = self.durable[-1]
        if newest > at_most:
            return super().newest_durable(at_most=at_most)
        return DurableHead(newest, self.log.root(newest), sha256(b"checkpoint %d" % newest))

    def last_recorded(self) -> AnchorRecord | None:
        return self.records[next(reversed(self.records))] if self.records else None


@dataclass(slots=True)
class Tally:
    """What happened."""

    checkpoints: int = 0
    calls: int = 0
    failed: int = 0
    deaths: int = 0
    troubles: int = 0
    refused_in_block: int = 0
    anchored_twice: int = 0
    not_anchored: int = 0
    recorded_wrong: int = 0
    seconds: float = 0.0
    tries: Counter[str] = field(default_factory=Counter)

    @property
    def good(self) -> bool:
        """Whether each was anchored and recorded exactly once."""
        return not (self.anchored_twice or self.not_anchored or self.recorded_wrong)

    def lines(self) -> list[str]:
        """For people."""
        return [
            f"{self.checkpoints} checkpoints, {self.calls} calls of the endpoint, {self.failed} of them failed",
            f"{self.deaths} deaths of the publisher, {self.troubles} times the pool dropped or stranded something",
            f"anchored twice: {self.anchored_twice}, not anchored: {self.not_anchored}",
            f"recorded otherwise: {self.recorded_wrong}, failed in their block: {self.refused_in_block}",
            f"{self.seconds:.1f} s",
        ]


class Anchoring:
    """The whole scene, drawn from a seed."""

    def __init__(self, seed: int, *, rate: float = 0.5, death_rate: float = 0.01) -> None:
        self.lots = random.Random(f"anchoring/{seed}")
        self.stage = MemoryStage()
        self.log = GrownLog(self.stage)
        self.log.open()
        self.outbox = NewestOutbox(self.log)
        self.journal = MemoryJournal()
        self.pool = Pool(self.stage.chain, automine=False)
        self.death_rate = death_rate
        self.faults = RandomFaults(self.lots, rate)
        self.stage.chain.faults = self.faults
        self.now = 0.0
        self.next_block = 0.0
        self.tally = Tally()
        self.publisher = self._started()

    def run(self, checkpoints: int) -> Tally:
        """Grow, anchor, count."""
        begin = time.monotonic()
        for _ in range(checkpoints):
            self.outbox.grow(len(self.log.entries) + self.lots.randint(1, 3))
            self.tally.checkpoints += 1
            self._until_anchored()
        self.tally.seconds = time.monotonic() - begin
        self._count()
        return self.tally

    def _until_anchored(self) -> None:
        size = self.outbox.durable[-1]
        for _ in range(MAX_TRIES):
            try:
                self.publisher.publish()
            except KilledError:
                self.tally.deaths += 1
                self.publisher = self._started()
            except Unavailable as fault:
                self.tally.tries[fault.code] += 1
            last = self.outbox.last_recorded()
            if last is not None and last.size == size:
                return
            self._sleep(1.0)

    def _started(self) -> Publisher:
        """A process that has just been started: what it knows is outbox and journal."""
        node = Unreliable(self.pool, self.faults, lambda: self.lots.random() < self.death_rate)
        ledger = PoolLedger(
            self.pool,
            signer("publisher"),
            self.journal,
            node=node,
            policy=FeePolicy(raise_after_s=30.0, max_raises=40),
            inclusion_timeout_s=60.0,
            sleep=self._sleep,
            clock=lambda: self.now,
        )
        return Publisher(ledger, self.outbox, self.log.origin)

    def _sleep(self, seconds: float) -> None:
        self.now += seconds
        while self.now >= self.next_block:
            self.next_block += BLOCK_S
            self._trouble()
            self.pool.mine_ready()

    def _trouble(self) -> None:
        fate = self.lots.random()
        if fate < 0.02:
            self.pool.drop()
            self.tally.troubles += 1
        elif fate < 0.04:
            self.pool.price = 5 * GWEI  # what waits is stranded until it offers more
            self.tally.troubles += 1
        elif fate < 0.3:
            self.pool.price = GWEI

    def _count(self) -> None:
        self.stage.chain.faults = RandomFaults(self.lots, 0.0)
        ledger, head = self.stage.ledger("anybody"), self.stage.chain.head.number
        events = list(anchored_heads(ledger, self.log.hash, 0, head))
        times = Counter(event.size for event in events)
        tally = self.tally
        tally.calls, tally.failed = self.faults.calls, self.faults.failed
        tally.anchored_twice = sum(count > 1 for count in times.values())
        tally.not_anchored = sum(size not in times for size in self.outbox.durable)
        tally.refused_in_block = sum(not receipt.succeeded for _, receipt in self.pool.mined.values())
        tally.recorded_wrong = sum(
            record is None or (record.root, record.tx_hash, record.block) != (e.root, e.at.tx_hash, e.at.block)
            for e in events
            for record in [self.outbox.records.get(e.size)]
        )


def main() -> int:
    """Run and say what came of it; 1 if anything was anchored twice, not at all, or recorded wrongly."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--checkpoints", type=int, default=10_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--rate", type=float, default=0.5)
    given = options.parse_args()
    try:
        tally = Anchoring(given.seed, rate=given.rate).run(given.checkpoints)
    except OneFileError as fault:
        print(f"seed {given.seed}: {fault.code}: {fault}")
        return 1
    print(f"seed {given.seed}, rate {given.rate}", *tally.lines(), sep="\n")
    return 0 if tally.good else 1


if __name__ == "__main__":
    raise SystemExit(main())
