"""A write over HTTP, once: nonce, idempotency key and effect in one transaction of the sequencer.

The same Idempotency-Key with the same bytes gives the same answer again, with other bytes 409. A nonce that was
seen is refused, whatever it came with; it is remembered even if the request is then refused for another reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from sqlalchemy import bindparam, delete, insert, select

from protocol.errors import Conflict, Denied, OneFileError
from protocol.hashing import sha256
from protocol.http_sig import MAX_AGE_S
from vault_api.db import tables as t
from vault_api.db.prepared import Prepared
from vault_api.http_auth import Signature
from vault_api.writer import Tx, Work

KEEP_ANSWERS_S = 24 * 3600
_SEEN: Prepared[Any] = Prepared(
    select(t.nonces.c.row).where(
        t.nonces.c.thumbprint == bindparam("thumbprint"), t.nonces.c.nonce == bindparam("nonce")
    )
)
_REMEMBER: Prepared[None] = Prepared(insert(t.nonces), "thumbprint", "nonce", "at")
_ANSWERED: Prepared[Any] = Prepared(
    select(t.idempotency).where(t.idempotency.c.caller == bindparam("caller"), t.idempotency.c.key == bindparam("key"))
)
_ANSWER: Prepared[None] = Prepared(insert(t.idempotency), "caller", "key", "request", "status", "body", "idx", "at")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a write answers: status, JSON body, and the log entry whose opening stands in it, if any."""

    status: int
    body: bytes
    index: int | None = None

    @classmethod
    def of(cls, model: BaseModel, status: int = 200, *, index: int | None = None) -> Answer:
        """The answer that carries ``model``."""
        return cls(status, model.model_dump_json().encode(), index)


def write(sequencer: Work, signature: Signature, work: Callable[[Tx], Answer]) -> Answer:
    """Do ``work`` once for this signed request and return its answer, or the one it had before."""
    outcome = sequencer.call(lambda tx: once(tx, signature, work))
    if isinstance(outcome, OneFileError):
        raise outcome
    return outcome


def once(tx: Tx, signature: Signature, work: Callable[[Tx], Answer]) -> Answer | OneFileError:
    """The same inside a transaction; an error of ``work`` is returned, so that the nonce stays."""
    remember_nonce(tx, signature)
    try:
        return tx.attempt(lambda: _answered(tx, signature, work))
    except OneFileError as error:
        return error


def remember_nonce(tx: Tx, signature: Signature) -> None:
    """Refuse a nonce that was seen, else remember it for as long as its signature could be fresh."""
    row = {"thumbprint": signature.thumbprint, "nonce": signature.nonce, "at": signature.created}
    if _SEEN.first(tx.conn, row) is not None:
        raise Denied("signature_replayed", "this signed request was already received")
    _REMEMBER.run(tx.conn, row)


def answered_before(tx: Tx, signature: Signature) -> Answer | None:
    """The answer that this idempotency key had; ``Conflict`` if it had it for another request."""
    key = signature.idempotency_key or b""
    row = _ANSWERED.first(tx.conn, {"caller": signature.thumbprint, "key": key})
    if row is None:
        return None
    if row.request != request_digest(signature):
        raise Conflict("idempotency_key_reused", "this Idempotency-Key came before with another request")
    if row.idx is not None:
        tx.require(row.idx)
    return Answer(row.status, row.body, row.idx)


def remember_answer(tx: Tx, signature: Signature, answer: Answer) -> None:
    """Keep an answer under the request's idempotency key."""
    _ANSWER.run(
        tx.conn,
        {
            "caller": signature.thumbprint,
            "key": signature.idempotency_key or b"",
            "request": request_digest(signature),
            "status": answer.status,
            "body": answer.body,
            "idx": answer.index,
            "at": tx.now,
        },
    )


def request_digest(signature: Signature) -> bytes:
    """What makes two requests the same: method, target and body."""
    head = signature.head
    return sha256(head.method.encode(), b"\n", head.url.encode(), b"\n", signature.digest or b"")


def forget_old(tx: Tx) -> None:
    """Housekeeping: nonces whose signatures are stale anyway, answers that nobody asks for any more."""
    tx.conn.execute(delete(t.nonces).where(t.nonces.c.at < tx.now - 2 * MAX_AGE_S))
    tx.conn.execute(delete(t.idempotency).where(t.idempotency.c.at < tx.now - KEEP_ANSWERS_S))


def _answered(tx: Tx, signature: Signature, work: Callable[[Tx], Answer]) -> Answer:
    before = answered_before(tx, signature)
    if before is not None:
        return before
    answer = work(tx)
    remember_answer(tx, signature, answer)
    return answer
