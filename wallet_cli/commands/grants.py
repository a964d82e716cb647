"""``wallet scenarios``, ``grants`` and ``revoke``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from client.passphrase import passphrase_options
from console import output
from console.frame import Command
from console.i18n import N_, _, language, moment
from console.output import Column
from protocol.errors import Denied
from wallet_cli.common import require_open, session, short


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
    zh = "zh" if language() == "zh" else "en"
    output.table(
        [{**row, "name": row["title"][zh], "state": _ready(row)} for row in rows],
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
            names = ", ".join(t[zh] for t in missing["titles"]) or ", ".join(missing["vct_values"])
            issuers = ", ".join(t[zh] for t in missing["issuers"])
            output.line(
                _("{scenario}: missing {what} ({reason}); issued by {issuers}").format(
                    scenario=row["scenario"], what=names, reason=missing["reason"], issuers=issuers or "-"
                )
            )


def _ready(row: dict[str, Any]) -> str:
    if "ready" not in row:
        return ""
    return _("meets it") if row["ready"] else _("lacks something")


@click.command(cls=Command, help=N_("List the grants of this dossier and what became of them."))
@click.option("--live", is_flag=True, help=N_("Only those that can be used now."))
@passphrase_options
def grants(live: bool, passphrase_file: Path | None, passphrase_fd: int | None) -> None:
    from wallet_cli.services import revoking

    with session(passphrase_file, passphrase_fd) as found:
        require_open(found)
        rows = [row for row in revoking.listed(found) if not live or row["state"] == "live"]
    output.emit({"grants": rows}, lambda: _draw_grants(rows))


def _draw_grants(rows: list[dict[str, Any]]) -> None:
    from wallet_cli.services.revoking import STATES

    drawn = [
        {
            "grant": short(row["grant"]),
            "agency": row["agency_name"] or row["agency"],
            "scenario": row["scenario"] or short(row["purpose"], 30),
            "uses": f"{row['uses']}/{row['max_uses']}",
            "until": moment(row["not_after"]),
            "state": _(STATES[row["state"]]),
        }
        for row in rows
    ]
    output.table(
        drawn,
        [
            Column("grant", _("Grant")),
            Column("agency", _("Agency")),
            Column("scenario", _("Scenario")),
            Column("uses", _("Uses"), right=True),
            Column("until", _("Until")),
            Column("state", _("State")),
        ],
        empty=_("There are no grants."),
    )


@click.command(
    cls=Command,
    help=N_(
        "End a grant at once: the vault destroys its parcels and headers, and the chain remembers that it ended. What "
        "the agency has opened before, it has."
    ),
)
@click.argument("grant")
@click.option("--yes", is_flag=True, help=N_("Do not ask."))
@passphrase_options
def revoke(grant: str, yes: bool, passphrase_file: Path | None, passphrase_fd: int | None) -> None:
    from protocol.encoding import b64u
    from wallet_cli.services import revoking

    with session(passphrase_file, passphrase_fd) as found:
        require_open(found)
        row = revoking.find_grant(found, grant)
        if not output.confirm(_("End grant {grant}?").format(grant=short(row.grant)), assume_yes=yes):
            raise Denied("not_confirmed", "nothing was changed: it was not confirmed")
        done = revoking.revoke(found, revoking.grant_id_of(row))
    data = {"grant": b64u(done.grant), "index": done.index, "at": done.at, "on_chain": done.on_chain}
    where = _("at the vault and on chain") if done.on_chain else _("at the vault; the chain follows")
    text = _("revoked {grant} {where}").format(grant=short(b64u(done.grant)), where=where)
    output.emit(data, lambda: output.line(text))
