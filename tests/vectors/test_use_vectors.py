"""Parcels, signed requests, verdicts, trust files, evidence against a log."""

from __future__ import annotations

from typing import Any

import pytest

from tests.vectors.running import cases, check


@pytest.mark.parametrize(("structure", "case"), cases("uses", "trust", "evidence"))
def test_a_golden_case_of_a_use_ends_as_it_says(structure: str, case: dict[str, Any]) -> None:
    check(structure, case)
