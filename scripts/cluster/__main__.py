"""Start chain, PostgreSQL, S3 and a vault of several processes with sample data, until Ctrl-C: ``make up-cluster``.

What ``make up`` does in one process is here done by two API processes, two workers, a sequencer and a publisher
(``scripts/cluster/table.py``). State lies below ``ONEFILE_HOME/cluster`` (``.onefile/cluster``) and survives a restart.
"""

from __future__ import annotations

import argparse
import signal

from scripts.cluster.stack import ClusterStack, forget_servers, servers
from scripts.stack import Stack
from scripts.up import BEGUN, MADE, add_options, print_next, stay_up

HOME = "cluster"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser, below=HOME)
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the servers are ended, too
    home = chosen.home.absolute()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (home / BEGUN).exists() and not (home / MADE).exists():
        forget_servers(home)
    try:
        with servers(home) as stores:
            return stay_up(chosen, announce, ClusterStack.on(stores))
    except KeyboardInterrupt:
        return 0


def announce(stack: Stack) -> None:
    """What ``make up`` says, after the processes of the vault."""
    print("\nThe vault's processes, by their id (logs in", f"{stack.children.logs}):\n")
    for child in stack.children.running:
        print(f"  {child.process.pid:>8}  {child.name}")
    print_next(stack)


if __name__ == "__main__":
    raise SystemExit(main())
