"""A pytest plugin for `make mutation`: tests are imported anew in every run.

mutmut runs each mutant in a fork of a process that has run the tests before. What a test module computes when it is
imported would there still come from the code as it was, and a mutant that spoils it would survive.
"""

from __future__ import annotations

import sys

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
        del sys.modules[name]
