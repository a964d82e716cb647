"""Sends one account's transactions: simulate, number, write down, hand over, wait, and raise the price if need be.

A transaction is simulated before it is sent, so that what a contract refuses costs nothing. It is written into the
journal before it is handed over (`chain.journal`), so that nothing is ever sent twice: whoever sends the same again,
after a lost answer or a crash, joins what is under way. Of a `lane` one transaction at a time is under way: another
call takes the place, under the same number, of the one that waits, and only one of the two can come into a block.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from chain.codec import Call, refusal_of
from chain.fees import FeePolicy
from chain.flights import Flights, nonce_race
from chain.garbage import garbage
from chain.journal import Attempt, Journal, MemoryJournal
from chain.node import Node, NodeRefusalError, Receipt, RevertError
from chain.signer import TxSigner
from chain.values import TxRef
from protocol.encoding import hex0x
from protocol.errors import Conflict, Denied, OneFileError, Unavailable
from protocol.hashing import keccak256

INCLUSION_TIMEOUT_S = 60.0
CONFIRMATION_TIMEOUT_S = 30.0  # for each confirmation
FAULT_GRACE_S = 5.0  # how long a node may be silent about a transaction that it may have taken
FIRST_POLL_S = 0.02
LAST_POLL_S = 1.0
NONCE_TRIES = 4
MAX_GAS = 10_000_000
GAS_MARGIN = (5, 4)  # of the estimate
_FUNDS_WORDS = ("insufficient funds", "out of gas funds")


@dataclass(frozen=True, slots=True)
class Sent:
    """A transaction that is in a block: where, and the contract that it made if any."""

    ref: TxRef
    created: bytes | None


@dataclass(frozen=True, slots=True)
class _Order:
    """What is to be sent, and for what."""

    to: bytes | None
    data: bytes
    lane: bytes
    confirmations: int


class Sender:
    """Sends for one account. `sleep` and `clock` are seconds of a clock that only goes forward.

    `receipt`: who is asked whether a transaction is in a block, if not `node` alone.
    """

    def __init__(
        self,
        node: Node,
        signer: TxSigner,
        chain_id: int,
        *,
        journal: Journal | None = None,
        policy: FeePolicy | None = None,
        receipt: Callable[[bytes], Receipt | None] | None = None,
        inclusion_timeout_s: float = INCLUSION_TIMEOUT_S,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.account = signer.account
        self._node = node
        self._policy = policy or FeePolicy()
        self._flights = Flights(
            node, signer, chain_id, journal or MemoryJournal(), self._policy, receipt or node.receipt
        )
        self._timeout_s = inclusion_timeout_s
        self._sleep = sleep
        self._clock = clock
        self._tended: set[int] = set()  # numbers that a thread of ours waits for

    def send(self, call: Call, *, confirmations: int = 0, lane: bytes | None = None) -> TxRef:
        """Send a call and wait until it is in a block with `confirmations` blocks on it.

        Calls of the same `lane` (32 bytes; by default the call itself) take each other's place while they wait.
        `Unavailable("chain_moving")` if an earlier call of the lane came into a block instead of this one.
        """
        order = _Order(call.to, call.data, lane or keccak256(call.to + call.data), confirmations)
        return self._send(order).ref

    def create(self, code: bytes) -> tuple[bytes, TxRef]:
        """Make a contract; its address and the transaction."""
        sent = self._send(_Order(None, code, keccak256(code), 0))
        if sent.created is None:
            raise garbage("no contract made")
        return sent.created, sent.ref

    def tend(self) -> None:
        """Broadcast again what waits, and what a reorganisation threw out of its block. To be called now and then."""
        with self._flights.lock:
            self._flights.heal(tuple(self._tended))

    def _send(self, order: _Order) -> Sent:
        with self._flights.lock:
            number, fault = self._under_way(order)
            self._tended.add(number)
        try:
            attempt, receipt = self._await(number, order.confirmations, fault)
        finally:
            self._tended.discard(number)
        if not attempt.same_call(order.to, order.data):
            raise _moving()
        if not receipt.succeeded:
            raise self._why_failed(order, receipt, attempt.hash)
        return Sent(TxRef(attempt.hash, receipt.block, receipt.gas_used), receipt.created)

    def _under_way(self, order: _Order) -> tuple[int, Unavailable | None]:
        """The number under which the order is on its way, and the fault after which nobody knows if a node has it."""
        # (1) What was sent before: did it come into a block, does it wait, did a reorganisation throw it out?
        before = self._in_lane(order.lane)
        self._flights.heal(tuple(self._tended))
        now = self._in_lane(order.lane)
        old = now[-1] if now else None
        known = old or (before[-1] if before else None)
        if known is not None and self._flights.of(known.nonce):
            if known.same_call(order.to, order.data) or len(now) > 1:
                return known.nonce, None  # several wait after a reorganisation: each in its turn
            if old is None:
                raise _moving()  # what the caller knows is older than what has just come into a block
        # (2) Would the contract take it? Without the one that waits, whose place it takes.
        gas = self._gas(order, waiting=old is None)
        # (3) Into the place of the one that waits, or under a new number.
        if old is not None:
            self._flights.replace(old, (order.to, order.data), gas)
            return old.nonce, None
        return self._begin(order, gas)

    def _in_lane(self, lane: bytes) -> list[Attempt]:
        """What waits in a lane: the newest attempt of each number, in order."""
        return [flight[-1] for flight in self._flights.waiting().values() if flight[-1].lane == lane]

    def _begin(self, order: _Order, gas: int) -> tuple[int, Unavailable | None]:
        fees = self._flights.fees()
        for _ in range(NONCE_TRIES):
            number = self._flights.next_number()
            try:
                if self._flights.begin(number, order.lane, (order.to, order.data), gas, fees):
                    return number, None
            except NodeRefusalError as refused:
                raise _refused(refused, self.account) from None
            except Unavailable as fault:
                return number, fault
        raise nonce_race(self.account)

    def _gas(self, order: _Order, *, waiting: bool) -> int:
        try:
            estimate = self._node.estimate(self.account, order.to, order.data, waiting=waiting)
        except RevertError as reverted:
            raise refusal_of(reverted.data) from None
        gas = estimate * GAS_MARGIN[0] // GAS_MARGIN[1]
        if gas > MAX_GAS:
            raise Unavailable("chain_gas", "the node wants {gas} gas; we give at most {most}", gas=gas, most=MAX_GAS)
        return gas

    def _await(self, number: int, confirmations: int, fault: Unavailable | None) -> tuple[Attempt, Receipt]:
        until = self._clock() + self._timeout_s + confirmations * CONFIRMATION_TIMEOUT_S
        push_at = self._clock() + self._policy.raise_after_s
        # One lost answer is no reason to give a transaction up, but a dead node is not waited for.
        doubt = (fault, self._clock() + FAULT_GRACE_S) if fault else None
        poll = FIRST_POLL_S
        while True:
            try:
                push_at = self._push(number, push_at)
                found = self._deep(number, confirmations)
            except Unavailable as lost:
                found, doubt = None, doubt or (lost, self._clock() + FAULT_GRACE_S)
            else:
                doubt = doubt if fault else None
            if found is not None:
                return found
            reason, end = doubt or (self._not_included(number), until)
            if self._clock() >= end:
                raise reason
            self._sleep(poll)
            poll = min(poll * 1.5, LAST_POLL_S)

    def _push(self, number: int, push_at: float) -> float:
        """Raise what waits too long; when to look at it next."""
        if self._clock() < push_at:
            return push_at
        if self._flights.landed(number) is None:
            self._flights.push(number)
        return self._clock() + self._policy.raise_after_s

    def _deep(self, number: int, confirmations: int) -> tuple[Attempt, Receipt] | None:
        """What came into a block, once that is deep enough; a block that went in a reorganisation counts no more."""
        found = self._flights.landed(number)
        if found is None or not confirmations:
            return found
        block = found[1].block
        deep = self._node.head().number >= block.number + confirmations
        return found if deep and self._node.block(block.number) == block else None

    def _not_included(self, number: int) -> Unavailable:
        newest = self._flights.of(number)
        return Unavailable(
            "chain_not_included",
            "the transaction {hash} was accepted and is in no block yet",
            hash=hex0x(newest[-1].hash) if newest else str(number),
        )

    def _why_failed(self, order: _Order, receipt: Receipt, tx_hash: bytes) -> OneFileError:
        # It passed the simulation and failed in its block: the state changed in between. Ask again, as it is now.
        try:
            self._node.estimate(self.account, order.to, order.data)
        except RevertError as reverted:
            return refusal_of(reverted.data)
        return Conflict(
            "transaction_failed",
            "the transaction {hash} failed in block {block}",
            hash=hex0x(tx_hash),
            block=receipt.block.number,
        )


def _moving() -> Unavailable:
    return Unavailable("chain_moving", "something on the chain has just changed; send the same request again")


def _refused(refused: NodeRefusalError, account: bytes) -> OneFileError:
    if any(word in refused.why.lower() for word in _FUNDS_WORDS):
        return Denied("account_unfunded", "the account {account} cannot pay for its gas", account=hex0x(account))
    return Unavailable("chain_error", "the chain's node reports an error: {why}", why=refused.why)
