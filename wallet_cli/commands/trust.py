"""``wallet trust``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from console import output
from console.frame import Command
from console.i18n import N_, _, moment
from protocol.encoding import hex0x, unhex0x
from protocol.errors import Unavailable
from wallet_cli.common import session


@click.command(
    cls=Command,
    help=N_(
        "Assemble the trust file: chain, contracts, a block, the log's key and anchored heads, and every agency with "
        "its key cards, all as the chain says now. This machine signs it. It serves when the chain can't be asked. "
        "Needs no profile."
    ),
)
@click.option(
    "--write", "target", type=click.Path(path_type=Path, dir_okay=False), help=N_("Write it to this file too.")
)
@click.option("--dossier", "dossiers", multiple=True, metavar="ID", help=N_("Cover this dossier too."))
def trust(target: Path | None, dossiers: tuple[str, ...]) -> None:
    from client import checks
    from client.toolkey import tool_key
    from client.trust import write_trust

    with session(anybody=True) as found:
        desk = checks.open_desk(found)
        if not desk.live:
            raise Unavailable(
                "chain_unreachable", "the chain does not answer: {reason}", reason=found.settings.rpc_urls[0]
            )
        wanted = [unhex0x(text, length=32, what="--dossier") for text in dossiers]
        made = checks.assemble(found, desk, wanted)
        signer = tool_key(found.settings.home)
        targets = [path for path in (target, found.profile.trust_file if found.is_holder else None) if path]
        for path in targets:
            write_trust(path, made, signer)
    data = {
        "chain_id": made.deployment.chain_id,
        "block": made.block.number,
        "block_hash": hex0x(made.block.hash),
        "block_time": made.block.time,
        "log_origin": made.deployment.log.origin if made.deployment.log else None,
        "anchors": len(made.anchors),
        "agencies": len(made.agencies),
        "dossiers": [hex0x(facts.dossier) for facts in made.dossiers],
        "signer": signer.public_jwk().kid(),
        "files": [str(path) for path in targets],
    }
    output.emit(data, lambda: _draw(data))


def _draw(data: dict[str, Any]) -> None:
    output.fields(
        [
            (_("Chain"), data["chain_id"]),
            (_("Block"), f"{data['block']}  {data['block_hash']}  {moment(data['block_time'])}"),
            (_("Log"), data["log_origin"]),
            (_("Anchored heads"), data["anchors"]),
            (_("Agencies"), data["agencies"]),
            (_("Dossiers"), len(data["dossiers"])),
            (_("Signed by tool key"), data["signer"]),
            *((_("Written to"), path) for path in data["files"]),
        ]
    )
