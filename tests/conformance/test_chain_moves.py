"""Publisher and follower on a real chain, over a real reorganisation; and endpoints of another chain."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chain.deploy import check_code, deploy
from chain.deployment import Deployment
from chain.ethereum import connect
from chain.events import Nullified
from chain.files import read_deployment
from chain.follower import Follower, MemoryFollowerStore
from chain.node import Node
from chain.publisher import Publisher
from protocol.errors import Conflict, OneFileError, Unavailable, Untrusted
from protocol.hashing import keccak256, sha256
from tests.chain_fixture import LocalChain, start_chain
from tests.chain_outbox import MemoryOutbox
from tests.chain_stage import Actor, EvmStage, Log
from tests.unit.chain.rogue import Answer, hang_up, raw, result, rogue


@pytest.fixture
def evm(local_chain: LocalChain) -> Any:
    stage = EvmStage(local_chain)
    yield stage
    stage.close()


class TestPublisher:
    def test_heads_are_anchored_one_after_the_other(self, evm: EvmStage) -> None:
        log = Log(evm)
        log.open()
        outbox = MemoryOutbox(log)
        publisher = Publisher(evm.ledger("publisher"), outbox, log.origin)
        for size in (3, 10, 33):
            outbox.grow(size)
            record = publisher.publish()
            assert record is not None
            assert record.size == size
        state = evm.ledger("publisher").log_state(log.hash)
        assert state is not None
        assert (state.size, state.root) == (33, log.root(33))
        assert sorted(outbox.records) == [1, 3, 10, 33]

    def test_an_anchor_that_a_reorganisation_undid_is_sent_again(self, evm: EvmStage) -> None:
        log = Log(evm)
        log.open()
        outbox = MemoryOutbox(log)
        outbox.grow(5)
        # As after a restart: each run has a sender of its own.
        Publisher(evm.fresh("publisher"), outbox, log.origin).publish()
        evm.chain.devnet.rpc("anvil_reorg", [1, []])
        reads = evm.ledger("anybody")
        undone = reads.log_state(log.hash)
        assert undone is not None
        assert undone.size == 1
        record = Publisher(evm.fresh("publisher"), outbox, log.origin).publish()
        assert record is not None
        assert outbox.records[5].block == record.block == reads.block(record.block.number)


class TestFollower:
    def test_a_reorganisation_is_undone(self, evm: EvmStage) -> None:
        ledger, store = evm.ledger("alice"), MemoryFollowerStore()
        follower = Follower(ledger, store, blocks_a_step=1)
        for number in range(3):
            ledger.revoke(sha256(b"secret", bytes([number])))
        follower.catch_up()
        evm.chain.devnet.rpc("anvil_reorg", [2, []])
        other = evm.fresh("bob")
        other.revoke(sha256(b"another"))
        steps = follower.catch_up()
        assert any(step.rolled_back for step in steps)
        seen = [event.nullifier for event in store.events if isinstance(event, Nullified)]
        assert seen == [keccak256(sha256(b"secret", b"\x00")), keccak256(sha256(b"another"))]
        assert store.tip() == ledger.head()

    def test_a_chain_that_went_back_is_followed_back(self, evm: EvmStage) -> None:
        ledger, store = evm.ledger("alice"), MemoryFollowerStore()
        snapshot = evm.chain.devnet.rpc("evm_snapshot")
        ledger.revoke(sha256(b"secret"))
        Follower(ledger, store, blocks_a_step=1).catch_up()
        assert len([e for e in store.events if isinstance(e, Nullified)]) == 1
        assert evm.chain.devnet.rpc("evm_revert", [snapshot])
        Follower(ledger, store, blocks_a_step=1).catch_up()
        assert [e for e in store.events if isinstance(e, Nullified)] == []
        assert store.tip() == ledger.head()

    def test_the_agencies_are_read_anew_after_a_reorganisation(self, evm: EvmStage) -> None:
        governor = evm.ledger("governor")
        governor.admit_agency(Actor("bank").account, "Bank", "37")
        assert len(governor.agencies()) == 1
        evm.chain.devnet.rpc("anvil_reorg", [1, []])
        assert governor.agencies() == ()


class TestDeployment:
    def test_what_is_there_is_not_deployed_again(self, evm: EvmStage) -> None:
        governor = evm.chain.funded("governor")
        again, made = deploy(evm.chain.url, governor, evm.path)
        assert (again, made) == (evm.deployment, False)

    def test_a_record_can_be_renewed(self, evm: EvmStage) -> None:
        governor = evm.chain.funded("governor")
        renewed, made = deploy(evm.chain.url, governor, evm.path, renew=True)
        assert made
        assert renewed.contracts != evm.deployment.contracts
        assert read_deployment(evm.path) == renewed

    @pytest.mark.parametrize("change", ["contract", "block", "chain"])
    def test_a_record_of_another_chain_is_noticed(self, evm: EvmStage, change: str) -> None:
        good = evm.deployment
        other: Deployment = {
            "contract": replace(good, contracts=replace(good.contracts, grant_registry=bytes(20))),
            "block": replace(good, deploy_block_hash=bytes(32)),
            "chain": replace(good, chain_id=1),
        }[change]
        node = Node.at(evm.chain.url)
        with pytest.raises(Conflict) as caught:
            check_code(node, other)
        node.close()
        assert caught.value.code == "deployment_elsewhere"

    def test_the_governor_of_the_registry_is_who_deployed_it(self, evm: EvmStage) -> None:
        evm.ledger("governor").admit_agency(Actor("bank").account, "Bank", "37")
        assert len(evm.ledger("governor").agencies()) == 1


class TestEndpoints:
    """Endpoints that serve something else, or nothing."""

    def test_another_chain_with_the_same_id_is_refused_before_anything_is_sent(self, evm: EvmStage) -> None:
        other = start_chain()
        try:
            other.devnet.mine(60)
            ledger = connect(evm.deployment, other.url, other.funded("alice"))
            for ask in (ledger.head, lambda: ledger.revoke(bytes(32)), ledger.agencies):
                with pytest.raises(Untrusted) as caught:
                    ask()
                assert caught.value.code == "other_chain"
            ledger.close()
            assert other.devnet.rpc("eth_getTransactionCount", ["0x" + Actor("alice").account.hex(), "latest"]) == "0x0"
        finally:
            other.end()

    def test_a_chain_of_another_id_is_refused(self, evm: EvmStage) -> None:
        ledger = connect(replace(evm.deployment, chain_id=1), evm.chain.url)
        with pytest.raises(Untrusted) as caught:
            ledger.head()
        ledger.close()
        assert caught.value.code == "wrong_chain"

    def test_a_chain_without_the_deployments_block_is_refused(self, evm: EvmStage) -> None:
        ledger = connect(replace(evm.deployment, deploy_block=10**9), evm.chain.url)
        with pytest.raises(Untrusted) as caught:
            ledger.head()
        ledger.close()
        assert caught.value.code == "other_chain"

    @pytest.mark.parametrize("answer", [hang_up, raw(b"<html>"), result(None), result("0x"), result([])])
    def test_no_call_gets_past_an_endpoint_that_answers_nonsense(self, evm: EvmStage, answer: Answer) -> None:
        with rogue(answer) as url:
            ledger = connect(evm.deployment, url, evm.chain.funded("alice"), answer_timeout_s=1.0)
            asks: list[Any] = [
                ledger.head,
                lambda: ledger.block(1),
                lambda: ledger.agency(bytes(20)),
                ledger.agencies,
                lambda: ledger.dossier(bytes(32)),
                lambda: ledger.dossier_history(bytes(32)),
                lambda: ledger.dossier_cards(bytes(32)),
                lambda: ledger.attested_at(bytes(32), bytes(32)),
                lambda: ledger.nullified_at(bytes(32)),
                lambda: ledger.log_state(bytes(32)),
                lambda: ledger.verify_older(bytes(32), 1, bytes(32), []),
                lambda: ledger.events(0, 5),
                lambda: ledger.log_events(bytes(32), 0, 5),
                lambda: ledger.revoke(bytes(32)),
            ]
            for ask in asks:
                with pytest.raises(Unavailable) as caught:
                    ask()
                assert caught.value.code in {"chain_unreachable", "chain_garbage"}
            ledger.close()

    def test_a_range_that_a_node_will_not_take_is_halved(self, evm: EvmStage) -> None:
        ledger = evm.ledger("alice")
        for number in range(3):
            ledger.revoke(sha256(b"secret", bytes([number])))
        begin, head = evm.deployment.deploy_block, ledger.head().number
        want = list(ledger.events(begin, head))
        picky = connect(evm.deployment, evm.chain.url)
        picky._node = PickyNode(picky._node)  # type: ignore[assignment]  # as a node that takes two blocks at once
        assert list(picky.events(begin, head)) == want
        picky.close()

    def test_a_node_that_takes_not_even_one_block_is_unavailable(self, evm: EvmStage) -> None:
        picky = connect(evm.deployment, evm.chain.url)
        picky._node = PickyNode(picky._node, most=0)  # type: ignore[assignment]  # as a node that takes nothing
        with pytest.raises(OneFileError) as caught:
            picky.events(evm.deployment.deploy_block, evm.deployment.deploy_block + 3)
        picky.close()
        assert caught.value.code == "chain_error"


class PickyNode:
    """A node that takes a few blocks in one question for events."""

    def __init__(self, node: Node, most: int = 2) -> None:
        self._node, self._most = node, most

    def __getattr__(self, name: str) -> Any:
        return getattr(self._node, name)

    def logs(self, addresses: Any, topics: Any, first: int, last: int) -> Any:
        if last - first >= self._most:
            raise Unavailable("chain_error", "the chain's node reports an error: {why}", why="range too large")
        return self._node.logs(addresses, topics, first, last)
