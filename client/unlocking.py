"""``unlock`` and ``lock``, the same two commands for a holder's program and an agency's."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import click

from client import agent
from client.agent_main import MAX_FOR_S
from client.inputs import Duration, span
from client.keystore import read_keys
from client.passphrase import passphrase_options
from client.profile import Profile
from client.session import Session
from console import output
from console.frame import Command
from console.i18n import N_, _

Sessions = Callable[..., AbstractContextManager[Session]]

unlock_option = click.option(
    "--unlock",
    "unlock_s",
    type=Duration(MAX_FOR_S),
    help=N_("Keep the keys open for so long, as the command unlock does."),
)


def keep_open(found: Session, unlock_s: int | None) -> None:
    """What ``unlock_option`` asks for: an agent with the keys that this command has made."""
    if unlock_s is not None:
        agent.start(found.profile, found.keys, unlock_s)


def commands(
    sessions: Sessions, forget: Callable[[Profile], None] = lambda _profile: None
) -> tuple[click.Command, click.Command]:
    """The two commands over the sessions of one program; ``sessions`` must serve who has no profile yet.

    ``forget``: what else ``lock`` ends, because it has keys.
    """

    @click.command(
        cls=Command,
        help=N_("Open the key store once and keep the keys in an agent process of this user, until the time is over."),
    )
    @click.option(
        "--for", "seconds", type=Duration(MAX_FOR_S), default="15m", show_default=True, help=N_("For how long.")
    )
    @click.option("--status", is_flag=True, help=N_("Only say whether the keys are open, and for how long."))
    @passphrase_options
    def unlock(seconds: int, status: bool, passphrase_file: Path | None, passphrase_fd: int | None) -> None:
        with sessions(passphrase_file, passphrase_fd) as found:
            found.profile.load()  # refuses a profile that is not there
            if not status:
                agent.start(found.profile, read_keys(found.profile.key_file, found.passphrase.get()), seconds)
            _tell_state(agent.left_s(found.profile))

    @click.command(cls=Command, help=N_("Make the agent forget the keys at once."))
    def lock() -> None:
        with sessions() as found:
            was_open = agent.lock(found.profile)
            forget(found.profile)
            output.emit({"unlocked": False, "was_unlocked": was_open}, lambda: output.line(_("locked")))

    return unlock, lock


def _tell_state(left_s: int | None) -> None:
    text = _("locked") if left_s is None else _("open for another {time}").format(time=span(left_s))
    output.emit({"unlocked": left_s is not None, "left_s": left_s}, lambda: output.line(text))
