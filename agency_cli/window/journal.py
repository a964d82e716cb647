"""What happened at a window, day by day: which use, which verdict, which refusal; nothing about who stood there.

    window/2026-11-22.jsonl  {"v": 1, "at": …, "desk": 3, "scenario": …, "result": "accept", "code": null, "receipt": …}

A line is written once and never changed. A supervisor counts these; who may say more is the vault's log.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from time import localtime, strftime
from typing import Any

from client.files import private_folder

MAX_DAY_BYTES = 8 << 20
MAX_LINES = 20_000
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Line:
    """One person served or refused. ``result``: a verdict's word, or ``refused`` with the error's ``code``."""

    at: int
    desk: int
    scenario: str
    result: str
    code: str | None = None
    receipt: str | None = None


class Journal:
    """The journal of one profile; several desks of one machine write to it side by side."""

    def __init__(self, profile: Path) -> None:
        self._folder = profile / "window"

    def add(self, line: Line) -> None:
        """Write a line down; returns when it is on disk."""
        private_folder(self._folder)
        raw = json.dumps({"v": _VERSION, **asdict(line)}, separators=(",", ":")).encode("utf-8") + b"\n"
        # One write of one line to a file opened for appending: desks never tear each other's.
        target = os.open(self._path(line.at), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(target, raw)
            os.fsync(target)
        finally:
            os.close(target)

    def day(self, at: int) -> list[Line]:
        """The lines of the local day of ``at``, oldest first; a line that a crash cut off is left out."""
        path = self._path(at)
        if not path.exists():
            return []
        with path.open("rb") as stream:
            raw = stream.read(MAX_DAY_BYTES)
        return [line for line in map(_parse, raw.splitlines()[:MAX_LINES]) if line is not None]

    def _path(self, at: int) -> Path:
        return self._folder / f"{strftime('%Y-%m-%d', localtime(at))}.jsonl"


def counts(lines: Iterable[Line]) -> dict[str, Any]:
    """How many were served at each desk, what they came to, and why some were refused."""
    found = list(lines)
    return {
        "served": len(found),
        "results": dict(Counter(line.result for line in found)),
        "desks": {str(desk): count for desk, count in sorted(Counter(line.desk for line in found).items())},
        "reasons": dict(Counter(line.code for line in found if line.code is not None)),
    }


def _parse(raw: bytes) -> Line | None:
    try:
        value = json.loads(raw)
        if value.pop("v") != _VERSION:
            return None
        return Line(**value)
    except (ValueError, TypeError, AttributeError, KeyError):
        return None
