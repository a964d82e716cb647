"""What accounts sign: messages, key cards, grants, mandates, and what ends them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.vectors.running import cases, check


@pytest.mark.parametrize(("structure", "case"), cases("accounts"))
def test_a_golden_case_of_an_account_ends_as_it_says(structure: str, case: dict[str, Any]) -> None:
    check(structure, case)
