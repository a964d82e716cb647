"""What one input costs: CPU time by the process's own clock, and memory by the peak of its resident set.

Measured in a child that is forked for this one input, so that nothing that came before counts, and after the seeds
have run once, so that imports and first compilations don't. A run that is too slow is repeated: what another process
on the machine costs us differs from run to run, what the input costs does not, so the least of them counts.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.parser import Foreign, Parser, attempt

REPEATS = 3
_FORGET_PEAK = b"5"  # proc(5), clear_refs: forget how large the resident set once was


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU milliseconds and MiB of one input; ``fault`` tells what was let out, if anything was."""

    cpu_ms: float
    mib: float
    outcome: str
    fault: str = ""

    def over(self, parser: Parser) -> bool:
        return self.cpu_ms > parser.cpu_ms or self.mib > parser.mib


def warm(parser: Parser) -> None:
    """Run the seeds, so that what is imported or compiled once is there."""
    for seed in parser.seeds():
        with suppress(Foreign):
            attempt(parser, seed)
    gc.collect()
    gc.freeze()


def cost(parser: Parser, data: bytes) -> Cost:
    """The cost of one input to a parser that is warm."""
    found = _forked(lambda: _measured(parser, data))
    for _ in range(REPEATS - 1):
        if found.cpu_ms <= parser.cpu_ms:
            break
        again = _forked(lambda: _measured(parser, data))
        found = Cost(min(found.cpu_ms, again.cpu_ms), min(found.mib, again.mib), again.outcome, again.fault)
    return found


def _measured(parser: Parser, data: bytes) -> Cost:
    sys.settrace(None)  # a run that counts coverage would count the counting
    gc.collect()
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_bytes(_FORGET_PEAK)
    before, began = _peak_kib(), time.process_time()
    fault = ""
    try:
        outcome = attempt(parser, data)
    except Foreign as found:
        outcome, fault = "foreign", f"{found!s:.300}"
    took = time.process_time() - began
    return Cost(took * 1000, (_peak_kib() - before) / 1024, outcome, fault)


def _peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _forked(work: Callable[[], Cost]) -> Cost:
    """``work`` in a child; a child that dies is a finding by itself."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            told = work()
            os.write(writer, json.dumps([told.cpu_ms, told.mib, told.outcome, told.fault]).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        raw = stream.read()
    _, status = os.waitpid(child, 0)
    if not raw:
        return Cost(float("inf"), float("inf"), "died", f"the process ended with status {status}")
    cpu_ms, mib, outcome, fault = json.loads(raw)
    return Cost(cpu_ms, mib, outcome, fault)
