"""The committed corpus: for each parser a file of JSON lines, ``{"b64": …, "note"?: …}``.

An input is there because it reaches something that no smaller one reaches, or, with a note, because it once found a
fault: such lines are never dropped. One file a parser, since thousands of small ones would serve nobody.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from protocol.encoding import b64u, unb64u

FOLDER = Path(__file__).parent / "corpus"
MOST = 50
MAX_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Kept:
    """One input; ``note`` says which fault it found, empty if none."""

    data: bytes
    note: str = ""


def load(parser: str, folder: Path = FOLDER) -> list[Kept]:
    """The inputs kept for a parser; none if there is no file."""
    path = folder / f"{parser}.jsonl"
    if not path.exists():
        return []
    rows = (json.loads(line) for line in path.read_text(encoding="ascii").splitlines())
    return [Kept(unb64u(row["b64"]), row.get("note", "")) for row in rows]


def save(parser: str, kept: Iterable[Kept], folder: Path = FOLDER) -> None:
    """Write the inputs of a parser: those with a note first, then by size."""
    unique = {one.data: one for one in sorted(kept, key=lambda one: one.note)}
    ordered = sorted(unique.values(), key=lambda one: (not one.note, len(one.data), one.data))
    rows = ({"b64": b64u(one.data)} | ({"note": one.note} if one.note else {}) for one in ordered)
    folder.mkdir(exist_ok=True)
    (folder / f"{parser}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="ascii")
