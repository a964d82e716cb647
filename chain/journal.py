"""What one account has sent: written down before it is sent, kept until its block is buried.

A chain takes one transaction of each number. So nothing happens twice by a crash between sending and noting, by a lost
answer, a raised price or a second try, as long as all of them use the number that was written down first. The journal
also gives the numbers out, so that several processes may send from one account if they share a journal.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from chain.fees import Fees
from chain.sizes import HASH_BYTES, sized
from chain.values import BlockRef


@dataclass(frozen=True, slots=True)
class Attempt:
    """One transaction, ready to be signed again: signatures are deterministic, so that its hash is always `hash`.

    `lane` (32 bytes) says what it is for. Of a lane one number at a time is under way. `to` is None for a new contract.
    `block`: where it was seen; None while it waits.
    """

    nonce: int
    lane: bytes
    to: bytes | None
    data: bytes
    gas: int
    fees: Fees
    hash: bytes
    block: BlockRef | None = None

    def __post_init__(self) -> None:
        sized(self.hash, HASH_BYTES, "transaction hash")
        sized(self.lane, HASH_BYTES, "lane")

    def same_call(self, to: bytes | None, data: bytes) -> bool:
        """Whether it does the same."""
        return (self.to, self.data) == (to, data)


class Journal(Protocol):
    """The transactions of one account.

    *Durability.* Each method returns after its change is durable. *Consistency.* Whoever shares a journal sees the
    others' changes at once. No method asks the chain.
    """

    def attempts(self) -> Sequence[Attempt]:
        """All that are kept, by number, and of one number by price."""

    def waiting(self) -> Sequence[Attempt]:
        """Those of the numbers of which none is in a block, in the same order."""

    def newest(self) -> Attempt | None:
        """One of those in the newest block; None if none is in a block."""

    def of(self, nonce: int) -> Sequence[Attempt]:
        """Those of one number, by price."""

    def begin(self, attempt: Attempt) -> bool:
        """Note the first attempt of a number; False, and nothing noted, if the number is taken."""

    def replace(self, attempt: Attempt) -> bool:
        """Note another attempt of a number that was begun; False, and nothing noted, if another was quicker."""

    def included(self, nonce: int, tx_hash: bytes | None, block: BlockRef | None) -> None:
        """The attempt of that number that is in a block; None, None: its block has left the chain, all wait again."""

    def forget(self, nonces: Sequence[int]) -> None:
        """Forget these numbers: they were used by somebody else."""

    def bury(self, below: int) -> None:
        """Forget the numbers that are in blocks below this one."""


class MemoryJournal:
    """A journal that ends with its process: for programs that send, wait and end, and for tests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[int, list[Attempt]] = {}
        self._landed: dict[int, Attempt] = {}

    def attempts(self) -> Sequence[Attempt]:
        with self._lock:
            return [attempt for nonce in sorted(self._kept) for attempt in self._kept[nonce]]

    def waiting(self) -> Sequence[Attempt]:
        with self._lock:
            numbers = sorted(self._kept.keys() - self._landed.keys())
            return [attempt for nonce in numbers for attempt in self._kept[nonce]]

    def newest(self) -> Attempt | None:
        with self._lock:
            return max(self._landed.values(), key=_height, default=None)

    def of(self, nonce: int) -> Sequence[Attempt]:
        with self._lock:
            return list(self._kept.get(nonce, ()))

    def begin(self, attempt: Attempt) -> bool:
        with self._lock:
            if attempt.nonce in self._kept:
                return False
            self._kept[attempt.nonce] = [attempt]
            return True

    def replace(self, attempt: Attempt) -> bool:
        with self._lock:
            known = self._kept.get(attempt.nonce, [])
            if not known or known[-1].fees.fee >= attempt.fees.fee:
                return False
            known.append(attempt)
            return True

    def included(self, nonce: int, tx_hash: bytes | None, block: BlockRef | None) -> None:
        with self._lock:
            known = self._kept.get(nonce, [])
            known[:] = [replace(attempt, block=block if attempt.hash == tx_hash else None) for attempt in known]
            self._landed.pop(nonce, None)
            for attempt in known:
                if attempt.block is not None:
                    self._landed[nonce] = attempt

    def forget(self, nonces: Sequence[int]) -> None:
        with self._lock:
            for nonce in nonces:
                self._kept.pop(nonce, None)
                self._landed.pop(nonce, None)

    def bury(self, below: int) -> None:
        self.forget([nonce for nonce, attempt in list(self._landed.items()) if _height(attempt) < below])


def _height(attempt: Attempt) -> int:
    assert attempt.block is not None  # only what is in a block is asked for its height
    return attempt.block.number
