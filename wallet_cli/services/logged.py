"""What the vault says that it has logged for us just now: held against the log before anything is kept by it.

The entry must carry this dossier's tag for its number, commit to the very bytes that we sent, and be a leaf of the
newest head. Where it stands in the chain of back links is seen by the next sync.
"""

from __future__ import annotations

from client.log_reading import read_tile
from client.session import Session
from protocol import wire
from protocol.encoding import unb64u
from protocol.entries import Entry, Opening, tag_n, verify_opening
from protocol.errors import Untrusted
from protocol.hashing import same
from protocol.note import Checkpoint
from protocol.tiles import TILE_WIDTH, read_bundle, tile_at
from wallet_cli.services.log_heads import newest_checkpoint, prove


def stands(
    session: Session, kind: str, object_bytes: bytes, answer: wire.Opening | None
) -> tuple[Opening, bytes, bytes]:
    """Opening, entry and proof of what was just logged, all checked; ``Untrusted`` if it does not stand in the log."""
    if answer is None:
        raise Untrusted("not_logged", "the vault does not prove that it logged this")
    opening, head = Opening.from_json(answer.model_dump()), newest_checkpoint(session)
    if opening.index >= head.size or opening.n < session.store.log_head().head.n:
        raise Untrusted("not_logged", "the vault does not prove that it logged this")
    raw = _entry(session, head, opening.index)
    entry = Entry.parse(raw)
    verify_opening(entry, opening, object_bytes)
    tag = tag_n(session.keys.tag_key.unsafe_bytes, opening.n)
    if entry.t != kind or not same(entry.tag, tag):
        raise Untrusted("not_logged", "the vault does not prove that it logged this")
    return opening, raw, prove(session, head, opening.index, raw)


def said(session: Session, kind: str, word: str, answer: wire.Logged) -> int:
    """The index of a statement of ours that was just logged."""
    opening, entry, _proof = stands(session, kind, word.encode("ascii"), answer.opening)
    if answer.index != opening.index or unb64u(answer.entry, what="entry") != entry:
        raise Untrusted("not_logged", "the vault does not prove that it logged this")
    return opening.index


def _entry(session: Session, head: Checkpoint, index: int) -> bytes:
    number, offset = divmod(index, TILE_WIDTH)
    return read_bundle(tile_at(head.size, None, number), lambda path: read_tile(session, path))[offset]
