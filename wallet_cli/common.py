"""What all commands of the wallet share: their session, and the spelling of people's input."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from client.passphrase import passphrase_options, source
from client.session import Session
from console import frame
from console.i18n import _
from protocol.errors import Denied

Command = TypeVar("Command", bound=Callable[..., Any])
_DURATION = re.compile(r"(\d{1,6})(s|m|h|d)")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def keys_options(command: Command) -> Command:
    """The options of a command that opens the key store."""
    return passphrase_options(command)


@contextmanager
def session(passphrase_file: Path | None = None, passphrase_fd: int | None = None) -> Iterator[Session]:
    """The session of this command, closed at its end."""
    found = make_session(passphrase_file, passphrase_fd)
    try:
        yield found
    finally:
        found.close()


def make_session(passphrase_file: Path | None, passphrase_fd: int | None) -> Session:
    """The session for the profile that the common options name. Tests replace this function's result."""
    profile = frame.current().profile
    return Session.of("wallet", profile, passphrase=source(passphrase_file, passphrase_fd))


class Duration(click.ParamType[int]):
    """``15m``, ``7d``, ``90s``: a length of time, as seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        match = _DURATION.fullmatch(str(value))
        if match is None or int(match[1]) == 0:
            self.fail(_("{value} is no length of time; write 90s, 15m, 12h or 7d").format(value=value), param, ctx)
        return int(match[1]) * _UNITS[match[2]]


def require_open(found: Session) -> None:
    """Refuse a command that needs an open dossier before it is open."""
    if not found.party.opened:
        raise Denied("dossier_not_open", "the dossier of profile {name} is not open yet", name=found.profile.name)


def span(seconds: int) -> str:
    """A length of time for people: the largest two units."""
    parts = []
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or "0s"


def short(identifier: str, keep: int = 12) -> str:
    """The beginning of an id, enough to name it on the command line."""
    return identifier[:keep]
