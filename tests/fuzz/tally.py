"""How many inputs each parser has been given in all recorded runs, and how many of them found a fault."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = Path(__file__).parent / "tally.json"
GOAL = 10_000_000


@dataclass(frozen=True, slots=True)
class Count:
    """``finds``: inputs that let something foreign out or cost too much, each of which was mended."""

    inputs: int
    finds: int


NONE = Count(0, 0)


def load(path: Path = FILE) -> dict[str, Count]:
    if not path.exists():
        return {}
    return {name: Count(**row) for name, row in json.loads(path.read_text(encoding="ascii")).items()}


def added(before: Mapping[str, Count], run: Mapping[str, tuple[int, int]]) -> dict[str, Count]:
    """``before`` and what one run adds: inputs and finds of each parser."""
    found = dict(before)
    for name, (inputs, finds) in run.items():
        old = found.get(name, NONE)
        found[name] = Count(old.inputs + inputs, old.finds + finds)
    return found


def save(counts: Mapping[str, Count], path: Path = FILE) -> None:
    """Write the whole file anew, and at once: another worker may be reading it."""
    rows = {name: asdict(counts[name]) for name in sorted(counts)}
    lines = ",\n".join(f" {json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items())
    part = path.with_suffix(".part")
    part.write_text("{\n" + lines + "\n}\n", encoding="ascii")
    part.replace(path)
