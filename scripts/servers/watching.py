"""A server never outlives the program that started it, however that program ends."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# It reads from a pipe whose other end only we hold: the end of us, also by SIGKILL, is the end of the pipe.
_WATCH = 'read -r _; kill -"$1" "$2"; shift 2; sleep 1; rm -rf -- "$@"'


@contextmanager
def ended_with_us(pid: int, how: signal.Signals, *left: Path) -> Iterator[None]:
    """Inside, if this process dies, ``pid`` is sent ``how`` and what is ``left`` removed; afterwards nothing is."""
    command = ["/bin/sh", "-c", _WATCH, "watch", str(int(how)), str(pid), *map(str, left)]
    watcher = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield
    finally:
        watcher.kill()
        watcher.communicate()
