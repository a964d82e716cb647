"""What the tests of vectors share: the cases of some structures, each judged by our own code."""

from __future__ import annotations

from typing import Any

import pytest

from tests.vectors import inventory
from tests.vectors.book import outcome, read


def cases(*judges: str) -> list[Any]:
    """A parameter for each case of the structures that these modules of ``judges/`` judge."""
    return [
        pytest.param(one.name, case, id=f"{one.name}: {case['name']}")
        for one in inventory.STRUCTURES
        if one.judge.split(".")[0] in judges
        for case in read(one.name)["cases"]
    ]


def check(structure: str, case: dict[str, Any]) -> None:
    """Our verifier comes to what the case says, and reads out of an accepted input what it says."""
    found = outcome(inventory.judge_of(structure), case["input"])
    assert found == (case["expect"], case.get("code", ""), case.get("result"))
