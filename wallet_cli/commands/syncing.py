"""``wallet sync``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from client.passphrase import passphrase_options
from console import exits, output
from console.frame import Command
from console.i18n import N_, _
from console.progress import progress
from wallet_cli.common import require_open, session, short


@click.command(
    cls=Command,
    help=N_(
        "Fetch what is new and check it: the dossier's history without a gap, the log's checkpoint against the one "
        "kept here, every new entry's proof, and the head that is anchored on chain."
    ),
)
@click.option("--deep", is_flag=True, help=N_("Also fetch every document anew and check it."))
@passphrase_options
def sync(deep: bool, passphrase_file: Path | None, passphrase_fd: int | None) -> int:
    from wallet_cli.services import expecting, syncing

    with session(passphrase_file, passphrase_fd) as found:
        require_open(found)
        with progress(_("Fetching"), None) as step:
            report = syncing.sync(found, deep=deep, step=step)
        report.unexpected = [record.id for record in expecting.unexpected(found)]
    data = asdict(report)
    data["damaged"] = [{"item": item, "code": code} for item, code in report.damaged]
    output.emit(data, lambda: _draw(data))
    return exits.UNTRUSTED if report.damaged else exits.OK


def _draw(data: dict[str, Any]) -> None:
    anchored = _("the chain did not answer") if data["anchored"] is None else str(data["anchored"])
    output.fields(
        [
            (_("New items"), len(data["new_items"])),
            (_("Deleted items"), len(data["deleted"])),
            (_("New events"), data["new_events"]),
            (_("Events"), data["events"]),
            (_("Log size"), data["size"]),
            (_("Anchored size"), anchored),
        ]
    )
    for damaged in data["damaged"]:
        output.warn(
            _("item {item} is damaged at the vault ({code})").format(item=short(damaged["item"]), code=damaged["code"])
        )
    for item in data["unexpected"]:
        output.warn(_("item {item} was issued in your name and you did not expect it").format(item=short(item)))
    if data["unexpected"]:
        output.say(_("next: {advice}").format(advice=_("See `wallet uses` for what to do about it.")))
