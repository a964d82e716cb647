"""Keys that must never change, and sealed objects that must open for ever."""

from __future__ import annotations

from typing import Any

import pytest

from tests.vectors.running import cases, check


@pytest.mark.parametrize(("structure", "case"), cases("sealing"))
def test_a_golden_key_or_sealed_object_ends_as_it_says(structure: str, case: dict[str, Any]) -> None:
    check(structure, case)
