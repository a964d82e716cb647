"""The repository's own rules."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON_LINES = 400
SOLIDITY_LINES = 200
HOSTS = re.compile(r"pyp[i]\.org|pythonhoste[d]\.org|npmj[s]\.org|deb\.debia[n]\.org")


def tracked(*patterns: str) -> list[Path]:
    out = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / line for line in out.stdout.splitlines() if (ROOT / line).is_file()]


def test_no_module_outgrows_its_room() -> None:
    too_long = {
        str(path.relative_to(ROOT)): lines
        for pattern, limit in (("*.py", PYTHON_LINES), ("*.sol", SOLIDITY_LINES))
        for path in tracked(pattern)
        if (lines := len(path.read_text().splitlines())) > limit
    }
    assert too_long == {}


def test_no_package_registry_host_is_named_anywhere() -> None:
    named = [
        str(path.relative_to(ROOT))
        for path in tracked()
        if path.suffix not in {".png", ".jpg", ".pdf", ".mo", ".age"} and HOSTS.search(path.read_text(errors="ignore"))
    ]
    assert named == []


def test_no_test_uses_mocks() -> None:
    users = [
        str(path.relative_to(ROOT))
        for path in tracked("tests/*.py", "tests/**/*.py")
        if re.search(r"unittest\.mo[c]k|Magi[c]Mock", path.read_text())
    ]
    assert users == []


def test_the_locks_carry_a_hash_for_every_package_and_no_address() -> None:
    locks = sorted(ROOT.glob("requirements*.lock"))
    assert len(locks) >= 4
    for lock in locks:
        text = lock.read_text()
        pins = re.findall(r"^\S+==\S+", text, re.MULTILINE)
        blocks = re.findall(r"^\S+==[^\n]*\\\n(?:\s+--hash=sha256:[0-9a-f]{64}[^\n]*\n)+", text + "\n", re.MULTILINE)
        assert len(pins) == len(blocks)
        assert "://" not in text
    assert '"resolved"' not in (ROOT / "package-lock.json").read_text()


def test_imports_point_one_way() -> None:
    program = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("target", ["setup", "demo", "up", "test", "check", "vectors", "bench-quick"])
def test_make_help_lists(target: str) -> None:
    done = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert re.search(rf"make {target}\b", done.stdout)


def test_every_makefile_target_is_at_most_four_lines() -> None:
    recipe = 0
    for line in (ROOT / "Makefile").read_text().splitlines():
        recipe = recipe + 1 if line.startswith("\t") else 0
        assert recipe <= 4
