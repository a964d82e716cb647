"""docs/spec/parcel.md cites tests that exist, and names the files that a use leaves."""

from __future__ import annotations

import re

from agency_cli.services import folders
from tests.strangers import ROOT

PAGE = (ROOT / "docs" / "spec" / "parcel.md").read_text(encoding="utf-8")


def test_every_cited_test_exists() -> None:
    cited = set(re.findall(r"`(test_[a-z0-9_]+)`", PAGE))
    there = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_[a-z0-9_]+)\(", path.read_text(encoding="utf-8"))
    }
    assert len(cited) > 20
    assert cited <= there, cited - there


def test_the_page_and_the_module_list_the_same_files() -> None:
    wanted = set(re.findall(r"[a-z-]+\.(?:json|jws|tlog-proof|jwt)", folders.__doc__ or ""))
    assert len(wanted) > 8
    assert wanted <= set(re.findall(r"[a-z-]+\.(?:json|jws|tlog-proof|jwt)", PAGE))
