"""Lint, types, imports, contracts, tests, docs: ``make check`` (``--static`` stops before the tests)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
BIN = Path(PYTHON).parent

STATIC = {
    "lint": [str(BIN / "ruff"), "check", "."],
    "types": [PYTHON, "-m", "mypy"],
    "imports": [str(BIN / "lint-imports")],
}
DYNAMIC = {
    "contracts": [PYTHON, "-m", "pytest", "-q", "tests/contracts"],
    "docs": [PYTHON, "-m", "pytest", "-q", "tests/house"],
    "tests": [PYTHON, "-m", "tools.suite"],
}


def main() -> None:
    chosen = STATIC if "--static" in sys.argv[1:] else STATIC | DYNAMIC
    failed = []
    for title, command in chosen.items():
        print(f"== {title}", file=sys.stderr, flush=True)
        if subprocess.run(command, cwd=ROOT, check=False).returncode:
            failed.append(title)
    print("check: " + ("failed: " + ", ".join(failed) if failed else "ok"), file=sys.stderr)
    if failed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
