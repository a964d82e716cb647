"""The Go program ``go/logcheck``, over Debian's golang.org/x/mod."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.strangers import need, need_path

GOPATH = Path("/usr/share/gocode")  # where Debian's golang-golang-x-mod-dev puts its sources


def built(folder: Path) -> Path:
    """The program, built into ``folder``."""
    go = need("go")
    need_path(GOPATH / "src/golang.org/x/mod/sumdb/tlog", "Debian's golang-golang-x-mod-dev")
    program = folder / "logcheck"
    own = {
        "GOPATH": str(GOPATH),
        "GO111MODULE": "off",
        "GOFLAGS": "",
        "CGO_ENABLED": "1" if shutil.which("gcc") else "0",
    }
    source = Path(__file__).parent / "go" / "logcheck"
    subprocess.run([go, "build", "-o", str(program), "."], cwd=source, env=os.environ | own, check=True, timeout=240)
    return program
