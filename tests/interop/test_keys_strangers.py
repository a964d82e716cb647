"""The golden keys derived again in JavaScript: ethers, node's own crypto and age-encryption."""

from __future__ import annotations

import json
import subprocess

from tests.strangers import ROOT, need, need_path

GOLDEN = ROOT / "tests" / "vectors" / "keys" / "derivation.json"


def test_other_libraries_derive_the_same_keys_from_the_same_phrases() -> None:
    need_path(ROOT / "node_modules" / "ethers", "npm's ethers")
    done = subprocess.run(
        [need("node"), str(ROOT / "tests" / "interop" / "keys.mjs")],
        input=GOLDEN.read_bytes(),
        capture_output=True,
        timeout=60,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout) == json.loads(GOLDEN.read_text(encoding="utf-8"))
