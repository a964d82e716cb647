"""The checker: the clients' records against what was read of the vault. It knows nothing else of the vault.

(1) The log: every head that was ever seen is signed, none is behind one that was seen before, two of one size are one,
    each is proven to extend the one before, and the entries lead to each of them.
(2) The dossiers: each holder's history is a chain without a gap, of entries that stand in the log where it says; no
    entry belongs to two, none to nobody.
(3) The operations: what was acknowledged is there once, at the place that was told; what was given up is there once or
    not at all, and whole; nothing is there that nobody asked for.
(4) The uses of each grant are numbered 1, 2, 3 … without a gap or a double, the vault's count is their number, and none
    stands behind its end.
(5) The chain: every anchored head is one of the log's, each is anchored once, and what was acknowledged as revoked is
    spent there.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from protocol import wire
from protocol.encoding import unb64u
from protocol.entries import LOG_TYPE, AccessRecord, Entry
from protocol.errors import OneFileError
from protocol.grant import GrantEnvelope
from protocol.hashing import sha256
from protocol.history import Logged, verify_history
from protocol.merkle import Frontier, leaf_hashes, verify_consistency
from protocol.note import Checkpoint, verify_checkpoint
from protocol.revocations import Revocation, parse_revocation
from tools.chaos.evidence import Dossier, Evidence
from tools.chaos.journal import Act, Kind

LOGGED: dict[str, Kind] = {
    "issue": "deposit", "note": "note", "grant": "grant", "access": "release", "revoke": "revoke",
}  # fmt: skip
PUBLIC = frozenset({LOG_TYPE, "scenario", "status"})


def judge(found: Evidence, acts: Sequence[Act]) -> list[str]:
    """What is wrong, one line each; empty if nothing acknowledged was lost and nothing else is there."""
    faults = list(_log(found))
    faults += _dossiers(found)
    for number, dossier in enumerate(found.dossiers):
        mine = [act for act in acts if act.holder == number]
        faults += _operations(dossier, mine)
        faults += _uses(dossier)
    faults += _chain(found, acts)
    return faults


# --- (1) the log ----------------------------------------------------------------------------------


def _log(found: Evidence) -> Iterator[str]:
    try:
        heads = [verify_checkpoint(note, found.origin, found.vkey) for note in found.notes]
    except OneFileError as error:
        yield f"a head is not signed by the log's key: {error.code}"
        return
    for before, head in pairwise(heads):
        if head.size < before.size:
            yield f"the log went back from {before.size} to {head.size} entries"
    roots: dict[int, bytes] = {}
    for head in heads:
        if roots.setdefault(head.size, head.root) != head.root:
            yield f"two heads of {head.size} entries"
    yield from _consistent(found, roots)
    yield from _roots(found.entries, heads)


def _consistent(found: Evidence, roots: dict[int, bytes]) -> Iterator[str]:
    sizes = sorted(roots)
    if [(step.first, step.second) for step in found.steps] != list(pairwise(sizes)):
        yield "a consistency proof between two heads is missing"
        return
    for step in found.steps:
        try:
            verify_consistency(step.first, step.second, roots[step.first], roots[step.second], step.proof)
        except OneFileError:
            yield f"the head of {step.second} entries does not extend the one of {step.first}"


def _roots(entries: Sequence[bytes], heads: Sequence[Checkpoint]) -> Iterator[str]:
    frontier = Frontier()
    for head in sorted(heads, key=lambda head: head.size):
        if head.size > len(entries):
            yield f"a head of {head.size} entries was seen, and {len(entries)} are there"
            continue
        frontier = frontier.extend(leaf_hashes(entries[frontier.size : head.size]))
        if frontier.root() != head.root:
            yield f"the entries do not lead to the head of {head.size}"


# --- (2) the dossiers -----------------------------------------------------------------------------


def _dossiers(found: Evidence) -> Iterator[str]:
    owner: dict[int, int] = {}
    for number, dossier in enumerate(found.dossiers):
        try:
            verify_history(dossier.tag_key, dossier.history)
        except OneFileError as error:
            yield f"the history of holder {number} is broken: {error.code}"
        for logged in dossier.history:
            if logged.index >= len(found.entries) or found.entries[logged.index] != logged.entry:
                yield f"entry {logged.index} of holder {number} is not in the log"
            if owner.setdefault(logged.index, number) != number:
                yield f"entry {logged.index} is of two dossiers"
    for index, raw in enumerate(found.entries):
        if index not in owner and Entry.parse(raw).t not in PUBLIC:
            yield f"entry {index} is of no dossier"


# --- (3) the operations ---------------------------------------------------------------------------


def _operations(dossier: Dossier, acts: Sequence[Act]) -> Iterator[str]:
    places: dict[tuple[Kind, bytes], list[Logged]] = defaultdict(list)
    for logged, kind in _known(dossier):
        places[kind, _names(dossier, logged, kind)].append(logged)
    asked = {(act.kind, act.object_sha256) for act in acts}
    for (kind, name), rows in places.items():
        if (kind, name) not in asked:
            yield f"entry {rows[0].index} is a {kind} that nobody asked for"
    kept = _Kept.of(dossier)
    for act in acts:
        yield from _operation(kept, act, places[act.kind, act.object_sha256])


@dataclass(frozen=True, slots=True)
class _Kept:
    """How often each item, each grant and each ended grant is there, and which payloads came back."""

    items: Counter[bytes]
    grants: Counter[bytes]
    ended: Counter[bytes]
    payloads: set[bytes]

    @classmethod
    def of(cls, dossier: Dossier) -> _Kept:
        return cls(
            Counter(unb64u(item.item) for item in dossier.items),
            Counter(unb64u(row.grant) for row in dossier.grants),
            Counter(unb64u(row.grant) for row in dossier.grants if row.state == "revoked"),
            dossier.payloads,
        )


def _known(dossier: Dossier) -> Iterator[tuple[Logged, Kind]]:
    for logged in dossier.history:
        kind = LOGGED.get(Entry.parse(logged.entry).t)
        if kind is not None:
            yield logged, kind


def _names(dossier: Dossier, logged: Logged, kind: Kind) -> bytes:
    """What an entry is about, as the clients wrote it down; of a use, its receipt."""
    if kind == "release":
        return sha256(dossier.receipts.get(logged.index, "").encode())
    return sha256(logged.object_bytes or b"")


def _operation(kept: _Kept, act: Act, rows: Sequence[Logged]) -> Iterator[str]:
    what = f"a {act.kind} of holder {act.holder}"
    if act.state == "refused":
        yield f"{what} was refused: {act.code}"
    if act.state == "sent":
        yield f"{what} was left open"
    if len(rows) > 1:
        yield f"{what} is in the log {len(rows)} times"
    if act.state == "answered" and [row.index for row in rows] != [act.index]:
        yield f"{what} was acknowledged at {act.index} and is at {[row.index for row in rows]}"
    yield from _whole(kept, act, what, there=bool(rows))


def _whole(kept: _Kept, act: Act, what: str, *, there: bool) -> Iterator[str]:
    """What belongs to an operation is there if and only if its entry is."""
    entry = "there" if there else "absent"
    if act.kind == "deposit":
        if kept.items[act.ident] != there:
            yield f"{what}: {kept.items[act.ident]} items, and its entry is {entry}"
        if there and not kept.payloads.issuperset(act.payloads):
            yield f"{what}: a payload does not come back"
    elif act.kind == "grant" and kept.grants[act.ident] != there:
        yield f"{what}: {kept.grants[act.ident]} grants, and its entry is {entry}"
    elif act.kind == "revoke" and kept.ended[act.ident] != there:
        yield f"{what}: its grant is {'not ' if there else ''}ended"


# --- (4) the uses ---------------------------------------------------------------------------------


def _uses(dossier: Dossier) -> Iterator[str]:
    uses: dict[bytes, list[tuple[int, int]]] = defaultdict(list)
    ends: dict[bytes, int] = {}
    for logged, kind in _known(dossier):
        if kind == "release":
            record = AccessRecord.parse(logged.object_bytes or b"")
            uses[record.basis].append((record.use_no, logged.index))
        elif kind == "revoke":
            ended = parse_revocation(logged.object_bytes or b"")
            if isinstance(ended, Revocation):
                ends[ended.id] = logged.index
    for row in dossier.grants:
        yield from _uses_of(row, uses.pop(unb64u(row.grant), []), ends.get(unb64u(row.grant)))
    if uses:
        yield f"uses of {len(uses)} grants that are not there"


def _uses_of(row: wire.GrantRow, uses: Sequence[tuple[int, int]], end: int | None) -> Iterator[str]:
    numbers = sorted(number for number, _ in uses)
    if numbers != list(range(1, len(numbers) + 1)) or row.uses != len(numbers):
        yield f"the uses of a grant are numbered {numbers}, and the vault counts {row.uses}"
    if end is not None and any(index > end for _, index in uses):
        yield f"a grant that ended at {end} was used after it"


# --- (5) the chain --------------------------------------------------------------------------------


def _chain(found: Evidence, acts: Sequence[Act]) -> Iterator[str]:
    times = Counter(size for size, _ in found.anchors)
    for size, count in times.items():
        if count > 1:
            yield f"the head of {size} entries was anchored {count} times"
    frontier = Frontier()
    for size, root in sorted(set(found.anchors)):
        if size > len(found.entries):
            yield f"a head of {size} entries is anchored, and {len(found.entries)} are there"
            continue
        frontier = frontier.extend(leaf_hashes(found.entries[frontier.size : size]))
        if frontier.root() != root:
            yield f"the anchored head of {size} entries is not the log's"
    yield from _spent(found, acts)


def _spent(found: Evidence, acts: Sequence[Act]) -> Iterator[str]:
    grants = {
        unb64u(row.grant): GrantEnvelope.from_json(row.envelope).grant.nullifier
        for dossier in found.dossiers
        for row in dossier.grants
    }
    for act in acts:
        if act.kind == "revoke" and act.state == "answered" and grants.get(act.ident) not in found.nullified:
            yield f"a revocation of holder {act.holder} was acknowledged and is not on the chain"
