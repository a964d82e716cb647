"""Entries of the log and what ties their proofs to the chain, fetched from the vault.

Nothing here is believed for coming from the vault: an entry counts once its proof is checked with it, a consistency
proof once it leads from the proof's head to the anchored one (``protocol/verify_log.py``).
"""

from __future__ import annotations

from client.session import Session
from protocol.encoding import unb64u
from protocol.errors import Denied
from protocol.facts import AnchorFacts
from protocol.note import Checkpoint, Vkey, verify_checkpoint
from protocol.tiles import TILE_WIDTH, read_bundle, tile_at
from protocol.tlog_proof import TlogProof
from protocol.verify_log import EntryEvidence


def checkpoint_of(proof: bytes, anchors: AnchorFacts) -> Checkpoint:
    """The head that a tlog-proof is made for, signed by the log's key or, as far as that counts, a former one."""
    checkpoint = TlogProof.parse(proof).checkpoint
    return verify_checkpoint(checkpoint, anchors.origin, Vkey.parse(anchors.vkey), anchors.former)


def fetch_entry(session: Session, proof: bytes, anchors: AnchorFacts) -> bytes:
    """The entry that a proof is about, out of the log's bundles."""
    index, size = TlogProof.parse(proof).index, checkpoint_of(proof, anchors).size
    n, offset = divmod(index, TILE_WIDTH)
    return read_bundle(tile_at(size, None, n), lambda path: read_tile(session, path))[offset]


def needs_consistency(proof: bytes, anchors: AnchorFacts) -> bool:
    """Whether a proof's head is not one that the chain knows, so that something must tie it to one that it knows."""
    return anchors.head is not None and anchors.of_size(checkpoint_of(proof, anchors).size) is None


def consistency(session: Session, proof: bytes, anchors: AnchorFacts) -> tuple[bytes, ...]:
    """What ties a proof's head to the last anchored one; empty where the chain knows that very size, or no head."""
    head = anchors.head
    if head is None or not needs_consistency(proof, anchors):
        return ()
    first, second = sorted((checkpoint_of(proof, anchors).size, head.size))
    answer = session.public_api.consistency(first, second)
    return tuple(unb64u(part, length=32, what="consistency proof") for part in answer.proof)


def entry_evidence(session: Session, entry: bytes, proof: bytes, anchors: AnchorFacts) -> EntryEvidence:
    """One entry's evidence, with the consistency proof that its head needs.

    Raises ``Malformed`` or ``Untrusted`` for a proof that is none of this log, ``Unavailable`` without the vault where
    it is needed: then nothing is known, and nothing is false.
    """
    return EntryEvidence(entry, proof, consistency(session, proof, anchors))


def read_tile(session: Session, path: str) -> bytes | None:
    """A tile or bundle of the log by its path; None for one that is not there."""
    try:
        return session.public_api.tile(path)
    except Denied:
        return None  # a partial tile may be gone once the full one is there
