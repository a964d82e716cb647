"""What a figure is: something that must never happen, tried very often through the real code, and counted.

A figure's module opens a ``Work``, which makes *tries* in batches. What a batch tries follows from ``seed/number``
alone. Each batch has *controls* beside its tries: what a check that refuses everything, or sees nothing, would fail.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from random import Random
from typing import Protocol

MOST_FINDS = 20  # told in words; the rest is counted


@dataclass(slots=True)
class Tally:
    """What came of tries. ``broken``: what must never happen, happened; ``failed``: a control failed.

    ``outcomes`` counts what the system answered, by kind of try. ``finds`` says in words what was broken or failed.
    ``measures`` are numbers of the run; of two tallies the later one's stand.
    """

    done: int = 0
    broken: int = 0
    controls: int = 0
    failed: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    finds: list[str] = field(default_factory=list)
    measures: dict[str, float] = field(default_factory=dict)

    def held(self, what: str, times: int = 1) -> None:
        """A try that came out as it must."""
        self.done += times
        self.outcomes[what] += times

    def broke(self, what: str) -> None:
        """A try that came out as it must not."""
        self.done += 1
        self.broken += 1
        self.outcomes[f"BROKEN {what}"] += 1
        self._find(f"broken: {what}")

    def control(self, good: bool, what: str, times: int = 1) -> None:
        """A control, and whether it did what it must."""
        self.controls += times
        if not good:
            self.failed += times
            self._find(f"control failed: {what}")

    def add(self, other: Tally, where: str = "") -> None:
        """Take in another tally; ``where`` is put before what it found."""
        self.done += other.done
        self.broken += other.broken
        self.controls += other.controls
        self.failed += other.failed
        self.outcomes.update(other.outcomes)
        self.measures.update(other.measures)
        for find in other.finds:
            self._find(f"{where}{find}")

    @property
    def good(self) -> bool:
        """Whether nothing was broken, every control held, and there was at least one."""
        return not self.broken and not self.failed and self.controls > 0

    def _find(self, what: str) -> None:
        if len(self.finds) < MOST_FINDS:
            self.finds.append(what)


class Work(Protocol):
    """One process's workplace for a figure."""

    def batch(self, draw: Random, size: int) -> Tally:
        """Make ``size`` tries, with their controls."""

    def end(self) -> Tally:
        """What is known only at the end; asked once, where a figure runs in one process alone."""

    def close(self) -> None:
        """Clear away what was started or written."""


@dataclass(frozen=True, slots=True)
class Figure:
    """``goal``: how many tries in all runs, each of them held; ``control_goal`` the same for controls.

    ``alone``: it starts servers or measures memory, so that only one process runs it.
    """

    name: str
    tries: str
    never: str
    goal: int
    batch: int
    module: str
    controls: str
    control_goal: int = 1
    alone: bool = False

    def open(self) -> Work:
        """A workplace in this process."""
        work: Work = import_module(f"bench.figures.{self.module}").open_work()
        return work


FIGURES: Sequence[Figure] = (
    Figure(
        "replay",
        "signed requests, receipts, grants and revocations sent again to a whole vault",
        "with a second effect",
        1_000_000,
        5_000,
        "replay",
        "first uses among them, all answered and counted once",
    ),
    Figure(
        "forged-grants",
        "grants that are forged, expired, or for another chain, contract, agency, dossier or log",
        "accepted",
        400_000,
        1_000,
        "forged_grants",
        "true grants among them, all accepted",
    ),
    Figure(
        "flipped-ciphertexts",
        "sealed objects and parcels with a bit flipped, cut short, or put together anew",
        "opened",
        1_000_000,
        2_000,
        "flipped",
        "untouched ones among them, all opened",
    ),
    Figure(
        "forks",
        "forks and rollbacks of the log, signed with its own key",
        "without an alarm",
        10_000,
        50,
        "forks",
        "honest continuations, none of which raises an alarm",
        control_goal=100_000,
    ),
    Figure(
        "revocation-race",
        "uses of a grant begun after its revocation was sent, from many threads",
        "given a key after the acknowledgement",
        100_000,
        400,
        "revocation_race",
        "uses before it, all given and counted",
    ),
    Figure(
        "canaries",
        "values put through a real vault process",
        "found in its files, log lines or memory",
        1_000,
        100,
        "canaries",
        "found where they are opened; ciphertext and public facts found in the vault",
        alone=True,
    ),
    Figure(
        "soak",
        "minutes at 58 exchanges a second against a real vault process",
        "with a refusal",
        60,
        1,
        "soak",
        "the rate was kept; the process's memory is flat",
        alone=True,
    ),
)


def named(name: str) -> Figure:
    """The figure of this name; ``KeyError`` says which there are."""
    for figure in FIGURES:
        if figure.name == name:
            return figure
    raise KeyError(f"there is no figure {name}; there are {', '.join(figure.name for figure in FIGURES)}")


def draw_of(figure: Figure, seed: str, number: int) -> Random:
    """What the batch of that number draws from."""
    return Random(f"{figure.name}/{seed}/{number}")
