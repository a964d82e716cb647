"""Golden bytes of the log: what was accepted stays accepted, and each single fault is refused by its name."""

from __future__ import annotations

from typing import Any

import pytest

from tests.vectors.running import cases, check


@pytest.mark.parametrize(("structure", "case"), cases("logs"))
def test_a_golden_case_of_the_log_ends_as_it_says(structure: str, case: dict[str, Any]) -> None:
    check(structure, case)
