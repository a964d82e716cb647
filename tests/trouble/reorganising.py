"""Reorganisations, one after the other, of 1 to 64 blocks: is everything on the chain again two blocks later?

    python -m tests.trouble.reorganising --times 500 --seed 7

A log is anchored block by block and grants are revoked; then the newest blocks are replaced by empty ones, and what was
in them goes back into the pool (as geth does) or is lost (as anvil does). After each reorganisation two blocks come; then
every checkpoint that was ever anchored must be under the anchored head, the records of the outbox must be the chain's
own, and every nullifier must be spent.
"""

from __future__ import annotations

import argparse
import random
import time
from dataclasses import dataclass

from chain.journal import MemoryJournal
from chain.publisher import Publisher
from protocol.errors import OneFileError
from protocol.hashing import keccak256, sha256
from tests.chain_stage import MemoryStage
from tests.trouble.anchoring import BLOCK_S, GrownLog, NewestOutbox
from tests.trouble.pool import Pool, PoolLedger, QuickSigner

MAX_DEPTH = 64
BLOCKS = 2  # within which everything is there again


@dataclass(slots=True)
class Tally:
    """What happened."""

    times: int = 0
    undone: int = 0  # transactions that fell out of their block
    late: int = 0  # reorganisations after which something was missing after `BLOCKS` blocks
    failed: int = 0  # transactions that failed in their block
    deepest: int = 0
    seconds: float = 0.0

    def lines(self) -> list[str]:
        """For people."""
        return [
            f"{self.times} reorganisations of up to {self.deepest} blocks undid {self.undone} transactions",
            f"not all on the chain again within {BLOCKS} blocks: {self.late}; failed in their block: {self.failed}",
            f"{self.seconds:.1f} s",
        ]


class Reorganising:
    """The whole scene, drawn from a seed."""

    def __init__(self, seed: int) -> None:
        self.lots = random.Random(f"reorganising/{seed}")
        self.stage = MemoryStage()
        self.log = GrownLog(self.stage)
        self.log.open()
        self.stage.chain.mine(MAX_DEPTH)  # the deployment and the log's opening lie deeper
        self.outbox = NewestOutbox(self.log)
        self.pool = Pool(self.stage.chain, automine=False)
        self.now = 0.0
        self.ledger = PoolLedger(
            self.pool, QuickSigner("publisher"), MemoryJournal(), sleep=self._sleep, clock=lambda: self.now
        )
        self.publisher = Publisher(self.ledger, self.outbox, self.log.origin)
        self.secrets: list[bytes] = []

    def run(self, times: int) -> Tally:
        """So many reorganisations."""
        tally, begin = Tally(), time.monotonic()
        for _ in range(times):
            for _ in range(self.lots.randint(1, 6)):
                self._work()
            depth = self.lots.randint(1, MAX_DEPTH)
            self.stage.chain.mine(self.lots.choice([0, 0, 1, depth // 2]))
            before = len(self.pool.mined)
            self.pool.reorganise(depth, back=self.lots.random() < 0.5)
            tally.times += 1
            tally.deepest = max(tally.deepest, depth)
            tally.undone += before - len(self.pool.mined)
            tally.late += not self._there_again()
        tally.failed = sum(not receipt.succeeded for _, receipt in self.pool.mined.values())
        tally.seconds = time.monotonic() - begin
        return tally

    def _work(self) -> None:
        if self.lots.random() < 0.3:
            self.secrets.append(sha256(b"secret", len(self.secrets).to_bytes(4, "big")))
            self.ledger.revoke(self.secrets[-1])
        else:
            self.outbox.grow(len(self.log.entries) + self.lots.randint(1, 4))
            self.publisher.publish()

    def _there_again(self) -> bool:
        """What the vault's publisher does in each round, for as long as two blocks take."""
        end = self.stage.chain.head.number + BLOCKS
        while self.stage.chain.head.number < end:
            self.ledger.tend()
            self.pool.mine_ready()
            self.publisher.publish()
            if self._complete():
                return True
            if self.stage.chain.head.number < end:
                self.stage.chain.mine()
        return self._complete()

    def _complete(self) -> bool:
        state = self.ledger.log_state(self.log.hash)
        last = self.outbox.last_recorded()
        if state is None or last is None or (self.outbox.durable and state.size != self.outbox.durable[-1]):
            return False
        recorded = last.size == state.size and self.stage.chain.block(last.block.number) == last.block
        return recorded and all(self.ledger.nullified_at(keccak256(secret)) for secret in self.secrets)

    def _sleep(self, seconds: float) -> None:
        before = self.now // BLOCK_S
        self.now += seconds
        if self.now // BLOCK_S > before:
            self.pool.mine_ready()


def main() -> int:
    """Run and say what came of it; 1 if anything was late."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--times", type=int, default=500)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    try:
        tally = Reorganising(given.seed).run(given.times)
    except OneFileError as fault:
        print(f"seed {given.seed}: {fault.code}: {fault}")
        return 1
    print(f"seed {given.seed}", *tally.lines(), sep="\n")
    return 1 if tally.late else 0


if __name__ == "__main__":
    raise SystemExit(main())
