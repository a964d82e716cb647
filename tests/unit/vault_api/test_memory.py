"""A document of 64 MiB goes up, is deposited and comes down, and neither vault nor client ever holds it.

Vault and client are processes of their own, so that the peaks of their memory (VmHWM) are theirs alone; `make
big-documents` does the same with the real programs, a real chain, a grant, and a gigabyte.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.strangers import ROOT

MIB = 1 << 20
SIZE_MIB = 64
MOST_MIB = 40  # above the level of the same with a small document: less than the document has


def test_neither_vault_nor_client_holds_a_large_document(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.unit.vault_api.memory_story", str(tmp_path), str(SIZE_MIB * MIB)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "LC_ALL": "C"}
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["opened"] == SIZE_MIB * MIB
    above = {name: (told[name]["peak"] - told[name]["idle"]) / 1024 for name in ("vault", "client")}
    assert all(0 <= over <= MOST_MIB for over in above.values()), told
