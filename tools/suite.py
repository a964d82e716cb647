"""Run the whole test suite with its coverage gates: ``make test``.

First what shows every branch of the code, with branch coverage: 100 % on ``protocol/``, at least
95 % on every other package. Then what plays whole programs, browsers and strangers, and what draws very many cases,
unwatched: watching would double the time and show nothing new.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORKERS = "2"
WAITERS = "3"  # programs wait for one another much of their time
FULL = ("protocol",)
MOST = ("console", "chain", "vault_api", "client", "wallet_cli", "agency_cli")
MOST_PERCENT = "95"
# The longest first, so that no worker is left alone with one at the end.
UNWATCHED = (
    "tests/e2e/test_demo.py",
    "tests/e2e/test_up.py",
    "tests/e2e/test_readme.py",
    "tests/e2e/test_operations.py",
    "tests/e2e/test_chaos.py",
    "tests/e2e/test_figures.py",
    "tests/e2e/test_agency_program.py",
    "tests/e2e/test_paper_programs.py",
    "tests/attacks/test_lying_vault.py",
    "tests/attacks/test_lying_vault_reader.py",
    "tests/attacks/test_clustering.py",
    "tests/crashes/test_release_crashes.py",
    "tests/crashes/test_matrix.py",
    "tests/crashes/test_upload_crashes.py",
    "tests/unit/vault_api/test_memory.py",
    "tests/unit/wallet_cli/test_wrapping_apart.py",
    "tests/stateful",
    "tests/vectors",
    "tests/properties",
    "tests/browser",
    "tests/interop",
    "tests/contracts",
    "tests/fuzz",
    "tests/servers",
    "tests/unit/bench",
    "tests/house",
)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def run(title: str, command: list[str], **settings: str) -> bool:
    say(f"== {title}")
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **settings}, check=False).returncode == 0


def main() -> None:
    for old in ROOT.glob(".coverage*"):
        old.unlink()
    python = sys.executable
    pytest = [python, "-m", "pytest", "-q", "--durations=40", "--durations-min=5", "--dist", "loadfile"]
    tests, programs = [*pytest, "-n", WORKERS], [*pytest, "-n", WAITERS, "--no-loadscope-reorder"]
    if sys.argv[1:]:
        results = [run("tests", [*tests, *sys.argv[1:]])]
    else:
        watched = [*tests, "--cov", "--cov-report=", *(f"--ignore={path}" for path in UNWATCHED)]
        results = [
            run("tests", watched, COVERAGE_PROCESS_START=str(ROOT / "pyproject.toml")),
            *coverage_gates(python),
            run("tests of whole programs", [*programs, *UNWATCHED]),
        ]
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
