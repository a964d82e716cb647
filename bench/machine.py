"""What machine the figures come from: nothing that names it, or says where anything lies on it."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path

from bench.results import Fact


def facts() -> dict[str, Fact]:
    """Processor, cores, memory and the versions that matter."""
    return {
        "processor": _first(Path("/proc/cpuinfo"), r"model name\s*: (.+)") or platform.machine(),
        "cores": os.cpu_count() or 0,
        "memory GiB": round(int(_first(Path("/proc/meminfo"), r"MemTotal:\s+(\d+)") or 0) / 2**20),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "Python": platform.python_version(),
        "Node": _version("node", "--version"),
        "age": _version("age", "--version"),
    }


def load() -> float:
    """How many processes wanted a core during the last minute."""
    return round(os.getloadavg()[0], 2)


def _first(path: Path, pattern: str) -> str:
    try:
        found = re.search(pattern, path.read_text())
    except OSError:
        return ""
    return found.group(1).strip() if found else ""


def _version(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return "not installed"
    return done.stdout.strip().removeprefix("v")
