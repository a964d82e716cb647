"""``make fuzz-http CALLS=…``: a real chain and vault, and schemathesis in its own environment calling every operation."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx2

from tests.fuzz.environment import let_see_ours
from tests.fuzz.http_stage import running
from tests.strangers import ROOT
from tools.environments import ensure


def called(calls: int, seed: int, home: Path) -> dict[str, Any]:
    """The report of about so many calls, and what the vault itself counted (``served``)."""
    python = ensure("schemathesis") / "python"
    let_see_ours(python)
    out = home / "report.json"
    with running(home) as (_stack, where):
        given = [str(home), where["url"], where["rpc"], str(calls), str(seed), str(out)]
        env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
        done = subprocess.run([python, "-m", "tests.fuzz.calls", *given], cwd=ROOT, env=env, check=False)
        metrics = httpx2.get(f"{where['url']}/metrics", trust_env=False).text
    report: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    if done.returncode:
        report["failures"].append({"operation": "all", "what": f"the calls ended with status {done.returncode}"})
    return {**report, "served": served(metrics)}


def served(metrics: str) -> dict[str, int]:
    """How often the vault answered with each status, by its own count."""
    found: dict[str, int] = {}
    for line in metrics.splitlines():
        if line.startswith("onefile_requests_total{"):
            labels, _, count = line.rpartition(" ")
            status = labels.split('status="')[1].split('"')[0]
            found[status] = found.get(status, 0) + int(float(count))
    return found


def faults(report: dict[str, Any]) -> list[str]:
    """What must not be: failures of a check, and any 5xx that the vault counted."""
    found = [f"{failure['operation']}: {failure['what']}" for failure in report["failures"]]
    return found + [
        f"the vault answered {n} times {status}" for status, n in report["served"].items() if status >= "500"
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.http", description=__doc__)
    parser.add_argument("--calls", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", type=Path, help="where to keep the report, with an example of each failure")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        report = called(options.calls, options.seed, Path(folder) / "home")
    if options.report:
        options.report.write_text(json.dumps(report, indent=1), encoding="utf-8")
    for name, statuses in sorted(report["operations"].items()):
        print(f"{name:45} {sum(statuses.values()):6} {json.dumps(statuses, sort_keys=True)}")
    print(
        f"{report['calls']:,} calls of {len(report['operations'])} operations in {report['seconds']} s: {report['statuses']}"
    )
    for fault in faults(report):
        print(fault)
    return 1 if faults(report) else 0


if __name__ == "__main__":
    sys.exit(main())
