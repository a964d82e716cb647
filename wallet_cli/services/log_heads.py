"""Heads of the log as this device follows them: each signed by the log's key, and each an extension of the one before.

The newest head that anything was checked with is kept, so that a log which shows this wallet two histories has to
contradict itself: a head that only one command ever saw would prove nothing later.
"""

from __future__ import annotations

from client.log_key import kept_head, proven_entry, signed_head
from client.session import Session
from protocol.encoding import unb64u
from protocol.errors import Untrusted
from protocol.note import Checkpoint, verify_growth
from protocol.tlog_proof import TlogProof


def fetch_checkpoint(session: Session) -> tuple[bytes, Checkpoint]:
    """The vault's newest checkpoint, which extends the one that is kept; it is not kept yet."""
    kept = session.store.log_head().checkpoint  # read first: another command may keep a newer one meanwhile
    raw = session.public_api.checkpoint()
    checkpoint = signed_head(session, raw)
    if kept:
        _grown(session, kept_head(session, kept), checkpoint)
    return raw, checkpoint


def newest_checkpoint(session: Session) -> Checkpoint:
    """``fetch_checkpoint``, and kept: whatever is proven by it, the log stands by it from now on."""
    raw, checkpoint = fetch_checkpoint(session)
    session.store.save_checkpoint(raw)
    return checkpoint


def follow(session: Session, raw: bytes) -> Checkpoint:
    """A checkpoint that came inside of a proof: of one history with the kept one, and kept if it is newer."""
    checkpoint = signed_head(session, raw)
    stored = session.store.log_head().checkpoint
    if not stored:
        session.store.save_checkpoint(raw)
        return checkpoint
    kept = kept_head(session, stored)
    if checkpoint.size < kept.size:
        _grown(session, checkpoint, kept)
    else:
        _grown(session, kept, checkpoint)
        session.store.save_checkpoint(raw)
    return checkpoint


def prove(session: Session, checkpoint: Checkpoint, index: int, entry: bytes) -> bytes:
    """A checked ``.tlog-proof`` of an entry in this very checkpoint."""
    raw = session.public_api.proof(index, checkpoint.size)
    got, head = proven_entry(session, raw, entry)
    if got != index or (head.size, head.root) != (checkpoint.size, checkpoint.root):
        raise Untrusted("proof_other", "the vault's proof is of another entry or head than asked for")
    return raw


def follow_proof(session: Session, raw: bytes, entry: bytes) -> int:
    """The index of an entry that a proof from elsewhere shows, under a head of the history that we follow."""
    index, _head = proven_entry(session, raw, entry)
    follow(session, TlogProof.parse(raw).checkpoint)
    return index


def consistency(session: Session, one: int, other: int) -> tuple[bytes, ...]:
    """The vault's consistency proof between two sizes, in either order; not checked."""
    first, second = sorted((one, other))
    if first == second:
        return ()
    answer = session.public_api.consistency(first, second)
    return tuple(unb64u(part, length=32, what="consistency proof") for part in answer.proof)


def _grown(session: Session, older: Checkpoint, newer: Checkpoint) -> None:
    proof = consistency(session, older.size, newer.size) if older.size < newer.size else ()
    verify_growth(older, newer, proof)
