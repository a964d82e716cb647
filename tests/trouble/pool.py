"""A chain in memory with a pool of transactions, as an endpoint shows it to a `Sender`: numbers, prices, replacements.

`MemoryChain` puts every call into a block at once. Here a call is a signed transaction that a pool takes, refuses, keeps,
drops or strands; blocks take what is next by its number and pays enough; a reorganisation gives transactions back to the
pool (as geth does) or loses them (as anvil does). `PoolLedger` is the ledger of an account that sends through a real
`chain.sender.Sender`.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import rlp
from eth_account import Account

from chain import memory_log_rules as log_rules
from chain import memory_rules as rules
from chain.codec import Call, Signature
from chain.faults import Faults
from chain.garbage import unreachable
from chain.journal import Journal
from chain.memory import GAS, MemoryChain, MemoryLedger
from chain.memory_guardians import Rule
from chain.memory_rules import Turn
from chain.node import NodeRefusalError, Receipt
from chain.sender import Sender
from chain.signer import TxSigner
from chain.values import BlockRef, TxRef
from protocol.encoding import u64
from protocol.errors import OneFileError
from protocol.hashing import keccak256
from tests.chain_outbox import KilledError

GWEI = 10**9
_NOWHERE = bytes(20)
_SIGNATURE = Signature("GrantRegistry", "stand_in", (), (), (), ())


@dataclass(frozen=True, slots=True)
class Waiting:
    """A transaction in the pool."""

    account: bytes
    nonce: int
    hash: bytes
    tip: int
    fee: int
    data: bytes


class Pool:
    """One endpoint's view of the chain, with its pool. `price`: what a block asks for, in wei per gas."""

    def __init__(self, chain: MemoryChain, *, automine: bool = True) -> None:
        self.chain = chain
        self.automine = automine
        self.price = GWEI
        self.rules: dict[bytes, Rule] = {}  # by the data of a call
        self.waiting: dict[tuple[bytes, int], Waiting] = {}
        self.mined: dict[bytes, tuple[Waiting, Receipt]] = {}  # by hash, in the order of the chain
        self._counts: Counter[bytes] = Counter()
        self._begun = False  # whether the block of this round is there

    # --- as a Node --------------------------------------------------------------------------------

    def estimate(self, sender: bytes, to: bytes | None, data: bytes, *, waiting: bool = True) -> int:
        if to != sender:
            self.rules[data](self._turn(sender))
        return GAS

    def next_nonce(self, account: bytes) -> int:
        number = self.mined_nonce(account)
        while (account, number) in self.waiting:
            number += 1
        return number

    def mined_nonce(self, account: bytes) -> int:
        return self._counts[account]

    def base_fee(self) -> int:
        return self.price

    def tip(self) -> int:
        return GWEI

    def head(self) -> BlockRef:
        return self.chain.head

    def block(self, number: int) -> BlockRef | None:
        return self.chain.block(number)

    def receipt(self, tx_hash: bytes) -> Receipt | None:
        found = self.mined.get(tx_hash)
        return None if found is None else found[1]

    def broadcast(self, raw: bytes) -> None:
        one = decoded(raw)
        if one.nonce < self.mined_nonce(one.account):
            raise NodeRefusalError("nonce too low")
        there = self.waiting.get((one.account, one.nonce))
        if there is not None and there.hash == one.hash:
            raise NodeRefusalError("already known")
        if there is not None and not (one.fee * 10 >= there.fee * 11 and one.tip * 10 >= there.tip * 11):
            raise NodeRefusalError("replacement transaction underpriced")
        self.waiting[one.account, one.nonce] = one
        if self.automine:
            self.mine_ready()

    # --- what happens -----------------------------------------------------------------------------

    def mine_ready(self) -> None:
        """Put what may go into one block, if there is anything."""
        ready, self._begun = self._ready(), False
        while ready is not None:
            del self.waiting[ready.account, ready.nonce]
            self.mined[ready.hash] = (ready, self._run(ready))
            self._counts[ready.account] += 1
            ready = self._ready()

    def drop(self) -> None:
        """Forget what waits."""
        self.waiting.clear()

    def reorganise(self, depth: int, *, back: bool = False) -> None:
        """Replace the newest blocks by empty ones; what was in them goes `back` into the pool, or is lost."""
        keep = self.chain.head.number - depth
        undone = [one for one, receipt in self.mined.values() if receipt.block.number > keep]
        self.chain.reorganise(depth)
        for one in undone:
            del self.mined[one.hash]
            self._counts[one.account] -= 1
            if back:
                self.waiting[one.account, one.nonce] = one

    def _ready(self) -> Waiting | None:
        for account in {account for account, _ in self.waiting}:
            one = self.waiting.get((account, self.mined_nonce(account)))
            if one is not None and one.fee >= self.price:
                return one
        return None

    def _run(self, one: Waiting) -> Receipt:
        if not self._begun:
            self.chain.mine()
            self._begun = True
        rule = self.rules.get(one.data, lambda _turn: [])
        try:
            self.chain.transact(one.account, rule, 0, one.hash, join=True)
        except OneFileError:
            return Receipt(self.chain.head, succeeded=False, gas_used=GAS, created=None)
        return Receipt(self.chain.head, succeeded=True, gas_used=GAS, created=None)

    def _turn(self, sender: bytes) -> Turn:
        chain = self.chain
        head = chain.head
        return Turn(chain.world(None), head.time, sender, chain.governor, chain.deployment, chain.approvers)


class QuickSigner(TxSigner):
    """Signs each transaction once: what falls out of its block is broadcast again with the same signature."""

    def __init__(self, name: str) -> None:
        super().__init__(hashlib.sha256(b"onefile chain test account " + name.encode()).digest())
        self._made: dict[str, tuple[bytes, bytes]] = {}

    def sign(self, transaction: dict[str, Any]) -> tuple[bytes, bytes]:
        key = repr(sorted(transaction.items(), key=lambda item: item[0]))
        if key not in self._made:
            self._made[key] = super().sign(transaction)
        return self._made[key]


@lru_cache(maxsize=10_000)
def decoded(raw: bytes) -> Waiting:
    """A signed EIP-1559 transaction."""
    fields: list[Any] = rlp.decode(raw[1:])
    _, nonce, tip, fee = (int.from_bytes(field, "big") for field in fields[:4])
    account = bytes.fromhex(Account.recover_transaction(raw)[2:])
    return Waiting(account, nonce, keccak256(raw), tip, fee, bytes(fields[7]))


class PoolLedger(MemoryLedger):
    """The ledger of one account, whose anchors and revocations go through a sender and a pool."""

    def __init__(self, pool: Pool, signer: TxSigner, journal: Journal, **options: Any) -> None:
        super().__init__(pool.chain, signer.account)
        self._pool = pool
        node = options.pop("node", pool)
        self.sender = Sender(node, signer, pool.chain.deployment.chain_id, journal=journal, **options)

    def tend(self) -> None:
        self.sender.tend()

    def anchor(
        self,
        origin_hash: bytes,
        size: int,
        root: bytes,
        checkpoint_hash: bytes,
        proof: Sequence[bytes],
        *,
        confirmations: int = 0,
    ) -> TxRef:
        def rule(turn: Turn) -> Any:
            return log_rules.anchor(turn, origin_hash, size, root, checkpoint_hash, proof)

        data = b"anchor" + origin_hash + u64(size) + root + checkpoint_hash + b"".join(proof)
        return self._through(data, rule, confirmations, keccak256(b"anchor" + origin_hash))

    def revoke(self, secret: bytes, *, confirmations: int = 0) -> TxRef:
        return self._through(b"revoke" + secret, lambda turn: rules.revoke(turn, secret), confirmations, None)

    def _through(self, data: bytes, rule: Rule, confirmations: int, lane: bytes | None) -> TxRef:
        self._pool.rules[data] = rule
        return self.sender.send(Call(_NOWHERE, data, _SIGNATURE), confirmations=confirmations, lane=lane)


class RandomFaults(Faults):
    """Lets a part of all calls fail, before or after they did something."""

    def __init__(self, lots: random.Random, rate: float) -> None:
        super().__init__()
        self.lots, self.rate = lots, rate
        self.calls = self.failed = 0

    @contextmanager
    def around(self, method: str) -> Iterator[None]:
        self.calls += 1
        fate = self.lots.random()
        if fate < self.rate:
            self.failed += 1
        if fate < self.rate / 2:
            raise unreachable("before")
        yield
        if fate < self.rate:
            raise unreachable("after")


class Unreliable:
    """A node in front of which calls fail: before they are made, or when they are done, or with the process."""

    def __init__(self, node: Pool, faults: Faults, dies: Callable[[], bool]) -> None:
        self._node, self._faults, self._dies = node, faults, dies

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._node, name)

        def call(*args: Any, **named: Any) -> Any:
            with self._faults.around(name):
                found = method(*args, **named)
            if self._dies():
                raise KilledError
            return found

        return call
