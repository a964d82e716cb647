"""Sync: fetch what is new, and believe none of it before it is checked.

Steps, in the order in which they protect each other:
(1) the dossier's history is walked entry by entry: nothing is missing, foreign or out of order, and what was walked
    before stays as this device kept it;
(2) the newest checkpoint is signed by the log's key and extends the one that this device kept;
(3) every new entry is a leaf of that checkpoint;
(4) the checkpoint is consistent with the head that is anchored on chain, if the chain answers;
(5) every item is one that the history issued, with the slip and headers that the history commits to, and gone only if
    the holder said so.
Only then is anything kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from client.api import page_after, too_many_pages
from client.checks import Desk, open_desk, refresh_trust
from client.session import Session
from client.store import ItemRecord, LogHead
from protocol import wire
from protocol.encoding import b64u, unb64u
from protocol.entries import AccessRecord, Entry, Opening
from protocol.errors import OneFileError, Unavailable, Untrusted
from protocol.hashing import sha256
from protocol.history import HistoryHead, Logged, verify_history
from protocol.note import Checkpoint
from protocol.receipts import parse_receipt
from protocol.slips import parse_slip
from protocol.verify_log import verify_anchored_history
from wallet_cli.services.log_heads import consistency, fetch_checkpoint, prove
from wallet_cli.services.opening import check_object0
from wallet_cli.services.payloads import Step, fetch_payload
from wallet_cli.services.said import deleted_items

MAX_SYNC_CHARS = 512 << 20  # of the new events of one sync, as they come


@dataclass(slots=True)
class SyncReport:
    """What a sync came to. ``anchored`` is the size of the anchored head, None if the chain did not answer."""

    new_items: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    damaged: list[tuple[str, str]] = field(default_factory=list)
    new_events: int = 0
    events: int = 0
    size: int = 0
    anchored: int | None = None


@dataclass(slots=True)
class _Page:
    """One page of the history: n of its first row, the token that it was asked with, and its rows."""

    first: int
    token: str | None
    rows: list[wire.LogRow]


def sync(session: Session, *, deep: bool = False, step: Step | None = None) -> SyncReport:
    """Bring the local state up to date; ``deep`` also fetches every payload anew and checks it."""
    report = SyncReport()
    before = _before(session)
    pages = list(_new_pages(session, before))
    head = _walk(session, before, pages, report)
    raw, checkpoint = fetch_checkpoint(session)
    proofs = _include(session, checkpoint, pages, before.head.n)
    desk = _desk(session)
    _check_anchor(session, desk, checkpoint, report)
    _keep_history(session, before, pages)
    _take_items(session, proofs, head.index, report)
    last = pages[-1]
    session.store.save_log_head(LogHead(head, raw, session.clock.now(), last.token, last.first))
    report.size, report.events = checkpoint.size, head.n
    if desk is not None:
        refresh_trust(session, desk)
    _fetch_payloads(session, report, deep=deep, step=step)
    return report


def _desk(session: Session) -> Desk | None:
    try:
        return open_desk(session)
    except Unavailable:
        return None


# (1) the history


def _before(session: Session) -> LogHead:
    """How far this device has come; the beginning if the page where it stopped is not there any more."""
    kept = session.store.log_head()
    whole = len(session.store.history_page(kept.page_first)) >= kept.head.n - kept.page_first
    return kept if whole else LogHead(checkpoint=kept.checkpoint)


def _new_pages(session: Session, before: LogHead) -> Iterator[_Page]:
    """The pages from the last one on that was read, as long as they have a sensible size together."""
    token, first, size = before.page, before.page_first, 0
    while True:
        page = session.api.log(token)
        yield _Page(first, token, page.rows)
        size += sum(len(row.logged.entry) + len(row.logged.object or "") + len(row.receipt or "") for row in page.rows)
        if size > MAX_SYNC_CHARS:
            raise too_many_pages()
        after = page_after(token, page)
        if after is None:
            return
        token, first = after, first + len(page.rows)


def _walk(session: Session, before: LogHead, pages: list[_Page], report: SyncReport) -> HistoryHead:
    rows = [row for page in pages for row in page.rows]
    known, shown = before.head.n - before.page_first, session.store.log_head().head.n
    if before.page_first + len(rows) < shown:
        raise Untrusted(
            "rolled_back",
            "the vault showed {want} entries of this dossier and now shows {got}",
            want=shown,
            got=before.page_first + len(rows),
        )
    kept = session.store.history_page(before.page_first)
    for n, (row, old) in enumerate(zip(rows[:known], kept, strict=False), before.page_first):
        if (row.logged.index, row.logged.entry) != (old["logged"]["index"], old["logged"]["entry"]):
            raise Untrusted("history_changed", "entry {n} of this dossier is another than before", n=n)
    fresh = [logged_of(row.logged) for row in rows[known:]]
    report.new_events = len(fresh)
    head = verify_history(session.keys.tag_key.unsafe_bytes, fresh, before.head)
    for row, logged in zip(rows[known:], fresh, strict=True):
        _check_receipt(row, logged)
    return head


def logged_of(row: wire.Logged) -> Logged:
    """A logged entry as it travels, as bytes."""
    return Logged(
        index=row.index,
        entry=unb64u(row.entry, what="entry"),
        opening=Opening.from_json(row.opening.model_dump()) if row.opening is not None else None,
        object_bytes=unb64u(row.object, what="object") if row.object is not None else None,
    )


def _check_receipt(row: wire.LogRow, logged: Logged) -> None:
    """A receipt stands beside the use that names it, and nowhere else: it is kept for good."""
    if row.receipt is None:
        return
    if logged.object_bytes is None or Entry.parse(logged.entry).t != "access":
        raise Untrusted("receipt_other", "the receipt is not the one that was logged")
    if parse_receipt(row.receipt).hash != AccessRecord.parse(logged.object_bytes).receipt:
        raise Untrusted("receipt_other", "the receipt is not the one that was logged")


def _keep_history(session: Session, before: LogHead, pages: list[_Page]) -> None:
    """Keep what is new. What was walked before stays as it is: it was checked then, the vault's copy was not now."""
    for page in pages:
        kept = session.store.history_page(page.first)[: max(0, before.head.n - page.first)]
        fresh = [row.model_dump(mode="json") for row in page.rows[len(kept) :]]
        session.store.add_history(page.first, [*kept, *fresh])


# (3) inclusion


def _include(
    session: Session, checkpoint: Checkpoint, pages: list[_Page], known: int
) -> dict[int, tuple[bytes, bytes]]:
    """For each new entry by its index: the entry and its proof, which was checked."""
    found: dict[int, tuple[bytes, bytes]] = {}
    for page in pages:
        for n, row in enumerate(page.rows, page.first):
            if n >= known:
                entry = unb64u(row.logged.entry, what="entry")
                found[row.logged.index] = entry, prove(session, checkpoint, row.logged.index, entry)
    return found


# (4) the anchor


def _check_anchor(session: Session, desk: Desk | None, checkpoint: Checkpoint, report: SyncReport) -> None:
    if desk is None or not desk.live:
        return
    anchors = desk.facts.anchors()
    head = anchors.head
    if head is None:
        return
    proof: tuple[bytes, ...] = ()
    if anchors.of_size(checkpoint.size) is None:
        proof = consistency(session, head.size, checkpoint.size)
    verify_anchored_history(checkpoint, anchors, proof)
    report.anchored = head.size


# (5) the items


def _take_items(session: Session, proofs: dict[int, tuple[bytes, bytes]], last_index: int, report: SyncReport) -> None:
    store, issued = session.store, _issued(session)
    said = deleted_items(session)
    seen: set[int] = set()
    for row in session.api.items():
        if row.index > last_index:
            continue  # came in while we were reading: the next sync walks over it
        if row.index in seen:
            raise Untrusted("item_twice", "the vault lists the item at leaf {index} twice", index=row.index)
        seen.add(row.index)
        if row.state == "deleted" and unb64u(row.item, length=32, what="item") not in said:
            raise Untrusted(
                "item_not_deleted", "the vault lists item {item} as deleted: its holder never said so", item=row.item
            )
        known = store.known_item(unb64u(row.item, length=32, what="item"))
        record = _checked_item(session, row, issued, known, proofs)
        if known is None:
            report.new_items.append(record.id)
        elif known.state != record.state:
            report.deleted.append(record.id)
        store.save_item(record)
    missing = sorted(set(issued) - seen)
    if missing:
        raise Untrusted(
            "item_withheld", "the history issued an item at leaf {index} that the vault does not list", index=missing[0]
        )


def _issued(session: Session) -> dict[int, dict[str, Any]]:
    """The ``issue`` entries of the history by their index."""
    return {row["logged"]["index"]: row["logged"] for row in session.store.history() if _kind(row["logged"]) == "issue"}


def _kind(logged: dict[str, Any]) -> str:
    return Entry.parse(unb64u(logged["entry"], what="entry")).t


def _checked_item(
    session: Session,
    row: wire.Item,
    issued: dict[int, dict[str, Any]],
    known: ItemRecord | None,
    proofs: dict[int, tuple[bytes, bytes]],
) -> ItemRecord:
    item = unb64u(row.item, length=32, what="item")
    logged = issued.get(row.index)
    if logged is None:
        raise Untrusted("item_not_issued", "the vault lists item {item}, which the history never issued", item=row.item)
    entry, proof = proofs.get(row.index) or (known.entry, known.proof) if known else proofs[row.index]
    base = ItemRecord(item, row.state, row.at, row.index, entry=entry, proof=proof)
    if known is not None and known.index != row.index and known.entry:
        raise Untrusted("item_not_issued", "the vault lists item {item}, which the history never issued", item=row.item)
    if row.state == "deleted":
        return base
    # The history's own copy of the slip is the one that its commitment was checked with.
    if row.slip is None or row.item_salt is None or logged.get("object") != b64u(row.slip.encode("ascii")):
        raise Untrusted("item_slip", "the slip of item {item} is not the one that was logged", item=row.item)
    slip = parse_slip(row.slip).body
    headers = tuple(unb64u(header, what="header") for header in row.headers)
    if (slip.item, slip.dossier, slip.aud) != (item, session.party.subject, session.log.origin):
        raise Untrusted("item_foreign", "the slip of item {item} is for another item, dossier or log", item=row.item)
    if [sha256(header) for header in headers] != [part.header for part in slip.objects]:
        raise Untrusted("item_headers", "the headers of item {item} are not those that its slip names", item=row.item)
    return replace(
        base,
        slip=row.slip,
        salt=unb64u(row.item_salt, length=32, what="item_salt"),
        headers=headers,
        opening=Opening.from_json(logged["opening"]) if logged.get("opening") else None,
        damaged=known.damaged if known else None,
    )


# payloads


def _fetch_payloads(session: Session, report: SyncReport, *, deep: bool, step: Step | None) -> None:
    """Fetch the credential of every item; with ``deep`` check every payload that the vault keeps."""
    for record in session.store.items():
        if record.slip is None:
            continue
        slip = parse_slip(record.slip).body
        wanted = slip.objects if deep else slip.objects[:1]
        fault: str | None = None
        for part in wanted:
            try:
                check_object0(slip)
                fetch_payload(session, part.payload, part.payload_size, anew=deep, step=step)
            except OneFileError as error:
                if isinstance(error, Unavailable):
                    raise
                fault = error.code
        if fault is not None:
            report.damaged.append((record.id, fault))
        if fault != record.damaged and (deep or fault is not None):
            session.store.save_item(replace(record, damaged=fault))
