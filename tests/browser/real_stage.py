"""A chain, a vault, an agency that issues and reads, and a citizen with a licence: real programs, for a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from scripts.demo.cast import BUREAU, DRIVING, POLICE
from scripts.demo.openings import SCENARIOS, admit, issue, open_dossier
from scripts.demo.teller import Teller, base_env
from scripts.processes import Child, Children, free_port
from scripts.samples import papers
from scripts.stack import Stack
from scripts.window import SCENARIO, sample_item


@contextmanager
def real_stack(home: Path) -> Iterator[Stack]:
    """The system below ``home`` while it runs."""
    with Children(home / "logs") as children:
        found = Stack.at(home, free_port(), free_port(), children, base_env(str(home)))
        try:
            found.start()
            _furnish(Teller("en", found.env), found)
            yield found
        finally:
            found.lock_keys()


def _furnish(t: Teller, stack: Stack) -> None:
    work = stack.home / "samples"
    work.mkdir()
    t.together(partial(admit, t, POLICE, BUREAU), partial(open_dossier, t, stack.home, "alice", "person"))
    sample = papers()
    (work / "scan.pdf").write_bytes(sample.own_pdf)
    (work / "photo.jpg").write_bytes(sample.photo_jpg)
    t.together(
        partial(t.agency, BUREAU.profile, "scenario", "publish", str(SCENARIOS / f"{SCENARIO}.json")),
        partial(issue, t, work, POLICE, "alice", DRIVING),
    )
    sample_item(stack)


def showing(stack: Stack, picture: Path) -> Child:
    """The wallet, while it shows the licence; its code is in ``picture`` once this returns."""
    command = ["show", sample_item(stack), "--profile", "alice", "--no-confirm", "--once", "--png", str(picture)]
    child = stack.spawn("wallet", *command, log="show")
    child.wait_ready(picture.exists)
    return child
