"""One look at a log: what the chain has, what every vault serves, and whether it is one history.

(1) The chain: the log's key, whether it is frozen, and the heads that were anchored since the last look.
(2) The heads that are shown: by each vault, by the gossip file, and the one that was kept. Each is signed by the log's
    key; two of one size have one root; none is behind the chain.
(3) The entries from the last anchored head on, all of them, hashed: every anchored head and every shown one comes out.
(4) A shown head that is older than that is in the same history, by a consistency proof.
What fails is an ``Alarm``, with the signed heads in hand. What merely does not answer is ``Unavailable``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from chain.ledger import LedgerReads
from client.api import VaultApi
from client.facts import AnchoredHead, AnchorHistory
from client.http_answer import unreachable
from client.log_scan import Scan
from client.log_walk import Mark, Source, walk_log
from client.monitoring.state import MonitorState
from protocol.encoding import unb64u
from protocol.entries import origin_hash
from protocol.errors import Denied, Malformed, OneFileError, Unavailable, Untrusted
from protocol.merkle import Frontier, verify_consistency
from protocol.note import Checkpoint, Vkey, verify_checkpoint

LATE_S = 3_600  # how long a head may wait for its anchor
Told = Callable[[str, dict[str, object]], None]


@dataclass(frozen=True, slots=True)
class Place:
    """A vault's address, and how it is asked."""

    url: str
    api: VaultApi


@dataclass(frozen=True, slots=True)
class Shown:
    """A signed head and who showed it: an address, ``gossip`` or ``kept``."""

    where: str
    note: bytes
    head: Checkpoint


class Alarm(Exception):  # noqa: N818 (what the monitor is for, and no fault of its own)
    """The log lied, or what serves it does: ``error`` says how, ``notes`` and ``anchors`` are what shows it.

    ``vkey``: the log's key as the chain had it, which signed the notes.
    """

    def __init__(
        self, error: OneFileError, vkey: str, notes: Sequence[bytes] = (), anchors: Sequence[AnchoredHead] = ()
    ) -> None:
        super().__init__(error.code)
        self.error, self.vkey, self.notes, self.anchors = error, vkey, tuple(notes), tuple(anchors)


@dataclass(frozen=True, slots=True)
class Look:
    """What a look came to. ``silent``: addresses that did not answer."""

    state: MonitorState
    size: int
    anchored: int
    entries: int
    anchors: int
    silent: tuple[str, ...] = ()


@dataclass(slots=True)
class Watch:
    """What is watched: the chain, the log's origin, the vaults, and the clock's seconds at each look."""

    ledger: LedgerReads
    origin: str
    places: Sequence[Place]
    gossip: Sequence[bytes] = ()
    tell: Told = field(default=lambda _event, _facts: None)

    def look(self, before: MonitorState, now: int) -> Look:
        """One look; raises ``Alarm``, or ``Unavailable`` if neither chain nor any vault can be asked."""
        # (1) The chain.
        state, fresh = self._chain(before)
        # (2) What is shown.
        shown, silent = self._shown(state)
        heads = [Shown("kept", state.note, _read(state, state.note))] if state.note else []
        shown = [*heads, *shown]
        self._compare(state, shown, fresh)
        # (3) The entries.
        newest = max(shown, key=lambda one: one.head.size)
        state, counted = self._walk(state, shown, fresh, newest)
        # (4) Older heads.
        self._older(state, shown, newest)
        return Look(
            state=self._waiting(replace(state, note=newest.note), newest.head.size, now),
            size=newest.head.size,
            anchored=state.last.size if state.last is not None else 0,
            entries=counted,
            anchors=len(fresh),
            silent=tuple(silent),
        )

    # (1) The chain.

    def _chain(self, before: MonitorState) -> tuple[MonitorState, list[AnchoredHead]]:
        found = self.ledger.log_state(origin_hash(self.origin))
        if found is None:
            raise Denied("log_unknown", "the chain knows no such log")
        size = before.last.size if before.last is not None else 0
        history = AnchorHistory([], before.upto, before.vkey, list(before.former), size)
        history.read_on(self.ledger, self.origin)
        heads, state = history.heads, before
        if state.last is not None and _begun_anew(history, before):
            # A reorganisation: what was compared may be gone, so that everything is looked at again.
            self.tell("chain_reorganised", {})
            state = replace(state, frontier=Frontier(), last=None)
        state = replace(state, origin=self.origin, vkey=history.vkey, former=tuple(history.former))
        if before.vkey and history.vkey != before.vkey:
            self.tell("log_key_rotated", {"vkey": history.vkey})
            state = replace(state, note=_still_counts(state))
        if found.frozen and not before.frozen:
            self.tell("log_frozen", {"size": found.size})
        if found.successor is not None:
            self.tell("log_succeeded", {"successor": found.successor.hex()})
        last = heads[-1] if heads else state.last
        return replace(state, frozen=found.frozen, upto=history.upto, last=last), list(heads)

    # (2) What is shown.

    def _shown(self, state: MonitorState) -> tuple[list[Shown], list[str]]:
        shown: list[Shown] = []
        silent: list[str] = []
        for place in self.places:
            try:
                note = place.api.checkpoint()
            except (Unavailable, Denied) as error:
                silent.append(place.url)
                self.tell("vault_silent", {"vault": place.url, "code": error.code})
                continue
            except (Malformed, Untrusted) as error:
                raise Alarm(error, state.vkey) from None
            shown.append(Shown(place.url, note, _signed(state, note)))
        if not shown:
            raise unreachable(silent[0], "Silent")
        shown += [Shown("gossip", note, _signed(state, note)) for note in self.gossip]
        return shown, silent

    def _compare(self, state: MonitorState, shown: Sequence[Shown], fresh: Sequence[AnchoredHead]) -> None:
        for one, other in combinations(shown, 2):
            if one.head.size == other.head.size and one.head.root != other.head.root:
                error = Untrusted(
                    "equivocation", "the log signed two different heads of size {size}", size=one.head.size
                )
                raise Alarm(error, state.vkey, [one.note, other.note])
        by_size = {anchor.size: anchor for anchor in (*fresh, *(_last(state)))}
        for one in shown:
            anchor = by_size.get(one.head.size)
            if anchor is not None and anchor.root != one.head.root:
                error = Untrusted(
                    "anchor_conflict", "the log signed another head of size {size} than the chain has", size=anchor.size
                )
                raise Alarm(error, state.vkey, [one.note], [anchor])
        self._not_behind(state, shown)

    def _not_behind(self, state: MonitorState, shown: Sequence[Shown]) -> None:
        """A vault shows at least what the chain has, and what it showed before."""
        kept = next((one for one in shown if one.where == "kept"), None)
        floor = max(state.last.size if state.last else 0, kept.head.size if kept and len(self.places) == 1 else 0)
        for one in shown:
            if one.where not in {"kept", "gossip"} and one.head.size < floor:
                error = Untrusted(
                    "rolled_back", "the log had {want} entries and now shows {got}", want=floor, got=one.head.size
                )
                notes = [one.note, *([kept.note] if kept else [])]
                raise Alarm(error, state.vkey, notes, _last(state))

    # (3) The entries.

    def _walk(
        self, state: MonitorState, shown: Sequence[Shown], fresh: Sequence[AnchoredHead], newest: Shown
    ) -> tuple[MonitorState, int]:
        place = next((one for one in self.places if one.url == newest.where), self.places[0])
        anchored = {head.size for head in fresh}
        marks = [Mark(head.size, head.root, anchored=True) for head in fresh]
        marks += [Mark(one.head.size, one.head.root, anchored=False) for one in shown]
        way = [state.frontier]

        def passed(frontier: Frontier) -> None:
            if frontier.size in anchored:
                way.append(frontier)

        scan = Scan(frozenset())
        try:
            walk_log(_source(place.api), state.frontier, marks, visit=scan.visit, passed=passed)
        except (Untrusted, Malformed) as error:
            raise Alarm(error, state.vkey, _notes(shown), _around(fresh, state)) from None
        except Unavailable as error:
            if error.code == "tile_missing":
                raise Alarm(error, state.vkey, _notes(shown), _around(fresh, state)) from None
            raise
        return replace(state, frontier=way[-1]), scan.seen

    # (4) Older heads.

    def _older(self, state: MonitorState, shown: Sequence[Shown], newest: Shown) -> None:
        for one in shown:
            if not 0 < one.head.size < state.frontier.size:
                continue
            self._extends(one, newest, state)

    def _extends(self, one: Shown, newest: Shown, state: MonitorState) -> None:
        place = next((place for place in self.places if place.url == newest.where), self.places[0])
        try:
            proof = _source(place.api).consistency(one.head.size, newest.head.size)
            verify_consistency(one.head.size, newest.head.size, one.head.root, newest.head.root, proof)
        except (Untrusted, Malformed) as error:
            raise Alarm(error, state.vkey, [one.note, newest.note], _last(state)) from None

    def _waiting(self, state: MonitorState, size: int, now: int) -> MonitorState:
        last = state.last.size if state.last is not None else 0
        if size <= last:
            return replace(state, waiting_since=0)
        since = state.waiting_since or now
        if state.last is not None and state.last.time > since:
            since = now  # the chain has come further since: what waits now is another head
        if now - since > LATE_S:
            error = Untrusted(
                "anchor_late",
                "a head of {size} entries waits for its anchor for {late} seconds; the chain has {got}",
                size=size,
                late=now - since,
                got=last,
            )
            raise Alarm(error, state.vkey, [state.note], _last(state))
        return replace(state, waiting_since=since)


def _begun_anew(history: AnchorHistory, before: MonitorState) -> bool:
    """Whether the chain was read from the deployment on again, because the block read last is gone."""
    return bool(history.heads) and before.last is not None and history.heads[0].block <= before.last.block


def _signed(state: MonitorState, note: bytes) -> Checkpoint:
    try:
        return _read(state, note)
    except OneFileError as error:
        raise Alarm(error, state.vkey) from None


def _read(state: MonitorState, note: bytes) -> Checkpoint:
    return verify_checkpoint(note, state.origin, Vkey.parse(state.vkey), state.former)


def _still_counts(state: MonitorState) -> bytes:
    """The kept note, unless a key that was replaced since has signed more than was anchored then."""
    try:
        return state.note if state.note and _read(state, state.note) else b""
    except Untrusted:
        return b""


def _source(api: VaultApi) -> Source:
    return Source(lambda path: _tile(api, path), lambda first, second: _proof(api, first, second))


def _tile(api: VaultApi, path: str) -> bytes | None:
    try:
        return api.tile(path)
    except Denied:
        return None  # a partial tile may be gone once the full one is there


def _proof(api: VaultApi, first: int, second: int) -> tuple[bytes, ...]:
    if first == second:
        return ()
    answer = api.consistency(first, second)
    return tuple(unb64u(part, length=32, what="consistency proof") for part in answer.proof)


def _notes(shown: Iterable[Shown]) -> list[bytes]:
    return [one.note for one in shown]


def _around(fresh: Sequence[AnchoredHead], state: MonitorState) -> list[AnchoredHead]:
    return list(fresh[-8:]) or _last(state)


def _last(state: MonitorState) -> list[AnchoredHead]:
    return [] if state.last is None else [state.last]
