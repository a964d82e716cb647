"""Tells the story: runs the real programs, checks what they answered, prints each step with what it proves."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from scripts.processes import ROOT, program

TIMEOUT_S = 120
LANES = 3  # programs at a time: most of each one's time is its start


class StoryError(Exception):
    """A step did not prove what it should."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a program answered."""

    command: str
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        try:
            return json.loads(self.out)
        except ValueError:
            raise StoryError(f"{self.command}: no JSON on stdout\n{self.out[:500]}\n{self.err[-1500:]}") from None

    @property
    def problem(self) -> str:
        """The error's code, from the JSON on stderr."""
        for line in reversed(self.err.splitlines()):
            if line.startswith("{"):
                return str(json.loads(line).get("error", {}).get("code", ""))
        return ""


@dataclass(slots=True)
class Teller:
    """One telling in one language (``zh`` or ``en``)."""

    language: str
    env: dict[str, str]
    told: int = 0
    held: int = 0
    failures: list[str] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def say(self, zh: str, en: str) -> None:
        """A line of talk, on stdout since it is the demonstration's data."""
        sys.stdout.write((zh if self.language == "zh" else en) + "\n")
        sys.stdout.flush()

    @contextmanager
    def step(self, zh: str, en: str) -> Iterator[None]:
        """One step: its title first, then whatever it proves; counted as ok if nothing was raised."""
        self.told += 1
        self.say(f"\n[{self.told:2}] {zh}", f"\n[{self.told:2}] {en}")
        try:
            yield
        except (StoryError, LookupError, TypeError) as error:
            self.say(f"     失败：{told(error)}", f"     FAILED: {told(error)}")
            self.failures.append(f"[{self.told:2}] {told(error)}")
        else:
            self.held += 1

    def together(self, *works: Callable[[], object]) -> None:
        """Do independent parts of a step side by side; the first failure is the step's."""
        with ThreadPoolExecutor(LANES) as pool:
            for done in [pool.submit(work) for work in works]:
                done.result()

    def proves(self, zh: str, en: str) -> None:
        self.say(f"     ✓ {zh}", f"     ✓ {en}")

    def run(self, name: str, *arguments: str, expect: int = 0, stdin: bytes | None = None) -> Outcome:
        """Run one of our programs with ``--json``; its exit code must be ``expect``."""
        shown = shlex.join([name, *(a.replace(f"{ROOT}/", "") for a in arguments)])
        sys.stdout.write(f"     $ {shown}\n")
        sys.stdout.flush()
        command = [program(name), *arguments, "--json", "--lang", "en"]
        done = subprocess.run(
            command, env=self.env, cwd=ROOT, input=stdin, stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True, timeout=TIMEOUT_S, check=False,
        )  # fmt: skip
        outcome = Outcome(shown, done.returncode, done.stdout.decode(), done.stderr.decode())
        if done.returncode != expect:
            raise StoryError(
                f"{shown}: exit {done.returncode}, expected {expect}\n{outcome.out[-800:]}{outcome.err[-1500:]}"
            )
        return outcome

    def wallet(self, profile: str, *arguments: str, expect: int = 0) -> Outcome:
        return self.run("wallet", *arguments, "--profile", profile, expect=expect)

    def agency(self, profile: str, *arguments: str, expect: int = 0) -> Outcome:
        return self.run("agency", *arguments, "--profile", profile, expect=expect)

    def check(self, holds: bool, what: str) -> None:
        if not holds:
            raise StoryError(what)

    def end(self) -> int:
        seconds = time.monotonic() - self.started
        self.say(f"\n用时 {seconds:.0f} 秒", f"\n{seconds:.0f} s")
        for failure in self.failures:  # again at the end: the first one often explains the others
            self.say(f"失败 {failure}", f"FAILED {failure}")
        sys.stdout.write(f"demo: {self.told} steps, {self.held} ok\n")
        return 0 if self.told == self.held else 1


def told(error: Exception) -> str:
    """What a failed step says of itself."""
    return str(error) if isinstance(error, StoryError) else repr(error)


def base_env(home: str, **more: str) -> dict[str, str]:
    """The environment of all programs of one system."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("ONEFILE_")}
    return {**kept, "ONEFILE_HOME": home, "NO_COLOR": "1", **more}
