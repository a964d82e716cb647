"""``wallet unlock`` and ``wallet lock``."""

from __future__ import annotations

from pathlib import Path

import click

from client import agent
from client.keystore import read_keys
from client.passphrase import passphrase_options
from console import output
from console.frame import Command
from console.i18n import N_, _
from wallet_cli.common import Duration, session, span


@click.command(
    cls=Command,
    help=N_("Open the key store once and keep the keys in an agent process of this user, until the time is over."),
)
@click.option("--for", "seconds", type=Duration(), default="15m", show_default=True, help=N_("For how long."))
@click.option("--status", is_flag=True, help=N_("Only say whether the keys are open, and for how long."))
@passphrase_options
def unlock(seconds: int, status: bool, passphrase_file: Path | None, passphrase_fd: int | None) -> None:
    with session(passphrase_file, passphrase_fd) as found:
        if not status:
            agent.start(found.profile, read_keys(found.profile.key_file, found.passphrase.get()), seconds)
        left = agent.left_s(found.profile)
        text = _("locked") if left is None else _("open for another {time}").format(time=span(left))
        output.emit({"unlocked": left is not None, "left_s": left}, lambda: output.line(text))


@click.command(cls=Command, help=N_("Make the agent forget the keys at once."))
def lock() -> None:
    with session(anybody=True) as found:
        was_open = agent.lock(found.profile)
        output.emit({"unlocked": False, "was_unlocked": was_open}, lambda: output.line(_("locked")))
