"""Slither over the contracts, against the explanations in contracts/AUDIT.md: ``make slither``.

Slither is a program in an environment of its own (``tools/environments.py``) under the AGPL: it is run, never imported
and never shipped. It compiles with our compiler and the settings of the artifacts.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from chain.compile import CONTRACTS, SETTINGS
from tools.environments import home_of

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = home_of("slither") / "bin" / "slither"
PAGE = ROOT / "contracts" / "AUDIT.md"
SERIOUS = frozenset({"High", "Medium"})
_OUTPUTS = {"*": {"*": ["abi", "metadata", "devdoc", "userdoc", "evm.bytecode", "evm.deployedBytecode"], "": ["ast"]}}
_ROW = re.compile(r"^\| `([a-z0-9-]+)` \| `([\w.]+)` \| (\d+) \| (.+?) \|$", re.MULTILINE)

Place = tuple[str, str]  # detector, Contract.function or Contract.variable


def findings() -> Counter[Place]:
    """The high and medium findings in the contracts and in what they are built from, dependencies included."""
    names = [f"contracts/src/{name}.sol" for name in CONTRACTS]
    request = {
        "language": "Solidity",
        "sources": {name: {"urls": [name]} for name in names},
        "settings": {**SETTINGS, "outputSelection": _OUTPUTS},
    }
    with tempfile.TemporaryDirectory() as folder:
        source, report = Path(folder) / "input.json", Path(folder) / "report.json"
        source.write_text(json.dumps(request), encoding="utf-8")
        _run(source, report)
        return serious(json.loads(report.read_text(encoding="utf-8"))["results"].get("detectors", []))


def _run(source: Path, report: Path) -> None:
    command = [str(PROGRAM), str(source), "--compile-force-framework", "Solc-json", "--fail-none"]
    command += ["--solc", str(ROOT / "tools" / "solc"), "--json", str(report)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    analysed = re.search(r"analyzed \((\d+) contracts with (\d+) detectors\)", done.stderr)
    if done.returncode or not report.exists() or analysed is None or int(analysed[1]) < len(CONTRACTS):
        raise SystemExit(f"slither failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def serious(detectors: Iterable[Mapping[str, Any]]) -> Counter[Place]:
    """How often each detector of high or medium impact struck, by place."""
    return Counter((one["check"], _place(one["elements"][0])) for one in detectors if one["impact"] in SERIOUS)


def _place(element: Mapping[str, Any]) -> str:
    parent = element.get("type_specific_fields", {}).get("parent", {})
    owner = f"{parent['name']}." if parent.get("type") == "contract" else ""
    return f"{owner}{element['name']}"


def explained(page: str) -> Counter[Place]:
    """What the page explains: one row for each detector and place, with the number of findings there."""
    rows = _ROW.findall(page)
    return Counter({(detector, place): int(count) for detector, place, count, _why in rows})


def differences(found: Counter[Place], told: Counter[Place]) -> list[str]:
    """Findings that are not explained, and explanations of what is not found any more."""
    unexplained = [f"not explained: {name} in {place}, {n} times" for (name, place), n in (found - told).items()]
    return unexplained + [f"not found any more: {name} in {place}, {n}" for (name, place), n in (told - found).items()]


def main() -> int:
    if not PROGRAM.exists():
        raise SystemExit("slither is not installed: make slither installs it in .cache/slither")
    found = findings()
    wrong = differences(found, explained(PAGE.read_text(encoding="utf-8")))
    print("\n".join(wrong) or f"slither: {found.total()} high and medium findings, all explained in {PAGE.name}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
