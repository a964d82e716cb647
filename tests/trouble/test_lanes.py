"""Two heads of one log on their way at once: they share a number, so that one of them is anchored and the other is not."""

from __future__ import annotations

from typing import Any

import pytest

from chain.anchored import anchored_heads
from chain.journal import MemoryJournal
from chain.publisher import AnchorRecord, Publisher
from protocol.errors import Unavailable
from protocol.hashing import sha256
from tests.chain_acts import refused
from tests.chain_fixture import signer
from tests.chain_stage import MemoryStage
from tests.trouble.anchoring import BLOCK_S, GrownLog, NewestOutbox
from tests.trouble.pool import GWEI, Pool, PoolLedger, Waiting, decoded

PUBLISHER = signer("publisher")


class Scene:
    """A log with a head that was sent and that no block takes; its process has given up."""

    def __init__(self) -> None:
        self.stage = MemoryStage()
        self.log = GrownLog(self.stage)
        self.log.open()
        self.outbox = NewestOutbox(self.log)
        self.pool = Pool(self.stage.chain, automine=False)
        self.journal = MemoryJournal()
        self.now = 0.0
        self.blocks = True

    def sleep(self, seconds: float) -> None:
        before, self.now = self.now, self.now + seconds
        if self.blocks and self.now // BLOCK_S > before // BLOCK_S:
            self.pool.mine_ready()

    def ledger(self) -> PoolLedger:
        return PoolLedger(self.pool, PUBLISHER, self.journal, sleep=self.sleep, clock=lambda: self.now)

    def publish(self) -> AnchorRecord | None:
        """A run of a process that has just been started."""
        return Publisher(self.ledger(), self.outbox, self.log.origin).publish()

    def stuck(self, size: int) -> Waiting:
        self.outbox.grow(size)
        self.blocks = False
        with refused(Unavailable, "chain_not_included"):
            self.publish()
        self.blocks = True
        return self.pool.waiting[PUBLISHER.account, len(self.pool.mined)]

    def anchored(self) -> list[int]:
        ledger = self.stage.ledger("anybody")
        return [event.size for event in anchored_heads(ledger, self.log.hash, 0, self.stage.chain.head.number)]

    def failed(self) -> int:
        return sum(not receipt.succeeded for _, receipt in self.pool.mined.values())


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_newer_head_takes_the_number_of_the_one_that_waits(scene: Scene) -> None:
    old = scene.stuck(3)
    scene.outbox.grow(5)
    record = scene.publish()
    assert record is not None
    assert record.size == 5
    assert scene.anchored() == [1, 5]
    ((one, _),) = scene.pool.mined.values()
    assert (one.nonce, one.fee > old.fee) == (old.nonce, True)
    assert scene.failed() == 0


def test_the_same_head_is_waited_for_and_not_sent_again(scene: Scene) -> None:
    old = scene.stuck(3)
    record = scene.publish()
    assert record is not None
    assert record.tx_hash in {attempt.hash for attempt in scene.journal.of(old.nonce)}
    assert scene.anchored() == [1, 3]


def test_a_head_that_came_through_after_all_is_recorded_and_the_newer_one_follows(scene: Scene) -> None:
    scene.stuck(3)
    scene.outbox.grow(5)
    ledger, looked = scene.ledger(), []
    original = ledger.anchor

    def late(*args: Any, **named: Any) -> Any:
        if not looked:
            looked.append(scene.pool.mine_ready())  # between the look at the state and the sending
        return original(*args, **named)

    ledger.anchor = late  # type: ignore[method-assign]  # the block comes at this moment
    record = Publisher(ledger, scene.outbox, scene.log.origin).publish()
    assert record is not None
    assert record.size == 5
    assert scene.anchored() == [1, 3, 5]
    assert sorted(scene.outbox.records) == [1, 3, 5]
    assert scene.failed() == 0


def test_a_replacement_that_no_pool_heard_of_loses_to_what_it_replaced(scene: Scene) -> None:
    old = scene.stuck(3)
    scene.outbox.grow(5)
    original = scene.pool.broadcast

    def swallowed(raw: bytes) -> None:
        if decoded(raw).data == old.data:
            original(raw)
        else:
            scene.pool.broadcast = original  # type: ignore[method-assign]  # only the first replacement is lost

    scene.pool.broadcast = swallowed  # type: ignore[method-assign]  # as a node that answers and forgets
    record = scene.publish()
    assert record is not None
    assert record.size == 5
    assert scene.anchored() == [1, 3, 5]
    assert scene.failed() == 0


def test_heads_that_a_reorganisation_threw_out_come_through_in_their_turn(scene: Scene) -> None:
    for size in (3, 5):
        scene.outbox.grow(size)
        scene.publish()
    scene.pool.reorganise(2)
    scene.outbox.grow(8)
    record = scene.publish()
    assert record is not None
    assert record.size == 8
    assert scene.anchored() == [1, 3, 5, 8]
    assert scene.failed() == 0


def test_a_price_that_may_not_rise_leaves_the_number_to_who_has_it(scene: Scene) -> None:
    scene.stuck(3)
    scene.outbox.grow(5)
    scene.pool.price = 10**6 * GWEI  # above every cap: nothing new can be offered
    scene.blocks = False
    with refused(Unavailable, "chain_not_included"):
        scene.publish()
    scene.pool.price, scene.blocks = GWEI, True
    assert scene.publish() is not None
    assert scene.anchored()[-1] == 5
    assert scene.failed() == 0


def test_revocations_have_lanes_of_their_own(scene: Scene) -> None:
    scene.stuck(3)
    scene.blocks = False
    with refused(Unavailable, "chain_not_included"):
        scene.ledger().revoke(sha256(b"secret"))
    assert sorted(nonce for _, nonce in scene.pool.waiting) == [0, 1]
    scene.pool.mine_ready()
    assert scene.anchored() == [1, 3]
