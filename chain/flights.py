"""An account's transactions under way: the next number, what came into a block, what fell out of one, what waits.

Everything here goes by the journal and asks the node about it; it may be done again at any time, by any process that
shares the journal. Nothing is sent under a number that was not written down first.

A number that waits is broadcast again (a pool may have dropped it), and after a while at a higher price, the lowest
number first: the others wait behind it. A number below ours that the journal does not know (a gap, or what a program
without our journal left behind) is filled with a transfer of nothing to ourselves. A number that came into a block with
a transaction that is none of ours shows that somebody else sends from this account: `Conflict("nonce_race")`.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from chain.fees import FeePolicy, Fees, raised, suggested
from chain.journal import Attempt, Journal
from chain.node import Node, NodeRefusalError, Receipt
from chain.signer import TxSigner
from protocol.encoding import hex0x, u64
from protocol.errors import Conflict, OneFileError, Unavailable
from protocol.hashing import keccak256

KEEP_BLOCKS = 128  # how deep a block lies whose transactions are never looked at again
FILL_GAS = 21_000
_TAKEN_WORDS = ("nonce too low", "replacement", "already been used", "nonce too high", "underpriced")
_KNOWN_WORDS = ("already known", "already imported", "known transaction")

Flight = tuple[Attempt, ...]  # all attempts of one number, the dearest last


class TakenError(Exception):
    """The node knows another transaction of this number."""


class Flights:
    """One account's numbers. Safe for several threads; who gives numbers out holds `lock`."""

    def __init__(
        self,
        node: Node,
        signer: TxSigner,
        chain_id: int,
        journal: Journal,
        policy: FeePolicy,
        receipt: Callable[[bytes], Receipt | None],
    ) -> None:
        self.account = signer.account
        self.lock = threading.RLock()
        self._node = node
        self._signer = signer
        self._chain_id = chain_id
        self._journal = journal
        self._policy = policy
        self._receipt = receipt
        self._fills: Counter[int] = Counter()  # how often a number below ours was filled

    # --- what the journal knows -----------------------------------------------------------------------

    def of(self, nonce: int) -> Flight:
        """The attempts of one number; empty if it is not kept."""
        return tuple(self._journal.of(nonce))

    def waiting(self) -> dict[int, Flight]:
        """The numbers of which nothing is known to be in a block, in order."""
        return _flights(self._journal.waiting())

    # --- what the chain says --------------------------------------------------------------------------

    def landed(self, nonce: int) -> tuple[Attempt, Receipt] | None:
        """The attempt of that number that is in a block, which is noted; None while there is none.

        `Conflict("nonce_race")` if the number is not kept any more: it was found used by somebody else.
        """
        flight = self.of(nonce)
        if not flight:
            raise nonce_race(self.account)
        return self._look(flight)

    def heal(self, besides: Sequence[int] = ()) -> None:
        """Make the journal true again, and broadcast what waits, except the numbers `besides` that somebody tends."""
        newest = self._journal.newest()
        if newest is not None and newest.block is not None:
            # A block that is still there has all before it on the chain.
            if self._node.block(newest.block.number) != newest.block:
                self._undo()
            self._journal.bury(newest.block.number - KEEP_BLOCKS)
        waiting = {nonce: flight for nonce, flight in self.waiting().items() if nonce not in besides}
        if not waiting:
            return
        mined = self._node.mined_nonce(self.account)
        for nonce, flight in waiting.items():
            if self._look(flight) is not None:
                continue
            if nonce < mined:
                self._journal.forget([nonce])  # somebody else's, or it never was: nothing of ours can come of it
            else:
                self._again(flight[-1])

    def check_ours(self, nonce: int) -> None:
        """`Conflict("nonce_race")` if a block holds another transaction of this number."""
        mined = self._node.mined_nonce(self.account)
        if nonce < mined and self._look(self.of(nonce)) is None:
            self._journal.forget([nonce])
            raise nonce_race(self.account)

    def _look(self, flight: Flight) -> tuple[Attempt, Receipt] | None:
        for attempt in reversed(flight):
            receipt = self._receipt(attempt.hash)
            if receipt is not None:
                if attempt.block != receipt.block:
                    self._journal.included(attempt.nonce, attempt.hash, receipt.block)
                return attempt, receipt
        return None

    def _undo(self) -> None:
        """What is in no block any more waits again."""
        for nonce, flight in reversed(_flights(self._journal.attempts()).items()):
            block = next((attempt.block for attempt in flight if attempt.block is not None), None)
            if block is None:
                continue
            if self._node.block(block.number) == block:
                return
            if self._look(flight) is None:
                self._journal.included(nonce, None, None)

    # --- sending --------------------------------------------------------------------------------------

    def fees(self) -> Fees:
        """Today's price."""
        return suggested(self._policy, self._node.tip(), self._node.base_fee())

    def next_number(self) -> int:
        """The lowest number that neither the node nor the journal knows as used."""
        number = self._node.next_nonce(self.account)
        while self.of(number):
            number += 1
        return number

    def begin(self, number: int, lane: bytes, call: tuple[bytes | None, bytes], gas: int, fees: Fees) -> bool:
        """Write a new number down and broadcast it; False if it is taken. An `Unavailable` leaves it waiting."""
        attempt, raw = self._signed(number, lane, call, gas, fees)
        if not self._journal.begin(attempt):
            return False
        try:
            self._broadcast(attempt, raw)
        except TakenError:
            self._journal.forget([number])
            return False
        except NodeRefusalError:
            self._journal.forget([number])
            raise
        return True

    def replace(self, old: Attempt, call: tuple[bytes | None, bytes], gas: int) -> bool:
        """Broadcast another call, or the same again, under the number of `old` at a higher price; False if none may
        be offered, or the pool does not take it yet."""
        if len(self.of(old.nonce)) > self._policy.max_raises:
            return False
        now = None
        with contextlib.suppress(Unavailable):  # today's price is above the cap: an eighth more may not be
            now = self.fees()
        fees = raised(self._policy, old.fees, now)
        if fees is None:
            return False
        attempt, raw = self._signed(old.nonce, old.lane, call, gas, fees)
        if not self._journal.replace(attempt):
            return False
        try:
            self._broadcast(attempt, raw)
        except (TakenError, NodeRefusalError):
            return False  # it stays noted: it is signed, and whoever has it may still bring it into a block
        return True

    def push(self, nonce: int) -> None:
        """A number has waited long: raise the lowest that waits, or fill the one that is missing below it."""
        self.check_ours(nonce)
        mined, waiting = self._node.mined_nonce(self.account), self.waiting()
        lowest = min(waiting, default=nonce)
        with self.lock:
            if mined < lowest and not self.of(mined):
                self._fill(mined)
                return
            old = waiting[lowest][-1] if lowest in waiting else None
            if old is not None and not self.replace(old, (old.to, old.data), old.gas):
                self._again(old)

    def _fill(self, number: int) -> None:
        # What a stranger's pool has there is not known, so the price doubles until it gives way.
        self._fills[number] += 1
        fees, factor = self.fees(), 2 ** self._fills[number]
        most = self._policy.max_fee
        lane = keccak256(b"fill" + u64(number))
        with contextlib.suppress(NodeRefusalError):
            offered = Fees(min(fees.tip * factor, most), min(fees.fee * factor, most))
            self.begin(number, lane, (self.account, b""), FILL_GAS, offered)

    def _again(self, attempt: Attempt) -> None:
        _same, raw = self._signed(attempt.nonce, attempt.lane, (attempt.to, attempt.data), attempt.gas, attempt.fees)
        with contextlib.suppress(TakenError, NodeRefusalError):  # it has it, or something better
            self._broadcast(attempt, raw)

    def _signed(
        self, nonce: int, lane: bytes, call: tuple[bytes | None, bytes], gas: int, fees: Fees
    ) -> tuple[Attempt, bytes]:
        to, data = call
        transaction: dict[str, Any] = {"chainId": self._chain_id, "type": 2, "value": 0, "data": data, "gas": gas}
        transaction |= {"maxPriorityFeePerGas": fees.tip, "maxFeePerGas": fees.fee, "nonce": nonce}
        if to is not None:
            transaction["to"] = to
        raw, tx_hash = self._signer.sign(transaction)
        return Attempt(nonce, lane, to, data, gas, fees, tx_hash), raw

    def _broadcast(self, attempt: Attempt, raw: bytes) -> None:
        try:
            self._node.broadcast(raw)
        except NodeRefusalError as refused:
            if _says(refused, _KNOWN_WORDS):
                return
            if not _says(refused, _TAKEN_WORDS):
                raise
            # A lost answer may hide that it was taken the first time, and is in a block by now.
            if self._receipt(attempt.hash) is None:
                raise TakenError from None


def nonce_race(account: bytes) -> OneFileError:
    """Somebody else sends from this account."""
    return Conflict("nonce_race", "another process sends from the account {account}", account=hex0x(account))


def _flights(attempts: Sequence[Attempt]) -> dict[int, Flight]:
    """Attempts by their numbers, in the order in which they came."""
    found: dict[int, list[Attempt]] = {}
    for attempt in attempts:
        found.setdefault(attempt.nonce, []).append(attempt)
    return {nonce: tuple(of) for nonce, of in found.items()}


def _says(refused: NodeRefusalError, words: tuple[str, ...]) -> bool:
    why = refused.why.lower()
    return any(word in why for word in words)
