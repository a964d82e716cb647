"""Sends one account's transactions: simulate, number, sign, hand over, wait.

A transaction is simulated before it is sent, so that what a contract refuses costs nothing. Numbers are given under
a lock: one `Sender` for each account and process. What the endpoint says about gas and fees is bounded: a liar
must not drain the account. Left out: raising the fee of a transaction that waits (docs/spec/chain.md §8).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chain.codec import Call, refusal_of
from chain.node import Node, NodeRefusalError, Receipt, RevertError
from chain.signer import TxSigner
from chain.values import TxRef
from protocol.encoding import hex0x
from protocol.errors import Conflict, Denied, OneFileError, Unavailable

INCLUSION_TIMEOUT_S = 60.0
CONFIRMATION_TIMEOUT_S = 30.0  # for each confirmation
FAULT_GRACE_S = 5.0  # how long a node may be silent about a transaction that it may have taken
FIRST_POLL_S = 0.02
LAST_POLL_S = 1.0
NONCE_TRIES = 4
MAX_GAS = 10_000_000
GAS_MARGIN = (5, 4)  # of the estimate
MAX_TIP_WEI = 10 * 10**9
MAX_FEE_WEI = 2_000 * 10**9  # per gas
_NONCE_WORDS = ("nonce too low", "replacement", "already been used", "nonce too high")
_KNOWN_WORDS = ("already known", "already imported", "known transaction")
_FUNDS_WORDS = ("insufficient funds", "out of gas funds")


@dataclass(frozen=True, slots=True)
class Sent:
    """A transaction that is in a block: where, and the contract that it made if any."""

    ref: TxRef
    created: bytes | None


class Sender:
    """Sends for one account. `sleep` and `clock` are seconds of a clock that only goes forward."""

    def __init__(
        self,
        node: Node,
        signer: TxSigner,
        chain_id: int,
        *,
        inclusion_timeout_s: float = INCLUSION_TIMEOUT_S,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.account = signer.account
        self._node = node
        self._signer = signer
        self._chain_id = chain_id
        self._timeout_s = inclusion_timeout_s
        self._sleep = sleep
        self._clock = clock
        self._lock = threading.Lock()
        self._used = 0  # the next number by our own count, for endpoints that are slow to count ours

    def send(self, call: Call, *, confirmations: int = 0) -> TxRef:
        """Send a call and wait until it is in a block with `confirmations` blocks on it."""
        return self._send(call.to, call.data, confirmations).ref

    def create(self, code: bytes) -> tuple[bytes, TxRef]:
        """Make a contract; its address and the transaction."""
        sent = self._send(None, code, 0)
        if sent.created is None:
            raise Unavailable("chain_garbage", "the chain's node answered nonsense ({why})", why="no contract made")
        return sent.created, sent.ref

    def _send(self, to: bytes | None, data: bytes, confirmations: int) -> Sent:
        gas = self._gas(to, data)
        tx_hash, fault = self._hand_over(to, data, gas)
        try:
            receipt = self._await(tx_hash, confirmations, fault)
        except OneFileError:
            self._used = 0  # it may never be mined: count anew, or nothing of ours will be
            raise
        if not receipt.succeeded:
            raise self._why_failed(to, data, receipt, tx_hash)
        return Sent(TxRef(tx_hash, receipt.block, receipt.gas_used), receipt.created)

    def _gas(self, to: bytes | None, data: bytes) -> int:
        try:
            estimate = self._node.estimate(self.account, to, data)
        except RevertError as reverted:
            raise refusal_of(reverted.data) from None
        gas = estimate * GAS_MARGIN[0] // GAS_MARGIN[1]
        if gas > MAX_GAS:
            raise Unavailable("chain_gas", "the node wants {gas} gas; we give at most {most}", gas=gas, most=MAX_GAS)
        return gas

    def _fees(self) -> tuple[int, int]:
        tip = min(self._node.tip(), MAX_TIP_WEI)
        most = 2 * self._node.base_fee() + tip
        if most > MAX_FEE_WEI:
            raise Unavailable(
                "chain_fee",
                "a transaction costs up to {fee} wei per gas; we give at most {most}",
                fee=most,
                most=MAX_FEE_WEI,
            )
        return tip, most

    def _hand_over(self, to: bytes | None, data: bytes, gas: int) -> tuple[bytes, Unavailable | None]:
        """Sign and broadcast. The hash, and the fault after which nobody knows whether the node took it."""
        tip, most = self._fees()
        transaction: dict[str, Any] = {"chainId": self._chain_id, "type": 2, "value": 0, "data": data, "gas": gas}
        transaction |= {"maxPriorityFeePerGas": tip, "maxFeePerGas": most}
        if to is not None:
            transaction["to"] = to
        with self._lock:
            for _ in range(NONCE_TRIES):
                nonce = max(self._node.next_nonce(self.account), self._used)
                raw, tx_hash = self._signer.sign({**transaction, "nonce": nonce})
                try:
                    self._node.broadcast(raw)
                except NodeRefusalError as refused:
                    if _says(refused, _KNOWN_WORDS):
                        break
                    if not _says(refused, _NONCE_WORDS):
                        raise _refused(refused, self.account) from None
                    self._used = 0  # somebody else sends from this account: believe the node
                    continue
                except Unavailable as fault:
                    return tx_hash, fault
                break
            else:
                raise Conflict(
                    "nonce_race", "another process sends from the account {account}", account=hex0x(self.account)
                )
            self._used = nonce + 1
        return tx_hash, None

    def _await(self, tx_hash: bytes, confirmations: int, fault: Unavailable | None) -> Receipt:
        until = self._clock() + self._timeout_s + confirmations * CONFIRMATION_TIMEOUT_S
        # One lost answer is no reason to give a transaction up, but a dead node is not waited for.
        doubt = (fault, self._clock() + FAULT_GRACE_S) if fault else None
        poll = FIRST_POLL_S
        while True:
            try:
                receipt = self._receipt(tx_hash, confirmations)
            except Unavailable as lost:
                receipt, doubt = None, doubt or (lost, self._clock() + FAULT_GRACE_S)
            else:
                doubt = doubt if fault else None
            if receipt is not None:
                return receipt
            reason, end = doubt or (_not_included(tx_hash), until)
            if self._clock() >= end:
                raise reason
            self._sleep(poll)
            poll = min(poll * 1.5, LAST_POLL_S)

    def _receipt(self, tx_hash: bytes, confirmations: int) -> Receipt | None:
        """The receipt once its block is deep enough; a block that went in a reorganisation counts no more."""
        receipt = self._node.receipt(tx_hash)
        if receipt is None or not confirmations:
            return receipt
        deep = self._node.head().number >= receipt.block.number + confirmations
        return receipt if deep and self._node.block(receipt.block.number) == receipt.block else None

    def _why_failed(self, to: bytes | None, data: bytes, receipt: Receipt, tx_hash: bytes) -> OneFileError:
        # It passed the simulation and failed in its block: the state changed in between. Ask again, as it is now.
        try:
            self._node.estimate(self.account, to, data)
        except RevertError as reverted:
            return refusal_of(reverted.data)
        return Conflict(
            "transaction_failed",
            "the transaction {hash} failed in block {block}",
            hash=hex0x(tx_hash),
            block=receipt.block.number,
        )


def _not_included(tx_hash: bytes) -> Unavailable:
    return Unavailable(
        "chain_not_included", "the transaction {hash} was accepted and is in no block yet", hash=hex0x(tx_hash)
    )


def _says(refused: NodeRefusalError, words: tuple[str, ...]) -> bool:
    why = refused.why.lower()
    return any(word in why for word in words)


def _refused(refused: NodeRefusalError, account: bytes) -> OneFileError:
    if _says(refused, _FUNDS_WORDS):
        return Denied("account_unfunded", "the account {account} cannot pay for its gas", account=hex0x(account))
    return Unavailable("chain_error", "the chain's node reports an error: {why}", why=refused.why)
