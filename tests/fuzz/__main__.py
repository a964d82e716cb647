"""``make fuzz SECONDS=…``: fuzz all parsers, measure what was dear, tell what was found and how to see it again.

python -m tests.fuzz run --seconds 120 [--workers 1] [--only NAME …] [--record | --to-goal]
python -m tests.fuzz replay PARSER FILE…      what each file does, with the traceback of a foreign exception
python -m tests.fuzz costs [NAME …]           the largest inputs of each parser: CPU time and memory
python -m tests.fuzz list                     the parsers, what they read, and where they stand
python -m tests.fuzz page                     write the numbers of docs/fuzzing.md from the tally
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from tests.fuzz import corpus, page, tally
from tests.fuzz.bombs import bombs
from tests.fuzz.cost import cost, warm
from tests.fuzz.driver import FINDS, Result, run
from tests.fuzz.minimise import minimised
from tests.fuzz.parser import Foreign, attempt
from tests.fuzz.plan import Shares, ToGoal
from tests.fuzz.registry import PARSERS
from tests.strangers import ROOT


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    return int(options.command(options))


def fuzz(options: argparse.Namespace) -> int:
    """Fewest inputs first, so that short runs get round to everybody; or what is next to the goal until it is there."""
    so_far = tally.load()
    chosen = [PARSERS[name] for name in options.only] or list(PARSERS.values())
    order = sorted(chosen, key=lambda p: so_far.get(p.name, tally.NONE).inputs)
    plan = (
        ToGoal(order, options.seconds, tally.load)
        if options.to_goal
        else Shares(order, options.seconds, options.workers)
    )
    faults: dict[str, list[str]] = {}

    def done(result: Result) -> None:
        found = _kept(result) + _too_dear(result)
        faults.setdefault(result.parser, []).extend(found)
        if options.record or options.to_goal:
            _record(result, len(found))

    results = run(plan, options.workers, done)
    _table(results, faults)
    if options.record or options.to_goal:
        page.write(tally.load())
    for line in (line for lines in faults.values() for line in lines):
        print(line)
    return 1 if any(faults.values()) or any(result.died for result in results) else 0


def replay(options: argparse.Namespace) -> int:
    parser, failed = PARSERS[options.parser], 0
    for name in options.files:
        try:
            print(f"{name}: {attempt(parser, Path(name).read_bytes())}")
        except Foreign as fault:
            failed = 1
            print(f"{name}: {fault}")
            traceback.print_exception(fault.__cause__ or fault)
    return failed


def costs(options: argparse.Namespace) -> int:
    over = 0
    for name in options.names or list(PARSERS):
        parser = PARSERS[name]
        warm(parser)
        found = [(what, cost(parser, data)) for what, data in bombs(parser)]
        slowest, largest = max(c.cpu_ms for _, c in found), max(c.mib for _, c in found)
        print(f"{name:22} {len(found):4} inputs  {slowest:7.0f} ms  {largest:5.0f} MiB", flush=True)
        for what, spent in found:
            if spent.over(parser) or spent.fault:
                over += 1
                print(f"    {what}: {spent.cpu_ms:.0f} ms, {spent.mib:.0f} MiB, {spent.outcome} {spent.fault}")
    return 1 if over else 0


def told(_options: argparse.Namespace) -> int:
    so_far = tally.load()
    for parser in PARSERS.values():
        count = so_far.get(parser.name, tally.NONE)
        print(f"{parser.name:22} {count.inputs:12,} inputs {count.finds:3} finds  {', '.join(parser.reads)}")
    return 0


def written(_options: argparse.Namespace) -> int:
    page.write(tally.load())
    return 0


def _kept(result: Result) -> list[str]:
    """Put what was found where the next run does not clear it away; a line for each that shows it again."""
    return [_reproduce(result.parser, path) for path in result.finds]


def _too_dear(result: Result) -> list[str]:
    parser = PARSERS[result.parser]
    if not result.dear:
        return []
    warm(parser)
    measured = [(path, cost(parser, path.read_bytes())) for path in result.dear]
    return [
        f"{_reproduce(result.parser, path)}   # {spent.cpu_ms:.0f} ms, {spent.mib:.0f} MiB"
        for path, spent in measured
        if spent.over(parser)
    ]


def _reproduce(name: str, path: Path) -> str:
    kept = FINDS / name / path.name
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, kept)
    return f"{Path(sys.executable).relative_to(ROOT)} -m tests.fuzz replay {name} {kept.relative_to(ROOT)}"


def _table(results: list[Result], faults: dict[str, list[str]]) -> None:
    print(f"{'parser':22} {'inputs':>12} {'per s':>9} {'new':>6} {'kept':>5} {'finds':>6}")
    for one in results:
        died = "  the process died" if one.died else ""
        print(
            f"{one.parser:22} {one.inputs:12,} {one.inputs / one.seconds:9,.0f} {one.features:6}"
            f" {len(one.new):5} {len(faults[one.parser]):6}{died}"
        )
    print(f"{'all':22} {sum(r.inputs for r in results):12,} inputs, {sum(map(len, faults.values()))} finds")


def _record(one: Result, finds: int) -> None:
    """Add one parser's share to the tally, and to the corpus what reaches something new: as it comes, so that a run
    that is broken off has still counted."""
    parser = PARSERS[one.parser]
    tally.save(tally.added(tally.load(), {one.parser: (one.inputs, finds)}))
    inputs = [*corpus.load(one.parser), *(corpus.Kept(data) for data in (*parser.seeds(), *one.new))]
    corpus.save(one.parser, minimised(parser, inputs))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz the parsers.")
    commands = parser.add_subparsers(required=True)
    running = commands.add_parser("run")
    running.add_argument("--seconds", type=int, default=120)
    running.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    running.add_argument("--only", nargs="*", default=[], choices=[*PARSERS], metavar="NAME")
    running.add_argument("--record", action="store_true", help="add to the tally and to the committed corpus")
    running.add_argument("--to-goal", action="store_true", help="the parser next to the goal first, and recorded")
    running.set_defaults(command=fuzz)
    again = commands.add_parser("replay")
    again.add_argument("parser", choices=[*PARSERS], metavar="PARSER")
    again.add_argument("files", nargs="+", metavar="FILE")
    again.set_defaults(command=replay)
    dear = commands.add_parser("costs")
    dear.add_argument("names", nargs="*", metavar="NAME")
    dear.set_defaults(command=costs)
    commands.add_parser("list").set_defaults(command=told)
    commands.add_parser("page").set_defaults(command=written)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
