"""The same work without atheris: seeds and corpus mutated at random, nothing learnt from what they reach."""

from __future__ import annotations

import json
import os
import random
import sys
import time
from pathlib import Path

from tests.fuzz.guided import Watch, import_all
from tests.fuzz.mutation import drawn, mutated, words_of
from tests.fuzz.parser import Parser


def fuzz(parser: Parser, folder: Path, seconds: float, runs: int, seed: int) -> int:
    """Run mutated inputs for ``seconds`` of CPU time, or ``runs`` of them (-1: no limit); how many."""
    inputs = [path.read_bytes() for path in sorted((folder / "corpus").iterdir())]
    words, rng, watch = words_of(inputs, parser.words), random.Random(seed), Watch(parser, folder)
    ends = time.process_time() + seconds
    while time.process_time() < ends and watch.count != runs:
        watch(mutated(rng.choice(inputs), drawn(rng, words), parser.limit))
    return watch.count


def main() -> None:
    """Jobs from standard input, as ``tests/fuzz/guided.py`` takes them."""
    from tests.fuzz.registry import PARSERS

    for line in sys.stdin:
        job = json.loads(line)
        import_all(PARSERS[job["parser"]])
        child = os.fork()
        if child == 0:
            folder = Path(job["folder"])
            count = fuzz(PARSERS[job["parser"]], folder, job["seconds"], job["runs"], job["seed"])
            (folder / "log").write_text(f"stat::number_of_executed_units: {count}\n", encoding="ascii")
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(json.dumps({"parser": job["parser"], "status": status}), flush=True)


if __name__ == "__main__":
    main()
