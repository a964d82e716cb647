"""Resolve the Python locks anew: hashes yes, index addresses no (``make lock``)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BASE = [
    str(Path(sys.executable).parent / "uv"), "pip", "compile", "--quiet", "--universal", "--python-version", "3.11",
    "--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links", "--upgrade",
]  # fmt: skip


def main() -> None:
    locks = {
        "requirements.lock": ["pyproject.toml"],
        "requirements-dev.lock": ["pyproject.toml", "--extra", "dev"],
        "requirements-node.lock": ["tools/node.in"],
        "requirements-slither.lock": ["tools/slither.in"],
        "requirements-cwt.lock": ["tools/cwt.in"],
        "requirements-mutation.lock": ["tools/mutation.in"],
        "requirements-fuzz.lock": ["tools/fuzz.in"],
        "requirements-schemathesis.lock": ["tools/schemathesis.in"],
        "requirements-opencv.lock": ["tools/opencv.in"],
        "requirements-kubernetes.lock": ["tools/kubernetes.in", "--no-deps"],
    }
    for lock, inputs in locks.items():
        print(f"resolving {lock}", file=sys.stderr)
        subprocess.run([*BASE, *inputs, "-o", lock], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
