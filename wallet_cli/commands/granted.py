"""``wallet grants``: list, search and renew; and ``wallet revoke``: one grant or many."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from client.inputs import Day, OfficerClass
from client.passphrase import passphrase_options
from console import exits, output
from console.frame import Command, Group
from console.i18n import N_, _, describe, moment
from console.output import Column
from protocol.errors import Denied, OneFileError, Unavailable
from protocol.grant import MAX_USES
from protocol.scenario import MAX_DAYS
from wallet_cli.common import midnight, require_open, session, short

if TYPE_CHECKING:
    from client.session import Session
    from wallet_cli.services.searching import Wanted

STATES = ("live", "not_yet", "expired", "used_up", "revoked")


@click.group(
    cls=Group,
    invoke_without_command=True,
    help=N_(
        "List the grants of this dossier and what became of them: uses, ends, and whether agencies have deleted what "
        "they took and acknowledged the end."
    ),
)
@click.option("--live", is_flag=True, help=N_("Only those that can be used now."))
@click.option("--agency", metavar="AGENCY", help=N_("Only of this agency: account, urn or name."))
@click.option("--scenario", metavar="SCENARIO", help=N_("Only for this scenario, by its id."))
@click.option("--item", metavar="ITEM", help=N_("Only over this item, by the beginning of its id."))
@click.option("--state", type=click.Choice(STATES), help=N_("Only in this state."))
@click.option("--until", type=Day(timed=True), metavar="YYYY-MM-DD", help=N_("Only those that end by this day."))
@click.option("--overdue", is_flag=True, help=N_("Only those of which a deletion is overdue."))
@passphrase_options
@click.pass_context
def grants(
    ctx: click.Context,
    /,
    live: bool,
    overdue: bool,
    until: date | None,
    passphrase_file: Path | None,
    passphrase_fd: int | None,
    **wanted: Any,
) -> None:
    if ctx.invoked_subcommand is not None:
        return
    from wallet_cli.services import searching, syncing

    if live and wanted["state"] not in (None, "live"):
        raise click.UsageError(_("Name --live or --state."))
    if live:
        wanted["state"] = "live"
    with session(passphrase_file, passphrase_fd) as found:
        require_open(found)
        syncing.sync(found)  # what agencies have reported and acknowledged stands in the history
        rows = searching.found(found, searching.Wanted(**wanted, until=midnight(until, days=1)))
        standing = _standings(found, rows)
    listed = [{**row, **standing[row["grant"]]} for row in rows]
    if overdue:
        listed = [row for row in listed if row["retention"].get("overdue")]
    output.emit({"grants": listed}, lambda: _draw(listed))


def _standings(found: Session, rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What agencies have answered; nothing while neither the chain nor a trust file says who they are."""
    from client.checks import open_desk
    from wallet_cli.services import answers, searching
    from wallet_cli.services.revoking import grant_id

    try:
        desk = open_desk(found)
        known, names = answers.standings(found, desk), searching.agency_names(desk, rows)
    except Unavailable:
        known, names = {}, {}
    nothing = answers.Standing()
    return {
        row["grant"]: {
            **answers.to_json(known.get(grant_id(row["grant"]), nothing)),
            "agency_name": row["agency_name"] or names.get(row["agency"]),
        }
        for row in rows
    }


def _draw(rows: Sequence[dict[str, Any]]) -> None:
    from wallet_cli.services import searching

    drawn = [
        {
            "grant": short(row["grant"]),
            "agency": row["agency_name"] or row["agency"],
            "scenario": row["scenario"] or short(row["purpose"], 30),
            "uses": f"{row['uses']}/{row['max_uses']}",
            "until": moment(row["not_after"]),
            "state": searching.state_of(row),
            "deleted": _deleted(row["retention"]),
            "told": _told(row["notice"]),
        }
        for row in rows
    ]
    columns = [
        Column("grant", _("Grant")),
        Column("agency", _("Agency")),
        Column("scenario", _("Scenario")),
        Column("uses", _("Uses"), right=True),
        Column("until", _("Until")),
        Column("state", _("State")),
        Column("deleted", _("Deleted")),
        Column("told", _("End acknowledged")),
    ]
    output.table(drawn, columns, empty=_("There are no grants."))


def _deleted(counts: dict[str, int]) -> str:
    """How many uses were reported as deleted, and how many are late."""
    if not counts:
        return ""
    text = f"{counts.get('reported', 0)}/{sum(counts.values())}"
    late = counts.get("overdue", 0)
    return text if not late else _("{text}, {count} OVERDUE").format(text=text, count=late)


def _told(notice: dict[str, Any] | None) -> str:
    if notice is None:
        return ""
    if notice["acknowledged"] is None:
        return _("not acknowledged yet")
    return _("entry {index}").format(index=notice["acknowledged"])


@grants.command(
    cls=Command,
    help=N_(
        "Renew a grant: a new one over the same items, for the newest version of its scenario. The old one ends as "
        "soon as the new one stands in the log."
    ),
)
@click.argument("grant")
@click.option("--days", type=click.IntRange(1, MAX_DAYS), help=N_("For how many days (default: as long as before)."))
@click.option("--uses", type=click.IntRange(1, MAX_USES), help=N_("How often (default: as often as before)."))
@click.option(
    "--officer-class", type=OfficerClass(), metavar="CLASS", help=N_("Only officers of this class may use it.")
)
@click.option("--dry-run", is_flag=True, help=N_("Show what would be granted, and stop."))
@click.option("--yes", is_flag=True, help=N_("Do not ask."))
@passphrase_options
def renew(
    grant: str,
    days: int | None,
    uses: int | None,
    officer_class: str | None,
    dry_run: bool,
    yes: bool,
    passphrase_file: Path | None,
    passphrase_fd: int | None,
) -> None:
    from client.checks import open_desk
    from protocol.encoding import b64u
    from protocol.scenario import DAY_S
    from wallet_cli.commands.grant import consent, consent_aside
    from wallet_cli.services import ending, granting, renewing

    with session(passphrase_file, passphrase_fd) as found:
        require_open(found)
        desk = open_desk(found)
        seconds = None if days is None else days * DAY_S
        planned = renewing.plan(found, desk, grant, seconds=seconds, uses=uses, officer_class=officer_class)
        shown = granting.plan_json(planned.plan)
        if dry_run:
            output.emit({"dry_run": True, **shown}, lambda: consent(shown))
            return
        if not yes:
            consent_aside(shown)
        if not output.confirm(_("Sign this grant?"), assume_yes=yes):
            raise Denied("not_confirmed", "nothing was granted: it was not confirmed")
        new = b64u(renewing.renew(found, desk, planned))
        ending.tell_readers(found)
    data = {"grant": new, **shown}
    output.emit(data, lambda: output.line(_("renewed: {grant} in place of {old}").format(grant=new, old=short(grant))))


@click.command(
    cls=Command,
    help=N_(
        "End grants at once: the vault destroys their parcels and headers, and the chain remembers that they ended. "
        "What an agency has opened before, it has: whoever used a grant is told by a signed notice and acknowledges it."
    ),
    epilog=N_("Example: wallet revoke --agency 'City Bank' --dry-run"),
)
@click.argument("grant", required=False)
@click.option("--agency", metavar="AGENCY", help=N_("All grants to this agency: account, urn or name."))
@click.option("--scenario", metavar="SCENARIO", help=N_("All grants for this scenario, by its id."))
@click.option("--item", metavar="ITEM", help=N_("All grants over this item, by the beginning of its id."))
@click.option("--all", "all_", is_flag=True, help=N_("All grants of the dossier."))
@click.option("--dry-run", is_flag=True, help=N_("List what would be ended, and stop."))
@click.option("--yes", is_flag=True, help=N_("Do not ask."))
@passphrase_options
def revoke(
    grant: str | None,
    all_: bool,
    dry_run: bool,
    yes: bool,
    passphrase_file: Path | None,
    passphrase_fd: int | None,
    **named: Any,
) -> int:
    from wallet_cli.services.searching import Wanted

    wanted = Wanted(**named)
    if (grant is not None) + (not wanted.anything) + all_ != 1:
        raise click.UsageError(_("Name one grant, or --agency, --scenario or --item, or --all."))
    with session(passphrase_file, passphrase_fd) as found:
        require_open(found)
        if grant is not None:
            return _end_one(found, grant, dry_run=dry_run, yes=yes)
        return _end_many(found, wanted, dry_run=dry_run, yes=yes)


def _end_one(found: Session, grant: str, *, dry_run: bool, yes: bool) -> int:
    from protocol.encoding import b64u
    from wallet_cli.services import ending, revoking

    row = revoking.find_grant(found, grant)
    if dry_run:
        output.emit({"dry_run": True, "grants": [{"grant": row.grant}]}, lambda: output.line(row.grant))
        return exits.OK
    if not output.confirm(_("End grant {grant}?").format(grant=short(row.grant)), assume_yes=yes):
        raise Denied("not_confirmed", "nothing was changed: it was not confirmed")
    done = revoking.revoke(found, revoking.grant_id_of(row))
    ending.tell_readers(found)
    data = {"grant": b64u(done.grant), "index": done.index, "at": done.at, "on_chain": done.on_chain}
    where = _("at the vault and on chain") if done.on_chain else _("at the vault; the chain follows")
    text = _("revoked {grant} {where}").format(grant=short(b64u(done.grant)), where=where)
    output.emit(data, lambda: output.line(text))
    return exits.OK


def _end_many(found: Session, wanted: Wanted, *, dry_run: bool, yes: bool) -> int:
    """Each grant by itself: what one meets holds up none of the others, and the next run goes on with the rest."""
    from wallet_cli.services import ending, searching

    rows = searching.endable(found, wanted)
    if dry_run:
        listed = [{"grant": row["grant"], "state": row["state"], "agency": row["agency"]} for row in rows]
        output.emit({"dry_run": True, "grants": listed}, lambda: _draw_ends(rows, {}))
        return exits.OK
    if rows and not yes:
        _ends_aside(rows)
    if rows and not output.confirm(_("End these {count} grants?").format(count=len(rows)), assume_yes=yes):
        raise Denied("not_confirmed", "nothing was changed: it was not confirmed")
    ends: dict[str, dict[str, Any]] = {row["grant"]: _ended(found, row["grant"]) for row in rows}
    ending.tell_readers(found)
    output.emit({"dry_run": False, "grants": list(ends.values())}, lambda: _draw_ends(rows, ends))
    return min((end["exit"] for end in ends.values() if end["exit"]), default=exits.OK)


def _ends_aside(rows: Sequence[dict[str, Any]]) -> None:
    """What will end, before the question; under --json it would disturb the data, so it is left out."""
    from console import frame

    if not frame.current().json:
        _draw_ends(rows, {})


def _ended(found: Session, grant: str) -> dict[str, Any]:
    from wallet_cli.services import revoking

    try:
        done = revoking.revoke(found, revoking.grant_id(grant))
    except OneFileError as error:
        failed = {"code": error.code, "detail": describe(error), "exit": exits.exit_code(error)}
        return {"grant": grant, "index": None, "at": None, "on_chain": False, **failed}
    data = {"index": done.index, "at": done.at, "on_chain": done.on_chain}
    return {"grant": grant, **data, "code": None, "detail": "", "exit": exits.OK}


def _draw_ends(rows: Sequence[dict[str, Any]], ends: dict[str, dict[str, Any]]) -> None:
    from wallet_cli.services import searching

    def state(row: dict[str, Any]) -> str:
        end = ends.get(row["grant"])
        if end is None:
            return searching.state_of(row)
        return str(end["detail"]) if end["code"] else _("revoked")

    drawn = [
        {
            "grant": short(row["grant"]),
            "agency": row["agency_name"] or row["agency"],
            "scenario": row["scenario"] or short(row["purpose"], 30),
            "uses": f"{row['uses']}/{row['max_uses']}",
            "state": state(row),
        }
        for row in rows
    ]
    columns = [
        Column("grant", _("Grant")),
        Column("agency", _("Agency")),
        Column("scenario", _("Scenario")),
        Column("uses", _("Uses"), right=True),
        Column("state", _("State")),
    ]
    output.table(drawn, columns, empty=_("There is nothing to end."))
