"""Heads on their way to the chain: proven, sent once, recorded once, whatever fails in between."""

from __future__ import annotations

import pytest

from chain.anchored import anchored_heads
from chain.publisher import AnchorRecord, DurableHead, Publisher
from chain.values import BlockRef
from protocol.errors import Conflict, Denied, Malformed, OneFileError, Unavailable, Untrusted
from protocol.hashing import sha256
from tests.chain_outbox import KilledError, MemoryOutbox
from tests.chain_stage import Log, MemoryStage


class Scene:
    """An open log, its outbox, and a publisher."""

    def __init__(self, *, opened: bool = True, confirmations: int = 0) -> None:
        self.stage = MemoryStage()
        self.log = Log(self.stage)
        if opened:
            self.log.open()
        self.outbox = MemoryOutbox(self.log)
        self.confirmations = confirmations

    def publish(self) -> AnchorRecord | None:
        """One run of a publisher that has just been started."""
        ledger = self.stage.ledger("publisher")
        return Publisher(ledger, self.outbox, self.log.origin, confirmations=self.confirmations).publish()

    def anchored(self) -> list[int]:
        """The sizes that the chain has anchored."""
        chain = self.stage.chain
        return [e.size for e in anchored_heads(chain.ledger(bytes(20)), self.log.hash, 0, chain.head.number)]

    def refused(self, kind: type[OneFileError]) -> str:
        with pytest.raises(kind) as caught:
            self.publish()
        return caught.value.code


def test_the_newest_durable_head_is_anchored_and_recorded() -> None:
    scene = Scene()
    scene.outbox.grow(3)
    scene.outbox.grow(9)
    record = scene.publish()
    assert record is not None
    assert (record.size, record.root) == (9, scene.log.root(9))
    assert record.checkpoint_hash == sha256(b"checkpoint 9")
    assert scene.anchored() == [1, 9]
    assert sorted(scene.outbox.records) == [1, 9]
    assert scene.outbox.records[9] == record


def test_nothing_new_sends_nothing() -> None:
    scene = Scene()
    assert scene.publish() is None
    scene.outbox.grow(4)
    scene.publish()
    head = scene.stage.chain.head
    assert scene.publish() is None
    assert scene.stage.chain.head == head


def test_the_opening_is_recorded_too() -> None:
    scene = Scene()
    scene.publish()
    assert scene.outbox.records[1].checkpoint_hash == bytes(32)


def test_confirmations_are_passed_on() -> None:
    scene = Scene(confirmations=4)
    scene.outbox.grow(2)
    record = scene.publish()
    assert record is not None
    assert scene.stage.chain.head.number == record.block.number + 4


def test_a_log_that_is_not_open_is_told_apart() -> None:
    scene = Scene(opened=False)
    scene.outbox.grow(2)
    assert scene.refused(Denied) == "log_unknown"


def test_a_frozen_log_takes_no_head() -> None:
    scene = Scene()
    scene.outbox.grow(2)
    scene.stage.ledger("log owner").freeze_log(scene.log.hash)
    assert scene.refused(Denied) == "log_frozen"


def test_a_tree_that_was_rewritten_is_noticed_before_anything_is_sent() -> None:
    scene = Scene()
    scene.outbox.grow(6)
    scene.publish()
    scene.log.entries[2] = b"rewritten"
    head = scene.stage.chain.head
    assert scene.refused(Untrusted) == "log_forked"  # of the same size
    scene.outbox.grow(9)
    assert scene.refused(Untrusted) == "log_forked"  # of a larger one
    assert scene.stage.chain.head == head


def test_a_log_that_is_shorter_than_its_anchor_is_noticed() -> None:
    scene = Scene()
    scene.outbox.grow(6)
    scene.publish()
    restored = MemoryOutbox(scene.log)
    scene.outbox = restored
    assert scene.refused(Conflict) == "log_behind"
    restored.grow(4)
    assert scene.refused(Conflict) == "log_behind"
    assert scene.anchored() == [1, 6]


def test_a_lost_answer_is_no_second_anchor() -> None:
    scene = Scene()
    scene.outbox.grow(5)
    scene.stage.chain.faults.fail("anchor", after=True)
    assert scene.refused(Unavailable) == "chain_unreachable"
    assert scene.outbox.last_recorded() == scene.outbox.records[1]
    assert scene.publish() is None
    assert scene.anchored() == [1, 5]
    assert sorted(scene.outbox.records) == [1, 5]
    assert scene.outbox.records[5].checkpoint_hash == sha256(b"checkpoint 5")


def test_death_between_sending_and_recording_is_no_second_anchor() -> None:
    scene = Scene()
    scene.publish()
    scene.outbox.grow(5)
    scene.outbox.dies_at = "recorded"
    with pytest.raises(KilledError):
        scene.publish()
    scene.outbox.dies_at = None
    assert scene.publish() is None
    assert scene.anchored() == [1, 5]
    assert sorted(scene.outbox.records) == [1, 5]


@pytest.mark.parametrize("method", ["log_state", "anchor", "block", "head", "log_events"])
def test_a_failure_at_any_call_is_made_good_by_the_next_run(method: str) -> None:
    scene = Scene()
    scene.outbox.grow(5)
    scene.stage.chain.faults.fail(method)
    try:
        scene.publish()
    except Unavailable:
        scene.publish()
    assert scene.anchored() == [1, 5]
    assert sorted(scene.outbox.records) == [1, 5]


def test_an_anchor_that_a_reorganisation_undid_is_sent_again() -> None:
    scene = Scene()
    scene.outbox.grow(5)
    scene.publish()
    scene.stage.chain.reorganise(1)
    assert scene.anchored() == [1]
    record = scene.publish()
    assert record is not None
    assert record.size == 5
    assert scene.anchored() == [1, 5]
    assert scene.outbox.records[5].block == record.block


def test_an_anchor_that_moved_to_another_block_is_recorded_there() -> None:
    scene = Scene()
    scene.outbox.grow(5)
    before = scene.publish()
    scene.stage.chain.reorganise(1)
    # Somebody else's publisher put the same head into another block.
    root = scene.log.root(5)
    from protocol.merkle import consistency_proof

    proof = consistency_proof(1, 5, scene.log.node)
    scene.stage.ledger("publisher").anchor(scene.log.hash, 5, root, sha256(b"checkpoint 5"), proof)
    assert before is not None
    assert scene.publish() is None
    assert scene.outbox.records[5].block != before.block
    assert scene.stage.chain.block(scene.outbox.records[5].block.number) == scene.outbox.records[5].block


def test_another_account_than_the_publisher_is_refused() -> None:
    scene = Scene()
    scene.outbox.grow(2)
    with pytest.raises(Denied) as caught:
        Publisher(scene.stage.ledger("thief"), scene.outbox, scene.log.origin).publish()
    assert caught.value.code == "not_publisher"
    assert sorted(scene.outbox.records) == [1]


def test_heads_and_records_have_the_lengths_of_hashes() -> None:
    with pytest.raises(Malformed):
        DurableHead(1, b"short", bytes(32))
    with pytest.raises(Malformed):
        DurableHead(1, bytes(32), b"short")
    assert AnchorRecord(1, bytes(32), bytes(32), bytes(32), BlockRef(1, bytes(32), 1)).size == 1
