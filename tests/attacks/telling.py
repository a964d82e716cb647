"""The frame of the attacks by a lying vault: which lies are told to which act on which route, and how they may be met."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from console import exits
from protocol.errors import OneFileError
from tests.attacks.liar import FEW, LIES, changed_members

SHARE = 14  # changed members of one answer, unless all are asked for
Row = tuple[str, str]  # an act, and a route that it takes


def rows_of(acts: Mapping[str, Any]) -> list[Row]:
    """Every act with every route that it takes."""
    return [(name, route) for name, act in acts.items() for route in act.calls]


def first_of(rows: Iterable[Row], texts: Collection[str]) -> dict[str, str]:
    """Of each route whose answers are JSON, the act that takes it first."""
    return {route: name for name, route in reversed(list(rows)) if route not in texts}


def lies_for(row: Row, whole: Collection[Row]) -> tuple[str, ...]:
    """All lies where each kind of answer is asked for first (``whole``), one of each kind elsewhere."""
    return tuple(LIES) if os.environ.get("ONEFILE_EVERY_LIE") or row in whole else FEW


def check_refusal(refusal: OneFileError | None, what: str) -> None:
    """A lie of that name was refused as it must be, if it was refused."""
    if refusal is None:
        return
    assert isinstance(refusal, LIES[what].kinds), f"{what}: {refusal.code}"
    assert exits.exit_code(refusal) != exits.OK, what
    assert refusal.code.isprintable(), what


def changes_of(answer: bytes) -> list[str]:
    """What can be changed in an answer; a fair share of it, or all."""
    found = [change for change, _body in changed_members(json.loads(answer))]
    return found if os.environ.get("ONEFILE_EVERY_LIE") else found[:: max(1, len(found) // SHARE)]


def check_met(refusal: OneFileError | None, change: str) -> None:
    """A changed member was refused, or what came of it was true."""
    assert refusal is None or exits.exit_code(refusal) != exits.OK, change
