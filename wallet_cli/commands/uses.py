"""``wallet uses``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from client.passphrase import passphrase_options
from console import exits, output
from console.frame import Command
from console.i18n import N_, _, moment
from console.output import Column
from wallet_cli.common import require_open, session, short


@click.command(
    cls=Command,
    help=N_(
        "List who used what, under which grant or show, and check each use: the agency's signed receipt, the log's "
        "proof, the chain. A use that is not in the list did not get a key."
    ),
)
@click.argument("grant", required=False)
@click.option("--no-sync", is_flag=True, help=N_("Use what was synced before."))
@passphrase_options
def uses(grant: str | None, no_sync: bool, passphrase_file: Path | None, passphrase_fd: int | None) -> int:
    from client.checks import open_desk
    from wallet_cli.services import syncing, usage

    with session(passphrase_file, passphrase_fd) as found:
        require_open(found)
        if not no_sync:
            syncing.sync(found)
        rows = [{**asdict(use), "state": use.state} for use in usage.uses(found, open_desk(found), grant)]
    output.emit({"uses": rows}, lambda: _draw(rows))
    return exits.UNTRUSTED if any(row["state"] == "fail" for row in rows) else exits.OK


def _draw(rows: list[dict[str, Any]]) -> None:
    from wallet_cli.services.usage import CHECKS, STATES

    output.table(
        [
            {
                "at": moment(row["at"]) if row["at"] is not None else "",
                "agency": row["agency_name"],
                "officer": row["officer"],
                "by": _by(row),
                "use": row["use_no"],
                "what": _what(row),
                "entry": row["index"],
                "state": _(STATES[row["state"]]),
            }
            for row in rows
        ],
        [
            Column("at", _("When")),
            Column("agency", _("Agency")),
            Column("officer", _("Officer")),
            Column("by", _("By")),
            Column("use", _("Use"), right=True),
            Column("what", _("What"), lines=True),
            Column("entry", _("Log"), right=True),
            Column("state", _("State")),
        ],
        empty=_("Nobody has used anything."),
    )
    for row in rows:
        for check in row["checks"]:
            if check["status"] != "pass":
                output.warn(
                    _("use {n}: {check}: {detail}").format(
                        n=row["n"], check=_(CHECKS[check["name"]]), detail=check["detail"]
                    )
                )


def _by(row: dict[str, Any]) -> str:
    if row["grant"]:
        return _("grant {id}").format(id=short(row["grant"]))
    return _("show {id}").format(id=short(row["show"])) if row["show"] else ""


def _what(row: dict[str, Any]) -> str:
    parts = []
    for item in row["items"]:
        count = len(item["documents"])
        documents = [_("{count} documents").format(count=count)] if count else []
        parts.append(", ".join([*item["claims"], *documents]))
    return "\n".join(parts)
