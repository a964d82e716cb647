"""A log in memory with a signed head at every size, for the tests of what stands in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from protocol import merkle
from protocol.entries import Entry, commitment, origin
from protocol.facts import Anchor, AnchorFacts
from protocol.note import Checkpoint, sign_checkpoint
from protocol.note_signer import Ed25519NoteSigner
from protocol.tlog_proof import TlogProof
from protocol.verify_log import EntryEvidence

ORIGIN = origin(31337, b"\xa4" * 20, "main")
SIGNER = Ed25519NoteSigner(ORIGIN, b"\x09" * 32)


def an_entry(t: str, salt: bytes, object_bytes: bytes, number: int) -> bytes:
    """The bytes of an entry that commits to ``object_bytes``."""
    return Entry(t, number.to_bytes(32, "big"), bytes(32), commitment(salt, object_bytes)).serialise()


class Log:
    """Entries, and proofs and heads of any prefix of them."""

    def __init__(self, entries: list[bytes], signer: Ed25519NoteSigner = SIGNER) -> None:
        self.entries = entries
        self.signer = signer
        self.leaves = merkle.leaf_hashes(entries)

    def root(self, size: int) -> bytes:
        return merkle.root(self.leaves[:size])

    def checkpoint(self, size: int) -> bytes:
        return sign_checkpoint(Checkpoint(self.signer.name, size, self.root(size)), self.signer)

    def proof(self, index: int, size: int) -> bytes:
        levels = merkle.tree_levels(self.leaves[:size])
        hashes = merkle.inclusion_proof(index, size, lambda level, i: levels[level][i])
        return TlogProof(index, tuple(hashes), self.checkpoint(size)).serialise()

    def consistency(self, first: int, second: int) -> tuple[bytes, ...]:
        levels = merkle.tree_levels(self.leaves[:second])
        return tuple(merkle.consistency_proof(first, second, lambda level, i: levels[level][i]))

    def evidence(self, index: int, size: int, *, tie: tuple[int, int] | None = None, **changes: Any) -> EntryEvidence:
        found = EntryEvidence(
            self.entries[index], self.proof(index, size), self.consistency(*tie) if tie is not None else ()
        )
        return replace(found, **changes)

    def anchors(self, *sizes: int, known_at: int, first_time: int, confirmations: int = 12) -> AnchorFacts:
        """Heads of these sizes, anchored a minute apart."""
        heads = tuple(
            Anchor(size, self.root(size), first_time + 60 * i, confirmations) for i, size in enumerate(sizes)
        )
        return AnchorFacts(self.signer.name, str(self.signer.vkey), heads, known_at)
