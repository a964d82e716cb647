"""Sync: fetch what is new, and believe none of it before it is checked.

Steps, in the order in which they protect each other:
(1) the dossier's history is walked entry by entry: nothing is missing, foreign or out of order;
(2) the newest checkpoint is signed by the log's key and extends the one that this device kept;
(3) every new entry is a leaf of that checkpoint;
(4) the checkpoint is consistent with the head that is anchored on chain, if the chain answers;
(5) every item is one that the history issued, with the slip and headers that the history commits to.
Only then is anything kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from client.checks import Desk, open_desk, refresh_trust
from client.session import Session
from client.store import ItemRecord, LogHead
from protocol import wire
from protocol.encoding import b64u, unb64u
from protocol.entries import Opening, entry_hash
from protocol.errors import OneFileError, Unavailable, Untrusted
from protocol.hashing import sha256
from protocol.history import HistoryHead, Logged, verify_history
from protocol.note import Checkpoint, Vkey, verify_checkpoint, verify_growth
from protocol.slips import parse_slip
from protocol.tlog_proof import verify_tlog_proof
from protocol.verify_log import verify_anchored_history
from wallet_cli.services.payloads import Step, fetch_payload


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


def sync(session: Session, *, deep: bool = False, step: Step | None = None) -> SyncReport:
    """Bring the local state up to date; ``deep`` also fetches every payload anew and checks it."""
    report = SyncReport()
    before = session.store.log_head()
    pages = list(_new_pages(session, before))
    head = _walk(session, before, pages, report)
    raw, checkpoint = _checkpoint(session, before)
    proofs = _include(session, checkpoint, pages, before.head.n)
    desk = _desk(session)
    _check_anchor(session, desk, checkpoint, report)
    for first, page, _token in pages:
        session.store.add_history(first, [row.model_dump(mode="json") for row in page.rows])
    _take_items(session, proofs, head.index, report)
    last = pages[-1]
    session.store.save_log_head(LogHead(head, raw, session.clock.now(), last[2], last[0]))
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


def _new_pages(session: Session, before: LogHead) -> Iterator[tuple[int, wire.Page[wire.LogRow], str | None]]:
    """The pages from the last one on that was read: (n of the first row, page, its token)."""
    token, first = before.page, before.page_first
    while True:
        page = session.api.log(token)
        yield first, page, token
        if page.next is None:
            return
        token, first = page.next, first + len(page.rows)


def _walk(
    session: Session,
    before: LogHead,
    pages: list[tuple[int, wire.Page[wire.LogRow], str | None]],
    report: SyncReport,
) -> HistoryHead:
    rows = [row for _first, page, _token in pages for row in page.rows]
    known = before.head.n - before.page_first
    if len(rows) < known:
        raise Untrusted(
            "rolled_back",
            "the vault showed {want} entries of this dossier and now shows {got}",
            want=before.head.n,
            got=before.page_first + len(rows),
        )
    if known:
        last = rows[known - 1].logged
        if entry_hash(unb64u(last.entry, what="entry")) != before.head.entry_hash:
            raise Untrusted("history_changed", "entry {n} of this dossier is another than before", n=before.head.n - 1)
    fresh = [logged_of(row.logged) for row in rows[known:]]
    report.new_events = len(fresh)
    return verify_history(session.keys.tag_key.unsafe_bytes, fresh, before.head)


def logged_of(row: wire.Logged) -> Logged:
    """A logged entry as it travels, as bytes."""
    return Logged(
        index=row.index,
        entry=unb64u(row.entry, what="entry"),
        opening=Opening.from_json(row.opening.model_dump()) if row.opening is not None else None,
        object_bytes=unb64u(row.object, what="object") if row.object is not None else None,
    )


# (2) the checkpoint


def _checkpoint(session: Session, before: LogHead) -> tuple[bytes, Checkpoint]:
    raw = session.public_api.checkpoint()
    checkpoint = read_checkpoint(session, raw)
    if before.checkpoint:
        kept = read_checkpoint(session, before.checkpoint)
        proof: list[bytes] = []
        if kept.size < checkpoint.size:
            answer = session.public_api.consistency(kept.size, checkpoint.size)
            proof = [unb64u(part, length=32, what="consistency proof") for part in answer.proof]
        verify_growth(kept, checkpoint, proof)
    return raw, checkpoint


def read_checkpoint(session: Session, raw: bytes) -> Checkpoint:
    """A checkpoint if our log's key signed it."""
    return verify_checkpoint(raw, session.log.origin, Vkey.parse(session.log.vkey))


# (3) inclusion


def _include(
    session: Session, checkpoint: Checkpoint, pages: list[tuple[int, wire.Page[wire.LogRow], str | None]], known: int
) -> dict[int, tuple[bytes, bytes]]:
    """For each new entry by its index: the entry and its proof, which was checked."""
    found: dict[int, tuple[bytes, bytes]] = {}
    for first, page, _token in pages:
        for n, row in enumerate(page.rows, first):
            if n >= known:
                entry = unb64u(row.logged.entry, what="entry")
                found[row.logged.index] = entry, prove(session, checkpoint, row.logged.index, entry)
    return found


def prove(session: Session, checkpoint: Checkpoint, index: int, entry: bytes) -> bytes:
    """A checked ``.tlog-proof`` of an entry in this very checkpoint."""
    raw = session.public_api.proof(index, checkpoint.size)
    got, head = verify_tlog_proof(raw, entry, session.log.origin, Vkey.parse(session.log.vkey))
    if got != index or (head.size, head.root) != (checkpoint.size, checkpoint.root):
        raise Untrusted("proof_other", "the vault's proof is of another entry or head than asked for")
    return raw


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


def consistency(session: Session, one: int, other: int) -> tuple[bytes, ...]:
    """The vault's consistency proof between two sizes, in either order."""
    first, second = sorted((one, other))
    if first == second:
        return ()
    answer = session.public_api.consistency(first, second)
    return tuple(unb64u(part, length=32, what="consistency proof") for part in answer.proof)


# (5) the items


def _take_items(session: Session, proofs: dict[int, tuple[bytes, bytes]], last_index: int, report: SyncReport) -> None:
    store, issued = session.store, _issued(session)
    seen: set[int] = set()
    for row in session.api.items():
        if row.index > last_index:
            continue  # came in while we were reading: the next sync walks over it
        seen.add(row.index)
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
    from protocol.entries import Entry

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
        parts = parse_slip(record.slip).body.objects
        wanted = parts if deep else parts[:1]
        fault: str | None = None
        for part in wanted:
            try:
                fetch_payload(session, part.payload, anew=deep, step=step)
            except OneFileError as error:
                if isinstance(error, Unavailable):
                    raise
                fault = error.code
        if fault is not None:
            report.damaged.append((record.id, fault))
        if fault != record.damaged and (deep or fault is not None):
            session.store.save_item(replace(record, damaged=fault))
