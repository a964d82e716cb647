"""Fuzz and invariant tests in Solidity, run by forge with our own compiler and without a network."""

from __future__ import annotations

import json
import os
import subprocess

from tests.contracts.evm import PROJECT
from tests.strangers import need_path

EXPECTED = {
    "Rfc9162Test": 6,
    "ArchiveLogInvariants": 1,
}


def test_forge_finds_no_counterexample() -> None:
    forge = need_path(PROJECT / "node_modules/.bin/forge", "forge (make setup brings it)")
    command = [str(forge), "test", "--json"]
    env = {**os.environ, "FOUNDRY_DISABLE_NIGHTLY_WARNING": "1"}
    done = subprocess.run(command, cwd=PROJECT / "contracts", env=env, capture_output=True, text=True, check=False)
    suites = {name.split(":")[1]: suite["test_results"] for name, suite in json.loads(done.stdout).items()}
    failed = {
        test: one["reason"] for tests in suites.values() for test, one in tests.items() if one["status"] != "Success"
    }
    assert failed == {}
    assert {name: len(tests) for name, tests in suites.items()} == EXPECTED
    assert done.returncode == 0, done.stderr
