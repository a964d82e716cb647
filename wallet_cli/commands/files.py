"""Small files that people hand each other: read with a limit, written with ``--out FILE`` or ``-``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from client.files import read_bounded, write_private
from client.session import output_path
from console import output
from console.i18n import N_
from protocol.errors import Malformed

out_option: Callable[[Any], Any] = click.option(
    "--out", default="-", show_default=True, metavar="FILE", help=N_("Write to this new file; - is standard output.")
)


def read_file(path: Path, limit: int) -> bytes:
    """The file, or standard input for ``-``; ``Malformed`` beyond ``limit`` bytes."""
    if str(path) != "-":
        return read_bounded(path, limit=limit)
    raw = sys.stdin.buffer.read(limit + 1)
    if len(raw) > limit:
        raise Malformed("too_large", "{what}: at most {limit} bytes, got {got}", what="-", limit=limit, got=len(raw))
    return raw


def write_out(out: str, data: bytes) -> None:
    """Write to a new private file, or to standard output."""
    path = output_path(out)
    if path is None:
        output.binary_stdout().write(data)
        output.binary_stdout().flush()
    else:
        write_private(path, data, new=True)
