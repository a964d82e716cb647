"""``wallet audit``: the log itself, from the beginning or from where the last audit ended, and this dossier in it.

A sync believes the vault's list of a dossier's events and proves each. An audit reads the log instead, every entry of
it, and looks for the dossier's own: what the vault has logged and does not list is found here and nowhere else.

(1) The anchored heads by the chain, then the vault's newest checkpoint, then the history: in this order nothing that is
    in the walked part of the log can be too new for the history.
(2) Every entry is hashed; every anchored head on the way, and the checkpoint, must come out (``client/log_walk.py``).
(3) Every entry of the history stands at its index, byte by byte.
(4) No other entry carries a tag or a back link of this dossier.
Kept at each anchored head: how far it came, and the own entries up to there. docs/spec/audit.md §3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from client.checks import Desk, open_desk
from client.log_reading import read_tile
from client.log_scan import Scan
from client.log_walk import Mark, Source, walk_log
from client.session import Session
from protocol.encoding import unb64u
from protocol.entries import AccessRecord, access_tag, entry_hash, grant_tag_key, pv_n, tag_n
from protocol.errors import Unavailable, Untrusted
from protocol.facts import AnchorFacts
from protocol.hashing import ZERO32
from protocol.merkle import Frontier
from protocol.note import Checkpoint
from wallet_cli.services.audit_state import AuditState, load_state, save_state
from wallet_cli.services.findings import Finding
from wallet_cli.services.log_heads import consistency, fetch_checkpoint
from wallet_cli.services.said import events, grants
from wallet_cli.services.syncing import sync

TAGS_AHEAD = 256  # events beyond the history whose tags are looked for
USES_AHEAD = 16  # uses beyond the last one, of each grant and show
KEEP_EVERY = 4096  # entries after which the way so far is kept, at the next anchored head
Step = Callable[[int], None]


@dataclass(slots=True)
class Audit:
    """What an audit came to. ``first``: the size that it began at; ``anchors``: heads of the chain that came out."""

    first: int
    size: int
    anchored: int
    anchors: int = 0
    events: int = 0
    unknown: int = 0
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Own:
    """One event of the history."""

    n: int
    index: int
    entry: bytes


def audit(session: Session, *, anew: bool = False, step: Step | None = None) -> Audit:
    """Walk the log and find this dossier in it; raises what makes going on senseless, and lists everything else.

    ``Untrusted``: ``rolled_back``, ``log_forked``, ``entries_other``, or as a sync. ``Unavailable`` without the chain
    or the vault: what was walked up to the last anchored head is kept, and the next audit goes on there.
    """
    # (1) The chain first: a head that it has, the vault must have.
    desk = open_desk(session)
    anchors = _anchors(desk)
    _raw, checkpoint = fetch_checkpoint(session)
    sync(session)
    own = list(_own_events(session))
    state = AuditState() if anew else _fitting(load_state(session), own, anchors)
    first = state.frontier.size
    # (2) Everything from there to the checkpoint.
    scan = Scan.of(_wanted(session, own))
    marks = marks_of(anchors, checkpoint, first)
    source = Source(lambda path: read_tile(session, path), lambda a, b: consistency(session, a, b))
    anchored = {mark.size for mark in marks if mark.anchored}
    audit = Audit(first, checkpoint.size, anchors.head.size if anchors.head else 0, anchors=len(anchored))

    way = _Way(session, state, anchored, scan, step)
    walk_log(source, state.frontier, marks, visit=scan.visit, passed=way.passed)
    way.keep()
    # (3) and (4) What was found, against the history.
    audit.findings += _compare(own, dict(way.state.hits), checkpoint.size)
    audit.events, audit.unknown = sum(one.index < checkpoint.size for one in own), scan.unknown
    return audit


class _Way:
    """How far a walk has come; kept on disk at anchored heads only, so that the next walk compares all that follow."""

    def __init__(self, session: Session, state: AuditState, anchored: set[int], scan: Scan, step: Step | None) -> None:
        self.state = self._held = state
        self._session, self._anchored, self._scan, self._step = session, anchored, scan, step
        self._kept = state.frontier.size

    def passed(self, frontier: Frontier) -> None:
        """Everything up to ``frontier`` has come out."""
        hits = ((hit.index, entry_hash(hit.entry)) for hit in self._scan.hits)
        self.state = AuditState(frontier, (*self.state.hits, *hits))
        self._scan.hits.clear()
        if self._step is not None:
            self._step(frontier.size)
        if frontier.size in self._anchored:
            self._held = self.state
            if frontier.size - self._kept >= KEEP_EVERY:
                self.keep()

    def keep(self) -> None:
        """Write the last anchored head that came out."""
        save_state(self._session, self._held)
        self._kept = self._held.frontier.size


def marks_of(anchors: AnchorFacts, checkpoint: Checkpoint, first: int) -> list[Mark]:
    """The heads that a walk from ``first`` to ``checkpoint`` must give; ``rolled_back`` if the chain is further."""
    head = anchors.head
    if head is not None and checkpoint.size < head.size:
        raise Untrusted(
            "rolled_back", "the log had {want} entries and now shows {got}", want=head.size, got=checkpoint.size
        )
    marks = [Mark(anchor.size, anchor.root, anchored=True) for anchor in anchors.anchors if anchor.size > first]
    return [*marks, Mark(checkpoint.size, checkpoint.root, anchored=False)]


def _anchors(desk: Desk) -> AnchorFacts:
    if not desk.live:
        raise Unavailable("chain_unreachable", "the chain does not answer: what it anchors can't be compared")
    return desk.facts.anchors()


def _own_events(session: Session) -> Iterator[_Own]:
    for n, row in enumerate(session.store.history()):
        yield _Own(n, row["logged"]["index"], unb64u(row["logged"]["entry"], what="entry"))


def _fitting(state: AuditState, own: list[_Own], anchors: AnchorFacts) -> AuditState:
    """The kept state, unless it no longer fits: then everything is looked at anew.

    An event that stands in the walked part and was not found there was withheld when it was walked, or came from
    further than the tags that were looked for.
    """
    hits, size = dict(state.hits), state.frontier.size
    known = anchors.of_size(size)
    if known is not None and known.root != state.frontier.root():
        return AuditState()
    return AuditState() if any(one.index < size and one.index not in hits for one in own) else state


def _wanted(session: Session, own: list[_Own]) -> Iterator[bytes]:
    """Every tag and link by which an entry could belong to this dossier."""
    key = session.keys.tag_key.unsafe_bytes
    before = ZERO32
    for one in own:
        yield pv_n(key, one.n, before)
        before = entry_hash(one.entry)
    yield pv_n(key, len(own), before)
    for n in range(len(own) + TAGS_AHEAD):
        yield tag_n(key, n)
    for basis, uses in _used(session).items():
        grant_key = grant_tag_key(key, basis)
        for use_no in range(1, uses + USES_AHEAD + 1):
            yield access_tag(grant_key, use_no)


def _used(session: Session) -> dict[bytes, int]:
    """How often each grant and show was used; grants that nobody used too."""
    found = dict.fromkeys(grants(session), 0)
    for kind, raw in events(session):
        if kind == "access":
            record = AccessRecord.parse(raw)
            found[record.basis] = max(found.get(record.basis, 0), record.use_no)
    return found


def _compare(own: list[_Own], hits: dict[int, bytes], size: int) -> Iterator[Finding]:
    by_index = {one.index: one for one in own}
    for one in own:
        if one.index < size and hits.get(one.index) != entry_hash(one.entry):
            yield Finding("event_not_in_log", n=one.n, index=one.index)
    for index in hits:
        if index not in by_index:
            # One more entry that carries a tag or link of ours: of a number that the history has, or of a later one.
            yield Finding("event_withheld", index=index)
