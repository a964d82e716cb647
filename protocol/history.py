"""A holder walks the history of a dossier: entry by entry, from n = 0, and nothing missing in between.

The walk needs the dossier's tag key, so only the holder (and the vault) can make it. docs/spec/log.md §6.
Left out: that each entry is a leaf of the log (``protocol/merkle.py``) and who signed the objects.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from protocol.entries import (
    AccessRecord,
    Entry,
    Opening,
    access_tag,
    entry_hash,
    grant_tag_key,
    pv_n,
    tag_n,
    verify_opened,
    verify_opening,
)
from protocol.errors import Untrusted
from protocol.hashing import ZERO32, same


@dataclass(frozen=True, slots=True)
class Logged:
    """One step of a dossier's history: a leaf's index and bytes, its opening, and the object that it commits to.

    After an erasure the opening is gone, and the object with it: only place and links can be checked then.
    """

    index: int
    entry: bytes
    opening: Opening | None
    object_bytes: bytes | None


@dataclass(frozen=True, slots=True)
class HistoryHead:
    """How far a holder has walked: the next n, the hash of entry n-1, and its index in the log (-1: none)."""

    n: int = 0
    entry_hash: bytes = ZERO32
    index: int = -1


def verify_history(tag_key: bytes, history: Iterable[Logged], head: HistoryHead | None = None) -> HistoryHead:
    """Walk a dossier's entries in order from ``head`` and return the new head; raise at the first wrong one.

    ``Untrusted``, naming n: an entry that is missing, foreign, out of order or forged (``history_link``,
    ``history_tag``, ``history_order``), or whose object is not the one committed to; ``Malformed`` for bytes
    that are no entry. The holder keeps the head: entries withheld at the *end* leave no gap, and only a head
    that was further shows them. That each entry is in the log, at that index, is for an inclusion proof to show.
    """
    at = head or HistoryHead()
    for logged in history:
        at = _next(tag_key, at, logged)
    return at


def _next(tag_key: bytes, head: HistoryHead, logged: Logged) -> HistoryHead:
    entry, opening, n = Entry.parse(logged.entry), logged.opening, head.n
    # Step 1: the log's order is the dossier's order, and the opening is that of the entry that we expect next.
    if logged.index <= head.index or (opening is not None and (opening.n, opening.index) != (n, logged.index)):
        raise Untrusted(
            "history_order",
            "expected entry {n} of the dossier after leaf {after}, got another at leaf {index}",
            n=n,
            after=head.index,
            index=logged.index,
        )
    # Step 2: the back link binds the entry to n and to the entry before it.
    if not same(entry.pv, pv_n(tag_key, n, head.entry_hash)):
        raise Untrusted(
            "history_link",
            "entry {n} of the dossier does not follow the one before: one is missing, foreign or forged",
            n=n,
        )
    # Step 3: the object is the one committed to. Nothing is checked where the opening was erased: that is what an
    # erasure is for, and it leaves the link.
    if opening is not None and logged.object_bytes is None:
        verify_opened(entry, opening)
    elif opening is not None and logged.object_bytes is not None:
        verify_opening(entry, opening, logged.object_bytes)
    # Step 4: the tag is ours.
    _check_tag(tag_key, n, entry, logged)
    return HistoryHead(n + 1, entry_hash(logged.entry), logged.index)


def _check_tag(tag_key: bytes, n: int, entry: Entry, logged: Logged) -> None:
    if entry.t != "access":
        want = tag_n(tag_key, n)
    elif logged.opening is not None and logged.object_bytes is not None:
        record = AccessRecord.parse(logged.object_bytes)
        want = access_tag(grant_tag_key(tag_key, record.basis), record.use_no)
    else:
        return  # An access entry's tag follows from its record; without the record the link must do.
    if not same(want, entry.tag):
        raise Untrusted("history_tag", "entry {n} of the dossier carries a foreign tag", n=n)
