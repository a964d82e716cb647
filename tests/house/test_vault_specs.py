"""docs/spec/deposit.md, use.md and notices.md cite tests that exist."""

from __future__ import annotations

import re

import pytest

from tests.strangers import ROOT


@pytest.mark.parametrize("page", ["deposit.md", "use.md", "notices.md"])
def test_every_test_that_the_page_cites_exists(page: str) -> None:
    cited = set(re.findall(r"`(test_[a-z0-9_]+)`", (ROOT / "docs" / "spec" / page).read_text(encoding="utf-8")))
    there = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert len(cited) > 10
    assert cited <= there, cited - there
