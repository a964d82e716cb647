"""The committed gas table is what the contracts cost, and keeps the limits that we promised."""

from __future__ import annotations

import json

import pytest

from chain.compile import CONTRACTS, load_artifact
from tests.contracts.gas import TABLE, measure, text_of


@pytest.fixture(scope="module")
def measured() -> dict[str, int]:
    return measure()


def test_the_committed_table_is_what_every_entry_point_costs(measured: dict[str, int]) -> None:
    """After a change that is meant: python -m tests.contracts.gas"""
    assert json.loads(TABLE.read_text(encoding="utf-8")) == json.loads(text_of(measured))


def test_the_table_covers_every_function_that_changes_state(measured: dict[str, int]) -> None:
    functions = {
        f"{name}.{item['name']}"
        for name in CONTRACTS
        for item in load_artifact(name).abi
        if item["type"] == "function" and item["stateMutability"] not in {"view", "pure"}
    }
    assert functions - {row.split(",")[0] for row in measured} == set()


def test_the_costs_stay_within_what_was_promised(measured: dict[str, int]) -> None:
    near_a_million = [gas for row, gas in measured.items() if row.startswith("ArchiveLog.anchor, 1,000,")]
    assert len(near_a_million) == 2
    assert max(near_a_million) <= 60_000
    assert max(gas for row, gas in measured.items() if row.startswith("ArchiveLog.anchor")) <= 67_700
    assert measured["GrantRegistry.revoke"] <= 50_000
