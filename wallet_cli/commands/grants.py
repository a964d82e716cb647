"""``wallet scenarios``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from client.passphrase import passphrase_options
from console import output
from console.frame import Command
from console.i18n import N_, _, language
from console.output import Column
from wallet_cli.common import session


@click.command(
    cls=Command,
    help=N_("List the scenarios that agencies may ask by. With --ready, say for each whether the dossier meets it."),
)
@click.argument("scenario", required=False)
@click.option(
    "--ready",
    is_flag=True,
    help=N_("Compare with the items of the dossier: what answers, what is missing, and who issues it."),
)
@passphrase_options
def scenarios(scenario: str | None, ready: bool, passphrase_file: Path | None, passphrase_fd: int | None) -> None:
    from client.checks import open_desk
    from wallet_cli.services import scenarios as service

    with session(passphrase_file, passphrase_fd) as found:
        rows = service.listed(found, open_desk(found), scenario, ready=ready or scenario is not None)
    output.emit({"scenarios": rows}, lambda: _draw_scenarios(rows))


def _draw_scenarios(rows: list[dict[str, Any]]) -> None:
    from wallet_cli.services.ready import REASONS

    lang = language()
    output.table(
        [{**row, "name": row["title"][lang], "state": _ready(row)} for row in rows],
        [
            Column("scenario", _("Scenario")),
            Column("name", _("Title")),
            Column("sensitivity", _("Sensitivity"), right=True),
            Column("max_uses", _("Uses"), right=True),
            Column("max_validity_days", _("Days"), right=True),
            Column("state", _("Dossier")),
        ],
        empty=_("There are no scenarios."),
    )
    for row in rows:
        for missing in row.get("missing", []):
            names = ", ".join(t[lang] for t in missing["titles"]) or ", ".join(missing["vct_values"])
            issuers = ", ".join(t[lang] for t in missing["issuers"])
            output.line(
                _("{scenario}: missing {what} ({reason}); issued by {issuers}").format(
                    scenario=row["scenario"], what=names, reason=_(REASONS[missing["reason"]]), issuers=issuers or "-"
                )
            )


def _ready(row: dict[str, Any]) -> str:
    if "ready" not in row:
        return ""
    return _("meets it") if row["ready"] else _("lacks something")
