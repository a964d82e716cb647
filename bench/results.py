"""What a row found: series, goals and facts, to and from JSON."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.harness import Series, quartiles

Fact = str | int | float


@dataclass(frozen=True, slots=True)
class Goal:
    """A promise and what became of it. ``spread``: quartiles over the rounds."""

    text: str
    value: float
    spread: tuple[float, float]
    target: float
    at_most: bool = False
    unit: str = "×"

    @property
    def met(self) -> bool:
        return self.value <= self.target if self.at_most else self.value >= self.target

    @property
    def sign(self) -> str:
        return "≤" if self.at_most else "≥"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One row's figures. ``ours`` names the series that are OneFile's; the first of ``goals`` is the main one."""

    unit: str
    series: tuple[Series, ...]
    goals: tuple[Goal, ...]
    ours: tuple[str, ...]
    facts: Mapping[str, Fact] = field(default_factory=dict)
    profile: tuple[str, ...] = ()

    def named(self, name: str) -> Series:
        return next(found for found in self.series if found.name == name)

    def to_json(self) -> dict[str, Any]:
        goals = [{**asdict(goal), "met": goal.met} for goal in self.goals]
        series = [
            {"name": s.name, "median": s.median, "quartiles": list(s.spread), "rounds": list(s.rounds)}
            for s in self.series
        ]
        return {
            "unit": self.unit,
            "series": series,
            "goals": goals,
            "ours": list(self.ours),
            "facts": dict(self.facts),
            "profile": list(self.profile),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Outcome:
        goals = [{**g, "spread": tuple(g["spread"])} for g in value["goals"]]
        for goal in goals:
            goal.pop("met")
        return cls(
            unit=value["unit"],
            series=tuple(Series(s["name"], tuple(s["rounds"])) for s in value["series"]),
            goals=tuple(Goal(**goal) for goal in goals),
            ours=tuple(value["ours"]),
            facts=dict(value["facts"]),
            profile=tuple(value["profile"]),
        )


def ratio_goal(text: str, ours: Series, other: Series, target: float, *, at_most: bool = False) -> Goal:
    """A goal on ours over the other's, round by round."""
    return values_goal(text, ours.ratios_to(other), target, at_most=at_most)


def values_goal(text: str, values: Sequence[float], target: float, *, at_most: bool = False, unit: str = "×") -> Goal:
    """A goal on the median of values."""
    return Goal(text, statistics.median(values), quartiles(values), target, at_most, unit)
