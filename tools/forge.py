"""Forge, the way this project runs it: without a network, with our own compiler.

    python -m tools.forge fuzz [CASES]     fuzz and invariant tests, CASES a fuzz test and CASES / 100 runs an invariant
    python -m tools.forge coverage         what the fuzz tests leave out of contracts/src; fails unless nothing

Coverage counts the side of every `if` that refuses, every line and every function. What refuses ends the call, so an
`if` whose next line is reached was passed too: all three at 100 % are both sides of every branch.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FORGE = ROOT / "node_modules" / ".bin" / "forge"
CONFIG = ROOT / "contracts" / "foundry.toml"
SOURCES = "contracts/src/"
DEPTH = 200
_ZERO = re.compile(r"(?:DA:(?P<line>\d+),0|BRDA:(?P<branch>\d+),\d+,\d+,(?:0|-)|FNDA:0,(?P<function>.+))")


def forge(
    command: Sequence[str], settings: Mapping[str, str] | None = None, *, quiet: bool = True, root: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """Run forge in the project; its exit code is the caller's to judge."""
    env = {**os.environ, "FOUNDRY_CONFIG": str(CONFIG), "FOUNDRY_DISABLE_NIGHTLY_WARNING": "1", **(settings or {})}
    whole = [str(FORGE), *command, "--root", str(root)]
    return subprocess.run(whole, cwd=root, env=env, capture_output=quiet, text=True, check=False)


def fuzz(cases: int) -> int:
    """Many cases, a new seed each time; a failure names its counterexample. The exit code."""
    settings = {
        "FOUNDRY_FUZZ_RUNS": str(cases),
        "FOUNDRY_FUZZ_SEED": "0x" + os.urandom(32).hex(),
        "FOUNDRY_INVARIANT_RUNS": str(max(cases // 100, 1)),
        "FOUNDRY_INVARIANT_DEPTH": str(DEPTH),
    }
    return forge(["test"], settings, quiet=False).returncode


def uncovered() -> tuple[list[str], dict[str, int]]:
    """What no test of `contracts/src` reached, one line each, and how many of what were counted."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "lcov.info"
        command = ["coverage", "--no-match-test", "^invariant_", "--report", "lcov", "--report-file", str(report)]
        done = forge(command, {"FOUNDRY_PROFILE": "coverage"})
        if done.returncode or not report.exists():
            raise SystemExit(f"forge coverage failed:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
        return read_lcov(report.read_text(encoding="utf-8"))


def read_lcov(text: str) -> tuple[list[str], dict[str, int]]:
    """The misses and the counts of an lcov report, for files of `contracts/src` alone."""
    missed, counts, source = [], {"lines": 0, "branches": 0, "functions": 0}, ""
    kinds = {"DA": "lines", "BRDA": "branches", "FNDA": "functions"}
    for line in text.splitlines():
        kind, _, value = line.partition(":")
        if kind == "SF":
            source = value
        elif kind in kinds and source.startswith(SOURCES):
            counts[kinds[kind]] += 1
            missed += [f"{source}: {what} {where}" for what, where in _miss(line)]
    return missed, counts


def _miss(line: str) -> list[tuple[str, str]]:
    found = _ZERO.fullmatch(line)
    return [(what, where) for what, where in found.groupdict().items() if where] if found else []


def coverage() -> int:
    missed, counts = uncovered()
    print("\n".join([*missed, ", ".join(f"{count} {what}" for what, count in counts.items())]))
    print(f"contracts/src: {len(missed)} not covered" if missed else "contracts/src: 100 % covered")
    return 1 if missed else 0


def main(args: Sequence[str]) -> int:
    if args and args[0] == "coverage":
        return coverage()
    if args and args[0] == "fuzz":
        return fuzz(int(args[1]) if len(args) > 1 else 10_000)
    raise SystemExit(__doc__)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
