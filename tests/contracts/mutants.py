"""Puts `true` and `false` in the place of each condition of contracts/src and of each of its parts, moves each limit by
one, takes each modifier away, and says which of these contracts the forge tests take for the true ones.

    python -m tests.contracts.mutants [PATTERN]      only mutants whose description matches

Run by hand (some 15 minutes): branch coverage as forge counts it knows nothing of `&&`, `||` and `? :`.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.contracts.evm import PROJECT
from tools.forge import forge

HOME = PROJECT / ".cache" / "conditions"
SOURCES = PROJECT / "contracts" / "src"
SETTINGS = {"FOUNDRY_PROFILE": "coverage", "FOUNDRY_CONFIG": str(HOME / "foundry.toml")}
SETTINGS |= {"FOUNDRY_OPTIMIZER": "false", "FOUNDRY_FUZZ_RUNS": "64", "FOUNDRY_INVARIANT_RUNS": "3"}
# The tests of each source: what some of them notice, all of them would.
TESTS = {
    "AgencyRegistry.sol": "AgencyRegistry|KeyCards",
    "ArchiveLog.sol": "ArchiveLog|Succession",
    "DossierRegistry.sol": "DossierRegistry|Attestations",
    "GrantRegistry.sol": "GrantRegistry",
    "KeyCards.sol": "KeyCards|DossierRegistry",
    "Origins.sol": "ArchiveLogTest",
    "Periods.sol": "AgencyRegistry",
    "Rfc9162.sol": "Rfc9162|LargeTrees",
    "SignedMessages.sol": "DossierRegistry|Attestations",
    "Succession.sol": "Succession",
}
_NOT_COMPILED = "does not compile"
_HEADS = re.compile(r"\b(?:if|while) \(|\bbool good = |\breturn (?=[^;]*(?:&&|\|\||==|<|>))|(?<== )(?=fn == 0 \?)")
_MODIFIERS = re.compile(r"(?<=\s)(onlyOwner|onlyKnown\(agency\)|onlyLogOwner\(\w+\))(?=\s)")


@dataclass(frozen=True)
class Mutant:
    path: Path
    start: int
    end: int
    text: str

    def __str__(self) -> str:
        source = self.path.read_text(encoding="utf-8")
        line = source[: self.start].count("\n") + 1
        return f"{self.path.relative_to(SOURCES)}:{line}: {source[self.start : self.end]} -> {self.text or '(gone)'}"

    def mutated(self) -> str:
        source = self.path.read_text(encoding="utf-8")
        return source[: self.start] + self.text + source[self.end :]


def mutants() -> Iterator[Mutant]:
    for path in sorted(SOURCES.rglob("*.sol")):
        if path.parent.name == "interfaces":
            continue
        source = path.read_text(encoding="utf-8")
        for found in _MODIFIERS.finditer(source):
            if source.rfind("function ", 0, found.start()) > source.rfind("modifier ", 0, found.start()):
                yield Mutant(path, found.start(), found.end(), "")
        for head in _HEADS.finditer(source):
            endless = head[0].startswith("while")
            for start, end in _parts(source, head.end(), _end(source, head.end())):
                for other in _others(source[start:end], endless=endless):
                    yield Mutant(path, start, end, other)


def _end(source: str, at: int) -> int:
    """Where the expression ends that begins at `at`: at `;`, `?` or the bracket that closes what holds it."""
    depth = 0
    for i in range(at, len(source)):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(source[i], 0)
        if depth < 0 or (depth == 0 and source[i] in ";?"):
            return i
    raise ValueError(f"no end of the expression at {at}")


def _parts(source: str, start: int, end: int) -> list[tuple[int, int]]:
    """The expression and, if it is one of `&&` or `||`, its operands, down to what has none."""
    while source[end - 1].isspace():
        end -= 1
    inner = (start + 1, end - 1) if source[start] == "(" and _end(source, start + 1) == end - 1 else (start, end)
    cuts, depth = [inner[0]], 0
    for i in range(*inner):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(source[i], 0)
        if depth == 0 and source[i : i + 2] in {"&&", "||"}:
            cuts += [i, i + 2]
    cuts.append(inner[1])
    found = [(start, end)]
    if len(cuts) > 2:
        for left, right in zip(cuts[::2], cuts[1::2], strict=True):
            word = source[left:right]
            found += _parts(source, left + len(word) - len(word.lstrip()), left + len(word.rstrip()))
    return found


def _others(part: str, *, endless: bool) -> Iterator[str]:
    """What a condition is replaced by: never, always, and a limit that is off by one."""
    yield "false"
    if not endless:
        yield "true"
    if "&&" not in part and "||" not in part:
        for limit, other in ((" <= ", " < "), (" >= ", " > "), (" < ", " <= "), (" > ", " >= ")):
            if limit in part:
                yield part.replace(limit, other)


def prepare() -> None:
    shutil.rmtree(HOME, ignore_errors=True)
    shutil.copytree(SOURCES, HOME / "contracts" / "src")
    for folder in ("forge", "solidity"):
        shutil.copytree(PROJECT / "tests/contracts" / folder, HOME / "tests/contracts" / folder)
    shutil.copy(PROJECT / "contracts/foundry.toml", HOME / "foundry.toml")
    for shared in ("node_modules", "tools"):
        (HOME / shared).symlink_to(PROJECT / shared)


def verdict(tests: str) -> str:
    """The first test that notices; nobody; or that there is nothing to notice, as it does not compile."""
    done = forge(["test", "--json", "--fail-fast", "--match-contract", tests], SETTINGS, root=HOME)
    try:
        suites = json.loads(done.stdout)
    except ValueError:
        return _NOT_COMPILED
    for suite in suites.values():
        for test, result in suite["test_results"].items():
            if result["status"] == "Failure":
                return str(test).split("(")[0]
    return ""


def main(pattern: str = "") -> int:
    prepare()
    if unmutated := verdict("Test|Invariants"):
        raise SystemExit(f"the tests fail on the true contracts: {unmutated}")
    survivors = 0
    for mutant in mutants():
        if not re.search(pattern, str(mutant)):
            continue
        place = HOME / "contracts" / "src" / mutant.path.relative_to(SOURCES)
        place.write_text(mutant.mutated(), encoding="utf-8")
        by = verdict(TESTS[place.name])
        place.write_text(mutant.path.read_text(encoding="utf-8"), encoding="utf-8")
        survivors += not by
        print(f"{'killed' if by else 'SURVIVED'}  {mutant}  by {by or 'nobody'}", flush=True)
    print(f"{survivors} survived")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
