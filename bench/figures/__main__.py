"""``python -m bench.figures run NAME N [--seed SEED]``: one part of a figure; ``totals``: what all runs come to.

run forged-grants 100000                 draws a seed and prints it; adds a line to bench/results/figures.jsonl
run forged-grants 100000 --seed a1b2     the same tries again
again forged-grants a1b2/17              batch 17 of them alone, with what was found in it; writes nothing
totals                                   the table of docs/figures.md, which is written anew
"""

from __future__ import annotations

import argparse
import secrets
import signal
import sys
from collections.abc import Sequence

from bench.figures import page
from bench.figures.figure import FIGURES, Figure, Tally, named
from bench.figures.records import keep, load, table, totals
from bench.figures.running import PART_MINUTES, again, run_part


def main(arguments: Sequence[str] | None = None) -> int:
    given = _arguments(arguments)
    if given.what == "totals":
        print("\n".join(table(totals(load()))))
        page.write()
        return 0
    try:
        figure = named(given.name)
    except KeyError as error:
        print(f"figures: {error.args[0]}", file=sys.stderr)
        return 2
    if given.what == "again":
        seed, _, number = given.batch.rpartition("/")
        tally = again(figure, seed, int(number), figure.batch)
        _show(figure, tally)
        return 0 if tally.good else 1
    return _run(figure, given)


def _run(figure: Figure, given: argparse.Namespace) -> int:
    seed = given.seed or secrets.token_hex(4)
    print(f"{figure.name}: {given.n:,} {figure.tries}; seed {seed}", flush=True)
    run, tally = run_part(figure, given.n, seed, processes=given.processes, minutes=given.minutes, tell=_progress)
    print(file=sys.stderr)
    _show(figure, tally)
    rate = run.n / max(run.seconds, 0.1)
    print(f"{run.n:,} tries in {run.seconds:,.0f} s ({rate:,.0f} a second), commit {run.commit}")
    if not given.dry:
        keep(run)
        page.write()
    return 0 if tally.good else 1


def _progress(tally: Tally, seconds: float) -> None:
    rate = tally.done / max(seconds, 0.1)
    print(f"\r{tally.done:,} tries, {rate:,.0f} a second, {tally.broken} broken ", end="", file=sys.stderr, flush=True)


def _show(figure: Figure, tally: Tally) -> None:
    for what, count in sorted(tally.outcomes.items()):
        print(f"{count:10,} {what}")
    for name, value in sorted(tally.measures.items()):
        print(f"{value:10,.3f} {name}")
    for find in tally.finds:
        print(f"    {find}")
    print(f"{tally.broken} of {tally.done:,} {figure.never}; {tally.failed} of {tally.controls:,} controls failed")


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    names = ", ".join(figure.name for figure in FIGURES)
    parser = argparse.ArgumentParser(prog="python -m bench.figures", description=f"Figures: {names}.")
    what = parser.add_subparsers(dest="what", required=True)
    what.add_parser("totals", help="what all recorded runs come to")
    repeat = what.add_parser("again", help="one batch again")
    repeat.add_argument("name")
    repeat.add_argument("batch", metavar="SEED/NUMBER")
    run = what.add_parser("run", help="one part")
    run.add_argument("name")
    run.add_argument("n", type=int, nargs="?", default=1_000, help="tries (1000)")
    run.add_argument("--seed", default="", help="which tries; drawn and printed if it is not given")
    run.add_argument("--minutes", type=float, default=PART_MINUTES, help="when a part stops by itself (20)")
    run.add_argument("--processes", type=int, default=0, help="how many (all cores)")
    run.add_argument("--dry", action="store_true", help="write nothing down")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what was started is ended, what was done kept
    raise SystemExit(main())
