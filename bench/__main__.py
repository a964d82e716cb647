"""``python -m bench [--quick] [ROW …]``: measure rows, each in a process of its own, one after the other.

Without ``--quick`` the results are written to docs/. A row that fails is told and does not stop the others; the exit
code is 1 then. A goal that is missed is no failure.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import machine, report
from bench.node import install
from bench.registry import Row, chosen
from bench.results import Outcome
from scripts.processes import ROOT

DOCS = ROOT / "docs"
LIMIT_S = 900


def main(arguments: list[str] | None = None) -> int:
    given = _arguments(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    # What is started in the background ignores it, and so would the programs that row h interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if given.one is not None:
        return measure_one(chosen([given.one])[0], Path(given.to), quick=given.quick)
    try:
        rows = chosen([key for text in given.rows for key in text.split(",") if key])
    except KeyError as error:
        print(f"bench: {error.args[0]}", file=sys.stderr)
        return 2
    install()
    failed = [row.key for row in rows if not _row(row, quick=given.quick)]
    if failed:
        print(f"bench: rows that failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def measure_one(row: Row, target: Path, *, quick: bool) -> int:
    """Measure a row in this process and write what came of it."""
    module = row.load()
    outcome: Outcome = module.run(quick=quick)
    found = outcome.to_json()
    if not quick and hasattr(module, "profile") and not all(goal.met for goal in outcome.goals):
        found["profile"] = list(module.profile())
    target.write_text(json.dumps(found), encoding="utf-8")
    return 0


def _row(row: Row, *, quick: bool) -> bool:
    load, start = machine.load(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="onefile-bench-") as folder:
        target = Path(folder) / "outcome.json"
        command = [
            sys.executable,
            "-m",
            "bench",
            "--one",
            row.key,
            "--to",
            str(target),
            *(["--quick"] if quick else []),
        ]
        try:
            _run(command)
            found = json.loads(target.read_text(encoding="utf-8"))
        except (subprocess.SubprocessError, OSError) as error:
            print(f"bench: row {row.key}: {error}", file=sys.stderr)
            return False
    for line in report.table(row, Outcome.from_json(found)):
        print(line)
    print(f"    {time.monotonic() - start:.0f} s, load before {load}\n", flush=True)
    if not quick:
        _keep(row, found, load)
    return True


def _run(command: list[str]) -> None:
    """Run to the end; beyond the limit the process is asked to end, and so ends what it has started."""
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL)
    try:
        code = process.wait(LIMIT_S)
    except BaseException:
        process.terminate()
        process.wait(60)
        raise
    if code:
        raise subprocess.CalledProcessError(code, "python -m bench")


def _keep(row: Row, found: dict[str, Any], load: float) -> None:
    results = report.load(DOCS)
    day = datetime.now(UTC).date().isoformat()
    results["rows"][row.key] = {"day": day, "load": load, "machine": machine.facts(), "outcome": found}
    report.save(DOCS, results)


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure OneFile beside its alternatives.")
    parser.add_argument("rows", nargs="*", metavar="ROW", help="keys of rows, also joined by commas (default: all)")
    parser.add_argument("--quick", action="store_true", help="small sizes; writes nothing")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--to", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
