"""Who acts for the agency, as a receipt says it: a class that a grant may ask for, and a reference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from client.inputs import OfficerClass, Words
from client.session import Session
from console.i18n import N_
from protocol.receipts import MAX_REF, Officer

DEFAULT_CLASS = "officer"
Command = TypeVar("Command", bound=Callable[..., Any])


def officer_options(command: Command) -> Command:
    """Add ``--officer-class`` and ``--officer-ref`` to a command."""
    command = click.option(
        "--officer-ref",
        type=Words(MAX_REF),
        envvar="ONEFILE_OFFICER_REF",
        help=N_("A reference to who acts, which only this agency resolves (default: the profile)."),
    )(command)
    return click.option(
        "--officer-class",
        type=OfficerClass(),
        default=DEFAULT_CLASS,
        envvar="ONEFILE_OFFICER_CLASS",
        show_default=True,
        help=N_("The class of who acts; a grant may ask for one."),
    )(command)


def officer_of(session: Session, options: dict[str, Any]) -> Officer:
    """The officer that the options name."""
    return Officer(options["officer_class"], options["officer_ref"] or session.profile.name)
