"""Walking the dossier's history: page by page from where this device stopped, and no further once a page is wrong.

What was walked before stays as this device kept it: it was checked then, and the vault's copy of it was not now. A walk
begins anew at n = 0 if that is asked for, if the kept page is gone, or if the vault's pages have become shorter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from client.api import page_after, too_many_pages
from client.session import Session
from client.store import LogHead
from protocol import wire
from protocol.encoding import unb64u
from protocol.entries import AccessRecord, Entry, Opening, entry_hash
from protocol.errors import Untrusted
from protocol.history import HistoryHead, Logged, verify_history
from protocol.receipts import parse_receipt

MAX_CHARS = 128 << 20  # of the events of one walk, as they come


@dataclass(slots=True)
class Page:
    """One page of the history: n of its first row, the token that it was asked with, and its rows."""

    first: int
    token: str | None
    rows: list[wire.LogRow]
    last: bool


@dataclass(slots=True)
class Walked:
    """A walk that found nothing wrong. ``begun``: n where it began to check; ``known``: how far the one before came."""

    begun: int
    known: int
    head: HistoryHead
    pages: list[Page] = field(default_factory=list)

    def rows(self) -> Iterator[tuple[int, wire.LogRow]]:
        """Every row with its n."""
        for page in self.pages:
            yield from enumerate(page.rows, page.first)


def walk(session: Session, *, whole: bool = False) -> Walked:
    """Walk what is new, or all of it.

    ``Untrusted``: ``rolled_back``, ``history_changed`` against what this device kept, or as ``verify_history``.
    """
    kept = session.store.log_head()
    start = kept
    if whole or len(session.store.history_page(kept.page_first)) < kept.head.n - kept.page_first:
        start = LogHead()
    walked = Walked(start.head.n, kept.head.n, start.head)
    for page in _pages(session, start):
        if not page.last and len(page.rows) < start.head.n - page.first:
            return walk(session, whole=True)  # the vault gives shorter pages than before
        _walk_page(session, walked, page)
        walked.pages.append(page)
    _check_reach(walked, kept)
    return walked


def keep_history(session: Session, walked: Walked) -> None:
    """Keep what a walk has checked, beside what was there."""
    for page in walked.pages:
        kept = session.store.history_page(page.first)
        same = max(0, walked.begun - page.first)  # rows that this walk did not look into
        fresh = zip_longest(page.rows[same:], kept[same : len(page.rows)])
        session.store.add_history(page.first, [*kept[:same], *(_checked_row(row, old) for row, old in fresh)])
    if walked.begun == 0:
        session.store.keep_pages({page.first for page in walked.pages})


def logged_of(row: wire.Logged) -> Logged:
    """A logged entry as it travels, as bytes."""
    return Logged(
        index=row.index,
        entry=unb64u(row.entry, what="entry"),
        opening=Opening.from_json(row.opening.model_dump()) if row.opening is not None else None,
        object_bytes=unb64u(row.object, what="object") if row.object is not None else None,
    )


def _pages(session: Session, start: LogHead) -> Iterator[Page]:
    """The pages from the last one on that was read, as long as they have a sensible size together."""
    token, first, size = start.page, start.page_first, 0
    while True:
        answer = session.api.log(token)
        size += sum(
            len(row.logged.entry) + len(row.logged.object or "") + len(row.receipt or "") for row in answer.rows
        )
        if size > MAX_CHARS:
            raise too_many_pages()
        after = page_after(token, answer)
        yield Page(first, token, answer.rows, after is None)
        if after is None:
            return
        token, first = after, first + len(answer.rows)


def _walk_page(session: Session, walked: Walked, page: Page) -> None:
    kept = session.store.history_page(page.first)[: max(0, walked.known - page.first)]
    for n, (row, old) in enumerate(zip(page.rows, kept, strict=False), page.first):
        if (row.logged.index, row.logged.entry) != (old["logged"]["index"], old["logged"]["entry"]):
            raise Untrusted("history_changed", "entry {n} of this dossier is another than before", n=n)
    unchecked = page.rows[max(0, walked.begun - page.first) :]
    fresh = [logged_of(row.logged) for row in unchecked]
    walked.head = verify_history(session.keys.tag_key.unsafe_bytes, fresh, walked.head)
    for row, logged in zip(unchecked, fresh, strict=True):
        _check_receipt(row, logged)


def _check_reach(walked: Walked, kept: LogHead) -> None:
    """The walk came as far as the one before, and over the same entry."""
    shown = dict(walked.rows()).get(kept.head.n - 1) if kept.head.n else None
    if kept.head.n and shown is None:
        raise Untrusted(
            "rolled_back",
            "the vault showed {want} entries of this dossier and now shows {got}",
            want=kept.head.n,
            got=walked.pages[-1].first + len(walked.pages[-1].rows),
        )
    if shown is not None and entry_hash(unb64u(shown.logged.entry, what="entry")) != kept.head.entry_hash:
        raise Untrusted("history_changed", "entry {n} of this dossier is another than before", n=kept.head.n - 1)


def _check_receipt(row: wire.LogRow, logged: Logged) -> None:
    """A receipt stands beside the use that names it, and nowhere else: it is kept for good."""
    if row.receipt is None:
        return
    if logged.object_bytes is None or Entry.parse(logged.entry).t != "access":
        raise Untrusted("receipt_other", "the receipt is not the one that was logged")
    if parse_receipt(row.receipt).hash != AccessRecord.parse(logged.object_bytes).receipt:
        raise Untrusted("receipt_other", "the receipt is not the one that was logged")


def _checked_row(row: wire.LogRow, old: dict[str, Any] | None) -> dict[str, Any]:
    """What of a row was checked: which grant or show it belongs to is said by its object, and not by the vault.

    What the vault shows no more is kept as it was when it did.
    """
    found = {**row.model_dump(mode="json"), "grant": None, "show": None}
    if old is not None:
        if row.logged.object is None or row.logged.opening is None:
            found["logged"] = old["logged"]
        found["receipt"] = found["receipt"] or old["receipt"]
    return found
