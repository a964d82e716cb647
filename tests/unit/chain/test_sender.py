"""Numbers, fees, waiting and refusals of transactions, against a scripted node."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from eth_account import Account

from chain import sender as module
from chain.codec import Codec
from chain.deployment import Contracts
from chain.node import NodeRefusalError, Receipt, RevertError
from chain.sender import Sender
from chain.signer import TxSigner
from chain.values import BlockRef
from protocol.errors import Conflict, Denied, OneFileError, Unavailable
from protocol.hashing import keccak256, sha256

CONTRACTS = Contracts(*(bytes([number]) * 20 for number in range(1, 5)))
SIGNER = TxSigner(sha256(b"a sender"))
UNREACHABLE = Unavailable("chain_unreachable", "no answer")


def block(number: int, fork: int = 0) -> BlockRef:
    return BlockRef(number, sha256(b"block", bytes([number, fork])), 1_000 + number)


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0
        self.on_sleep: Callable[[], None] = lambda: None

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.on_sleep()

    def read(self) -> float:
        return self.now


class FakeNode:
    """Takes transactions and includes each at once, unless told otherwise."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.refusals: list[Exception] = []
        self.estimates: list[int | Exception] = []
        self.receipts: list[Receipt | Exception | None] = []
        self.nonce = 0
        self.mined = 0
        self.counted_waiting: list[bool] = []
        self.base = 10**9
        self.suggested_tip = 10**9
        self.number = 5
        self.forks: dict[int, int] = {}
        self.created: bytes | None = b"\x09" * 20

    def estimate(self, _sender: bytes, _to: bytes | None, _data: bytes, *, waiting: bool = True) -> int:
        self.counted_waiting.append(waiting)
        answer = self.estimates.pop(0) if self.estimates else 50_000
        if isinstance(answer, Exception):
            raise answer
        return answer

    def tip(self) -> int:
        return self.suggested_tip

    def base_fee(self) -> int:
        return self.base

    def next_nonce(self, _account: bytes) -> int:
        return self.nonce

    def mined_nonce(self, _account: bytes) -> int:
        return self.mined

    def broadcast(self, raw: bytes) -> None:
        if self.refusals:
            raise self.refusals.pop(0)
        self.sent.append({"raw": raw, "hash": keccak256(raw)})

    def receipt(self, _hash: bytes) -> Receipt | None:
        answer = self.receipts.pop(0) if self.receipts else self.included()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def included(self, number: int = 5, *, succeeded: bool = True) -> Receipt:
        return Receipt(self.block(number), succeeded, 40_000, self.created)

    def head(self) -> BlockRef:
        return self.block(self.number)

    def block(self, number: int) -> BlockRef:
        return block(number, self.forks.get(number, 0))


def make(node: FakeNode, clock: Clock | None = None) -> Sender:
    clock = clock or Clock()
    return Sender(node, SIGNER, 31337, inclusion_timeout_s=10.0, sleep=clock.sleep, clock=clock.read)  # type: ignore[arg-type]  # answers like one


def a_call(secret: int = 0) -> Any:
    return Codec(CONTRACTS).call("GrantRegistry", "revoke", secret.to_bytes(32, "big"))


def fault(sender: Sender, kind: type[OneFileError]) -> OneFileError:
    with pytest.raises(kind) as caught:
        sender.send(a_call())
    return caught.value


def test_what_is_sent_is_signed_by_the_account_for_this_chain() -> None:
    node = FakeNode()
    sent = make(node).send(a_call())
    (one,) = node.sent
    assert Account.recover_transaction(one["raw"]).lower() == "0x" + SIGNER.account.hex()
    assert (sent.hash, sent.block, sent.gas_used) == (one["hash"], block(5), 40_000)


def test_a_refusal_in_the_simulation_sends_nothing() -> None:
    node = FakeNode()
    node.estimates = [RevertError(keccak256(b"LogUnknown(bytes32)")[:4] + bytes(32))]
    assert fault(make(node), Denied).code == "log_unknown"
    assert node.sent == []


@pytest.mark.parametrize(("field", "value"), [("base", 10**13), ("suggested_tip", 10**20)])
def test_a_lie_about_fees_does_not_drain_the_account(field: str, value: int) -> None:
    node = FakeNode()
    setattr(node, field, value)
    if field == "base":
        assert fault(make(node), Unavailable).code == "chain_fee"
        assert node.sent == []
    else:
        make(node).send(a_call())
        assert len(node.sent) == 1


def test_a_lie_about_gas_does_not_drain_the_account() -> None:
    node = FakeNode()
    node.estimates = [10**9]
    assert fault(make(node), Unavailable).code == "chain_gas"
    assert node.sent == []


def test_numbers_go_on_even_where_the_node_is_slow_to_count() -> None:
    node, sender = FakeNode(), None
    sender = make(node)
    raws = [sender.send(a_call()).hash for _ in range(3)]
    assert len(set(raws)) == 3  # three nonces: the node said 0 each time


def test_a_number_that_somebody_else_used_is_drawn_again() -> None:
    node = FakeNode()
    node.refusals = [NodeRefusalError("nonce too low"), NodeRefusalError("replacement transaction underpriced")]
    node.receipts = [None, None]
    make(node).send(a_call())
    assert len(node.sent) == 1


def test_a_race_for_numbers_ends() -> None:
    node = FakeNode()
    node.refusals = [NodeRefusalError("nonce too low")] * 10
    node.receipts = [None] * 10
    assert fault(make(node), Conflict).code == "nonce_race"
    assert node.sent == []


def test_a_transaction_that_the_node_has_already_is_waited_for() -> None:
    node = FakeNode()
    node.refusals = [NodeRefusalError("already known")]
    assert make(node).send(a_call()).block == block(5)


def test_an_account_without_ether_is_told_so() -> None:
    node = FakeNode()
    node.refusals = [NodeRefusalError("Insufficient funds for gas * price + value")]
    assert fault(make(node), Denied).code == "account_unfunded"


def test_another_refusal_of_the_node_is_unavailable() -> None:
    node = FakeNode()
    node.refusals = [NodeRefusalError("pool is full")]
    assert fault(make(node), Unavailable).code == "chain_error"


def test_silence_at_the_broadcast_is_no_loss_if_it_was_taken() -> None:
    node = FakeNode()
    node.refusals = [UNREACHABLE]
    node.receipts = [None, None]
    assert make(node).send(a_call()).block == block(5)


def test_silence_at_the_broadcast_is_told_when_nothing_comes() -> None:
    node, clock = FakeNode(), Clock()
    node.refusals = [UNREACHABLE]
    node.receipts = [None] * 1_000
    assert fault(make(node, clock), Unavailable) is UNREACHABLE
    assert clock.now < 10


def test_a_lost_answer_while_waiting_is_no_reason_to_give_up() -> None:
    node = FakeNode()
    node.receipts = [UNREACHABLE, None, UNREACHABLE]
    assert make(node).send(a_call()).block == block(5)


def test_a_node_that_dies_while_waiting_is_told_soon() -> None:
    node, clock = FakeNode(), Clock()
    node.receipts = [UNREACHABLE] * 1_000
    assert fault(make(node, clock), Unavailable) is UNREACHABLE
    assert module.FAULT_GRACE_S <= clock.now < 10


def test_what_stays_out_of_blocks_is_told_with_its_hash() -> None:
    node, clock = FakeNode(), Clock()
    node.receipts = [None] * 1_000
    told = fault(make(node, clock), Unavailable)
    assert told.code == "chain_not_included"
    assert told.facts["hash"] == "0x" + node.sent[0]["hash"].hex()
    assert clock.now >= 10


def test_what_is_sent_again_after_a_loss_joins_what_is_under_way() -> None:
    node, clock = FakeNode(), Clock()
    sender = make(node, clock)
    node.receipts = [None] * 1_000
    assert fault(sender, Unavailable).code == "chain_not_included"
    node.receipts = []
    again = sender.send(a_call())
    assert again.hash == node.sent[0]["hash"]  # it came into a block after all
    assert len(node.sent) == 1


def test_confirmations_are_waited_for() -> None:
    node, clock = FakeNode(), Clock()

    def mine() -> None:
        node.number += 1

    clock.on_sleep = mine
    make(node, clock).send(a_call(), confirmations=3)
    assert node.number >= 8


def test_a_block_that_goes_in_a_reorganisation_confirms_nothing() -> None:
    node, clock = FakeNode(), Clock()
    node.number = 9
    old = node.included(5)
    node.forks[5] = 1
    node.receipts = [old, None, old, None]
    sent = make(node, clock).send(a_call(), confirmations=2)
    assert sent.block == block(5, 1)


def test_what_fails_in_its_block_is_asked_for_its_reason() -> None:
    node = FakeNode()
    node.receipts = [node.included(succeeded=False)]
    node.estimates = [50_000, RevertError(keccak256(b"LogUnknown(bytes32)")[:4] + bytes(32))]
    assert fault(make(node), Denied).code == "log_unknown"


def test_what_fails_in_its_block_for_no_reason_is_a_conflict() -> None:
    node = FakeNode()
    node.receipts = [node.included(succeeded=False)]
    assert fault(make(node), Conflict).code == "transaction_failed"


def test_a_contract_is_made_and_its_address_told() -> None:
    node = FakeNode()
    address, ref = make(node).create(b"\x60\x00")
    assert (address, ref.block) == (b"\x09" * 20, block(5))
    node.created = None
    with pytest.raises(Unavailable):
        make(node).create(b"\x60\x00")


def test_two_threads_never_use_one_number() -> None:
    node = FakeNode()
    sender = make(node)
    # Calls of one kind would join the one that is under way.
    threads = [threading.Thread(target=sender.send, args=(a_call(number),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one["hash"] for one in node.sent}) == 8
