"""The vault while its chain is down, cut off, or turns back: what goes on, what ends at once, what is sent later."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from chain.garbage import unreachable
from chain.ledger import BlockRef
from chain.memory import MemoryChain
from protocol.dossier_messages import BumpEpoch, RotateDossier
from protocol.errors import Conflict, Denied, OneFileError, Unavailable
from tests.grant_world import World
from tests.vault_stage import FAR, HOUR, Holder, VaultStage, refused, vault_stage
from vault_api.db.tables_chain import revoked
from vault_api.follow import REMEMBER
from vault_api.publishing import Publishing


@pytest.fixture
def world(stage: VaultStage) -> World:
    return World(stage)


def down(stage: VaultStage) -> None:
    stage.chain.faults.fail(times=100_000, error=unreachable("down"))


def up(stage: VaultStage) -> None:
    stage.chain.faults._queue.clear()


def spent(world: World, nullifier: bytes) -> bool:
    return world.stage.chain.world(None).nullified.get(nullifier) is not None


def kept(stage: VaultStage) -> tuple[int, int]:
    """How many revocations are to be sent, and how many are in a block that may still leave."""
    snapshot = stage.snapshot()
    return len(snapshot["chain_revokes"]), len(snapshot["chain_revoked"])


# --- while the chain is down ----------------------------------------------------------------------


def test_deposits_grants_and_uses_go_on_for_an_hour_without_a_chain(world: World) -> None:
    world.granted().release()  # whoever acts has been seen before
    world.stage.clock.advance(HOUR)
    world.stage.follow()
    begins = world.stage.clock.now()
    times = {"not_before": begins, "not_after": begins + 2 * HOUR, "max_uses": 3}
    grant, late = world.grant(**times), world.grant(**times)
    down(world.stage)
    world.stage.clock.advance(HOUR)
    deposit = world.alice.deposit(world.issuer, b"another credential")
    deposit.upload()
    assert deposit.send().status_code == 201
    assert grant.send().status_code == 201
    assert grant.release().status_code == 200
    with pytest.raises(Unavailable):
        world.stage.publish()
    world.stage.clock.advance(1)
    refused(grant.release(), 503, "chain_stale")
    refused(late.send(), 503, "chain_stale")


def test_the_verdict_says_how_old_its_facts_are(world: World) -> None:
    grant = world.granted()
    down(world.stage)
    world.stage.clock.advance(600)
    body = {"kind": "grant", "value": grant.envelope().to_json()}
    verdict = world.stage.post(None, "/v1/verify", body).json()
    assert verdict["verdict"] == "accept"
    ages = {check["name"]: check["fact_age_s"] for check in verdict["checks"]}
    assert ages["grant_revocation"] == 600
    world.stage.clock.advance(HOUR)
    refused(world.stage.post(None, "/v1/verify", body), 503, "chain_stale")


def test_a_revocation_counts_at_once_and_is_taken_to_the_chain_later(world: World) -> None:
    grant = world.granted()
    down(world.stage)
    assert grant.revoke().status_code == 200
    refused(grant.release(), 403, "grant_revoked")
    with pytest.raises(Unavailable):
        world.stage.publish()
    assert kept(world.stage) == (1, 0)
    up(world.stage)
    world.stage.publish()
    assert spent(world, grant.grant.nullifier)
    assert kept(world.stage) == (0, 1)
    head = world.stage.chain.head
    world.stage.publishing.revocations()
    assert world.stage.chain.head == head  # nothing is sent twice


def test_a_revocation_whose_answer_was_lost_is_sent_once(world: World) -> None:
    grant = world.granted()
    grant.revoke()
    world.stage.chain.faults.fail("revoke", after=True)
    with pytest.raises(Unavailable):
        world.stage.publish()
    assert kept(world.stage) == (1, 0)
    world.stage.publish()
    assert spent(world, grant.grant.nullifier)
    assert kept(world.stage) == (0, 1)


def test_a_revocation_that_fails_keeps_no_head_from_its_anchor(world: World) -> None:
    first, second = world.granted(), world.granted()
    first.revoke()
    second.revoke()
    world.stage.chain.faults.fail("revoke", error=Denied("account_unfunded", "empty"))
    with pytest.raises(Denied):
        world.stage.publish()
    state = world.stage.vault.ledger.log_state(world.stage.vault.origin_hash)
    assert state is not None
    assert state.size == world.stage.vault.log.size
    assert kept(world.stage) == (1, 1)


# --- a chain that turns back ----------------------------------------------------------------------


@pytest.mark.parametrize("by_the_holder", [False, True])
def test_a_revocation_that_a_reorganisation_undid_is_brought_there_again(world: World, by_the_holder: bool) -> None:
    stage, grant = world.stage, world.granted()
    stage.chain.mine()
    stage.follow()
    if by_the_holder:
        stage.chain.ledger(stage.relayer.address).revoke(grant.secret)
    else:
        grant.revoke()
        stage.publish()
    stage.follow()
    assert kept(stage) == (0, 1)
    stage.chain.reorganise(2)
    assert not spent(world, grant.grant.nullifier)
    stage.follow()
    refused(grant.release(), 403, "grant_revoked")  # what takes rights counts at first sight, and stays
    assert kept(stage) == (1, 0)
    stage.publish()
    stage.follow()
    assert spent(world, grant.grant.nullifier)
    assert kept(stage) == (0, 1)


def test_a_strangers_nullifier_is_not_taken_care_of(world: World) -> None:
    world.stage.chain.ledger(world.stage.relayer.address).revoke(bytes(32))
    world.stage.follow()
    assert kept(world.stage) == (0, 0)


def test_what_lies_deep_needs_no_care(world: World) -> None:
    grant = world.granted()
    grant.revoke()
    world.stage.publish()
    world.stage.chain.mine(REMEMBER * 4 + 2)
    world.stage.follow()
    assert kept(world.stage) == (0, 0)


def test_an_epoch_that_a_reorganisation_undid_has_ended_its_grants(world: World) -> None:
    stage, grant = world.stage, world.granted()
    message = BumpEpoch(world.alice.dossier, 0, FAR)
    signature = world.alice.account.sign_digest(message.digest(stage.vault.dossier_domain))
    stage.chain.mine()
    stage.follow()
    stage.chain.ledger(stage.relayer.address).bump_epoch(message, signature)
    stage.follow()
    stage.chain.reorganise(1)
    stage.follow()
    refused(grant.release(), 403, "grant_revoked")
    assert stage.vault.facts.dossier(world.alice.dossier).state.grant_epoch == grant.grant.grant_epoch


def test_a_role_that_a_reorganisation_undid_gives_no_right_and_its_end_may_be_undone(tmp_path: Path) -> None:
    with vault_stage(tmp_path, confirmations=2) as stage:
        governor = stage.chain.ledger(stage.governor.address)
        bank = stage.agency("bank", card=False)
        stage.chain.mine(3)
        stage.follow()
        now = stage.clock.now()
        governor.set_role(bank.address, 2)
        stage.chain.mine(1)
        stage.follow()
        assert not has_role(stage, bank.address, now)  # one block short of counting
        stage.chain.reorganise(2)
        stage.chain.mine(3)
        stage.follow()
        assert not has_role(stage, bank.address, now)  # it never was
        governor.set_role(bank.address, 2)
        stage.chain.mine(2)
        stage.follow()
        assert has_role(stage, bank.address, now)
        governor.end_role(bank.address, 2)
        stage.follow()
        assert not has_role(stage, bank.address, now)  # the end counts at first sight
        stage.chain.reorganise(1)
        stage.follow()
        assert has_role(stage, bank.address, now)  # and is undone with its block


def has_role(stage: VaultStage, account: bytes, at: int) -> bool:
    return stage.vault.facts.agency(account).state.has_role(2, at)


def test_a_rotation_that_a_reorganisation_undid_gives_the_old_accounts_back(tmp_path: Path) -> None:
    with vault_stage(tmp_path, confirmations=2) as stage:
        alice = Holder(stage, "alice")
        alice.open()
        stage.chain.mine(3)
        stage.follow()
        assert stage.vault.facts.dossier(alice.dossier).state.controller == alice.address
        message = RotateDossier(alice.dossier, alice.address, b"\x08" * 20, 0, FAR)
        signed = alice.account.sign_digest(message.digest(stage.vault.dossier_domain))
        stage.chain.ledger(stage.relayer.address).rotate_dossier(message, signed)
        stage.follow()
        assert stage.vault.facts.dossier(alice.dossier).state.controller == bytes(20)
        stage.chain.reorganise(1)
        stage.chain.mine(1)
        stage.follow()
        assert stage.vault.facts.dossier(alice.dossier).state.controller == alice.address


@pytest.mark.parametrize("depth", [1, 2, 64])
def test_a_reorganisation_of_up_to_64_blocks_is_followed_from_where_it_began(stage: VaultStage, depth: int) -> None:
    for _ in range(depth + 2):
        stage.chain.mine()
        stage.follow()
    keep = stage.chain.head.number - depth
    rolled: list[BlockRef | None] = []
    store = stage.following._store
    original = store.roll_back

    def watched(to: BlockRef | None) -> None:
        rolled.append(to)
        original(to)

    store.roll_back = watched  # type: ignore[method-assign]  # to see how far it goes
    stage.chain.reorganise(depth)
    stage.follow()
    assert [to and to.number for to in rolled] == [keep]
    assert store.tip() == stage.chain.head


def test_a_reorganisation_beyond_what_is_remembered_is_followed_from_the_deployment(world: World) -> None:
    stage, grant = world.stage, world.granted()
    grant.revoke()
    stage.publish()
    stage.follow()
    for _ in range(REMEMBER + 2):
        stage.chain.mine()
        stage.follow()
    stage.chain.reorganise(REMEMBER + 2)
    stage.follow()
    assert stage.following._store.tip() == stage.chain.head
    assert spent(world, grant.grant.nullifier)
    assert kept(stage) == (0, 1)
    assert stage.publish() is None
    assert len(stage.snapshot()["anchors"]) == 2


# --- anchors --------------------------------------------------------------------------------------


def test_an_anchor_waits_for_its_interval_unless_the_chain_has_lost_one(stage: VaultStage) -> None:
    now = [0.0]
    publishing = Publishing(stage.vault, clock=lambda: now[0])
    stage.chain.mine()
    stage.follow()
    stage.holder()
    assert publishing.beat() is not None
    stage.follow()
    stage.holder("bob")
    assert publishing.beat() is None
    stage.chain.reorganise(2)
    stage.follow()
    again = publishing.beat()
    assert again is not None
    assert again.size == stage.vault.log.size
    stage.holder("carol")
    assert publishing.beat() is None
    now[0] = stage.settings.anchor_interval_s
    assert publishing.beat() is not None


def test_an_anchor_and_revocations_do_not_wait_for_one_another(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = world.stage
    assert world.granted().revoke().status_code == 200
    kind, both = type(stage.vault.ledger), threading.Barrier(2)

    def met(send: Any) -> Any:
        def sent(*given: Any, **named: Any) -> Any:
            both.wait(20)  # breaks if the other one is not under way
            return send(*given, **named)

        return sent

    monkeypatch.setattr(kind, "anchor", met(kind.anchor))
    monkeypatch.setattr(kind, "revoke", met(kind.revoke))
    assert stage.publish().size == stage.vault.log.size
    assert kept(stage) == (0, 1)


def test_an_anchor_that_failed_is_tried_again_at_the_next_beat(stage: VaultStage) -> None:
    publishing = Publishing(stage.vault, clock=lambda: 0.0)
    stage.holder()
    stage.chain.faults.fail("anchor")
    with pytest.raises(Unavailable):
        publishing.beat()
    assert publishing.beat() is not None


def test_the_account_is_tended_first_and_a_fault_there_stops_nothing_else(stage: VaultStage) -> None:
    stage.holder()
    ledger = stage.vault.ledger
    order: list[str] = []

    def tend() -> None:
        order.append("tend")
        raise Conflict("nonce_race", "somebody")

    type(ledger).tend, original = tend_of(tend), type(ledger).tend  # type: ignore[method-assign]  # and back below
    try:
        with pytest.raises(Conflict):
            stage.publish()
    finally:
        type(ledger).tend = original  # type: ignore[method-assign]  # as it was
    assert order == ["tend"]
    assert stage.publish() is None  # the anchor was sent all the same


def tend_of(work: Any) -> Any:
    return lambda _self: work()


# --- a node that is cut off, and clocks -----------------------------------------------------------


def test_a_node_that_is_cut_off_from_its_chain_counts_as_silent(tmp_path: Path) -> None:
    chain = MemoryChain(governor=bytes(20))
    with vault_stage(tmp_path, chain_stall_s=300) as stage:
        stage.chain.mine()
        stage.follow()
        stage.clock.advance(300)
        stage.follow()
        assert stage.vault.facts.age_s() == 0
        stage.clock.advance(1)
        with pytest.raises(Unavailable) as stalled:
            stage.follow()
        assert stalled.value.code == "chain_stalled"
        assert stage.vault.facts.age_s() == 1
        stage.clock.advance(HOUR)
        with pytest.raises(OneFileError) as stale:
            stage.vault.facts.age_s()
        assert stale.value.code == "chain_stale"
        stage.chain.mine()
        stage.follow()
        assert stage.vault.facts.age_s() == 0
    assert chain.head.number == 1


def test_a_block_from_the_future_stops_what_is_logged_until_it_is_gone(world: World) -> None:
    stage = world.stage
    stage.chain.mine()
    stage.follow()
    stage.chain.advance(10**6)
    stage.chain.mine()
    stage.follow()
    refused(world.grant().send(), 503, "clock_behind")
    assert stage.get(world.alice, "/v1/me").status_code == 200
    stage.chain.advance(-(10**6))
    stage.chain.reorganise(1)
    stage.follow()
    assert world.grant().send().status_code == 201


def test_a_use_and_a_deposit_are_refused_while_the_clock_is_behind(world: World) -> None:
    stage, grant = world.stage, world.granted()
    stage.clock.advance(-stage.settings.clock_lag_s - 1)
    deposit = world.alice.deposit(world.issuer, b"late")
    (sealed,) = deposit.sealed
    refused(stage.upload(world.issuer, sealed.payload), 503, "clock_behind")  # and not: you are no issuer yet
    refused(grant.release(), 503, "clock_behind")
    refused(grant.revoke(), 503, "clock_behind")
    verdict = {"kind": "grant", "value": grant.envelope().to_json()}
    refused(stage.post(None, "/v1/verify", verdict), 503, "clock_behind")
    stage.clock.advance(1)
    deposit.upload()
    assert deposit.send().status_code == 201
    assert grant.release().status_code == 200
    assert stage.post(None, "/v1/verify", verdict).json()["verdict"] == "accept"


def test_the_table_of_what_is_in_a_block_is_part_of_the_schema(stage: VaultStage) -> None:
    assert stage.snapshot()[revoked.name] == []
