"""One parser under atheris, in a process of its own: ``libFuzzer`` mutates, our packages' bytecode tells what is new.

Inputs that let something foreign out, and those that were slow or raised the peak of memory, are written as they are
found, so that nothing is lost when the process ends. Slow here means slow with the instrumentation on: whether an
input really costs too much is measured afterwards without it (``tests/fuzz/cost.py``).
"""

from __future__ import annotations

import gc
import hashlib
import json
import resource
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from tests.fuzz.edges import Edges
from tests.fuzz.parser import Foreign, Parser, attempt, longest

SLOW_MS = 50.0
PEAK_KIB = 8 << 10
COLLECT_EVERY = 2000
SETTLED = 200  # inputs: the corpus is read, and the peak is that of an ordinary input
MAX_KEPT = 20
EMPTY = 1  # libFuzzer begins with an input of its own


def at_once(run: Callable[[], None]) -> None:
    run()


class Watch:
    """Runs inputs by ``trace`` and keeps what is worth a second look below ``folder``."""

    def __init__(self, parser: Parser, folder: Path, trace: Callable[[Callable[[], None]], None] = at_once) -> None:
        self._parser = parser
        self._folder = folder
        self._trace = trace
        self.count = 0
        self._seen: set[str] = set()
        self._kept = 0
        self._slowest = 0.0
        self._peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self._ended = time.process_time()

    def __call__(self, data: bytes) -> None:
        self._trace(partial(self._attempt, data))
        ended = time.process_time()  # what went on since the last input is this one's, and little more
        took_ms, self._ended = (ended - self._ended) * 1000, ended
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if self.count == SETTLED:
            self._peak = peak  # what the fuzzer itself takes is no input's cost
        if took_ms > max(SLOW_MS, self._slowest) or (self.count > SETTLED and peak > self._peak + PEAK_KIB):
            self._slowest, self._peak = max(self._slowest, took_ms), peak
            self._keep_dear(data)
        self.count += 1
        if self.count % COLLECT_EVERY == 0:
            gc.collect(1)
            self._ended = time.process_time()

    def _attempt(self, data: bytes) -> None:
        try:
            attempt(self._parser, data)
        except Foreign as fault:
            self._keep_fault(data, fault)

    def _keep_fault(self, data: bytes, fault: Foreign) -> None:
        told = place_of(fault)
        if told not in self._seen:
            self._seen.add(told)
            name = hashlib.sha256(data).hexdigest()[:16]
            (self._folder / f"find-{name}").write_bytes(data)
            (self._folder / f"find-{name}.txt").write_text(f"{fault}\n{told}\n", encoding="utf-8", errors="replace")

    def _keep_dear(self, data: bytes) -> None:
        if self._kept < MAX_KEPT:
            self._kept += 1
            (self._folder / f"dear-{hashlib.sha256(data).hexdigest()[:16]}").write_bytes(data)


def place_of(fault: Foreign) -> str:
    """Where the foreign exception came from: its type and the innermost of our own lines."""
    cause = fault.__cause__ or fault
    frames = traceback.extract_tb(cause.__traceback__)
    ours = [frame for frame in frames if "site-packages" not in frame.filename and "/lib/python" not in frame.filename]
    at = (ours or frames)[-1]
    return f"{type(cause).__name__} at {Path(at.filename).name}:{at.lineno}"


def fuzz(parser: Parser, folder: Path, job: dict[str, Any]) -> None:
    """Fuzz for the job's seconds, or until it has had its runs; the corpus lies in ``folder/corpus``. Ends the process."""
    import atheris

    watch = Watch(parser, folder, Edges(atheris, EMPTY + len(list((folder / "corpus").iterdir()))))
    gc.collect()
    gc.freeze()
    gc.disable()  # ``Watch`` collects, at times that are no input's
    arguments = [
        "fuzz", f"-max_total_time={job['seconds']}", f"-runs={job['runs']}", f"-seed={job['seed']}", f"-dict={job['dictionary']}",
        "-print_final_stats=1",
        f"-max_len={longest(parser)}", "-timeout=60", "-rss_limit_mb=0", "-use_value_profile=0",
        f"-artifact_prefix={folder}/", "-verbosity=1", str(folder / "corpus"),
    ]  # fmt: skip
    atheris.Setup(arguments, watch)
    atheris.Fuzz()


def import_all(parser: Parser) -> None:
    """Run a seed, so that what is imported where it is needed is imported once and not in each child."""
    with suppress(Foreign):
        attempt(parser, parser.seeds()[0])


def instrumented() -> Any:
    """The registry, with the bytecode of our packages and of the parsers that they lean on instrumented."""
    import atheris

    include = ["protocol", "chain", "console", "client", "agency_cli", "vault_api", "http_sf", "eth_abi", "stdnum"]
    with atheris.instrument_imports(include=include, enable_loader_override=False):
        from tests.fuzz.registry import PARSERS
    return PARSERS


def main(arguments: list[str]) -> None:
    """``folder``: one job after the other from standard input, a JSON line each, forked so that imports are paid once."""
    import os

    parsers = instrumented()
    for line in sys.stdin:
        job = json.loads(line)
        import_all(parsers[job["parser"]])
        child = os.fork()
        if child == 0:
            log = os.open(str(Path(job["folder"]) / "log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(log, 1)
            os.dup2(log, 2)
            fuzz(parsers[job["parser"]], Path(job["folder"]), job)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(json.dumps({"parser": job["parser"], "status": status}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
