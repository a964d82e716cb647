"""Start chain and vault with sample agencies and two sample wallets, until Ctrl-C: ``make up``.

State lies below ``.onefile/`` and survives a restart; what is already there is not made again.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from scripts.demo.cast import BANK, BUREAU, DEPARTMENTS, DRIVING, INSURANCE, LABOUR, POLICE
from scripts.demo.openings import admit, admit_bank, issue
from scripts.demo.teller import StoryError, Teller, base_env
from scripts.processes import ROOT, Children, NotReadyError, listening
from scripts.samples import made_pdf, papers
from scripts.stack import Stack

HOME = ROOT / ".onefile"
CHAIN_PORT, VAULT_PORT = 8545, 8440
MARK = "sample-data-made"
# What every program takes for granted where its environment says nothing.
USUAL = {
    "ONEFILE_HOME": str(HOME),
    "ONEFILE_RPC_URL": f"http://127.0.0.1:{CHAIN_PORT}",
    "ONEFILE_VAULT_URL": f"http://127.0.0.1:{VAULT_PORT}",
    "ONEFILE_PASSPHRASE_FILE": "",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=HOME, help="folder of all state")
    parser.add_argument("--chain-port", type=int, default=CHAIN_PORT)
    parser.add_argument("--vault-port", type=int, default=VAULT_PORT)
    chosen = parser.parse_args()
    for port in (chosen.chain_port, chosen.vault_port):
        if listening(port):
            print(f"up: something already listens on 127.0.0.1:{port}; stop it first", file=sys.stderr)
            return 1
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    home = chosen.home.absolute()
    with Children(home / "logs") as children:
        stack = Stack.at(home, chosen.chain_port, chosen.vault_port, children, base_env(str(home)))
        try:
            print("starting chain and vault …", file=sys.stderr)
            stack.start()
            make_samples(stack)
        except (NotReadyError, StoryError) as error:
            print(f"up: {error}", file=sys.stderr)
            return 1
        print_next(stack)
        while not stopped.wait(1.0):
            if any(child.process.poll() is not None for child in children.running):
                print(f"up: a program ended; see {home / 'logs'}", file=sys.stderr)
                return 1
    print("up: stopped; the state is kept", file=sys.stderr)
    return 0


def make_samples(stack: Stack) -> None:
    """Agencies, a scenario, a citizen with two licences, and a bank with a dossier of its own, once."""
    mark = stack.home / MARK
    if mark.exists():
        return
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
    mark.touch()


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
