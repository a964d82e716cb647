"""One entry's proof in a file that stands alone: C2SP tlog-proof@v1 (``.tlog-proof``).

A header line, an optional ``extra`` line, the entry's index, its inclusion proof, an empty line, and the
checkpoint as the log signed it. The entry itself is not in it: the verifier hashes the bytes that it has. We
write no ``extra`` and believe none: it is not authenticated.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from protocol.encoding import b64, unb64
from protocol.errors import Malformed
from protocol.merkle import (
    HASH_SIZE,
    MAX_INCLUSION_HASHES,
    MAX_TREE_SIZE,
    check_hashes,
    leaf_hash,
    verify_inclusion,
)
from protocol.note import MAX_NOTE_BYTES, Checkpoint, FormerKey, Vkey, parse_note, verify_checkpoint

HEADER = "c2sp.org/tlog-proof@v1"
MAX_EXTRA = 16 << 10  # bytes
MAX_PROOF_BYTES = MAX_NOTE_BYTES + (32 << 10)

_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class TlogProof:
    """A parsed proof, not verified. ``checkpoint`` is the signed note's bytes; ``extra`` is None if absent."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.index < MAX_TREE_SIZE:
            raise Malformed(
                "leaf_index", "expected a leaf index below {size}, got {got}", size=MAX_TREE_SIZE, got=self.index
            )
        check_hashes(self.hashes, MAX_INCLUSION_HASHES, "inclusion proof")
        if self.extra is not None and len(self.extra) > MAX_EXTRA:
            raise Malformed(
                "too_large",
                "{what}: at most {limit} bytes, got {got}",
                what="extra",
                limit=MAX_EXTRA,
                got=len(self.extra),
            )
        parse_note(self.checkpoint)

    def serialise(self) -> bytes:
        """The proof's text."""
        extra = [] if self.extra is None else [f"extra {b64(self.extra)}"]
        lines = [HEADER, *extra, f"index {self.index}", *map(b64, self.hashes), "", ""]
        return "\n".join(lines).encode() + self.checkpoint

    @classmethod
    def parse(cls, raw: bytes) -> TlogProof:
        """Read a proof; ``serialise`` gives the same bytes back. ``Malformed`` on anything else."""
        if len(raw) > MAX_PROOF_BYTES:
            raise Malformed(
                "too_large",
                "{what}: at most {limit} bytes, got {got}",
                what="tlog-proof",
                limit=MAX_PROOF_BYTES,
                got=len(raw),
            )
        head, separator, checkpoint = raw.partition(b"\n\n")
        try:
            lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError:
            lines = []
        if not separator or lines[:1] != [HEADER]:
            raise Malformed("tlog_proof", "expected a proof that begins with {header}", header=HEADER)
        extra, rest = _take_extra(lines[1:])
        index = _INDEX.fullmatch(rest[0]) if rest else None
        if index is None:
            raise Malformed("tlog_proof_index", "a tlog-proof names its entry's index in plain decimal")
        hashes = tuple(unb64(line, length=HASH_SIZE, what="inclusion proof") for line in rest[1:])
        return cls(int(index[1]), hashes, checkpoint, extra)


def verify_tlog_proof(
    raw: bytes, entry: bytes, origin: str, vkey: Vkey, former: Sequence[FormerKey] = ()
) -> tuple[int, Checkpoint]:
    """The index of ``entry`` (its bytes) and the checkpoint that covers it, if ``raw`` proves it.

    ``Malformed`` if the proof does not parse, ``Untrusted`` as ``verify_checkpoint`` and ``verify_inclusion``
    say. That the checkpoint is anchored, or consistent with another, is for the caller to check.
    """
    proof = TlogProof.parse(raw)
    # (1): the head, by the log's key, or by a former one as far as that counts.
    checkpoint = verify_checkpoint(proof.checkpoint, origin, vkey, former)
    # (2): the leaf's hash from the entry's bytes; nothing of the file but index and hashes takes part.
    verify_inclusion(leaf_hash(entry), proof.index, checkpoint.size, proof.hashes, checkpoint.root)
    return proof.index, checkpoint


def _take_extra(lines: list[str]) -> tuple[bytes | None, list[str]]:
    if not lines or not lines[0].startswith("extra "):
        return None, lines
    return unb64(lines[0].removeprefix("extra "), what="extra"), lines[1:]
