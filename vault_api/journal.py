"""What the vault's account has sent: ``chain.journal.Journal`` over the vault's database.

Every process of a vault sends from one account and shares this table, so that a number is given out once: the first
attempt of a number is one row that only one of them can insert. Each method is a transaction of its own, committed and
durable when it returns, and not the writer's: a message is relayed while no piece of work is under way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from chain.fees import Fees
from chain.journal import Attempt
from chain.values import BlockRef
from vault_api.db.engine import WRITER, open_engine
from vault_api.db.tables_chain import transactions

_of = transactions.c


class DatabaseJournal:
    """The journal of one account in the database at ``url``, which is opened at first use."""

    def __init__(self, url: str, account: bytes) -> None:
        self._url = url
        self._account = account
        self._ours = select(transactions).where(_of.account == account).order_by(_of.nonce, _of.pos)

    @cached_property
    def _engine(self) -> Engine:
        return open_engine(self._url)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def attempts(self) -> Sequence[Attempt]:
        """All that are kept."""
        with self._engine.connect() as conn:
            return [_attempt(row) for row in conn.execute(self._ours)]

    def waiting(self) -> Sequence[Attempt]:
        """Those of the numbers of which none is in a block."""
        landed = select(_of.nonce).where(_of.account == self._account, _of.block.is_not(None))
        with self._engine.connect() as conn:
            return [_attempt(row) for row in conn.execute(self._ours.where(_of.nonce.not_in(landed)))]

    def newest(self) -> Attempt | None:
        """One of those in the newest block."""
        landed = select(transactions).where(_of.account == self._account, _of.block.is_not(None))
        with self._engine.connect() as conn:
            row = conn.execute(landed.order_by(_of.block.desc(), _of.nonce.desc()).limit(1)).one_or_none()
        return None if row is None else _attempt(row)

    def of(self, nonce: int) -> Sequence[Attempt]:
        """Those of one number."""
        with self._engine.connect() as conn:
            return [_attempt(row) for row in conn.execute(self._ours.where(_of.nonce == nonce))]

    def begin(self, attempt: Attempt) -> bool:
        """Note the first attempt of a number; False if the number is taken."""
        return self._noted(lambda conn: conn.execute(insert(transactions), self._row(attempt, 0)))

    def replace(self, attempt: Attempt) -> bool:
        """Note another attempt of a number; False if it was not begun, or another is dearer already."""
        known = self.of(attempt.nonce)
        if not known or known[-1].fees.fee >= attempt.fees.fee:
            return False
        return self._noted(lambda conn: conn.execute(insert(transactions), self._row(attempt, len(known))))

    def included(self, nonce: int, tx_hash: bytes | None, block: BlockRef | None) -> None:
        """Note which attempt of a number is in a block, or that none is."""
        nowhere = {"block": None, "block_hash": None, "block_time": None}
        number = update(transactions).where(_of.account == self._account, _of.nonce == nonce)
        with self._engine.connect().execution_options(**WRITER) as conn, conn.begin():
            conn.execute(number, nowhere)
            if block is not None:
                there = {"block": block.number, "block_hash": block.hash, "block_time": block.time}
                conn.execute(number.where(_of.hash == tx_hash), there)

    def forget(self, nonces: Sequence[int]) -> None:
        """Forget these numbers."""
        gone = delete(transactions).where(_of.account == self._account, _of.nonce.in_(nonces))
        with self._engine.connect().execution_options(**WRITER) as conn, conn.begin():
            conn.execute(gone)

    def bury(self, below: int) -> None:
        """Forget the numbers that are in blocks below this one."""
        deep = select(_of.nonce).where(_of.account == self._account, _of.block < below)
        with self._engine.connect() as conn:
            nonces = list(conn.execute(deep).scalars())
        if nonces:
            self.forget(nonces)

    def _noted(self, work: Callable[[Connection], object]) -> bool:
        try:
            with self._engine.connect().execution_options(**WRITER) as conn, conn.begin():
                work(conn)
        except IntegrityError:
            return False
        return True

    def _row(self, attempt: Attempt, pos: int) -> dict[str, Any]:
        return {
            "account": self._account,
            "nonce": attempt.nonce,
            "pos": pos,
            "lane": attempt.lane,
            "callee": attempt.to,
            "data": attempt.data,
            "gas": attempt.gas,
            "tip": attempt.fees.tip,
            "fee": attempt.fees.fee,
            "hash": attempt.hash,
        }


def _attempt(row: Row[Any]) -> Attempt:
    return Attempt(
        nonce=row.nonce,
        lane=row.lane,
        to=row.callee,
        data=row.data,
        gas=row.gas,
        fees=Fees(row.tip, row.fee),
        hash=row.hash,
        block=None if row.block is None else BlockRef(row.block, row.block_hash, row.block_time),
    )
