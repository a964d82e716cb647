"""Run the whole test suite with its coverage gates: ``make test``.

The vectors and contracts, then everything else on two workers. Branch coverage must be 100 % on ``protocol/`` and
95 % on every other package.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORKERS = "2"
FULL = ("protocol",)
MOST = ("console", "chain", "vault_api", "client", "wallet_cli", "agency_cli")
MOST_PERCENT = "95"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def run(title: str, command: list[str]) -> bool:
    say(f"== {title}")
    env = {**os.environ, "COVERAGE_PROCESS_START": str(ROOT / "pyproject.toml")}
    return subprocess.run(command, cwd=ROOT, env=env, check=False).returncode == 0


def main() -> None:
    for old in ROOT.glob(".coverage*"):
        old.unlink()
    python = sys.executable
    tests = [python, "-m", "pytest", "-q", "-n", WORKERS, "--dist", "loadfile", "--cov", "--cov-report=", *sys.argv[1:]]
    results = [run("tests", tests)]
    if not sys.argv[1:]:
        results += coverage_gates(python)
    if not all(results):
        raise SystemExit(1)


def coverage_gates(python: str) -> list[bool]:
    report = [python, "-m", "coverage", "report", "--skip-covered"]
    gates = [run("branch coverage of protocol", [*report, "--include=protocol/*", "--fail-under=100"])]
    gates += [
        run(f"branch coverage of {package}", [*report, f"--include={package}/*", f"--fail-under={MOST_PERCENT}"])
        for package in MOST
    ]
    return gates


if __name__ == "__main__":
    if shutil.which("git") is None:
        raise SystemExit("git is needed to run the suite")
    main()
