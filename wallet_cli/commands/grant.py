"""``wallet grant``: the consent screen, and the grant."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from client.inputs import Day, OfficerClass
from client.passphrase import passphrase_options
from console import output
from console.frame import Command
from console.i18n import N_, _, language, moment
from console.output import Column
from protocol.errors import Denied
from protocol.forms import POINTER
from protocol.grant import MAX_USES
from protocol.scenario import DAY_S, MAX_DAYS
from wallet_cli.common import Duration, midnight, require_open, session, short, span

MAX_INTERVAL_S = MAX_DAYS * DAY_S


class ItemPart(click.ParamType[tuple[str, str]]):
    """``ITEM:PART``: the beginning of an item's id, and a pointer or the name of a document."""

    name = "item:part"

    def __init__(self, *, pointer: bool = False) -> None:
        self.pointer = pointer

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value[0], value[1]
        item, colon, part = str(value).partition(":")
        if not (item and colon and part):
            self.fail(_("{value}: expected ITEM:PART").format(value=value), param, ctx)
        if self.pointer and re.fullmatch(POINTER, part) is None:
            text = _("{value}: expected ITEM:/POINTER, as `wallet show-item` lists them")
            self.fail(text.format(value=value), param, ctx)
        return item, part


@click.command(
    cls=Command,
    help=N_(
        "Let one agency use named parts of the dossier, for one scenario, for a limited time and number of uses. "
        "Shows who asks, for what, why and on what legal ground before anything is signed. Without --claim, what the "
        "scenario requires is granted, and nothing that it merely would like."
    ),
    epilog=N_("Example: wallet grant --agency 'City Bank' --scenario small-loan --for 7d --uses 3 --dry-run"),
)
@click.option("--agency", required=True, metavar="AGENCY", help=N_("Account, urn or name of the agency."))
@click.option("--scenario", required=True, metavar="SCENARIO", help=N_("Id or hash of the scenario."))
@click.option("--for", "seconds", type=Duration(), help=N_("For how long (default: what the scenario allows)."))
@click.option("--uses", type=click.IntRange(1, MAX_USES), help=N_("How often (default: what the scenario allows)."))
@click.option(
    "--claim",
    "claims",
    type=ItemPart(pointer=True),
    multiple=True,
    metavar="ITEM:/POINTER",
    help=N_("Grant exactly these claims of the item."),
)
@click.option(
    "--document",
    "documents",
    type=ItemPart(),
    multiple=True,
    metavar="ITEM:NAME",
    help=N_("Hand over this document of the item too."),
)
@click.option("--optional", is_flag=True, help=N_("Grant optional claims too."))
@click.option(
    "--retention",
    type=click.IntRange(0, MAX_DAYS),
    metavar="DAYS",
    help=N_("How long the agency may keep it, in days."),
)
@click.option(
    "--from",
    "begins",
    type=Day(timed=True),
    metavar="YYYY-MM-DD",
    help=N_("Not before this day (default: at once)."),
)
@click.option(
    "--interval", type=Duration(MAX_INTERVAL_S), metavar="TIME", help=N_("At least so long between two uses.")
)
@click.option(
    "--officer-class", type=OfficerClass(), metavar="CLASS", help=N_("Only officers of this class may use it.")
)
@click.option("--dry-run", is_flag=True, help=N_("Show what would be granted, and stop."))
@click.option("--yes", is_flag=True, help=N_("Do not ask."))
@passphrase_options
def grant(
    agency: str,
    scenario: str,
    dry_run: bool,
    yes: bool,
    passphrase_file: Path | None,
    passphrase_fd: int | None,
    **wanted: Any,
) -> None:
    from client.checks import open_desk
    from protocol.encoding import b64u
    from wallet_cli.services import granting, tokens

    with session(passphrase_file, passphrase_fd) as found:
        require_open(found)
        desk = open_desk(found)
        order = granting.GrantOrder(
            agency=tokens.agency_account(found, agency),
            scenario=scenario,
            seconds=wanted["seconds"],
            uses=wanted["uses"],
            claims=wanted["claims"],
            documents=wanted["documents"],
            optional=wanted["optional"],
            retention_days=wanted["retention"],
            officer_class=wanted["officer_class"],
            not_before=midnight(wanted["begins"]),
            min_interval_s=wanted["interval"] or 0,
        )
        plan = granting.plan(found, desk, order)
        shown = granting.plan_json(plan)
        if dry_run:
            output.emit({"dry_run": True, **shown}, lambda: consent(shown))
            return
        if not yes:
            consent_aside(shown)
        if not output.confirm(_("Sign this grant?"), assume_yes=yes):
            raise Denied("not_confirmed", "nothing was granted: it was not confirmed")
        grant_id = b64u(granting.post(found, plan, granting.seal_grant(found, desk, plan)))
    output.emit({"grant": grant_id, **shown}, lambda: output.line(_("granted: {grant}").format(grant=grant_id)))


def consent_aside(shown: dict[str, Any]) -> None:
    """The consent screen before the question; under --json it would disturb the data, so it is left out."""
    from console import frame

    if not frame.current().json:
        consent(shown)


def consent(shown: dict[str, Any]) -> None:
    """Who gets what, why, for how long, and on what legal ground."""
    lang = language()
    title = shown["title"][lang]
    output.fields(
        [
            *([(_("Desk"), shown["desk"])] if "desk" in shown else []),
            (_("To"), f"{shown['agency_name']} ({shown['division']})  {shown['agency']}"),
            (_("Scenario"), f"{title} ({shown['scenario']})"),
            (_("Purpose"), shown["purpose"]),
            (_("Legal basis"), "; ".join(shown["legal_basis"])),
            (_("Sensitivity"), f"{shown['sensitivity']} / 5"),
            (_("Begins"), moment(shown["not_before"])),
            (_("Until"), f"{moment(shown['not_after'])}  ({span(shown['not_after'] - shown['not_before'])})"),
            (_("Uses"), shown["max_uses"]),
            (_("Kept for"), _("{days} days").format(days=shown["retention_days"])),
            *([(_("Between uses"), span(shown["min_interval_s"]))] if shown["min_interval_s"] else []),
            *([(_("Officers"), shown["officer_class"])] if shown["officer_class"] else []),
        ]
    )
    rows = [
        {
            "item": short(part["item"]),
            "kind": part["title"][lang],
            "claims": "\n".join(_claim(claim, lang) for claim in part["asked"] if claim["granted"]),
            "off": "\n".join(_claim(claim, lang) for claim in part["asked"] if not claim["granted"]),
            "documents": "\n".join(part["documents"]),
        }
        for part in shown["parts"]
    ]
    output.line()
    output.table(
        rows,
        [
            Column("item", _("Item")),
            Column("kind", _("Kind")),
            Column("claims", _("Claims"), lines=True),
            Column("documents", _("Documents"), lines=True),
            Column("off", _("Not granted"), lines=True),
        ],
    )


def _claim(claim: dict[str, Any], lang: str) -> str:
    return _("{title} ({pointer}, grade {grade})").format(
        title=claim["title"][lang], pointer=claim["pointer"], grade=claim["sensitivity"]
    )
