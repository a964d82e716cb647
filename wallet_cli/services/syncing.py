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

from client.checks import Desk, open_desk, refresh_trust
from client.session import Session
from client.store import ItemRecord, LogHead
from protocol import wire
from protocol.encoding import b64u, unb64u
from protocol.entries import Entry, Opening
from protocol.errors import Denied, OneFileError, Unavailable, Untrusted
from protocol.note import Checkpoint
from protocol.slips import parse_slip
from protocol.verify_log import verify_anchored_history
from wallet_cli.services.log_heads import consistency, fetch_checkpoint, prove
from wallet_cli.services.opening import check_object0, open_item
from wallet_cli.services.payloads import Step, fetch_payload
from wallet_cli.services.registration import take_up_renewal
from wallet_cli.services.rewrapping import check_headers
from wallet_cli.services.said import deleted_items
from wallet_cli.services.walking import Walked, keep_history, walk


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
    unexpected: list[str] = field(default_factory=list)


def sync(session: Session, *, deep: bool = False, step: Step | None = None) -> SyncReport:
    """Bring the local state up to date; ``deep`` also walks all of the history and fetches every payload anew."""
    report = SyncReport()
    take_up_renewal(session)
    walked = walk(session, whole=deep)
    raw, checkpoint = fetch_checkpoint(session)
    proofs = _include(session, checkpoint, walked)
    desk = _desk(session)
    _check_anchor(session, desk, checkpoint, report)
    keep_history(session, walked)
    fresh = _take_items(session, checkpoint, proofs, walked.head.index, report)
    last = walked.pages[-1]
    session.store.save_log_head(LogHead(walked.head, raw, session.clock.now(), last.token, last.first))
    report.new_events = walked.head.n - walked.known
    report.size, report.events = checkpoint.size, walked.head.n
    if desk is not None:
        refresh_trust(session, desk)
    _fetch_payloads(session, report, deep=deep, step=step)
    _open_once(session, fresh, report)
    return report


def _desk(session: Session) -> Desk | None:
    try:
        return open_desk(session)
    except Unavailable:
        return None


# (3) inclusion


def _include(session: Session, checkpoint: Checkpoint, walked: Walked) -> dict[int, bytes]:
    """For each new entry by its index a proof, which was checked."""
    return {
        row.logged.index: prove(session, checkpoint, row.logged.index, unb64u(row.logged.entry, what="entry"))
        for n, row in walked.rows()
        if n >= walked.known
    }


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


def _take_items(
    session: Session, checkpoint: Checkpoint, proofs: dict[int, bytes], last_index: int, report: SyncReport
) -> list[ItemRecord]:
    """Keep every item that is what the history says; returns those that are new, or whose salt is."""
    store, issued = session.store, _issued(session)
    # Before the vault is asked: a header that another process wraps meanwhile must not look as if it was taken back.
    before = {record.item: record for record in store.items()}
    seen: set[int] = set()
    fresh: list[ItemRecord] = []
    for row in _listed(session, last_index):
        seen.add(row.index)
        known = before.get(unb64u(row.item, length=32, what="item"))
        record = _checked_item(session, row, issued.get(row.index), known)
        if not record.proof:
            proof = proofs.get(row.index) or prove(session, checkpoint, row.index, record.entry)
            record = replace(record, proof=proof)
        if known is None:
            report.new_items.append(record.id)
        elif known.state != record.state:
            report.deleted.append(record.id)
        if known is None or known.salt != record.salt:
            fresh.append(record)
        store.save_item(record, known)
    missing = sorted(set(issued) - seen)
    if missing:
        raise Untrusted(
            "item_withheld", "the history issued an item at leaf {index} that the vault does not list", index=missing[0]
        )
    return fresh


def _listed(session: Session, last_index: int) -> Iterator[wire.Item]:
    """The vault's list up to the leaf that was walked to: each item once, and gone only if its holder said so."""
    said, seen = deleted_items(session), set[int]()
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
        yield row


def _issued(session: Session) -> dict[int, dict[str, Any]]:
    """The ``issue`` entries of the history by their index."""
    return {row["logged"]["index"]: row["logged"] for row in session.store.history() if _kind(row["logged"]) == "issue"}


def _kind(logged: dict[str, Any]) -> str:
    return Entry.parse(unb64u(logged["entry"], what="entry")).t


def _checked_item(
    session: Session, row: wire.Item, logged: dict[str, Any] | None, known: ItemRecord | None
) -> ItemRecord:
    """The record of an item that the history issued at this leaf (``logged``), with the proof that it had before."""
    item = unb64u(row.item, length=32, what="item")
    if logged is None or (known is not None and known.index != row.index):
        raise Untrusted("item_not_issued", "the vault lists item {item}, which the history never issued", item=row.item)
    entry = unb64u(logged["entry"], what="entry")
    base = ItemRecord(item, row.state, row.at, row.index, entry=entry, proof=known.proof if known else b"")
    if row.state == "deleted":
        return base
    # The history's own copy of the slip is the one that its commitment was checked with.
    if row.slip is None or row.item_salt is None or logged.get("object") != b64u(row.slip.encode("ascii")):
        raise Untrusted("item_slip", "the slip of item {item} is not the one that was logged", item=row.item)
    slip = parse_slip(row.slip).body
    headers = tuple(unb64u(header, what="header") for header in row.headers)
    if (slip.item, slip.dossier, slip.aud) != (item, session.party.subject, session.log.origin):
        raise Untrusted("item_foreign", "the slip of item {item} is for another item, dossier or log", item=row.item)
    check_headers(session, row, slip, headers, known)
    salt = unb64u(row.item_salt, length=32, what="item_salt")
    return replace(
        base,
        slip=row.slip,
        salt=salt,
        headers=headers,
        rewrap=row.rewrap,
        opening=Opening.from_json(logged["opening"]) if logged.get("opening") else None,
        damaged=known.damaged if known and known.salt == salt else None,
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


def _open_once(session: Session, fresh: list[ItemRecord], report: SyncReport) -> None:
    """Open each new item once: only inside is seen whether the salt is the one that the slip commits with."""
    already = {item for item, _fault in report.damaged}
    for record in fresh:
        if record.slip is None or record.id in already:
            continue
        try:
            open_item(session, record)
        except Untrusted as error:
            report.damaged.append((record.id, str(error.facts.get("code", error.code))))
        except Denied:
            continue  # sealed to a key that this device does not have: told when somebody opens it
