"""The npm programs that we measure beside: installed from their own lock, kept running between rounds."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench.harness import Timed

NPM = Path(__file__).parent / "npm"
STAMP = NPM / "node_modules" / ".onefile-stamp"
INSTALL_S = 300


def install() -> None:
    """``npm ci`` below ``bench/npm``, unless what its lock names is there."""
    wanted = hashlib.sha256((NPM / "package-lock.json").read_bytes()).hexdigest()
    if STAMP.exists() and STAMP.read_text() == wanted:
        return
    print("installing the npm packages to measure beside …", file=sys.stderr, flush=True)
    command = [_find("npm"), "ci", "--ignore-scripts", "--no-fund", "--no-audit"]
    subprocess.run(command, cwd=NPM, stdin=subprocess.DEVNULL, capture_output=True, timeout=INSTALL_S, check=True)
    STAMP.write_text(wanted)


def contracts() -> dict[str, Any]:
    """``{"versions": …, "contracts": {name: {"abi", "bytecode"}}}`` of the contracts of others."""
    install()
    command = [_find("node"), "contracts.cjs"]
    done = subprocess.run(command, cwd=NPM, capture_output=True, timeout=60, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


class Node:
    """One Node process with the jobs of ``bench/npm/jobs.mjs``; use it in ``with``."""

    def __init__(self) -> None:
        install()
        self._process = subprocess.Popen(
            [_find("node"), "--expose-gc", "worker.mjs"], cwd=NPM, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def make(self, job: str, given: object) -> str:
        """Prepare a job; what one call of it answers, as text."""
        return str(self._ask({"make": job, "input": given})["ready"])

    def timed(self, job: str) -> Timed:
        """The job's calls, by the kinder of wall time and processor time: Node's collector has threads of its own."""

        def run(count: int) -> float:
            found = self._ask({"run": job, "count": count})
            return min(float(found["wall"]), float(found["cpu"]))

        return run

    def _ask(self, order: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(20)


def _find(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise SystemExit(f"bench: {name} is not there: run make setup")
    return found
