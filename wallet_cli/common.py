"""What all commands of the wallet share: their session, and the spelling of people's input."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, TypeVar

from client.inputs import Duration, span
from client.passphrase import passphrase_options, source
from client.session import Session
from console import frame, output
from console.i18n import _
from protocol.errors import Denied
from wallet_cli.services.wrapping_state import STATE_FILE

__all__ = ["Duration", "keys_options", "make_session", "midnight", "require_open", "session", "short", "span"]

Command = TypeVar("Command", bound=Callable[..., Any])


def keys_options(command: Command) -> Command:
    """The options of a command that opens the key store."""
    return passphrase_options(command)


@contextmanager
def session(
    passphrase_file: Path | None = None, passphrase_fd: int | None = None, *, anybody: bool = False
) -> Iterator[Session]:
    """The session of this command, closed at its end. ``anybody``: the command also serves who has no profile."""
    found = make_session(passphrase_file, passphrase_fd)
    try:
        if not anybody:
            _ = found.party  # refuses a profile that is not there, before anything is made in it
        yield found
        _go_on(found)
    finally:
        found.close()


def _go_on(found: Session) -> None:
    """Whatever command opens the keys goes on with a wrapping of headers that was broken off."""
    if found.keys_opened and (found.profile.folder / STATE_FILE).exists():
        from wallet_cli.services import wrapping

        if wrapping.go_on(found):
            output.say(_("Headers are still being wrapped: this goes on in the background."))


def make_session(passphrase_file: Path | None, passphrase_fd: int | None) -> Session:
    """The session for the profile that the common options name. Tests replace this function's result."""
    profile = frame.current().profile
    return Session.of("wallet", profile, passphrase=source(passphrase_file, passphrase_fd))


def require_open(found: Session) -> None:
    """Refuse a command that needs an open dossier before it is open."""
    if not found.party.opened:
        raise Denied("dossier_not_open", "the dossier of profile {name} is not open yet", name=found.profile.name)


def midnight(day: date | None, *, days: int = 0) -> int | None:
    """The first second of a day, or of the one that comes ``days`` later, by this machine's calendar."""
    return None if day is None else int(datetime.combine(day + timedelta(days=days), time()).timestamp())


def short(identifier: str, keep: int = 12) -> str:
    """The beginning of an id, enough to name it on the command line."""
    return identifier[:keep]
