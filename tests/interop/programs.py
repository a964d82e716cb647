"""Programs that are not ours, as these tests call them: scripts in node, and Foundry's cast."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.strangers import ROOT, need, need_path

HERE = Path(__file__).parent
MODULES = ROOT / "node_modules"


class Refused(Exception):
    """A program ended with a failure; what it wrote on standard error."""


def ran(command: Sequence[str | Path], stdin: bytes = b"", **more: Any) -> bytes:
    """What a command writes; ``Refused`` unless it ends well."""
    done = subprocess.run(
        list(map(str, command)), input=stdin, capture_output=True, timeout=120, check=False, **{"cwd": ROOT, **more}
    )
    if done.returncode != 0:
        raise Refused(done.stderr.decode(errors="replace"))
    return bytes(done.stdout)


def node(script: str, *arguments: str, stdin: bytes, package: str) -> bytes:
    """What one of the scripts beside this module writes; it speaks for an npm ``package``."""
    need_path(MODULES / package, f"npm's {package}")
    return ran([need("node"), HERE / script, *arguments], stdin)


def node_json(script: str, job: Any, *, package: str) -> Any:
    """The JSON answer of a script to a JSON job."""
    return json.loads(node(script, stdin=json.dumps(job).encode(), package=package))


def cast(*arguments: str) -> str:
    """What Foundry's cast prints."""
    program = need_path(MODULES / ".bin" / "cast", "npm's @foundry-rs/cast-linux-amd64")
    return ran([program, *arguments]).decode().strip()
