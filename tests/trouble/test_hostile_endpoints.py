"""The real ledger over a real chain, with a hostile server in between: anchored once, believed never."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chain.anchored import anchored_heads
from chain.deployment import Deployment
from chain.ethereum import EthereumLedger, QuorumLedger, connect_all
from chain.fees import FeePolicy
from chain.follower import Follower, MemoryFollowerStore
from chain.journal import MemoryJournal
from chain.publisher import Publisher
from protocol.errors import OneFileError, Unavailable, Untrusted
from protocol.hashing import keccak256, sha256
from tests.chain_acts import refused
from tests.chain_fixture import LocalChain
from tests.chain_outbox import MemoryOutbox
from tests.chain_stage import EvmStage, Log
from tests.trouble.rpc_proxy import EVERYTHING, RpcProxy, Trouble, rpc_proxy

TRIES = 300
Ledgers = Callable[..., "EthereumLedger | QuorumLedger"]


@pytest.fixture
def evm(local_chain: LocalChain) -> Iterator[EvmStage]:
    stage = EvmStage(local_chain)
    yield stage
    stage.close()


@pytest.fixture
def log(evm: EvmStage) -> Log:
    log = Log(evm)
    log.open()
    return log


@pytest.fixture
def over(evm: EvmStage) -> Iterator[Ledgers]:
    """A ledger over several endpoints."""
    made: list[Any] = []

    def connected(*urls: str, quorum: int = 1, name: str = "publisher", **options: Any) -> Any:
        ledger = connect_all(
            evm.deployment,
            urls,
            quorum,
            evm.chain.funded(name),
            answer_timeout_s=2.0,
            inclusion_timeout_s=2.0,
            policy=FeePolicy(raise_after_s=0.5),
            **options,
        )
        made.append(ledger)
        return ledger

    yield connected
    for ledger in made:
        ledger.close()


def persisted(work: Callable[[], Any]) -> Any:
    """What comes of it in the end, however often it has to be tried."""
    for _ in range(TRIES):
        try:
            return work()
        except Unavailable:
            continue
    raise AssertionError("it never came through")


def sizes(evm: EvmStage, log: Log) -> list[int]:
    reads = evm.ledger("anybody")
    heads = anchored_heads(reads, log.hash, evm.deployment.deploy_block, reads.head().number)
    return [event.size for event in heads]


def test_every_checkpoint_is_anchored_once_through_an_endpoint_that_does_everything_wrong(
    evm: EvmStage, log: Log, over: Ledgers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chain.sender.FAULT_GRACE_S", 0.2)
    outbox, journal = MemoryOutbox(log), MemoryJournal()
    with rpc_proxy(evm.chain.url, EVERYTHING, seed=3) as proxy:
        for size in (3, 7):
            outbox.grow(size)
            publisher = Publisher(over(proxy.url, journal=journal), outbox, log.origin)
            while (record := outbox.last_recorded()) is None or record.size < size:
                persisted(publisher.publish)
        assert sum(count for kind, count in proxy.seen.items() if kind) > 5
    assert sizes(evm, log) == [1, 3, 7]
    assert sorted(outbox.records) == [1, 3, 7]


def test_a_broadcast_whose_answer_is_lost_is_one_transaction(evm: EvmStage, over: Ledgers) -> None:
    with rpc_proxy(evm.chain.url, Trouble(lost=1.0, only=("eth_sendRawTransaction",))) as proxy:
        ledger = over(proxy.url, name="alice")
        first = nonce_of(evm, "alice")
        ledger.revoke(bytes(32))
        assert nonce_of(evm, "alice") == first + 1
        assert proxy.asked["eth_sendRawTransaction"] == 1


def test_changes_go_on_through_another_endpoint(evm: EvmStage, over: Ledgers) -> None:
    silent = Trouble(drop=1.0)
    with rpc_proxy(evm.chain.url, silent) as dead, rpc_proxy(evm.chain.url, Trouble(busy=1.0)) as busy:
        ledger = over(dead.url, busy.url, evm.chain.url, name="alice")
        ledger.revoke(sha256(b"one"))
        assert ledger.nullified_at(keccak256(sha256(b"one"))) is not None
        tried = dead.asked["eth_chainId"]
        ledger.revoke(sha256(b"two"))
        assert dead.asked["eth_sendRawTransaction"] == 0
        assert dead.asked["eth_chainId"] <= tried + 2  # who was silent is asked last


def test_an_endpoint_that_dies_between_two_changes_costs_nothing(evm: EvmStage, over: Ledgers) -> None:
    with rpc_proxy(evm.chain.url, Trouble()) as proxy:
        ledger = over(proxy.url, evm.chain.url, name="alice")
        ledger.revoke(sha256(b"one"))
        proxy.trouble = Trouble(lost=1.0)
        ledger.revoke(sha256(b"two"))
        assert ledger.nullified_at(keccak256(sha256(b"two"))) is not None


def test_endpoints_that_all_fail_are_unavailable(evm: EvmStage, over: Ledgers) -> None:
    with rpc_proxy(evm.chain.url, Trouble(busy=1.0)) as one, rpc_proxy(evm.chain.url, Trouble(drop=1.0)) as two:
        for code, urls in (("chain_error", [one.url, one.url]), ("chain_unreachable", [two.url, two.url])):
            ledger = over(*urls, name="alice")
            with refused(Unavailable, code):
                ledger.revoke(bytes(32))


def test_an_endpoint_of_another_chain_is_sent_nothing(evm: EvmStage, over: Ledgers) -> None:
    with rpc_proxy(evm.chain.url, Trouble(lying_block=1.0, only=("eth_getBlockByNumber",))) as other:
        both = over(other.url, evm.chain.url, name="alice")
        both.revoke(bytes(32))
        assert other.asked["eth_sendRawTransaction"] == 0
        alone = over(other.url, other.url, name="alice")
        with pytest.raises(Untrusted):
            alone.revoke(sha256(b"other"))
        assert other.asked["eth_sendRawTransaction"] == 0


def test_an_invented_receipt_is_believed_only_by_who_asks_one_endpoint(evm: EvmStage, over: Ledgers) -> None:
    lies = Trouble(lying_receipt=1.0)
    stuck = sha256(b"never in a block")
    evm.chain.devnet.rpc("evm_setAutomine", [False])
    try:
        with rpc_proxy(evm.chain.url, lies) as liar:
            alone = over(liar.url, name="alice")
            assert alone.revoke(stuck).block == evm.ledger("anybody").head()  # a lie, and nothing to hold against it
            with refused(Unavailable, "chain_not_included"):
                over(liar.url, evm.chain.url, quorum=2, name="bob").revoke(sha256(b"another"))
        assert evm.ledger("anybody").nullified_at(keccak256(stuck)) is None
    finally:
        evm.chain.devnet.rpc("evm_setAutomine", [True])
        evm.chain.devnet.mine()


def test_one_liar_of_three_is_outvoted_and_one_of_two_stops_everything(evm: EvmStage, log: Log, over: Ledgers) -> None:
    outbox = MemoryOutbox(log)
    outbox.grow(4)
    with rpc_proxy(evm.chain.url, Trouble(lying_block=1.0)) as liar:
        two = over(liar.url, evm.chain.url, quorum=2)
        with pytest.raises(OneFileError):
            Publisher(two, outbox, log.origin).publish()
        assert sizes(evm, log) == [1]
        three = over(evm.chain.url, liar.url, evm.chain.url, quorum=2)
        Publisher(three, outbox, log.origin).publish()
        store = MemoryFollowerStore()
        Follower(three, store).catch_up()
    assert sizes(evm, log) == [1, 4]
    assert store.tip() == evm.ledger("anybody").head()


def test_old_answers_are_no_second_anchor(evm: EvmStage, log: Log, over: Ledgers) -> None:
    outbox = MemoryOutbox(log)
    with rpc_proxy(evm.chain.url, Trouble()) as proxy:
        ledger = over(proxy.url)
        outbox.grow(4)
        Publisher(ledger, outbox, log.origin).publish()
        proxy.trouble = Trouble(stale=1.0, only=("eth_call", "eth_getTransactionCount"))
        with pytest.raises(OneFileError):
            Publisher(ledger, outbox, log.origin).publish()
        proxy.as_it_is()
        assert Publisher(ledger, outbox, log.origin).publish() is None
    assert sizes(evm, log) == [1, 4]


@pytest.mark.parametrize("depth", [1, 3, 20])
def test_what_a_reorganisation_undid_is_on_a_real_chain_again_within_two_blocks(
    evm: EvmStage, log: Log, over: Ledgers, depth: int
) -> None:
    outbox, journal = MemoryOutbox(log), MemoryJournal()
    evm.mine(depth)
    ledger = over(evm.chain.url, journal=journal)
    for size in range(2, 4):
        outbox.grow(size)
        Publisher(ledger, outbox, log.origin).publish()
    secret = sha256(b"secret")
    ledger.revoke(secret)
    evm.chain.devnet.rpc("anvil_reorg", [depth, []])
    before = evm.ledger("anybody").head().number
    restarted = over(evm.chain.url, journal=journal)
    restarted.tend()
    Publisher(restarted, outbox, log.origin).publish()
    state = restarted.log_state(log.hash)
    assert state is not None
    assert (state.size, state.root) == (3, log.root(3))
    evm.mine()  # what is in the pool gets its block now, and not a moment later
    assert restarted.nullified_at(keccak256(secret)) is not None
    last = outbox.last_recorded()
    assert last is not None
    assert last.block == restarted.block(last.block.number)
    assert last.size == 3
    assert last.block.number <= before + 2


def nonce_of(evm: EvmStage, name: str) -> int:
    account = evm.chain.funded(name).account
    return int(evm.chain.devnet.rpc("eth_getTransactionCount", ["0x" + account.hex(), "latest"]), 16)


def test_the_proxy_draws_the_same_from_the_same_seed(evm: EvmStage) -> None:
    def run(seed: int) -> list[str]:
        proxy = RpcProxy(evm.chain.url, EVERYTHING, seed)
        proxy.close()
        return [EVERYTHING.draw(proxy._lots, "eth_call") for _ in range(50)]

    assert run(1) == run(1) != run(2)
    assert isinstance(evm.deployment, Deployment)
