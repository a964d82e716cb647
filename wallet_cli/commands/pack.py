"""``wallet pack``: what is needed where there is no network."""

from __future__ import annotations

from pathlib import Path

import click

from client.passphrase import passphrase_options
from console import output
from console.frame import Command
from console.i18n import N_
from wallet_cli.common import session


@click.command(
    cls=Command,
    help=N_(
        "update: gather the pack from chain and vault, for use without a network: agencies and their key cards, status "
        "lists, scenarios, anchored heads; this machine signs it. show: how old the one at hand is."
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
