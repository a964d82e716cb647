"""A clustering attack on a log of a thousand dossiers: who reads all of it links no two entries better than chance.

The log is made by the real sequencer from the life of a thousand dossiers; all that is drawn by lot comes from one
seed, so that the outcome is the same in every run. A linker does *better than chance* if shuffled owners give as many
right pairs in less than one of a hundred cases (``BETTER``). Controls show that each kind of carelessness is found.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path

import pytest

from protocol.encoding import u64
from protocol.entries import Entry
from protocol.hashing import sha256
from tests.attacks.clustering import (
    BYTES,
    PLACES,
    Chance,
    Linker,
    PublicLog,
    Score,
    of_one_kind_at_once,
    side_by_side_and_alike,
    soon_after,
)
from tests.attacks.log_life import Lived, busy, quiet
from tests.vault_stage import vault_stage
from vault_api import logbook, writer

SEED = 20_261_107
BETTER = 0.01


class Lots:
    """Randomness that is the same in every run, in the place of the operating system's."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)

    def token_bytes(self, count: int) -> bytes:
        return self._rng.randbytes(count)


@pytest.fixture(scope="module")
def lots() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logbook, "secrets", Lots(SEED))
        patch.setattr(writer, "secrets", Lots(SEED + 1))
        yield


@dataclass
class Found:
    """A log, whose its entries are, and what chance makes of that: over all of it, and within kinds of a group."""

    log: PublicLog
    owners: list[int]

    @cached_property
    def over_all(self) -> Chance:
        return Chance(self.owners, [0] * len(self.owners), SEED)

    @cached_property
    def within_groups(self) -> Chance:
        groups = [-1] * len(self.owners)
        for number, (first, end) in enumerate(self.log.groups):
            groups[first:end] = [number] * (end - first)
        kinds = [entry.t for entry in self.log.entries]
        return Chance(self.owners, list(zip(groups, kinds, strict=True)), SEED)

    def with_entries(self, entries: list[Entry]) -> Found:
        """The same log with other entries: a careless one."""
        return Found(replace(self.log, entries=tuple(entries)), self.owners)

    def all_over(self, linker: Linker) -> Score:
        return self.over_all.judge(linker(self.log))

    def in_groups(self, linker: Linker) -> Score:
        return self.within_groups.judge(linker(self.log))


def lived(folder: Path, most: int | None = None) -> Found:
    with vault_stage(folder) as stage:
        return Found(*Lived(stage, SEED).run(islice(busy(random.Random(SEED)), most)))


@pytest.fixture(scope="module")
def busy_log(tmp_path_factory: pytest.TempPathFactory, lots: None) -> Found:
    return lived(tmp_path_factory.mktemp("busy"))


def test_the_log_is_of_a_thousand_dossiers_in_groups_of_many(busy_log: Found) -> None:
    owners, groups = busy_log.owners, busy_log.log.groups
    assert len(set(owners) - {-1}) == 1000
    assert len(owners) > 6000
    assert sum(end - first for first, end in groups if end - first >= 8) > 0.9 * len(owners)
    # Many dossiers have several entries in one group: there is something to be found.
    assert sum(len(set(owners[first:end])) < end - first for first, end in groups) > 0.5 * len(groups)


@pytest.mark.parametrize("linker", BYTES.values(), ids=BYTES)
def test_the_bytes_of_entries_link_no_two_of_them(busy_log: Found, linker: Linker) -> None:
    score = busy_log.all_over(linker)
    assert score.p > BETTER, score
    assert abs(score.rand) < 0.005, score


@pytest.mark.parametrize("linker", PLACES.values(), ids=PLACES)
def test_places_within_a_group_link_no_two_entries(busy_log: Found, linker: Linker) -> None:
    score = busy_log.in_groups(linker)
    assert score.guessed > 100
    assert score.p > BETTER, score


# --- controls: what the same reader finds in a careless log -----------------------------------------


def changed(found: Found, change: Callable[[Entry, int, int | None], Entry]) -> Found:
    """The log with each entry made anew from itself, its owner, and the place of the owner's entry before."""
    entries, last = list(found.log.entries), dict[int, int]()
    for i, owner in enumerate(found.owners):
        if owner >= 0:
            entries[i] = change(entries[i], owner, last.get(owner))
            last[owner] = i
    careless = found.with_entries(entries)
    careless.over_all = found.over_all  # the same owners, and chance knows nothing else
    return careless


def test_links_in_the_clear_would_link_everything(busy_log: Found) -> None:
    raw = busy_log.log.raw

    def clear(entry: Entry, _owner: int, before: int | None) -> Entry:
        return entry if before is None else replace(entry, pv=sha256(raw[before]))

    score = changed(busy_log, clear).all_over(BYTES["what can be computed from another entry"])
    assert (score.precision, score.p < BETTER, score.rand > 0.99) == (1.0, True, True)


def test_one_tag_for_a_dossier_would_link_everything(busy_log: Found) -> None:
    one = changed(busy_log, lambda entry, owner, _before: replace(entry, tag=sha256(u64(owner))))
    assert one.all_over(BYTES["equal tags"]).rand > 0.99


def test_tags_with_a_common_beginning_would_be_found(busy_log: Found) -> None:
    alike = changed(busy_log, lambda entry, owner, _before: replace(entry, tag=sha256(u64(owner))[:2] + entry.tag[2:]))
    score = alike.all_over(BYTES["tags that begin alike"])
    assert score.p < BETTER
    assert score.right > 20 * score.expected


def test_the_order_of_arrival_would_be_found(tmp_path: Path, lots: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "shuffled", list)
    score = lived(tmp_path, most=60).in_groups(side_by_side_and_alike)
    assert score.p < BETTER
    assert score.right > 3 * score.expected, score


# --- what is left: time -----------------------------------------------------------------------------


def test_on_a_quiet_log_the_clock_links_what_the_bytes_do_not() -> None:
    """docs/threat-model.md says so: entries hide whose they are, not when they came."""
    found = Found(*quiet(random.Random(SEED)))
    assert found.all_over(soon_after).precision > 0.9
    for linker in BYTES.values():
        assert found.all_over(linker).p > BETTER


def test_on_a_busy_log_the_clock_says_little(busy_log: Found) -> None:
    """One guess in a hundred; of what is of one kind and signed together one pair in twenty, where every dossier hands
    in all that it has at once."""
    assert 0.005 < busy_log.all_over(soon_after).precision < 0.02
    assert 0.02 < busy_log.all_over(of_one_kind_at_once).precision < 0.1
