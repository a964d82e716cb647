"""``wallet pack`` and ``agency pack``: one command, over the session of whoever asks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import click

from client.passphrase import passphrase_options
from client.session import Session
from console import output
from console.frame import Command
from console.i18n import N_

Opened = Callable[[Path | None, int | None], AbstractContextManager[Session]]


def pack_command(session: Opened) -> click.Command:
    """The command of a program whose sessions ``session`` opens."""

    @click.command(
        "pack",
        cls=Command,
        help=N_(
            "update: gather the pack from chain and vault, for use without a network: agencies and their key cards, "
            "status lists, scenarios, anchored heads; this machine signs it. show: how old the one at hand is."
        ),
    )
    @click.argument("action", type=click.Choice(["update", "show"]))
    @passphrase_options
    def pack(action: str, passphrase_file: Path | None, passphrase_fd: int | None) -> None:
        from client.pack import MOST_PACK_AGE_S, pack_json, read_pack, update_pack
        from client.pack_view import draw_pack

        with session(passphrase_file, passphrase_fd) as found:
            now = found.clock.now()
            made = update_pack(found) if action == "update" else read_pack(found, MOST_PACK_AGE_S)
        output.emit(pack_json(made, now), lambda: draw_pack(made, now))

    return pack
