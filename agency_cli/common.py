"""What all commands of an agency share: their session, and the spelling of people's input."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from client.inputs import Duration
from client.passphrase import source
from client.session import Session
from console import frame
from console.i18n import N_
from protocol.errors import Denied

PACK_AGE = "24h"  # ``client.pack.MAX_PACK_AGE_S``
MOST_PACK_AGE_S = 30 * 86_400
Command = TypeVar("Command", bound=Callable[..., Any])


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


def max_pack_age_option(command: Command) -> Command:
    """Add ``--max-pack-age``, in seconds, to a command that judges without a network."""
    return click.option(
        "--max-pack-age",
        type=Duration(MOST_PACK_AGE_S),
        default=PACK_AGE,
        show_default=True,
        help=N_("Without a network, refuse facts older than this."),
    )(command)


def require_registered(found: Session) -> None:
    """Refuse a command that needs a published key card before there is one."""
    if not found.party.opened:
        raise Denied(
            "agency_not_registered", "the agency of profile {name} has no published key card", name=found.profile.name
        )
