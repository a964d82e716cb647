"""A process of this user that goes on when the command that started it has ended.

What it works with, keys among it, reaches it by its standard input as one line of JSON, and nowhere else: an argument
stands in the process list, the environment under ``/proc``, and a file on the disk.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

READY = b"ready"
# Where the agent's socket and the authorities of TLS lie, and which way leads out: what no order need repeat.
OUTSIDE = (
    "XDG_RUNTIME_DIR", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy",
)  # fmt: skip


def spawn(module: str, order: dict[str, Any], *, keep: Collection[str] = (), handles: Sequence[int] = ()) -> int | None:
    """Start ``module``, give it ``order``, and wait until it says ``ready``: its process id; None if it did not start.

    It has a session of its own, so that a closed terminal does not end it, and of the environment ``PATH`` and the
    names in ``keep`` alone. ``handles``: descriptors that it takes over, under the same numbers.
    """
    kept = {name: os.environ[name] for name in keep if name in os.environ}
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
        pass_fds=handles,
        env={**kept, "PYTHONPATH": str(Path(__file__).resolve().parent.parent), "PATH": os.environ.get("PATH", "")},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdout:
        with contextlib.suppress(BrokenPipeError), process.stdin:
            process.stdin.write(json.dumps(order).encode("utf-8") + b"\n")
        said = process.stdout.readline().strip()
    if said != READY:
        process.wait()
        return None
    process.returncode = 0  # it lives on by itself: nobody waits for it, and that is no leak
    return process.pid
