"""The published Merkle vectors through ``python -m protocol``, byte for byte as they are on disk."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from protocol.__main__ import ACCEPTED, REJECTED, run
from tests.strangers import ROOT, SHARED, shared_vectors

VECTORS = shared_vectors("merkle")
FEW = [
    path for path in VECTORS if path.parent.name == "1" and path.name in {"happy-path.json", "trailing-garbage.json"}
]
present = pytest.mark.skipif(not VECTORS, reason="../shared/vectors/merkle is not present")


def command(path: Path) -> str:
    return "check-" + path.relative_to(SHARED / "vectors" / "merkle").parts[0]


def wanted(path: Path) -> int:
    return REJECTED if json.loads(path.read_text())["wantErr"] else ACCEPTED


@present
@pytest.mark.parametrize("path", VECTORS, ids=lambda path: str(path.relative_to(SHARED / "vectors")))
def test_the_plumbing_gives_the_vectors_verdict_as_an_exit_code(path: Path) -> None:
    err = io.StringIO()
    assert run([command(path)], io.BytesIO(path.read_bytes()), io.BytesIO(), err) == wanted(path)
    assert err.getvalue().count("\n") == (wanted(path) == REJECTED)


@present
@pytest.mark.parametrize("path", FEW, ids=lambda path: str(path.relative_to(SHARED / "vectors")))
def test_the_real_program_gives_the_vectors_verdict(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "protocol", command(path)],
        input=path.read_bytes(),
        capture_output=True,
        timeout=60,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == wanted(path)
    assert b"Traceback" not in done.stderr
