"""Where a passphrase comes from: a terminal, a file, or a descriptor; never an argument.

An argument would stand in the process list and in the shell's history.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from console.i18n import N_, _
from protocol.errors import Denied, Malformed
from protocol.recipients import MAX_PASSPHRASE_BYTES, Passphrase

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class PassphraseSource:
    """What the options said; ``ask`` is how a person is asked (hidden input)."""

    file: Path | None = None
    descriptor: int | None = None

    def get(self, *, new: bool = False) -> Passphrase:
        """The passphrase; asked twice at the terminal if it is ``new``.

        ``Denied("no_passphrase")`` where nobody can be asked. A final line break of a file is not part of it.
        """
        if self.descriptor is not None:
            return _from_bytes(_read_descriptor(self.descriptor))
        if self.file is not None:
            with self.file.open("rb") as stream:
                return _from_bytes(stream.read(MAX_PASSPHRASE_BYTES + 3))
        if not sys.stdin.isatty():
            raise Denied("no_passphrase", "a passphrase is needed, and there is no terminal to ask at")
        text = click.prompt(_("Passphrase"), hide_input=True, confirmation_prompt=new, err=True)
        return Passphrase(str(text))


def passphrase_options(command: Command) -> Command:
    """Add ``--passphrase-file`` and ``--passphrase-fd`` to a command."""
    command = click.option(
        "--passphrase-file",
        type=click.Path(path_type=Path, dir_okay=False),
        help=N_("Read the passphrase from this file."),
    )(command)
    return click.option(
        "--passphrase-fd", type=click.IntRange(min=0), help=N_("Read the passphrase from this descriptor.")
    )(command)


def source(file: Path | None, descriptor: int | None, default_file: Path | None = None) -> PassphraseSource:
    """The source that the options name; two at once are refused."""
    if file is not None and descriptor is not None:
        raise click.UsageError(_("Give --passphrase-file or --passphrase-fd, not both."))
    return PassphraseSource(file if file or descriptor is not None else default_file, descriptor)


def _read_descriptor(descriptor: int) -> bytes:
    try:
        with os.fdopen(os.dup(descriptor), "rb") as stream:
            return stream.readline(MAX_PASSPHRASE_BYTES + 3)
    except OSError:
        raise Denied("no_passphrase", "the passphrase descriptor can't be read") from None


def _from_bytes(raw: bytes) -> Passphrase:
    line = raw.removesuffix(b"\n").removesuffix(b"\r")
    try:
        return Passphrase(line.decode("utf-8"))
    except UnicodeDecodeError:
        raise Malformed("passphrase", "the passphrase is not Unicode text") from None
