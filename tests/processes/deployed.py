"""What `deploy/` has to describe, for the tests that read it and for those that let other programs read it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from scripts.cluster.table import PROCESSES

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
CHART = DEPLOY / "helm" / "onefile"
Commands = Counter[tuple[str, ...]]
WANTED: Commands = Counter({process.command: process.count for process in PROCESSES})
LOG_KEY = "ONEFILE_LOG_KEY_FILE"
RELAYER_KEY = "ONEFILE_RELAYER_KEY_FILE"


def own_relayers(environments: Sequence[dict[str, str]]) -> bool:
    """Whether each of these processes has a relayer key of its own."""
    keys = [environment.get(RELAYER_KEY, "") for environment in environments]
    return all(keys) and len(keys) == len(set(keys))
