"""Fuzz every parser for a given time: work shared out to one process a core, and what they found told in one table."""

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
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue

from tests.fuzz import corpus
from tests.fuzz.environment import fuzzing_python
from tests.fuzz.mutation import words_of
from tests.fuzz.parser import Parser
from tests.strangers import ROOT

RUNS = ROOT / ".cache" / "fuzz-runs"
FINDS = ROOT / ".cache" / "fuzz-finds"
LEAST_S = 2
_COUNT = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
_FEATURES = re.compile(r"cov: (\d+) ft: (\d+)")
_TELLING = threading.Lock()
_PULSE = re.compile(r"^#(\d+)\s", re.MULTILINE)


@dataclass(slots=True)
class Result:
    """What one parser's share of the time came to. ``features``: libFuzzer's measure of new behaviour."""

    parser: str
    seconds: float
    inputs: int = 0
    features: int = 0
    finds: list[Path] = field(default_factory=list)
    dear: list[Path] = field(default_factory=list)
    new: list[bytes] = field(default_factory=list)
    died: bool = False


Done = Callable[[Result], None]


def run(parsers: Sequence[Parser], seconds: int, workers: int, done: Done = lambda _result: None) -> list[Result]:
    """Fuzz for about ``seconds`` of wall time in all; ``done`` is told of each parser as soon as its share is over."""
    python, engine = fuzzing_python()
    each = max(LEAST_S, seconds * workers // len(parsers))
    chosen = parsers[: max(1, seconds * workers // each)]
    if len(chosen) < len(parsers):
        print(f"fuzz: {seconds} s are enough for {len(chosen)} of {len(parsers)} parsers", file=sys.stderr)
    jobs: Queue[Parser] = Queue()
    for parser in chosen:
        jobs.put(parser)
    results: list[Result] = []
    threads = [
        threading.Thread(target=_work, args=(python, engine, jobs, each, results, done))
        for _ in range(min(workers, len(chosen)))
    ]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except KeyboardInterrupt:  # what was done until now is told
        with jobs.mutex:
            jobs.queue.clear()
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


def _work(python: str, engine: str, jobs: Queue[Parser], each: int, results: list[Result], done: Done) -> None:
    """One process takes one job after the other until none is left."""
    module = "tests.fuzz.guided" if engine == "atheris" else "tests.fuzz.blind"
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    with (RUNS.parent / f"fuzz-worker-{threading.get_ident()}.log").open("wb") as log:
        process = subprocess.Popen(
            [python, "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, cwd=ROOT, env=env, text=True
        )  # fmt: skip
        try:
            while process.poll() is None:
                parser = jobs.get_nowait()
                found = _one(process, parser, each)
                results.append(found)
                print(f"fuzz: {parser.name}: {found.inputs:,} inputs", file=sys.stderr, flush=True)
                with _TELLING:
                    done(found)
        except Empty:
            pass
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait()
    Path(log.name).unlink()


def _one(process: subprocess.Popen[str], parser: Parser, each: int) -> Result:
    assert process.stdin is not None
    assert process.stdout is not None
    folder = prepared(parser)
    before = {path.name for path in (folder / "corpus").iterdir()}
    job = {
        "parser": parser.name, "folder": str(folder), "seconds": each, "seed": random.getrandbits(31),
        "dictionary": str(folder / "words"),
    }  # fmt: skip
    process.stdin.write(json.dumps(job) + "\n")
    process.stdin.flush()
    told = process.stdout.readline()
    return _read(parser, folder, each, before, died=not told or json.loads(told)["status"] != 0)


def _read(parser: Parser, folder: Path, each: int, before: set[str], *, died: bool) -> Result:
    log = (folder / "log").read_text(encoding="utf-8", errors="replace") if (folder / "log").exists() else ""
    counts = [int(found) for found in _COUNT.findall(log)] or [int(found) for found in _PULSE.findall(log)[-1:]]
    features = [int(found[1]) for found in _FEATURES.findall(log)]
    crashes = [path for pattern in ("crash-*", "timeout-*", "oom-*") for path in folder.glob(pattern)]
    return Result(
        parser.name,
        each,
        inputs=counts[-1] if counts else 0,
        features=features[-1] - features[0] if features else 0,
        finds=[*crashes, *(path for path in folder.glob("find-*") if path.suffix != ".txt")],
        dear=list(folder.glob("dear-*")),
        new=[path.read_bytes() for path in (folder / "corpus").iterdir() if path.name not in before],
        died=died and not crashes,
    )
