"""Outside programs and shared vectors that some tests want.

A machine without them skips these tests and says what it skipped and why; where ``ONEFILE_SKIP_NOTHING=1`` is set
(the CI), a missing program fails the test.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tools.environments import ensure

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"


def need(program: str) -> str:
    """The full path of ``program``, or the test is skipped (or fails, where nothing may be skipped)."""
    found = shutil.which(program)
    if found is not None:
        return found
    return _missing(f"the program {program} is not installed")


def need_path(path: Path, what: str) -> Path:
    """``path``, if it is there; ``what`` says in words what it holds."""
    if path.exists():
        return path
    return Path(_missing(f"{what} is not installed"))


def need_environment(name: str) -> Path:
    """The programs of ``requirements-<name>.lock``, installed now in an environment of their own if they are not."""
    try:
        return ensure(name)
    except SystemExit as error:
        return Path(_missing(f"the environment {name} can't be installed ({error})"))


def shared_vectors(name: str) -> list[Path]:
    """The JSON vectors under ``../shared/vectors/<name>``: an empty list where they are not present."""
    return sorted((SHARED / "vectors" / name).rglob("*.json"))


def _missing(reason: str) -> str:
    if os.environ.get("ONEFILE_SKIP_NOTHING") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
