"""Fuzz by a plan: its jobs shared out to one process a core, and what each of them found."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz import corpus
from tests.fuzz.environment import fuzzing_python
from tests.fuzz.mutation import words_of
from tests.fuzz.parser import Parser
from tests.fuzz.plan import Job, Plan
from tests.strangers import ROOT

RUNS = ROOT / ".cache" / "fuzz-runs"
FINDS = ROOT / ".cache" / "fuzz-finds"
_COUNT = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
_FEATURES = re.compile(r"cov: (\d+) ft: (\d+)")
_TELLING = threading.Lock()
_PULSE = re.compile(r"^#(\d+)\s", re.MULTILINE)


@dataclass(slots=True)
class Result:
    """What one job came to. ``features``: libFuzzer's measure of new behaviour."""

    parser: str
    seconds: float
    inputs: int = 0
    features: int = 0
    finds: list[Path] = field(default_factory=list)
    dear: list[Path] = field(default_factory=list)
    new: list[bytes] = field(default_factory=list)
    died: bool = False


Done = Callable[[Result], None]


def run(plan: Plan, workers: int, done: Done = lambda _result: None) -> list[Result]:
    """Fuzz until ``plan`` has no more; ``done`` is told of each job as soon as it has ended."""
    python, engine = fuzzing_python()
    results: list[Result] = []
    stopped = threading.Event()
    threads = [
        threading.Thread(target=_work, args=(python, engine, plan, results, done, stopped)) for _ in range(workers)
    ]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except KeyboardInterrupt:  # what was done until now is told
        stopped.set()
        for thread in threads:
            thread.join()
    return sorted(results, key=lambda result: result.parser)


def prepared(parser: Parser) -> Path:
    """A fresh folder with the corpus that a run begins with, and a dictionary."""
    folder = RUNS / parser.name
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "corpus").mkdir(parents=True)
    inputs = [*parser.seeds(), *(kept.data for kept in corpus.load(parser.name))]
    for data in inputs:
        (folder / "corpus" / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    words = (word[:60] for word in words_of(inputs, parser.words) if word)
    lines = ('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"' for word in words)
    (folder / "words").write_text("\n".join(lines) + "\n", encoding="ascii")
    return folder


def _work(python: str, engine: str, plan: Plan, results: list[Result], done: Done, stopped: threading.Event) -> None:
    """One process takes one job after the other until none is left."""
    module = "tests.fuzz.guided" if engine == "atheris" else "tests.fuzz.blind"
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    with (RUNS.parent / f"fuzz-worker-{threading.get_ident()}.log").open("wb") as log:
        process = subprocess.Popen(
            [python, "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, cwd=ROOT, env=env, text=True
        )  # fmt: skip
        try:
            while process.poll() is None and not stopped.is_set() and (job := plan.next()) is not None:
                found = _one(process, job)
                results.append(found)
                print(f"fuzz: {found.parser}: {found.inputs:,} inputs", file=sys.stderr, flush=True)
                with _TELLING:
                    done(found)
                plan.done(job)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait()
    Path(log.name).unlink()


def _one(process: subprocess.Popen[str], job: Job) -> Result:
    assert process.stdin is not None
    assert process.stdout is not None
    folder = prepared(job.parser)
    before = {path.name for path in (folder / "corpus").iterdir()}
    said = {
        "parser": job.parser.name, "folder": str(folder), "seconds": job.seconds, "runs": job.runs,
        "seed": random.getrandbits(31), "dictionary": str(folder / "words"),
    }  # fmt: skip
    began = time.monotonic()
    process.stdin.write(json.dumps(said) + "\n")
    process.stdin.flush()
    told = process.stdout.readline()
    died = not told or json.loads(told)["status"] != 0
    return _read(job.parser, folder, time.monotonic() - began, before, died=died)


def _read(parser: Parser, folder: Path, seconds: float, before: set[str], *, died: bool) -> Result:
    log = (folder / "log").read_text(encoding="utf-8", errors="replace") if (folder / "log").exists() else ""
    counts = [int(found) for found in _COUNT.findall(log)] or [int(found) for found in _PULSE.findall(log)[-1:]]
    features = [int(found[1]) for found in _FEATURES.findall(log)]
    crashes = [path for pattern in ("crash-*", "oom-*") for path in folder.glob(pattern)]
    # By the clock on the wall, which also runs while the whole machine stands still: what it cost is measured again.
    late = list(folder.glob("timeout-*"))
    return Result(
        parser.name,
        seconds,
        inputs=counts[-1] if counts else 0,
        features=features[-1] - features[0] if features else 0,
        finds=[*crashes, *(path for path in folder.glob("find-*") if path.suffix != ".txt")],
        dear=[*late, *folder.glob("dear-*")],
        new=[path.read_bytes() for path in (folder / "corpus").iterdir() if path.name not in before],
        died=died and not crashes and not late,
    )
