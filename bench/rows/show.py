"""Row h: from the start of ``wallet show`` to a code on the screen, cold and warm.

Cold: the profile is locked, so that the passphrase is stretched (scrypt, 64 MiB) and the keys are opened. Warm: the
profile's agent keeps them. In both, everything is a new process in a terminal, opens the item, speaks with the vault
and signs the code. The floor beside them is a Python that starts and does nothing.
"""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from bench.harness import interleave
from bench.local_chain import LocalChain, local_chain
from bench.profiling import of_file
from bench.programs import LICENCE, NAME, Programs, write_rows
from bench.results import Outcome, values_goal
from bench.vaults import vault_process
from scripts.processes import program

PROFILE, ISSUER = "sample", "labour"
WAIT_S = 30.0
DRAWN = "▄".encode()
GOAL_COLD_S, GOAL_WARM_S = 1.0, 0.4
COLD, WARM, FLOOR = "cold: locked", "warm: unlocked", "Python alone"


def run(*, quick: bool) -> Outcome:
    rounds = 3 if quick else 25
    with local_chain() as chain, vault_process(chain) as (settings, _):
        programs = Programs.of(chain, settings)
        item = claimed_item(chain, programs)
        show = [program("wallet"), "show", item, "--no-confirm", "--profile", PROFILE, "--lang", "en"]

        def cold() -> float:
            programs.run("wallet", "lock", "--profile", PROFILE)
            return until_drawn(show, programs.env)

        def warm() -> float:
            programs.run("wallet", "unlock", "--for", "1h", "--profile", PROFILE)
            return until_drawn(show, programs.env)

        trials: dict[str, Callable[[], float]] = {COLD: cold, WARM: warm, FLOOR: lambda: _floor(programs.env)}
        found = interleave(trials, rounds=rounds, warm_up=1)
        programs.run("wallet", "lock", "--profile", PROFILE)
    return Outcome(
        unit="seconds",
        series=tuple(found.values()),
        goals=(
            values_goal("cold to a code", found[COLD].rounds, GOAL_COLD_S, at_most=True, unit=" s"),
            values_goal("warm to a code", found[WARM].rounds, GOAL_WARM_S, at_most=True, unit=" s"),
        ),
        ours=(COLD, WARM),
    )


def profile() -> tuple[str, ...]:
    """A warm run of the whole program, imports included."""
    with local_chain() as chain, vault_process(chain) as (settings, _):
        programs = Programs.of(chain, settings)
        item, target = claimed_item(chain, programs), chain.folder / "profile"
        programs.run("wallet", "unlock", "--for", "1h", "--profile", PROFILE)
        command = [sys.executable, "-m", "cProfile", "-o", str(target), program("wallet"), "show", item]
        until_drawn([*command, "--no-confirm", "--profile", PROFILE, "--lang", "en"], programs.env)
        programs.run("wallet", "lock", "--profile", PROFILE)
        return of_file(target)


def claimed_item(chain: LocalChain, programs: Programs) -> str:
    """A wallet with one credential that it has claimed; the item's id."""
    phrase = str(chain.folder / "phrase")
    programs.run("wallet", "init", "--phrase-file", phrase, "--yes", "--profile", PROFILE)
    programs.issuer(ISSUER)
    token = programs.run("wallet", "card", "--for", NAME, "--profile", PROFILE)["card_token"]
    rows = write_rows(chain.folder / "one.jsonl", [_row(token)])
    done = programs.run("agency", "issue-batch", str(rows), "--type", LICENCE, "--profile", ISSUER)
    assert done["issued"] == 1, done
    programs.run("wallet", "sync", "--profile", PROFILE)
    items = programs.run("wallet", "items", "--profile", PROFILE)
    rows_of = items if isinstance(items, list) else items["items"]
    return str(next(row["item"] for row in rows_of if row.get("kind") != "own"))


def _row(token: str) -> dict[str, object]:
    return {
        "to": token,
        "number": "SAMPLE2026000017",
        "holder": {"name": "Sample", "identity_type": "other", "identity_number": "0"},
        "insured_region": "Sample",
        "insurance_kinds": "pension",
        "insured_since": "2015-07-01",
        "months_paid": 136,
        "contribution_base": 812300,
        "employer_name": "Sample Ltd",
        "insured_status": "insured",
        "paid_last_12_months": True,
    }


def until_drawn(command: Sequence[str], env: dict[str, str]) -> float:
    """Seconds until the program has drawn a code in its terminal; it is interrupted then and ends."""
    master, slave = pty.openpty()
    start = time.perf_counter()
    process = subprocess.Popen(
        command, env={**env, "TERM": "xterm", "COLUMNS": "120", "LINES": "60"}, stdin=slave, stdout=slave, stderr=slave,
        start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    try:
        _await(master, process)
        took = time.perf_counter() - start
        os.killpg(process.pid, signal.SIGINT)
        _drain(master)
        process.wait(WAIT_S)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        os.close(master)
    return took


def _await(master: int, process: subprocess.Popen[bytes]) -> None:
    seen, until = b"", time.monotonic() + WAIT_S
    while DRAWN not in seen:
        ready, _, _ = select.select([master], [], [], 0.5)
        if ready:
            seen += _read(master)
        if (not ready and process.poll() is not None) or time.monotonic() > until:
            raise RuntimeError(f"no code was drawn: {seen[-500:].decode('utf-8', 'replace')}")


def _drain(master: int) -> None:
    while _read(master):
        pass


def _read(master: int) -> bytes:
    try:
        return os.read(master, 65536)
    except OSError:
        return b""  # the program has closed its terminal


def _floor(env: dict[str, str]) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], env=env, check=True)
    return time.perf_counter() - start
