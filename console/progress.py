"""A progress bar on standard error, only where a person is watching.

``with progress(_("Downloading"), total) as step: step(n_bytes)``. Without a terminal, under
``--json`` or with ``total`` 0 nothing is drawn, and ``rich`` is not imported.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

from console import frame

Step = Callable[[int], None]


def shown() -> bool:
    """Whether a bar would be drawn now."""
    return sys.stderr.isatty() and not frame.current().json


@contextlib.contextmanager
def progress(title: str, total: int | None, *, unit: str = "bytes") -> Iterator[Step]:
    """Give a function that advances the bar by so many units."""
    if not shown() or total == 0:
        yield lambda _n: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn

    count = DownloadColumn() if unit == "bytes" else MofNCompleteColumn()
    console = Console(stderr=True, no_color=frame.current().color is False or None)
    with Progress(TextColumn("{task.description}"), BarColumn(), count, console=console, transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda n: bar.advance(task, n)
