"""A reader of the public log who wants to know which entries belong to one dossier.

The reader has everything that is public: every entry's bytes in order, and which entries were signed together. Each
*linker* turns that into pairs of entries that it holds for one dossier's. ``Chance.judge`` counts how many of them are
right, and compares the count with what the same pairs get when the true owners are shuffled: over the whole log, or, for what
only looks at places, among the entries of one kind in one group (then only the order inside of a group can count).
"""

from __future__ import annotations

import hashlib
import hmac
import random
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

from protocol.encoding import u64
from protocol.entries import Entry
from protocol.merkle import leaf_hash

Pairs = set[tuple[int, int]]
ROUNDS = 200  # of the permutation test: the smallest p is 1/201


@dataclass(frozen=True)
class PublicLog:
    """What everybody can fetch. ``groups``: first index and end of what one checkpoint added."""

    raw: tuple[bytes, ...]
    entries: tuple[Entry, ...]
    groups: tuple[tuple[int, int], ...]


Linker = Callable[[PublicLog], Pairs]


# --- what the bytes of entries tell -----------------------------------------------------------------


def _equal(values: Sequence[bytes]) -> Pairs:
    places: dict[bytes, list[int]] = defaultdict(list)
    for i, value in enumerate(values):
        places[value].append(i)
    return {pair for found in places.values() for pair in combinations(found, 2)}


def _neighbours(values: Sequence[bytes]) -> Pairs:
    """Each value with the one that shares its longest beginning."""
    order = sorted(range(len(values)), key=values.__getitem__)
    return {(min(pair), max(pair)) for pair in pairwise(order)}


def _nearest(values: Sequence[bytes], sample: int = 700) -> Pairs:
    """Each of a sample with the one that differs in the fewest bits."""
    places = sorted(random.Random(1).sample(range(len(values)), sample))
    numbers = [int.from_bytes(values[i], "big") for i in places]
    found = set()
    for i, one in enumerate(numbers):
        _, j = min(((one ^ other).bit_count(), j) for j, other in enumerate(numbers) if j != i)
        found.add((places[min(i, j)], places[max(i, j)]))
    return found


def _candidates(log: PublicLog) -> Iterator[tuple[bytes, int]]:
    """Everything that a careless link or tag could have been made of, with the entry that it would betray.

    The first entry that gives a value counts: links lead back.
    """
    for i, (raw, entry) in enumerate(zip(log.raw, log.entries, strict=True)):
        digest = hashlib.sha256(raw).digest()
        for value in (digest, leaf_hash(raw), entry.tag, entry.pv, entry.c):
            yield value, i
            yield hashlib.sha256(value).digest(), i
            yield hashlib.sha256(b"onefile/pv/v1" + value).digest(), i
            yield hashlib.sha256(b"onefile/tag/v1" + value).digest(), i
        for key in (bytes(32), entry.tag, entry.c, digest):
            for n in range(4):
                yield hmac.digest(key, b"onefile/pv/v1" + u64(n) + digest, "sha256"), i
                yield hmac.digest(key, b"onefile/tag/v1" + u64(n), "sha256"), i
                yield hmac.digest(key, u64(n), "sha256"), i


def opened_links(log: PublicLog) -> Pairs:
    """Entries whose link, tag or commitment is one of the values that can be computed from another entry."""
    owners: dict[bytes, int] = {}
    for value, i in _candidates(log):
        owners.setdefault(value, i)
    found = set()
    for i, entry in enumerate(log.entries):
        for value in (entry.pv, entry.tag, entry.c):
            j = owners.get(value, i)
            if j != i:
                found.add((min(i, j), max(i, j)))
    return found


def _of(field: str, make: Callable[[Sequence[bytes]], Pairs]) -> Linker:
    return lambda log: make([getattr(entry, field) for entry in log.entries])


def _xored(first: str, second: str) -> Linker:
    """Two fields of an entry against each other, as if one had been made from the other by a mask."""

    def link(log: PublicLog) -> Pairs:
        masks = [
            bytes(a ^ b for a, b in zip(getattr(entry, first), getattr(entry, second), strict=True))
            for entry in log.entries
        ]
        return _neighbours(masks)

    return link


def by_size(log: PublicLog) -> Pairs:
    """Neighbours among the entries of one size and kind."""
    places: dict[tuple[int, str], list[int]] = defaultdict(list)
    for i, (raw, entry) in enumerate(zip(log.raw, log.entries, strict=True)):
        places[len(raw), entry.t].append(i)
    rng = random.Random(1)
    found: Pairs = set()
    for among in places.values():
        rng.shuffle(among)
        found |= {(min(pair), max(pair)) for pair in pairwise(among)}
    return found


BYTES: dict[str, Linker] = {
    "equal tags": _of("tag", _equal),
    "equal links": _of("pv", _equal),
    "equal commitments": _of("c", _equal),
    "tags that begin alike": _of("tag", _neighbours),
    "links that begin alike": _of("pv", _neighbours),
    "commitments that begin alike": _of("c", _neighbours),
    "tags of few different bits": _of("tag", _nearest),
    "links of few different bits": _of("pv", _nearest),
    "a tag and a link under one mask": _xored("tag", "pv"),
    "a tag and a commitment under one mask": _xored("tag", "c"),
    "a link and a commitment under one mask": _xored("pv", "c"),
    "what can be computed from another entry": opened_links,
    "one size": by_size,
}


# --- what places inside of a group tell -------------------------------------------------------------


def _within(log: PublicLog, link: Callable[[range], Iterator[tuple[int, int]]]) -> Pairs:
    return {pair for first, end in log.groups for pair in link(range(first, end))}


def side_by_side(log: PublicLog) -> Pairs:
    """Neighbours in a group."""
    return _within(log, pairwise)


def side_by_side_and_alike(log: PublicLog) -> Pairs:
    """Neighbours in a group that are of one kind: several deposits at once."""
    return {(i, j) for i, j in side_by_side(log) if log.entries[i].t == log.entries[j].t}


STORY = {("issue", "note"), ("grant", "access"), ("access", "access"), ("grant", "revoke"), ("key", "issue")}


def side_by_side_in_a_story(log: PublicLog) -> Pairs:
    """Neighbours in a group whose kinds follow each other in a dossier's life."""
    return {(i, j) for i, j in side_by_side(log) if (log.entries[i].t, log.entries[j].t) in STORY}


def two_apart(log: PublicLog) -> Pairs:
    """Every second one of a group: two clients that take turns."""
    return _within(log, lambda group: zip(group, group[2:], strict=False))


def first_and_last(log: PublicLog) -> Pairs:
    """The ends of a group."""
    return _within(log, lambda group: iter([(group[0], group[-1])] if len(group) > 1 else []))


def same_place_in_the_next_group(log: PublicLog) -> Pairs:
    """The same place in two groups one after the other: a client that is always as fast."""
    found: Pairs = set()
    for (first, end), (after, last) in pairwise(log.groups):
        found |= {(first + k, after + k) for k in range(min(end - first, last - after))}
    return found


PLACES: dict[str, Linker] = {
    "side by side": side_by_side,
    "side by side and of one kind": side_by_side_and_alike,
    "side by side in a story": side_by_side_in_a_story,
    "two apart": two_apart,
    "first and last of a group": first_and_last,
    "the same place in the next group": same_place_in_the_next_group,
}


# --- what time tells --------------------------------------------------------------------------------


def of_one_kind_at_once(log: PublicLog) -> Pairs:
    """All entries of one kind in one group: what somebody hands in at once is of one dossier."""
    return {
        (i, j)
        for first, end in log.groups
        for i, j in combinations(range(first, end), 2)
        if log.entries[i].t == log.entries[j].t
    }


def soon_after(log: PublicLog) -> Pairs:
    """Each use with the newest grant, each statement with the newest deposit before it: who looks at the clock."""
    before = {"access": "grant", "note": "issue", "revoke": "grant"}
    newest: dict[str, int] = {}
    found = set()
    for i, entry in enumerate(log.entries):
        j = newest.get(before.get(entry.t, ""))
        if j is not None:
            found.add((j, i))
        newest[entry.t] = i
    return found


# --- judging ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Score:
    """``right`` of ``guessed`` pairs; ``expected`` by chance; ``p`` of doing so well by chance; ``rand`` adjusted."""

    guessed: int
    right: int
    expected: float
    p: float
    rand: float

    @property
    def precision(self) -> float:
        return self.right / self.guessed if self.guessed else 0.0


class Chance:
    """What the true owners look like when chance has shuffled them within each of some strata, many times over.

    Entries that belong to nobody have the owner -1 and stay what they are.
    """

    def __init__(self, owners: Sequence[int], strata: Sequence[Hashable], seed: int) -> None:
        self.owners = list(owners)
        members: dict[Hashable, list[int]] = defaultdict(list)
        for i, stratum in enumerate(strata):
            if owners[i] >= 0:
                members[stratum].append(i)
        rng = random.Random(seed)
        self.rounds = [self._shuffled(members, rng) for _ in range(ROUNDS)]

    def _shuffled(self, members: dict[Hashable, list[int]], rng: random.Random) -> list[int]:
        made = list(self.owners)
        for places in members.values():
            if len(places) > 1:
                values = [self.owners[i] for i in places]
                rng.shuffle(values)
                for i, value in zip(places, values, strict=True):
                    made[i] = value
        return made

    def judge(self, pairs: Pairs) -> Score:
        """How well ``pairs`` do against the true owners, and against shuffled ones."""
        guessed = [(i, j) for i, j in pairs if self.owners[i] >= 0 and self.owners[j] >= 0]
        right = _right(guessed, self.owners)
        by_chance = [_right(guessed, shuffled) for shuffled in self.rounds]
        p = (1 + sum(found >= right for found in by_chance)) / (1 + ROUNDS)
        return Score(len(guessed), right, sum(by_chance) / ROUNDS, p, adjusted_rand(guessed, self.owners))


def _right(pairs: Sequence[tuple[int, int]], owners: Sequence[int]) -> int:
    return sum(owners[i] == owners[j] for i, j in pairs)


def adjusted_rand(pairs: Sequence[tuple[int, int]], owners: Sequence[int]) -> float:
    """The adjusted Rand index of the clusters that the pairs make: 1 is the truth, 0 is chance."""
    roots = list(range(len(owners)))

    def root(i: int) -> int:
        while roots[i] != i:
            roots[i] = roots[roots[i]]
            i = roots[i]
        return i

    for i, j in pairs:
        roots[root(i)] = root(j)
    places = [i for i, owner in enumerate(owners) if owner >= 0]
    both, ours, theirs = defaultdict(int), defaultdict(int), defaultdict(int)
    for i in places:
        both[root(i), owners[i]] += 1
        ours[root(i)] += 1
        theirs[owners[i]] += 1
    together, a, b = (sum(n * (n - 1) // 2 for n in found.values()) for found in (both, ours, theirs))
    every = len(places) * (len(places) - 1) // 2
    expected = a * b / every
    most = (a + b) / 2
    return (together - expected) / (most - expected) if most != expected else 0.0
