"""Answers that are JSON-RPC but not true: wrong types, ranges, lengths, and things nobody asked for."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.codec import Call, Codec
from chain.deployment import Contracts
from chain.node import MAX_LOGS, Node, NodeRefusalError, RevertError
from chain.values import BlockRef
from protocol.errors import Unavailable
from tests.unit.chain.rogue import ToldEndpoint

HASH = "0x" + "ab" * 32
OTHER = "0x" + "cd" * 32
ADDRESS = "0x" + "11" * 20
CONTRACTS = Contracts(*(bytes([number]) * 20 for number in (0x11, 0x22, 0x33, 0x44)))
BLOCK = {"number": "0x5", "hash": HASH, "timestamp": "0x64", "baseFeePerGas": "0x7"}
LOG = {
    "address": ADDRESS,
    "topics": [HASH],
    "data": "0x",
    "blockNumber": "0x5",
    "blockHash": HASH,
    "blockTimestamp": "0x64",
    "transactionHash": OTHER,
    "logIndex": "0x0",
}
RECEIPT = {"transactionHash": OTHER, "blockHash": HASH, "blockNumber": "0x5", "status": "0x1", "gasUsed": "0x10"}
# Not here: bare JSON numbers, which some nodes give for small ones.
GARBAGE: list[Any] = [None, True, -1, 1.5, "", "0x", "0xzz", "text", [], {}, [[]], "0x" + "f" * 100, HASH]


def node(**answers: Any) -> Node:
    return Node(ToldEndpoint(answers))  # type: ignore[arg-type]  # answers like one


def a_call() -> Call:
    return Codec(CONTRACTS).call("GrantRegistry", "nullifiedAt", bytes(32))


def ref() -> BlockRef:
    return BlockRef(5, bytes.fromhex("ab" * 32), 100)


def garbled(**answers: Any) -> Any:
    """Expect that the node's answer is called garbage."""
    return pytest.RaisesExc(Unavailable, check=lambda fault: fault.code == "chain_garbage")


def test_an_honest_node_is_understood() -> None:
    answers: dict[str, Any] = {
        "eth_chainId": "0x7a69",
        "eth_getBlockByNumber": BLOCK,
        "eth_getBlockByHash": BLOCK,
        "eth_getCode": "0x6001",
        "eth_getBalance": "0xff",
        "eth_call": "0x" + "00" * 31 + "09",
        "eth_getLogs": [LOG],
        "eth_estimateGas": "0x5208",
        "eth_getTransactionCount": "0x3",
        "eth_maxPriorityFeePerGas": "0x2",
        "eth_getTransactionReceipt": RECEIPT,
    }
    told = node(**answers)
    assert told.chain_id() == 31337
    assert told.head() == told.block(5) == told.block_by_hash(ref().hash) == ref()
    assert told.code(bytes(20)) == b"\x60\x01"
    assert told.balance(bytes(20)) == 255
    assert told.ask(a_call())[-1] == 9
    (log,) = told.logs([bytes.fromhex("11" * 20)], [], 0, 9)
    assert (log.block, log.index, log.tx_hash.hex()) == (ref(), 0, "cd" * 32)
    assert (told.estimate(bytes(20), None, b""), told.next_nonce(bytes(20))) == (21000, 3)
    assert (told.base_fee(), told.tip()) == (7, 2)
    receipt = told.receipt(bytes.fromhex("cd" * 32))
    assert receipt is not None
    assert (receipt.block, receipt.succeeded, receipt.gas_used, receipt.created) == (ref(), True, 16, None)
    told.close()


def test_what_is_not_there_is_none() -> None:
    told = node(eth_getBlockByNumber=None, eth_getBlockByHash=None, eth_getTransactionReceipt=None)
    assert told.block(9) is None
    assert told.block_by_hash(bytes(32)) is None
    assert told.receipt(bytes(32)) is None


@pytest.mark.parametrize("value", GARBAGE, ids=repr)
def test_a_block_must_be_one(value: Any) -> None:
    for field in ("number", "hash", "timestamp"):
        if field == "hash" and value == HASH:
            continue
        with garbled():
            node(eth_getBlockByNumber={**BLOCK, field: value}).head()
    with pytest.raises(Unavailable):
        node(eth_getBlockByNumber=value).head()


@pytest.mark.parametrize("missing", ["number", "hash", "timestamp"])
def test_a_block_must_be_whole(missing: str) -> None:
    with garbled():
        node(eth_getBlockByNumber={k: v for k, v in BLOCK.items() if k != missing}).head()


def test_another_block_than_the_one_asked_for_is_garbage() -> None:
    with garbled():
        node(eth_getBlockByNumber=BLOCK).block(6)
    with garbled():
        node(eth_getBlockByHash=BLOCK).block_by_hash(bytes(32))


@pytest.mark.parametrize("value", [g for g in GARBAGE if g not in ("0x", HASH)], ids=repr)
def test_numbers_must_be_numbers(value: Any) -> None:
    with garbled():
        node(eth_chainId=value).chain_id()
    with garbled():
        node(eth_estimateGas=value).estimate(bytes(20), bytes(20), b"")
    with garbled():
        node(eth_getTransactionCount=value).next_nonce(bytes(20))
    with garbled():
        node(eth_getBlockByNumber={**BLOCK, "baseFeePerGas": value}).base_fee()


def test_a_chain_without_a_base_fee_is_garbage() -> None:
    with garbled():
        node(eth_getBlockByNumber={k: v for k, v in BLOCK.items() if k != "baseFeePerGas"}).base_fee()


@pytest.mark.parametrize(
    "field", ["address", "topics", "data", "blockNumber", "blockHash", "transactionHash", "logIndex"]
)
@pytest.mark.parametrize("value", [None, -1, "0xzz", "text", [[]], [7]], ids=repr)
def test_a_log_must_be_one(field: str, value: Any) -> None:
    with garbled():
        node(eth_getLogs=[{**LOG, field: value}]).logs([bytes.fromhex("11" * 20)], [], 0, 9)


@pytest.mark.parametrize(
    "change",
    [
        {"address": "0x" + "99" * 20},
        {"blockNumber": "0xa"},
        {"removed": True},
        {"topics": [OTHER]},
        {"topics": []},
        {"topics": [HASH] * 5},
        {"blockTimestamp": "0xzz"},
        {"blockTimestamp": "text"},
    ],
    ids=repr,
)
def test_a_log_that_nobody_asked_for_is_garbage(change: dict[str, Any]) -> None:
    told = node(eth_getLogs=[{**LOG, **change}])
    with garbled():
        told.logs([bytes.fromhex("11" * 20)], [bytes.fromhex("ab" * 32)], 0, 9)


def test_logs_come_in_chain_order_and_are_bounded() -> None:
    later = {**LOG, "logIndex": "0x2"}
    logs = node(eth_getLogs=[later, LOG]).logs([bytes.fromhex("11" * 20)], [None], 0, 9)
    assert [log.index for log in logs] == [0, 2]
    with garbled():
        node(eth_getLogs=[LOG] * (MAX_LOGS + 1)).logs([bytes.fromhex("11" * 20)], [], 0, 9)


def test_the_time_of_a_log_is_asked_for_where_it_is_not_told() -> None:
    bare = {k: v for k, v in LOG.items() if k != "blockTimestamp"}
    addresses = [bytes.fromhex("11" * 20)]
    (log,) = node(eth_getLogs=[bare], eth_getBlockByHash=BLOCK).logs(addresses, [], 0, 9)
    assert log.block == ref()
    with garbled():
        node(eth_getLogs=[bare], eth_getBlockByHash=None).logs(addresses, [], 0, 9)
    with garbled():
        node(eth_getLogs=[bare], eth_getBlockByHash={**BLOCK, "number": "0x6"}).logs(addresses, [], 0, 9)


@pytest.mark.parametrize(
    "change",
    [
        {"transactionHash": HASH},
        {"status": "0xzz"},
        {"gasUsed": None},
        {"blockHash": "0x12"},
        {"contractAddress": "0x12"},
        {"contractAddress": 7},
    ],
    ids=repr,
)
def test_a_receipt_must_be_the_one(change: dict[str, Any]) -> None:
    told = node(eth_getTransactionReceipt={**RECEIPT, **change}, eth_getBlockByHash=BLOCK)
    with garbled():
        told.receipt(bytes.fromhex("cd" * 32))


def test_a_transaction_whose_block_is_not_there_is_in_no_block() -> None:
    gone = node(eth_getTransactionReceipt=RECEIPT, eth_getBlockByHash=None)
    waiting = node(eth_getTransactionReceipt={**RECEIPT, "blockHash": None})
    assert gone.receipt(bytes.fromhex("cd" * 32)) is None
    assert waiting.receipt(bytes.fromhex("cd" * 32)) is None


def test_a_receipt_tells_the_contract_that_was_made() -> None:
    made = {**RECEIPT, "contractAddress": ADDRESS, "status": "0x0"}
    receipt = node(eth_getTransactionReceipt=made, eth_getBlockByHash=BLOCK).receipt(bytes.fromhex("cd" * 32))
    assert receipt is not None
    assert (receipt.created, receipt.succeeded) == (bytes.fromhex("11" * 20), False)


@pytest.mark.parametrize(
    ("data", "expected"),
    [("0x12345678", "12345678"), ("0x", ""), (None, ""), ("0xzz", ""), (7, ""), ({"a": 1}, "")],
    ids=repr,
)
def test_a_refusal_comes_with_its_bytes(data: Any, expected: str) -> None:
    error = {"error": {"code": 3, "message": "execution reverted", "data": data}}
    with pytest.raises(RevertError) as caught:
        node(eth_call=error).ask(a_call(), block=3, sender=bytes(20))
    assert caught.value.data.hex() == expected


def test_of_several_calls_each_has_its_own_answer() -> None:
    told = iter(["0x0102", {"error": {"code": 3, "message": "execution reverted", "data": "0x12345678"}}, "0x"])
    first, second, third = node(eth_call=lambda *_: next(told)).ask_all([a_call()] * 3)
    assert (first, third) == (b"\x01\x02", b"")
    assert isinstance(second, RevertError)
    assert second.data.hex() == "12345678"


@pytest.mark.parametrize(
    "error",
    [
        {"code": -32000, "message": "header not found"},
        {"code": -32000, "message": ["not", "text"]},
        {"code": "text", "message": None},
        {},
        {"code": -32601},
    ],
    ids=repr,
)
def test_an_error_of_the_node_is_unavailable(error: Any) -> None:
    with pytest.raises(Unavailable) as caught:
        node(eth_call={"error": error}).ask(a_call())
    assert caught.value.code in {"chain_error", "chain_garbage"}


def test_an_off_chain_lookup_is_not_made() -> None:
    # EIP-3668: OffchainLookup(address,string[],bytes,bytes4,bytes) asks the client to fetch an address of its choice.
    data = "0x556f1830" + "00" * 32 * 10
    told = ToldEndpoint({"eth_call": {"error": {"code": 3, "message": "execution reverted", "data": data}}})
    with pytest.raises((RevertError, Unavailable)):
        Node(told).ask(a_call())  # type: ignore[arg-type]  # answers like one
    assert len(told.asked) == 1


def test_a_transaction_that_the_node_will_not_take_is_told_from_silence() -> None:
    with pytest.raises(NodeRefusalError) as refused:
        node(eth_sendRawTransaction={"error": {"code": -32000, "message": "nonce too low"}}).broadcast(b"\x01")
    assert refused.value.why == "nonce too low"
    with pytest.raises(NodeRefusalError):
        node(eth_sendRawTransaction={"error": {"code": 3, "message": "execution reverted"}}).broadcast(b"\x01")
    silent = Unavailable("chain_unreachable", "no answer")
    with pytest.raises(Unavailable) as caught:
        node(eth_sendRawTransaction=silent).broadcast(b"\x01")
    assert caught.value is silent


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=70) | st.just(HASH),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*BLOCK, *LOG, *RECEIPT]), inner, max_size=5)
    ),
    max_leaves=8,
)


@given(JSON)
def test_no_answer_at_all_raises_anything_else(answer: Any) -> None:
    methods = [
        "eth_chainId",
        "eth_getBlockByNumber",
        "eth_getBlockByHash",
        "eth_getCode",
        "eth_call",
        "eth_getLogs",
        "eth_estimateGas",
        "eth_getTransactionCount",
        "eth_maxPriorityFeePerGas",
        "eth_getTransactionReceipt",
        "eth_sendRawTransaction",
    ]
    provider = ToldEndpoint(dict.fromkeys(methods, answer))
    told = Node(provider)  # type: ignore[arg-type]  # answers like one
    questions: list[Any] = [
        told.chain_id,
        told.head,
        lambda: told.block(5),
        lambda: told.block_by_hash(bytes(32)),
        lambda: told.code(bytes(20)),
        lambda: told.ask(a_call()),
        lambda: told.logs([bytes.fromhex("11" * 20)], [], 0, 9),
        lambda: told.estimate(bytes(20), None, b""),
        lambda: told.next_nonce(bytes(20)),
        told.base_fee,
        told.tip,
        lambda: told.receipt(bytes(32)),
        lambda: told.broadcast(b"\x01"),
    ]
    for ask in questions:
        with suppress(Unavailable, RevertError, NodeRefusalError):
            ask()
    assert len(provider.asked) >= len(questions)
