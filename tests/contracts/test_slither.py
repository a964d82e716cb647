"""Slither's high and medium findings and contracts/AUDIT.md say the same."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.strangers import need_path
from tools import slither
from tools.environments import lock_of


@pytest.mark.slow
def test_every_high_and_medium_finding_is_explained_and_every_explanation_has_its_finding() -> None:
    need_path(slither.PROGRAM, "slither (python -m tools.environments slither installs it)")
    found = slither.findings()
    assert slither.differences(found, slither.explained(slither.PAGE.read_text(encoding="utf-8"))) == []
    assert found.total() >= 1  # it looked


def test_the_page_names_the_slither_of_the_lock() -> None:
    pin = next(line for line in lock_of("slither").read_text().splitlines() if line.startswith("slither-analyzer=="))
    assert f"slither-analyzer {pin.split('==')[1].split()[0]} " in slither.PAGE.read_text(encoding="utf-8")


def finding(impact: str, check: str, parent: str, name: str) -> dict[str, Any]:
    fields = {"parent": {"type": "contract", "name": parent}} if parent else {}
    return {"impact": impact, "check": check, "elements": [{"name": name, "type_specific_fields": fields}]}


def test_findings_are_counted_by_detector_and_place() -> None:
    report = [
        finding("High", "reentrancy-eth", "A", "f"),
        finding("Medium", "reentrancy-eth", "A", "f"),
        finding("Medium", "shadowing-state", "", "A"),
        finding("Low", "timestamp", "A", "f"),
        finding("Informational", "pragma", "A", "f"),
    ]
    assert slither.serious(report) == {("reentrancy-eth", "A.f"): 2, ("shadowing-state", "A"): 1}


PAGE = """| detector | place | times | why it is no fault |
|---|---|---|---|
| `reentrancy-eth` | `A.f` | 2 | Because. |
| `shadowing-state` | `A` | 1 |  |
"""


def test_a_row_without_a_reason_explains_nothing() -> None:
    assert slither.explained(PAGE) == {("reentrancy-eth", "A.f"): 2}


def test_what_is_not_explained_and_what_is_gone_are_both_told() -> None:
    told = slither.explained(PAGE)
    again = Counter({("reentrancy-eth", "A.f"): 3, ("suicidal", "B.kill"): 1})
    assert slither.differences(Counter(told), told) == []
    assert slither.differences(again, told) == [
        "not explained: reentrancy-eth in A.f, 1 times",
        "not explained: suicidal in B.kill, 1 times",
    ]
    assert slither.differences(Counter(), told) == ["not found any more: reentrancy-eth in A.f, 2"]
