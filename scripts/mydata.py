"""Open the page of a sample citizen's wallet on a local chain, until Ctrl-C: ``make mydata``.

Chain, vault and sample data are those of ``make up``, below the same folder; ``make up`` must not run beside it.
"""

from __future__ import annotations

import argparse

from scripts.processes import listening
from scripts.stack import Stack
from scripts.up import Announce, add_options, stay_up

PORT = 8442
ALICE = ("--profile", "alice")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser)
    parser.add_argument("--page-port", type=int, default=PORT)
    chosen = parser.parse_args()
    return stay_up(chosen, opening(chosen.page_port))


def opening(port: int) -> Announce:
    """What starts the page on ``port`` and says how to come in."""

    def announce(stack: Stack) -> None:
        stack.call("wallet", "sync", *ALICE)
        link = start_page(stack, port)
        print(f"\nMy data, of the sample wallet alice. Open this link, once:\n\n  {link}\n")
        print(f"After a while without you the page locks; the passphrase is in {stack.env['ONEFILE_PASSPHRASE_FILE']}")
        print("Ctrl-C stops all of it; the state is kept.", flush=True)

    return announce


def start_page(stack: Stack, port: int) -> str:
    """The page as a child of the stack, and its start link."""
    log = stack.children.logs / "mydata.log"
    log.unlink(missing_ok=True)  # it is read for the link of this start
    child = stack.spawn("wallet", "web", "--no-open", "--port", str(port), *ALICE, log="mydata")
    child.wait_ready(lambda: listening(port))
    return child.log.read_text().split()[0]


if __name__ == "__main__":
    raise SystemExit(main())
