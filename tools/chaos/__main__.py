"""``python -m tools.chaos --kills 100 --seed 7``: see ``tools/chaos/__init__.py``."""

from __future__ import annotations

import argparse
import secrets
import sys

from tools.chaos.run import Order, Report, play

SECONDS_A_KILL = 6.0  # a run that is slower than this stops early


def main() -> None:
    """Play one run; exit 1 if anything is wrong."""
    parser = argparse.ArgumentParser(prog="tools.chaos", description="Kill a loaded vault and look for losses.")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--seconds", type=float, default=None, help="stop killing after so many")
    parser.add_argument("--workers", type=int, default=4)
    given = parser.parse_args()
    seed = secrets.randbelow(1 << 31) if given.seed is None else given.seed
    seconds = 60 + given.kills * SECONDS_A_KILL if given.seconds is None else given.seconds
    order = Order(given.kills, seed, seconds, given.workers)
    report = play(order, lambda line: print(line, file=sys.stderr), _progress)
    print(file=sys.stderr)
    print("\n".join(report.lines()))
    raise SystemExit(1 if report.faults else 0)


def _progress(report: Report) -> None:
    told = f"\r{report.kills} of {report.order.kills} kills, {report.journal.told} operations acknowledged "
    print(told, end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
