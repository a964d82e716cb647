"""Every event of a dossier with where it is proven, and what is wrong with the trace of them.

A sync stops at the first thing that is wrong in the history. ``follow_trace`` turns that into a finding and goes on
with what this device has kept, so that the holder sees how far the trace can be believed.

Times are compared with the chain alone. An entry that names a time must have existed when the first head that covers
it was anchored, and cannot be older than a head that does not: between an entry and the anchor of a head before it lies
no more than the publisher's delay, for which ``DELAY_S`` is allowed. docs/spec/audit.md §4.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from client.checks import Desk
from client.facts import AnchoredHead, LedgerFacts
from client.log_key import kept_head
from client.session import Session
from client.verification import anchor_facts
from protocol.encoding import b64u, unb64u
from protocol.entries import AccessRecord, Entry
from protocol.errors import OneFileError, Untrusted
from protocol.grant import GrantEnvelope
from protocol.revocations import EpochChange, parse_revocation
from protocol.slips import parse_slip
from protocol.statements import STATEMENT_SKEW_S, parse_statement
from wallet_cli.services.findings import Finding
from wallet_cli.services.syncing import sync

DELAY_S = 3_600  # between a checkpoint and its anchor: a vault that hears of no block for so long refuses every use
UNANCHORED_S = 86_400  # after which every party must hold a proof under an anchored head
HISTORY = {
    "history_link": "history_gap",
    "history_tag": "history_gap",
    "history_order": "history_gap",
    "opening_type": "history_gap",
    "opening_object": "history_gap",
    "opening_commitment": "history_gap",
    "history_changed": "history_fork",
    "rolled_back": "history_cut",
    "equivocation": "log_forked",
    "consistency_proof": "log_forked",
}


@dataclass(frozen=True, slots=True)
class Event:
    """One event. ``at``: the time that stands in it, None where none does; ``checkpoint``: the size of the head that
    it was proven under; ``anchor``: the first head of the chain that covers it, None before there is one."""

    n: int
    index: int
    kind: str
    at: int | None
    of: str | None
    checkpoint: int
    anchor: AnchoredHead | None

    def to_json(self) -> dict[str, Any]:
        anchor = self.anchor
        return {
            "n": self.n,
            "index": self.index,
            "kind": self.kind,
            "at": self.at,
            "of": self.of,
            "checkpoint": self.checkpoint,
            "anchor": None
            if anchor is None
            else {"size": anchor.size, "root": b64u(anchor.root), "block": anchor.block, "time": anchor.time},
        }


def follow_trace(session: Session) -> list[Finding]:
    """Sync; a history that does not hold becomes a finding, and everything else is raised as it is."""
    try:
        sync(session)
    except Untrusted as error:
        code = HISTORY.get(error.code)
        if code is None:
            raise
        n = error.facts.get("n", error.facts.get("want"))
        return [Finding(code, n=n if isinstance(n, int) else None, cause=error.code)]
    return []


def events(session: Session, desk: Desk) -> list[Event]:
    """Every event that this device has walked over, in the order of n."""
    heads = anchored_heads(desk)
    kept = session.store.log_head().checkpoint
    size = kept_head(session, kept).size if kept else 0
    found = []
    for n, row in enumerate(session.store.history()):
        index = row["logged"]["index"]
        kind, at, of = _content(row["logged"])
        found.append(Event(n, index, kind, at, of, size, _covering(heads, index)))
    return found


def anchored_heads(desk: Desk) -> Sequence[AnchoredHead]:
    """The anchored heads, oldest first; those of the trust file where the chain does not answer."""
    if isinstance(desk.facts, LedgerFacts):
        anchor_facts(desk)  # reads on, where it can
        return desk.facts.history.heads
    return desk.kept.anchors if desk.kept is not None else ()


def timing(events: Sequence[Event], heads: Sequence[AnchoredHead], now: int) -> Iterator[Finding]:
    """The events whose own time the chain contradicts, or that it should long have."""
    latest = 0
    for event in events:
        if event.at is None:
            continue
        before = _before(heads, event.index)
        if before is not None and before.time - event.at > DELAY_S:
            late = before.time - event.at
            yield Finding("entry_backdated", n=event.n, index=event.index, at=event.at, late=late)
        if event.anchor is not None and event.at - event.anchor.time > STATEMENT_SKEW_S:
            late = event.at - event.anchor.time
            yield Finding("entry_postdated", n=event.n, index=event.index, at=event.at, late=late)
        elif event.anchor is None and now - event.at > UNANCHORED_S:
            yield Finding("entry_not_anchored", n=event.n, index=event.index, at=event.at, late=now - event.at)
        if event.at < latest - 2 * STATEMENT_SKEW_S:
            yield Finding("entry_order", n=event.n, index=event.index, at=event.at)
        latest = max(latest, event.at)


def _covering(heads: Sequence[AnchoredHead], index: int) -> AnchoredHead | None:
    at = bisect_right(heads, index, key=lambda head: head.size)
    return heads[at] if at < len(heads) else None


def _before(heads: Sequence[AnchoredHead], index: int) -> AnchoredHead | None:
    """The last head that does not cover the entry."""
    at = bisect_right(heads, index, key=lambda head: head.size)
    return heads[at - 1] if at else None


# --- what an event says of itself -------------------------------------------------------------------


def _content(logged: dict[str, Any]) -> tuple[str, int | None, str | None]:
    kind = Entry.parse(unb64u(logged["entry"], what="entry")).t
    raw = logged.get("object")
    if raw is None or kind not in _READERS:
        return kind, None, None
    try:
        return kind, *_READERS[kind](unb64u(raw, what="object"))
    except OneFileError:
        return kind, None, None  # an object of a later version: its place is proven, its words are not known


def _slip(raw: bytes) -> tuple[int | None, str | None]:
    slip = parse_slip(raw.decode("ascii", "replace")).body
    return slip.iat, b64u(slip.item)


def _access(raw: bytes) -> tuple[int | None, str | None]:
    record = AccessRecord.parse(raw)
    return record.at, b64u(record.basis)


def _statement(raw: bytes) -> tuple[int | None, str | None]:
    said = parse_statement(raw).body
    of = said.item or said.grant or said.show or said.about
    return said.iat, None if of is None else b64u(of)


def _grant(raw: bytes) -> tuple[int | None, str | None]:
    return None, b64u(GrantEnvelope.parse(raw).grant.grant_id)


def _revoke(raw: bytes) -> tuple[int | None, str | None]:
    said = parse_revocation(raw)
    return None, None if isinstance(said, EpochChange) else b64u(said.id)


_READERS: dict[str, Callable[[bytes], tuple[int | None, str | None]]] = {
    "issue": _slip,
    "access": _access,
    "note": _statement,
    "correct": _statement,
    "grant": _grant,
    "revoke": _revoke,
}
