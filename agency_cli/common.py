"""What all commands of an agency share: their session, and the spelling of people's input."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from client.passphrase import source
from client.session import Session
from console import frame
from protocol.errors import Denied


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
    return Session.of("agency", frame.current().profile, passphrase=source(passphrase_file, passphrase_fd))


def require_registered(found: Session) -> None:
    """Refuse a command that needs a published key card before there is one."""
    if not found.party.opened:
        raise Denied(
            "agency_not_registered", "the agency of profile {name} has no published key card", name=found.profile.name
        )
