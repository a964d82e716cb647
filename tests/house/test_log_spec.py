"""docs/spec/log.md shows bytes that verify, and cites tests that exist."""

from __future__ import annotations

import re

import pytest

from protocol.note import Vkey
from protocol.tlog_proof import verify_tlog_proof
from tests.strangers import ROOT
from tests.vectors.book import read, unoctets

PAGE = (ROOT / "docs" / "spec" / "log.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def test_the_example_of_the_page_verifies() -> None:
    entry, proof = BLOCKS[:2]
    vkey = Vkey.parse(re.findall(r"verifier key: `([^`]+)`", PAGE)[0])
    index, head = verify_tlog_proof(proof.encode(), entry.rstrip("\n").encode(), vkey.name, vkey)
    assert (index, head.size) == (3, 6)


def test_the_example_of_the_page_is_the_golden_one() -> None:
    golden = next(case["input"] for case in read("tlog-proof")["cases"] if case["name"] == "entry 3")
    assert BLOCKS[0].rstrip("\n").encode() == unoctets(golden["entry"])
    assert BLOCKS[1].encode() == unoctets(golden["proof"])


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(test_[a-z0-9_]+)`", PAGE))))
def test_a_cited_test_exists(name: str) -> None:
    assert any(f"def {name}(" in path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
