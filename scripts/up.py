"""Start chain and vault with sample agencies and two sample wallets, until Ctrl-C: ``make up``.

State lies below ``ONEFILE_HOME`` (``.onefile/``) and survives a restart; what is already there is not made again. A
first start that was broken off while it made the sample data is begun anew by the next one.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from scripts.demo.cast import BANK, BUREAU, DEPARTMENTS, DRIVING, INSURANCE, LABOUR, POLICE
from scripts.demo.openings import admit, admit_bank, issue
from scripts.demo.teller import StoryError, Teller, base_env
from scripts.processes import ROOT, Children, NotReadyError, listening
from scripts.samples import made_pdf, papers
from scripts.stack import Stack

HOME = ROOT / ".onefile"
CHAIN_PORT, VAULT_PORT = 8545, 8440
MADE, BEGUN, HELD = "sample-data-made", "sample-data-begun", "up.lock"
# All that a first start makes below its home; nothing else is ever removed.
FIRST_START = ("chain", "deployment.json", "vault", "wallets", "agencies", "samples", "tool.key", "*.phrase")
# What every program takes for granted where its environment says nothing.
USUAL = {
    "ONEFILE_HOME": str(HOME),
    "ONEFILE_RPC_URL": f"http://127.0.0.1:{CHAIN_PORT}",
    "ONEFILE_VAULT_URL": f"http://127.0.0.1:{VAULT_PORT}",
    "ONEFILE_PASSPHRASE_FILE": "",
}
Announce = Callable[[Stack], None]
Make = Callable[[Path, int, int, Children, dict[str, str]], Stack]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser)
    return stay_up(parser.parse_args(), print_next)


def add_options(parser: argparse.ArgumentParser, *, below: str = "") -> None:
    """Where the state lies (``below`` the programs' own home) and who listens where."""
    home = Path(os.environ.get("ONEFILE_HOME") or HOME) / below
    told = f"folder of all state [ONEFILE_HOME{below and '/' + below}]"
    parser.add_argument("--home", type=Path, default=home, help=told)
    parser.add_argument("--chain-port", type=int, default=CHAIN_PORT)
    parser.add_argument("--vault-port", type=int, default=VAULT_PORT)


def stay_up(chosen: argparse.Namespace, announce: Announce, make: Make = Stack.at) -> int:
    """The system below ``chosen.home`` until Ctrl-C; ``announce`` says, once it is ready, what to do with it."""
    for port in (chosen.chain_port, chosen.vault_port):
        if listening(port):
            print(f"up: something already listens on 127.0.0.1:{port}; stop it first", file=sys.stderr)
            return 1
    stopped, started = threading.Event(), threading.Event()

    def stop(*_: object) -> None:
        before = stopped.is_set()
        stopped.set()
        if not (before or started.is_set()):
            raise KeyboardInterrupt  # whatever the first start is waiting for

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    home = chosen.home.absolute()
    with held(home) as ours:
        if not ours:
            print(f"up: a system runs on {home} already; stop it first, or give --home", file=sys.stderr)
            return 1
        with Children(home / "logs") as children:
            stack = make(home, chosen.chain_port, chosen.vault_port, children, base_env(str(home)))
            try:
                return run(stack, started, stopped, announce)
            finally:
                stack.lock_keys()


@contextlib.contextmanager
def held(home: Path) -> Iterator[bool]:
    """Whether the home is ours until the end; no other start may find what a first one has only begun."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (home / HELD).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def run(stack: Stack, started: threading.Event, stopped: threading.Event, announce: Announce) -> int:
    """Start, make what is missing, and wait until ``stopped``."""
    try:
        begin(stack.home)
        print("starting chain and vault …", file=sys.stderr)
        stack.start()
        if not (stack.home / MADE).exists():
            make_samples(stack)
        announce(stack)
        started.set()
    except (NotReadyError, StoryError) as error:
        print(f"up: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("up: stopped before it was ready; the next start takes care of it", file=sys.stderr)
        return 0
    while not stopped.wait(1.0):
        if any(child.process.poll() is not None for child in stack.children.running):
            print(f"up: a program ended; see {stack.home / 'logs'}", file=sys.stderr)
            return 1
    print("up: stopped; the state is kept", file=sys.stderr)
    return 0


def begin(home: Path) -> None:
    """Remember a first start until it is through; what a broken one left is removed."""
    begun = home / BEGUN
    if begun.exists() and not (home / MADE).exists():
        print("the first start was broken off; beginning anew", file=sys.stderr)
        for left in (path for name in FIRST_START for path in home.glob(name)):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
    elif not (home / "chain").exists():
        begun.touch()


def make_samples(stack: Stack) -> None:
    """Agencies, a scenario, a citizen with two licences, and a bank with a dossier of its own, once."""
    t = Teller("en", stack.env)
    work = stack.home / "samples"
    work.mkdir(exist_ok=True)
    admit(t, *DEPARTMENTS, BUREAU)
    admit_bank(t)
    for profile, kind in (("alice", "person"), ("bank", "enterprise")):
        t.wallet(profile, "init", "--kind", kind, "--phrase-file", str(stack.home / f"{profile}.phrase"), "--yes")
    found = papers()
    (work / "scan.pdf").write_bytes(found.scan_pdf)
    (work / "photo.jpg").write_bytes(found.photo_jpg)
    (work / "proof.pdf").write_bytes(made_pdf("SAMPLE proof of social insurance", pages=1))
    issue(t, work, POLICE, "alice", DRIVING)
    issue(t, work, LABOUR, "alice", INSURANCE)
    t.check(t.told == t.held, "the sample scenario could not be published")
    (stack.home / MADE).touch()
    (stack.home / BEGUN).unlink(missing_ok=True)


def next_commands(stack: Stack) -> list[str]:
    """The commands that ``make up`` suggests; a test runs them."""
    return [
        *(f"export {name}={stack.env[name]}" for name, usual in USUAL.items() if stack.env[name] != usual),
        ".venv/bin/wallet sync --profile alice",
        ".venv/bin/wallet items --profile alice",
        ".venv/bin/wallet scenarios --profile alice",
        f".venv/bin/agency grants --profile {BANK.profile}",
        ".venv/bin/chain status",
    ]


def print_next(stack: Stack) -> None:
    print(f"\nchain at {stack.env['ONEFILE_RPC_URL']}, vault at {stack.origin} (interface: {stack.origin}/docs)")
    print("Sample profiles: --profile alice, --profile bank. In another terminal, from this folder:\n")
    for command in next_commands(stack):
        print(f"  {command}")
    print("\nCtrl-C stops all of it; the state is kept.", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
