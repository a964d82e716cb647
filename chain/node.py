"""One RPC endpoint with typed answers: what an honest node would have said, or `Unavailable`.

Questions are plain JSON-RPC, and every answer is read strictly: type, range and length (`chain.answers`). What a
transaction needs goes through web3, which is imported when the first one is sent: it takes over a second, and most
who ask a chain send nothing. web3's formatters may raise anything on a hostile answer, so each exchange with it
stands in `_strict`, and what passes them is checked again. A contract's refusal comes as `RevertError` with its bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from chain.answers import (
    MAX_WEI,
    NodeRefusalError,
    RevertError,
    account_in,
    block_in,
    bytes_in,
    hash_in,
    list_in,
    member,
    number_in,
    object_in,
    result_of,
    revert_data,
)
from chain.codec import Call
from chain.endpoint import ANSWER_TIMEOUT_S, Endpoint
from chain.garbage import garbage, node_error, plain
from chain.sizes import ADDRESS_BYTES, HASH_BYTES
from chain.values import BlockRef
from protocol.encoding import hex0x
from protocol.errors import OneFileError

MAX_LOGS = 5_000
MAX_TOPICS = 4
MAX_NUMBER = 2**64 - 1
_HEADER_ONLY = False  # of a block: not its transactions

__all__ = ["Node", "NodeRefusalError", "RawLog", "Receipt", "RevertError"]


@dataclass(frozen=True, slots=True)
class RawLog:
    """An event as the node tells it, not yet decoded."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes
    block: BlockRef
    tx_hash: bytes
    index: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """A transaction that is in a block: whether it did anything, and the contract that it made if any."""

    block: BlockRef
    succeeded: bool
    gas_used: int
    created: bytes | None


class Node:
    """Typed questions to one endpoint. May be used from several threads."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    @classmethod
    def at(cls, url: str, *, timeout_s: float = ANSWER_TIMEOUT_S) -> Node:
        """The node that listens at `url`. Nothing is asked yet."""
        return cls(Endpoint(url, timeout_s=timeout_s))

    def close(self) -> None:
        """Give the connections back."""
        self._endpoint.close()

    # --- questions ------------------------------------------------------------------------------------

    def chain_id(self) -> int:
        """The chain's id, as the endpoint tells it."""
        return number_in(self._result("eth_chainId"))

    def head(self) -> BlockRef:
        """The newest block."""
        return block_in(self._result("eth_getBlockByNumber", "latest", _HEADER_ONLY))

    def block(self, number: int) -> BlockRef | None:
        """The block of that number; None above the head."""
        answer = self._result("eth_getBlockByNumber", hex(number), _HEADER_ONLY)
        found = None if answer is None else block_in(answer)
        if found is not None and found.number != number:
            raise garbage("another block than the one that we asked for")
        return found

    def block_by_hash(self, block_hash: bytes) -> BlockRef | None:
        """The block of that hash; None if the endpoint does not have it."""
        answer = self._result("eth_getBlockByHash", hex0x(block_hash), _HEADER_ONLY)
        found = None if answer is None else block_in(answer)
        if found is not None and found.hash != block_hash:
            raise garbage("another block than the one that we asked for")
        return found

    def code(self, address: bytes) -> bytes:
        """The code at an address; empty if there is none."""
        return bytes_in(self._result("eth_getCode", hex0x(address), "latest"))

    def balance(self, account: bytes) -> int:
        """The account's ether, in wei."""
        return number_in(self._result("eth_getBalance", hex0x(account), "latest"), MAX_WEI)

    def ask(self, call: Call, *, block: int | None = None, sender: bytes | None = None) -> bytes:
        """What the call would return in a block (None: the newest); raises `RevertError`."""
        return bytes_in(result_of(self._endpoint.request("eth_call", _call_params(call, block, sender))))

    def ask_all(self, calls: Sequence[Call], *, block: int | None = None) -> list[bytes | RevertError]:
        """As `ask`, for several calls whose questions travel together: what each would return, or its refusal."""
        params = [_call_params(call, block) for call in calls]
        return [_returned(answer) for answer in self._endpoint.request_all("eth_call", params)]

    def logs(self, addresses: Sequence[bytes], topics: Sequence[bytes | None], first: int, last: int) -> list[RawLog]:
        """The events of these contracts in these blocks that have these topics (None: any), in chain order."""
        question = {
            "address": [hex0x(address) for address in addresses],
            "topics": [None if topic is None else hex0x(topic) for topic in topics],
            "fromBlock": hex(first),
            "toBlock": hex(last),
        }
        answer = list_in(self._result("eth_getLogs", question), MAX_LOGS)
        logs = [self._raw_log(object_in(log)) for log in answer]
        for log in logs:
            if log.address not in addresses or not first <= log.block.number <= last or not _matches(log, topics):
                raise garbage("an event that we did not ask for")
        return sorted(logs, key=lambda log: (log.block.number, log.index))

    # --- what a transaction needs ---------------------------------------------------------------------

    @cached_property
    def _eth(self) -> Any:
        """web3's own calls. Any: its answers are a stranger's words whatever web3 declares them to be."""
        from web3 import Web3

        from chain.provider import BoundedProvider

        # Without web3's middleware nothing asks, caches or rewrites behind our back.
        return Web3(BoundedProvider(self._endpoint), middleware=[]).eth

    def estimate(self, sender: bytes, to: bytes | None, data: bytes, *, waiting: bool = True) -> int:
        """The gas that a transaction would use, after those that wait or without them; raises `RevertError` if it
        would be refused."""
        question: dict[str, Any] = {"from": _address(sender), "data": hex0x(data)}
        if to is not None:
            question["to"] = _address(to)
        with _strict():
            return _number(self._eth.estimate_gas(question, "pending" if waiting else "latest"))

    def next_nonce(self, account: bytes) -> int:
        """The number of the account's next transaction, counting those that wait."""
        with _strict():
            return _number(self._eth.get_transaction_count(_address(account), "pending"))

    def mined_nonce(self, account: bytes) -> int:
        """The number of the account's next transaction, counting only those that are in a block."""
        with _strict():
            return _number(self._eth.get_transaction_count(_address(account), "latest"))

    def base_fee(self) -> int:
        """The newest block's base fee, in wei per gas."""
        with _strict():
            return _number(self._eth.get_block("latest")["baseFeePerGas"], MAX_WEI)

    def tip(self) -> int:
        """What the endpoint suggests as priority fee, in wei per gas."""
        with _strict():
            return _number(self._eth.max_priority_fee, MAX_WEI)

    def broadcast(self, raw: bytes) -> None:
        """Hand a signed transaction to the endpoint; raises `NodeRefusalError` if it says no."""
        try:
            with _strict():
                self._eth.send_raw_transaction(raw)
        except RevertError:
            raise NodeRefusalError("execution reverted") from None
        except OneFileError as fault:
            if fault.code != "chain_error":
                raise
            raise NodeRefusalError(str(fault.facts["why"])) from None

    def receipt(self, tx_hash: bytes) -> Receipt | None:
        """The receipt of a transaction; None while it is in no block."""
        from web3.exceptions import TransactionNotFound

        try:
            with _strict(TransactionNotFound):
                return self._receipt(tx_hash, self._eth.get_transaction_receipt(hex0x(tx_hash)))
        except TransactionNotFound:
            return None

    def _receipt(self, tx_hash: bytes, answer: Mapping[str, Any]) -> Receipt | None:
        if answer["blockHash"] is None:
            return None
        if _hash(answer["transactionHash"]) != tx_hash:
            raise garbage("the receipt of another transaction")
        block = self.block_by_hash(_hash(answer["blockHash"]))
        if block is None:
            return None  # it went with its block between the two questions
        created = answer.get("contractAddress")
        return Receipt(
            block,
            succeeded=_number(answer["status"]) == 1,
            gas_used=_number(answer["gasUsed"]),
            created=None if created is None else _account(created),
        )

    def _result(self, method: str, *params: object) -> Any:
        """The result of a question that no contract is asked: none of them can be refused by one."""
        try:
            return result_of(self._endpoint.request(method, params))
        except RevertError:
            raise garbage("a contract's refusal where none was asked") from None

    def _raw_log(self, log: Mapping[str, Any]) -> RawLog:
        if log.get("removed"):
            raise garbage("an event of a block that is no more")
        topics = tuple(hash_in(topic) for topic in list_in(member(log, "topics"), MAX_TOPICS))
        return RawLog(
            address=account_in(member(log, "address")),
            topics=topics,
            data=bytes_in(member(log, "data")),
            block=self._block_of(log),
            tx_hash=hash_in(member(log, "transactionHash")),
            index=number_in(member(log, "logIndex")),
        )

    def _block_of(self, log: Mapping[str, Any]) -> BlockRef:
        number, block_hash = number_in(member(log, "blockNumber")), hash_in(member(log, "blockHash"))
        time = log.get("blockTimestamp")
        if time is not None:
            return BlockRef(number, block_hash, number_in(time))
        # Older nodes do not tell the time of a log's block.
        block = self.block_by_hash(block_hash)
        if block is None or block.number != number:
            raise garbage("an event of a block that is no more")
        return block


@contextmanager
def _strict(*absent: type[Exception]) -> Iterator[None]:
    """Let nothing out but our errors, `RevertError`, and what web3 raises for a thing that is not there (`absent`)."""
    from web3.exceptions import ContractLogicError, Web3RPCError

    passed: tuple[type[Exception], ...] = (OneFileError, RevertError, *absent)
    try:
        yield
    except passed:
        raise
    except ContractLogicError as fault:
        raise RevertError(revert_data(fault.data)) from None
    except Web3RPCError as fault:
        raise node_error(_rpc_text(fault)) from None
    except Exception as fault:  # noqa: BLE001 (web3's formatters raise what they like on a hostile answer)
        raise garbage(type(fault).__name__) from None


def _call_params(call: Call, block: int | None, sender: bytes | None = None) -> tuple[dict[str, str], str]:
    question = {"to": hex0x(call.to), "data": hex0x(call.data)}
    if sender is not None:
        question["from"] = hex0x(sender)
    return question, "latest" if block is None else hex(block)


def _returned(answer: Mapping[str, Any]) -> bytes | RevertError:
    try:
        return bytes_in(result_of(answer))
    except RevertError as refused:
        return refused


def _rpc_text(fault: Any) -> str:
    response = fault.rpc_response or {}
    error = response.get("error")
    return plain(error.get("message", "") if isinstance(error, dict) else fault.message)


def _matches(log: RawLog, topics: Sequence[bytes | None]) -> bool:
    if len(log.topics) < len(topics):
        return False
    return all(want is None or want == got for want, got in zip(topics, log.topics, strict=False))


def _number(value: object, most: int = MAX_NUMBER) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise garbage("not a number")
    return value


def _hash(value: object) -> bytes:
    if not isinstance(value, bytes) or len(value) != HASH_BYTES:
        raise garbage("not a hash")
    return bytes(value)


def _account(value: object) -> bytes:
    if not isinstance(value, str) or len(value) != 2 + 2 * ADDRESS_BYTES:
        raise garbage("not an address")
    return bytes.fromhex(value[2:])


def _address(account: bytes) -> Any:
    from web3 import Web3

    return Web3.to_checksum_address(account)
