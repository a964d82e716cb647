"""Which Python fuzzes: atheris in its own environment beside the project's, or ours where it cannot be installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tools.environments import ensure


def fuzzing_python() -> tuple[str, str]:
    """The interpreter and the engine: ``atheris``, or ``blind`` with the reason told on stderr."""
    try:
        python = ensure("fuzz") / "python"
    except SystemExit as error:
        return _blind(str(error))
    let_see_ours(python)
    done = subprocess.run([python, "-c", "import atheris"], capture_output=True, text=True, check=False)
    if done.returncode:
        return _blind(done.stderr.strip().splitlines()[-1])
    return str(python), "atheris"


def let_see_ours(python: Path) -> None:
    """Let the environment see what the project's own has installed: nothing is installed twice."""
    (packages,) = python.parent.parent.glob("lib/python*/site-packages")
    ours = Path(sys.prefix) / packages.relative_to(python.parent.parent)
    (packages / "onefile.pth").write_text(f"{ours}\n", encoding="utf-8")


def _blind(reason: str) -> tuple[str, str]:
    print(f"fuzz: no atheris here ({reason}): mutating without looking at coverage", file=sys.stderr)
    return sys.executable, "blind"
