"""Do the tests notice when the code is wrong? ``python -m tools.mutation [--left] [--record] [module …]``.

Each module of ``protocol/`` in the table below is changed in one place at a time by mutmut (an environment of its own)
in a copy of the project under ``.cache/mutation/work``, and its own tests run until one fails. What survives must be
explained in ``docs/mutation.json``; anything else is printed with its lines, and the exit code is 1. Changes to the
texts of messages are told from the syntax tree and not run: see ``tools/mutants.py``. ``--left`` tries only what the
last run left, where the module is the same as then; ``--record`` writes the figures into ``docs/mutation.md``.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import re
import resource
import shutil
import subprocess
import sys
import sysconfig
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tools import environments
from tools.mutants import Labels, Mutant, read

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / ".cache" / "mutation" / "work"
EXPLAINED = ROOT / "docs" / "mutation.json"
PAGE = ROOT / "docs" / "mutation.md"
MEMORY = 4 << 30  # a mutant that collects without end is ended by this, not by the machine
SLOWER = 6.0  # a mutant that takes so many times as long as its tests (and one second) will never end
UNIT, VECTORS, ATTACKS = "tests/unit/protocol", "tests/vectors", "tests/attacks"

# The tests of each module, besides tests/unit/protocol/test_<module>.py: few and fast, for they run for each mutant.
TESTS: dict[str, list[str]] = {
    "merkle": [f"{VECTORS}/test_merkle_vectors.py"],
    "grant": [f"{UNIT}/test_verify_grant.py", f"{VECTORS}/test_grant_vectors.py"],
    "grant_evidence": [f"{UNIT}/test_verify_grant.py", f"{ATTACKS}/test_grant_attacks.py"],
    "verify_grant": [f"{ATTACKS}/test_grant_attacks.py"],
    "mandate": [f"{UNIT}/test_grant.py", f"{VECTORS}/test_grant_vectors.py", f"{ATTACKS}/test_grant_attacks.py"],
    "envelope": [f"{VECTORS}/test_our_age_vectors.py"],
    "stream": [f"{UNIT}/test_envelope.py", f"{VECTORS}/test_our_age_vectors.py"],
    "age_format": [f"{UNIT}/test_envelope.py", f"{VECTORS}/test_our_age_vectors.py"],
    "recipients": [f"{UNIT}/test_envelope.py", f"{UNIT}/test_secret.py", f"{VECTORS}/test_our_age_vectors.py"],
    "verify_credential": [f"{ATTACKS}/test_presentation_attacks.py"],
    "verify_log": [f"{VECTORS}/test_log_vectors.py"],
    "verify_receipt": [],
    "verdict": [f"{VECTORS}/test_use_vectors.py"],
    "signatures": [f"{VECTORS}/test_grant_vectors.py"],
    "eip712": [f"{VECTORS}/test_grant_vectors.py"],
    "account_envelope": [f"{UNIT}/test_grant.py", f"{VECTORS}/test_grant_vectors.py"],
    "facts": [],
    "encoding": [f"{VECTORS}/test_text_vectors.py"],
    "canonical": [],
    "jose": [],
    "sdjwt": [f"{UNIT}/test_sdjwt_limits.py", f"{UNIT}/test_credential.py"],
}
# A test that moves 128 MiB says nothing about a changed line that a smaller one does not.
SLOW_TEST = "test_memory_does_not_grow_with_the_document"
# What costs more at the start of a run than most tests take, and tells mutants nothing.
LEFT_OUT = ["cacheprovider", "xdist", "anyio", "logging", "faulthandler", "unraisableexception", "threadexception"]
PYTEST = [
    "-p", "tools.fresh_tests", *(part for name in LEFT_OUT for part in ("-p", f"no:{name}")),
    "--assert=plain", "--hypothesis-profile=mutation", "-k", f"not {SLOW_TEST}",
]  # fmt: skip
PORTION = 150  # mutants; after each portion it is written down what became of them
GENERATE = (
    "from mutmut.__main__ import copy_also_copy_files, copy_src_dir, create_mutants\n"
    "copy_src_dir(); copy_also_copy_files(); create_mutants(1)"
)
# What mutmut calls an end. Tests that cannot even be imported look to it like an interrupt, and an abort of a library
# like something suspicious; a child that its limit of time or memory ended has noticed the change as well.
ENDS = {
    "killed": "killed",
    "check was interrupted by user": "killed",
    "suspicious": "killed",
    "timeout": "timeout",
    "segfault": "timeout",
}


@dataclass
class Outcome:
    """What became of the mutants of one module."""

    module: str
    mutants: list[Mutant]
    ends: dict[str, str]
    explained: list[Mutant]
    unexplained: list[Mutant]
    stale: list[str]

    def row(self, day: str) -> str:
        counts = Counter(self.ends.values())
        texts = sum(mutant.text for mutant in self.mutants)
        figures = (len(self.mutants), counts["killed"], counts["timeout"], texts, *map(len, self.survivors()))
        return f"| `{self.module}` | " + " | ".join(map(str, figures)) + f" | {day} |"

    def survivors(self) -> tuple[list[Mutant], list[Mutant]]:
        return self.explained, self.unexplained


def tests_of(module: str) -> list[str]:
    own = f"{UNIT}/test_{module}.py"
    return [own, *TESTS[module]] if (ROOT / own).is_file() else TESTS[module]


def prepare(module: str) -> None:
    """A fresh copy of what git knows and does not ignore, told to mutate one module."""
    shutil.rmtree(WORK, ignore_errors=True)
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    for source in (ROOT / name for name in names):
        if source.is_file():
            target = WORK / source.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    if (shared := ROOT.parent / "shared").is_dir():
        (WORK / "shared").symlink_to(shared)
    folders = sorted({name.split("/")[0] for name in names if "/" in name} - {"protocol", "tests"})
    settings = {
        "source_paths": ["protocol/"],
        "only_mutate": [f"protocol/{module}.py"],
        "also_copy": folders,
        "pytest_add_cli_args": PYTEST,
        "pytest_add_cli_args_test_selection": tests_of(module),
        "timeout_multiplier": SLOWER,
        "use_git_change_detection": False,
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    with (WORK / "pyproject.toml").open("a", encoding="utf-8") as project:
        project.write("\n[tool.mutmut]\n" + "\n".join(lines) + "\n")


def environment() -> Path:
    """The folder of mutmut's programs; its Python sees our packages after its own."""
    programs = environments.ensure("mutation")
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    path = programs.parent / "lib" / version / "site-packages" / "project.pth"
    path.write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return programs


def call(command: Sequence[str], log: str) -> str:
    """Run a program in the copy; its output, which is kept beside the copy as well."""
    done = subprocess.run(command, cwd=WORK, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    (WORK.parent / f"{log}.log").write_text(done.stdout, encoding="utf-8")
    if done.returncode:
        raise SystemExit(f"mutation: {log} ended with {done.returncode}:\n{done.stdout[-3000:]}")
    return done.stdout


def mutate(module: str, programs: Path, *, left: bool) -> tuple[list[Mutant], dict[str, str]]:
    """All mutants of ``module``, and how those ended that are no mere texts, by name."""
    prepare(module)
    call([str(programs / "python"), "-c", GENERATE], f"{module}-generate")
    modules = sorted((ROOT / "protocol").glob("*.py"))
    labels = Labels.of({path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in modules})
    mutants = read((WORK / "mutants" / "protocol" / f"{module}.py").read_text(encoding="utf-8"), module, labels)
    names = [mutant.name for mutant in mutants if not mutant.text]
    before = last(module) if left else {}
    ends = {name: before[name] for name in names if before.get(name) in ENDS.values()}
    open_ones = [name for name in names if name not in ends]
    for start in range(0, len(open_ones), PORTION):
        ends |= tried(module, open_ones[start : start + PORTION], programs)
        kept(module).write_text(json.dumps({"source": digest(module), "ends": ends}), encoding="utf-8")
    return mutants, ends


def tried(module: str, names: Sequence[str], programs: Path) -> dict[str, str]:
    """Run the tests for some mutants of the copy; how each ended."""
    call([str(programs / "mutmut"), "run", "--max-children", "1", *names], f"{module}-run")
    listed = call([str(programs / "mutmut"), "results", "--all", "True"], f"{module}-results")
    found: dict[str, str] = dict(re.findall(r"^ +(\S+): (.+)$", listed, re.MULTILINE))
    return {name: ENDS.get(found[name]) or found[name] for name in names}


def kept(module: str) -> Path:
    return WORK.parent / f"{module}.json"


def digest(module: str) -> str:
    return hashlib.sha256((ROOT / "protocol" / f"{module}.py").read_bytes()).hexdigest()


def last(module: str) -> dict[str, str]:
    """How the mutants ended in the last run, if the module is the same as then."""
    found = json.loads(kept(module).read_text(encoding="utf-8")) if kept(module).is_file() else {}
    return found["ends"] if found.get("source") == digest(module) else {}


def explanations(module: str) -> Counter[tuple[str, str, str]]:
    """The explained changes of ``module``: function, lines before, lines after; how often each may occur."""
    table = json.loads(EXPLAINED.read_text(encoding="utf-8")) if EXPLAINED.is_file() else {}
    found: Counter[tuple[str, str, str]] = Counter()
    for row in table.get(module, []):
        for after in row["to"]:
            found[row["function"], row["from"], after] += row.get("times", 1)
    return found


def judge(module: str, mutants: list[Mutant], ends: dict[str, str]) -> Outcome:
    """Sort what survived into explained and not; an explanation of what did not survive is stale."""
    left = explanations(module)
    outcome = Outcome(module, mutants, ends, [], [], [])
    for mutant in mutants:
        if ends.get(mutant.name, "killed") in ENDS.values():
            continue
        key = (mutant.function, mutant.before, mutant.after)
        explained = left[key] > 0
        left[key] -= explained
        outcome.survivors()[0 if explained else 1].append(mutant)
    outcome.stale = [" | ".join(key) for key, count in left.items() if count > 0]
    return outcome


def record(outcomes: Sequence[Outcome], day: str) -> None:
    """Put the figures into the table of the page, one row a module, in the order of ``TESTS``."""
    text = PAGE.read_text(encoding="utf-8")
    rows = {line.split("`")[1]: line for line in text.splitlines() if line.startswith("| `")}
    rows |= {outcome.module: outcome.row(day) for outcome in outcomes}
    table = "\n".join(rows[module] for module in TESTS if module in rows)
    head, rest = text.split("<!-- figures -->\n")
    titles = "\n".join(rest.splitlines()[:2])
    tail = rest[rest.index("\n<!-- end -->") :]
    PAGE.write_text(f"{head}<!-- figures -->\n{titles}\n{table}{tail}", encoding="utf-8")


def report(outcome: Outcome, day: str) -> None:
    """Print the module's row and what is wrong with it."""
    print(outcome.row(day))
    for mutant in outcome.unexplained:
        print(f"{outcome.ends[mutant.name]}: {mutant.function}: {mutant.diff()}")
    for line in outcome.stale:
        print(f"explained, but did not survive: {line}")
    sys.stdout.flush()


def main(args: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="mutation", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="module", help="of protocol/; none: all, about an hour")
    parser.add_argument("--left", action="store_true", help="only what the last run left")
    parser.add_argument("--record", action="store_true", help="write the figures into docs/mutation.md")
    chosen = parser.parse_args(args)
    if unknown := set(chosen.modules) - set(TESTS):
        parser.error(f"no tests are named for {', '.join(sorted(unknown))}; there are {', '.join(TESTS)}")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    programs, day = environment(), datetime.now(UTC).date().isoformat()
    outcomes = []
    for module in chosen.modules or TESTS:
        outcomes.append(judge(module, *mutate(module, programs, left=chosen.left)))
        report(outcomes[-1], day)
    if chosen.record:
        record(outcomes, day)
    return 1 if any(outcome.unexplained or outcome.stale for outcome in outcomes) else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
