"""Open the service window's page with sample data on a local chain, until Ctrl-C: ``make window``.

Chain, vault and sample data are those of ``make up``, below the same folder; ``make up`` must not run beside it.
"""

from __future__ import annotations

import argparse
import json

from scripts.demo.cast import DRIVING, POLICE
from scripts.processes import listening
from scripts.stack import Stack
from scripts.up import USUAL, Announce, add_options, stay_up

PORT = 8441
SCENARIO = "window-driving"
DESK = "3"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser)
    parser.add_argument("--window-port", type=int, default=PORT)
    chosen = parser.parse_args()
    return stay_up(chosen, opening(chosen.window_port))


def opening(port: int) -> Announce:
    """What starts the window on ``port`` and says how to come in."""

    def announce(stack: Stack) -> None:
        item = sample_item(stack)
        link = start_window(stack, port)
        print(
            f"\nThe service window of the sample agency {POLICE.name}, desk {DESK}. Open this link, once:\n\n  {link}\n"
        )
        print("Show it something, in another terminal, from this folder:\n")
        for command in next_commands(stack, item):
            print(f"  {command}")
        print("\nrequest.png is a screenshot of the page after “Show our request”.")
        print("Ctrl-C stops all of it; the state is kept.", flush=True)

    return announce


def start_window(stack: Stack, port: int) -> str:
    """The window as a child of the stack, and its start link."""
    command = ["window", "--scenario", SCENARIO, "--desk", DESK, "--port", str(port), "--profile", POLICE.profile]
    log = stack.children.logs / "window.log"
    log.unlink(missing_ok=True)  # it is read for the link of this start
    child = stack.spawn("agency", *command, log="window")
    child.wait_ready(lambda: listening(port))
    return child.log.read_text().split()[0]


def sample_item(stack: Stack) -> str:
    """The sample citizen's driving licence, fetched and claimed."""
    alice = ("--profile", "alice")
    stack.call("wallet", "sync", *alice)
    items = json.loads(stack.call("wallet", "items", *alice))["items"]
    found = next(item for item in items if item["kind"] == DRIVING.kind)
    if not found["claimed"]:
        stack.call("wallet", "claim", found["item"], *alice)
    return str(found["item"])


def next_commands(stack: Stack, item: str) -> list[str]:
    """The commands that ``make window`` suggests."""
    return [
        *(f"export {name}={stack.env[name]}" for name, usual in USUAL.items() if stack.env[name] != usual),
        f".venv/bin/wallet show {item} --profile alice --no-confirm --png code.png",
        ".venv/bin/wallet scan request.png --profile alice",
    ]


if __name__ == "__main__":
    raise SystemExit(main())
