"""Fuzz and invariant tests in Solidity, run by forge with our own compiler and without a network; what they cover."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from tests.contracts.evm import PROJECT
from tests.strangers import need_path
from tools import forge

EXPECTED = {
    "AgencyRegistryTest": 11,
    "AgencyRegistryInvariants": 1,
    "ArchiveLogTest": 15,
    "ArchiveLogInvariants": 1,
    "AttestationsTest": 3,
    "DossierRegistryTest": 9,
    "DossierRegistryInvariants": 1,
    "GrantRegistryTest": 4,
    "GrantRegistryInvariants": 1,
    "GuardiansInvariants": 1,
    "GuardiansTest": 7,
    "KeyCardsTest": 11,
    "LargeTreesTest": 2,
    "RecoveriesTest": 6,
    "Rfc9162Test": 11,
    "SuccessionTest": 5,
}
LEAST_CASES, LEAST_CALLS = 100, 300


@cache
def suites() -> dict[str, dict[str, Any]]:
    """The results of every test contract, by its name and the test's."""
    need_path(forge.FORGE, "forge (make setup brings it)")
    done = forge.forge(["test", "--json"])
    return {name.split(":")[1]: suite["test_results"] for name, suite in json.loads(done.stdout).items()}


def kinds(kind: str) -> dict[str, dict[str, Any]]:
    return {
        test: result["kind"][kind]
        for tests in suites().values()
        for test, result in tests.items()
        if kind in result["kind"]
    }


def test_forge_finds_no_counterexample() -> None:
    failed = {
        test: (result["reason"], result["counterexample"])
        for tests in suites().values()
        for test, result in tests.items()
        if result["status"] != "Success"
    }
    assert failed == {}
    assert {name: len(tests) for name, tests in suites().items()} == EXPECTED


def test_every_fuzz_test_tries_many_cases_and_every_invariant_many_calls() -> None:
    assert {test for test, fuzz in kinds("Fuzz").items() if fuzz["runs"] < LEAST_CASES} == set()
    invariants = kinds("Invariant")
    assert {test for test, one in invariants.items() if one["calls"] < LEAST_CALLS or one["reverts"]} == set()
    assert len(invariants) == 5


def test_the_fuzz_tests_reach_both_sides_of_every_branch_of_the_contracts() -> None:
    need_path(forge.FORGE, "forge (make setup brings it)")
    missed, counts = forge.uncovered()
    assert missed == []
    assert counts["branches"] >= 70
    assert counts["functions"] >= 80


LCOV = """TN:
SF:contracts/src/A.sol
DA:3,4
DA:4,0
FNDA:0,A.f
FNDA:2,A.g
BRDA:5,0,0,-
BRDA:6,1,0,0
BRDA:7,2,0,10
end_of_record
SF:tests/contracts/forge/B.sol
DA:1,0
end_of_record
"""


def test_what_a_report_says_was_not_reached_is_named() -> None:
    missed, counts = forge.read_lcov(LCOV)
    assert missed == [
        "contracts/src/A.sol: line 4",
        "contracts/src/A.sol: function A.f",
        "contracts/src/A.sol: branch 5",
        "contracts/src/A.sol: branch 6",
    ]
    assert counts == {"lines": 2, "branches": 3, "functions": 2}


def test_forge_and_the_artifacts_are_compiled_alike() -> None:
    """What is fuzzed is what is deployed: the same compiler, EVM and optimiser."""
    settings = json.loads((PROJECT / "chain/artifacts/ArchiveLog.json").read_text(encoding="utf-8"))["compiler"][
        "settings"
    ]
    config = json.loads(forge.forge(["config", "--json"]).stdout)
    assert config["evm_version"] == settings["evmVersion"]
    assert {"enabled": config["optimizer"], "runs": config["optimizer_runs"]} == settings["optimizer"]
    assert (config["via_ir"], config["solc"], config["offline"]) == (False, "tools/solc", True)
