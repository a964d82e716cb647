"""Which inputs of many are worth keeping: those that reach a line, or a jump between two, that no smaller one reaches.

Reached is told by the interpreter's own trace of our packages, so that it needs no fuzzer and is the same everywhere.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import suppress
from types import FrameType
from typing import Any

from tests.fuzz.corpus import MAX_BYTES, MOST, Kept
from tests.fuzz.parser import Foreign, Parser, attempt
from tests.strangers import ROOT

PACKAGES = tuple(
    str(ROOT / name) + "/" for name in ("protocol", "console", "chain", "vault_api", "client", "agency_cli")
)
Arc = tuple[str, int, int]


def reached(parser: Parser, data: bytes) -> frozenset[Arc]:
    """The jumps from line to line that an input makes in our packages, and its outcome."""
    found: set[Arc] = set()
    before: dict[int, int] = {}  # the last line of each running frame

    def on_line(frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "line":
            found.add((frame.f_code.co_filename, before.get(id(frame), 0), frame.f_lineno))
            before[id(frame)] = frame.f_lineno
        elif event == "return":
            before.pop(id(frame), None)
        return on_line

    def on_call(frame: FrameType, _event: str, _argument: Any) -> Any:
        return on_line if frame.f_code.co_filename.startswith(PACKAGES) else None

    outcome = ""
    kept = sys.gettrace()
    sys.settrace(on_call)
    try:
        with suppress(Foreign):
            outcome = attempt(parser, data)
    finally:
        sys.settrace(kept)
    return frozenset(found | {(outcome, 0, 0)})


def minimised(parser: Parser, inputs: Iterable[Kept]) -> list[Kept]:
    """At most ``MOST`` inputs without a note, small ones first, each of which reaches something new."""
    kept: list[Kept] = []
    seen: set[Arc] = set()
    plain = 0
    for one in sorted(inputs, key=lambda one: (not one.note, len(one.data), one.data)):
        new = reached(parser, one.data) - seen
        if one.note or (new and plain < MOST and len(one.data) <= MAX_BYTES):
            kept.append(one)
            seen |= new
            plain += not one.note
    return kept
