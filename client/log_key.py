"""The log's key as this profile knows it, and a new one once the chain has it (docs/spec/log.md §7).

The key is pinned with the deployment. Where a head is signed by a key that we do not know, the chain is asked whether
the log's owner has put another one in its place; only then is that one pinned. A vault's word changes no key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from chain.deployment import LogRecord
from client.session import Session
from protocol.errors import Untrusted
from protocol.note import Checkpoint, Vkey, parse_note, verify_checkpoint
from protocol.tlog_proof import verify_tlog_proof

Found = TypeVar("Found")


def signed_head(session: Session, raw: bytes) -> Checkpoint:
    """A checkpoint if the log's key signed it; ``Untrusted`` as ``verify_checkpoint`` says."""
    return _by_key(session, lambda log: verify_checkpoint(raw, log.origin, Vkey.parse(log.vkey)))


def proven_entry(session: Session, proof: bytes, entry: bytes) -> tuple[int, Checkpoint]:
    """The index of an entry, and the head that it is proven in, which the log's key signed."""
    return _by_key(session, lambda log: verify_tlog_proof(proof, entry, log.origin, Vkey.parse(log.vkey)))


def kept_head(session: Session, raw: bytes) -> Checkpoint:
    """A head that was checked when it was kept: the log may have another key since."""
    checkpoint = Checkpoint.parse_text(parse_note(raw).text)
    if checkpoint.origin != session.log.origin:
        raise Untrusted(
            "checkpoint_origin",
            "expected a checkpoint of {want}, got one of {got}",
            want=session.log.origin,
            got=checkpoint.origin,
        )
    return checkpoint


def _by_key(session: Session, check: Callable[[LogRecord], Found]) -> Found:
    try:
        return check(session.log)
    except Untrusted as error:
        if error.code != "note_unsigned" or not session.learn_log_key():
            raise
    return check(session.log)
