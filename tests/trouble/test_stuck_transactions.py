"""Transactions that wait, vanish, stand behind a gap, or meet a stranger's: raised, sent again, filled in, told."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from chain.fees import FeePolicy
from chain.garbage import unreachable
from chain.journal import Attempt, MemoryJournal
from protocol.errors import Conflict, Unavailable
from protocol.hashing import keccak256, sha256
from tests.chain_acts import refused
from tests.chain_fixture import signer
from tests.chain_stage import MemoryStage
from tests.trouble.pool import GWEI, Pool, PoolLedger, Waiting

ALICE = signer("alice")


class Scene:
    """A pool, a journal, and a ledger for whoever has just been started. Blocks come every 12 seconds of its clock."""

    def __init__(self, **policy: Any) -> None:
        self.pool = Pool(MemoryStage().chain, automine=False)
        self.journal = MemoryJournal()
        self.policy = FeePolicy(**policy)
        self.now = 0.0
        self.blocks = True
        self.ledger = self.started()

    def started(self, journal: MemoryJournal | None = None) -> PoolLedger:
        return PoolLedger(
            self.pool,
            ALICE,
            self.journal if journal is None else journal,
            policy=self.policy,
            sleep=self.sleep,
            clock=lambda: self.now,
        )

    def sleep(self, seconds: float) -> None:
        before, self.now = self.now, self.now + seconds
        if self.blocks and self.now // 12 > before // 12:
            self.pool.mine_ready()

    def stuck(self, secret: bytes = bytes(32), journal: MemoryJournal | None = None) -> Waiting:
        """A revocation that no block takes, of a process that has given up."""
        self.blocks = False
        with refused(Unavailable, "chain_not_included"):
            self.started(journal).revoke(secret)
        self.blocks = True
        return self.pool.waiting[ALICE.account, max(nonce for _, nonce in self.pool.waiting)]

    def spent(self, secret: bytes = bytes(32)) -> bool:
        return self.ledger.nullified_at(keccak256(secret)) is not None

    def count(self) -> int:
        return len(self.pool.mined)


def test_the_price_rises_by_an_eighth_until_a_block_takes_it() -> None:
    scene = Scene(raise_after_s=15.0)
    offered: list[int] = []
    scene.pool.price = 1 * GWEI
    original = scene.pool.broadcast

    def dearer(raw: bytes) -> None:
        original(raw)
        offered.append(scene.pool.waiting[ALICE.account, 0].fee)
        scene.pool.price = 4 * GWEI  # above twice the price that was asked when it was sent

    scene.pool.broadcast = dearer  # type: ignore[method-assign]  # the price rises once it was offered
    scene.ledger.revoke(bytes(32))
    assert len(offered) >= 2
    assert all(8 * later >= 9 * sooner for sooner, later in itertools.pairwise(offered))
    assert (scene.spent(), scene.count()) == (True, 1)


def test_the_price_stops_at_the_cap_and_the_number_of_raises_too() -> None:
    scene = Scene(raise_after_s=5.0, max_raises=2)
    scene.stuck()
    assert len(scene.journal.attempts()) == 3
    capped = Scene(raise_after_s=5.0, max_fee=3 * GWEI)
    capped.stuck()
    assert [attempt.fees.fee for attempt in capped.journal.attempts()] == [3 * GWEI]


def test_a_base_fee_above_the_cap_raises_by_an_eighth_and_no_more() -> None:
    scene = Scene(raise_after_s=10.0, max_fee=4 * GWEI, max_raises=1)
    scene.pool.price = GWEI
    scene.blocks = False
    original = scene.pool.broadcast

    def dearer(raw: bytes) -> None:
        original(raw)
        scene.pool.price = 100 * GWEI

    scene.pool.broadcast = dearer  # type: ignore[method-assign]  # the price rises once it was offered
    with refused(Unavailable, "chain_not_included"):
        scene.ledger.revoke(bytes(32))
    first, second = (attempt.fees.fee for attempt in scene.journal.attempts())
    assert (first, second) == (3 * GWEI, 3 * GWEI * 9 // 8)


def test_what_a_pool_forgot_is_broadcast_again_under_its_number() -> None:
    scene = Scene(raise_after_s=20.0)
    one = scene.stuck()
    scene.pool.drop()
    scene.started().tend()
    assert one.nonce == 0
    scene.pool.mine_ready()
    assert (scene.spent(), scene.count()) == (True, 1)


def test_what_is_asked_again_after_a_crash_joins_what_was_written_down() -> None:
    scene = Scene()
    scene.stuck()
    scene.pool.mine_ready()
    assert scene.started().revoke(bytes(32)).block == scene.pool.chain.head
    assert scene.count() == 1


def test_a_crash_between_writing_down_and_sending_is_made_good() -> None:
    scene = Scene()
    scene.stuck()
    scene.pool.drop()
    scene.started().revoke(bytes(32))
    assert (scene.spent(), scene.count()) == (True, 1)


def test_a_dead_process_blocks_nobody_behind_its_number() -> None:
    scene = Scene(raise_after_s=10.0)
    scene.stuck()
    scene.pool.drop()
    other = sha256(b"other")
    scene.started().revoke(other)
    assert scene.spent()
    assert scene.spent(other)
    assert [one.nonce for one, _ in scene.pool.mined.values()] == [0, 1]


def test_a_gap_below_our_number_is_filled() -> None:
    scene = Scene(raise_after_s=10.0)
    scene.stuck(journal=MemoryJournal())  # sent by a program that kept no journal
    nonce = scene.pool.next_nonce(ALICE.account)
    assert nonce == 1
    original, scene.pool.next_nonce = scene.pool.next_nonce, lambda _account: 1  # type: ignore[method-assign]  # as a node says whose pool then forgets
    scene.pool.drop()
    scene.ledger.revoke(sha256(b"other"))
    scene.pool.next_nonce = original  # type: ignore[method-assign]  # and back
    assert [one.data for one, _ in scene.pool.mined.values()] == [b"", b"revoke" + sha256(b"other")]
    assert not scene.spent()


def test_what_a_program_without_our_journal_stranded_is_replaced() -> None:
    scene = Scene(raise_after_s=10.0, max_raises=2)
    stranded = scene.stuck(journal=MemoryJournal())
    scene.pool.price = stranded.fee + 1
    scene.ledger.revoke(sha256(b"other"))
    assert scene.spent(sha256(b"other"))
    assert not scene.spent()
    assert scene.count() == 2


def test_a_stranger_who_uses_our_number_is_told() -> None:
    scene = Scene(raise_after_s=10.0)
    scene.stuck()
    scene.pool.drop()
    scene.started(MemoryJournal()).revoke(sha256(b"theirs"))
    assert scene.spent(sha256(b"theirs"))
    scene.started().revoke(bytes(32))  # its number is lost, and it gets another
    assert scene.spent()
    assert scene.count() == 2


def test_a_stranger_who_is_quicker_while_we_wait_is_told() -> None:
    scene = Scene(raise_after_s=5.0)
    scene.blocks = False
    original = scene.pool.broadcast

    def lost(raw: bytes) -> None:
        original(raw)
        scene.pool.drop()
        scene.pool.broadcast = original  # type: ignore[method-assign]  # only the first is lost
        stranger = scene.started(MemoryJournal())
        scene.blocks = True
        stranger.revoke(sha256(b"theirs"))

    scene.pool.broadcast = lost  # type: ignore[method-assign]  # somebody else sends at this moment
    with refused(Conflict, "nonce_race"):
        scene.ledger.revoke(bytes(32))
    assert not scene.spent()
    assert scene.journal.attempts() == []


def test_a_number_that_another_thread_found_lost_is_told() -> None:
    scene = Scene()
    scene.blocks = False
    original = scene.pool.broadcast

    def lost(raw: bytes) -> None:
        original(raw)
        scene.journal.forget([0])

    scene.pool.broadcast = lost  # type: ignore[method-assign]  # as another process does when it finds the number used
    with refused(Conflict, "nonce_race"):
        scene.ledger.revoke(bytes(32))


@pytest.mark.parametrize("back", [False, True])
def test_what_fell_out_of_its_block_comes_back_under_its_number(back: bool) -> None:
    scene = Scene()
    secrets = [sha256(bytes([number])) for number in range(3)]
    for secret in secrets:
        scene.ledger.revoke(secret)
    scene.pool.reorganise(3, back=back)
    assert not any(scene.spent(secret) for secret in secrets)
    scene.started().tend()
    scene.pool.mine_ready()
    assert all(scene.spent(secret) for secret in secrets)
    assert [one.nonce for one, _ in scene.pool.mined.values()] == [0, 1, 2]


def test_what_moved_to_another_block_is_noted_there() -> None:
    scene = Scene()
    scene.ledger.revoke(bytes(32))
    scene.pool.reorganise(1, back=True)
    scene.pool.chain.mine()
    scene.pool.mine_ready()
    scene.started().tend()
    (attempt,) = scene.journal.attempts()
    assert attempt.block == scene.pool.chain.head


def test_what_lies_deep_is_forgotten() -> None:
    scene = Scene()
    scene.ledger.revoke(bytes(32))
    scene.pool.chain.mine(200)
    scene.ledger.revoke(sha256(b"other"))
    scene.ledger.tend()
    assert [attempt.nonce for attempt in scene.journal.attempts()] == [1]


def test_nothing_is_asked_where_nothing_is_kept() -> None:
    scene = Scene()
    scene.pool.chain.faults.fail(times=10, error=unreachable("down"))
    scene.started().tend()
    assert scene.journal.attempts() == []


def test_a_journal_takes_each_number_and_each_price_once() -> None:
    scene, journal = Scene(), MemoryJournal()
    scene.ledger.revoke(bytes(32))
    (one,) = scene.journal.attempts()
    assert not journal.replace(one)
    assert journal.begin(one)
    assert not journal.begin(one)
    assert not journal.replace(one)
    journal.included(9, None, None)
    assert journal.attempts() == [one] or journal.attempts()[0].hash == one.hash
    assert isinstance(one, Attempt)
