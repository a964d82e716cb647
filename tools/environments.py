"""Environments of their own for programs that cannot share ours: ``python -m tools.environments slither``.

Each is installed from ``requirements-<name>.lock`` (hashes checked) into ``.cache/<name>``, beside the project and
never imported by it. Nothing is done while the lock is the one that was installed last.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tools.setup import ROOT, run, stamp_of


def lock_of(name: str) -> Path:
    return ROOT / f"requirements-{name}.lock"


def home_of(name: str) -> Path:
    return ROOT / ".cache" / name


def ensure(name: str) -> Path:
    """Install the environment unless it stands; the folder of its programs."""
    home, lock = home_of(name), lock_of(name)
    if not lock.is_file():
        raise SystemExit(f"environments: there is no {lock.name}")
    mark, stamp = home / ".installed", stamp_of([lock])
    if not mark.exists() or mark.read_text() != stamp:
        run(f"{name} environment", [sys.executable, "-m", "venv", "--clear", str(home)])
        pip = [str(home / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install"]
        run(f"{name} packages", [*pip, "--require-hashes", "--no-deps", "--only-binary", ":all:", "-r", str(lock)])
        mark.write_text(stamp)
    return home / "bin"


def main() -> None:
    for name in sys.argv[1:]:
        ensure(name)


if __name__ == "__main__":
    main()
