"""The static half of ``make check`` passes: lint, types, import rules."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.strangers import ROOT


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_static_half_of_make_check_passes() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.check", "--static"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr.rstrip().endswith("check: ok")
