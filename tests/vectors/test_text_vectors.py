"""Encodings and names: one spelling each."""

from __future__ import annotations

from typing import Any

import pytest

from tests.vectors.running import cases, check


@pytest.mark.parametrize(("structure", "case"), cases("texts"))
def test_a_golden_text_ends_as_it_says(structure: str, case: dict[str, Any]) -> None:
    check(structure, case)
