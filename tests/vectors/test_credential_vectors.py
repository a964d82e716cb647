"""What P-256 keys sign: credentials, presentations, status lists, codes, slips, receipts, statements, scenarios."""

from __future__ import annotations

from typing import Any

import pytest

from tests.vectors.running import cases, check


@pytest.mark.parametrize(("structure", "case"), cases("credentials", "signed", "windows"))
def test_a_golden_signed_form_ends_as_it_says(structure: str, case: dict[str, Any]) -> None:
    check(structure, case)
