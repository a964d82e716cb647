"""``agency grants``: what holders have granted to this agency."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agency_cli.common import require_registered, session
from client.inputs import Words, span
from client.passphrase import passphrase_options
from console import output
from console.frame import Command, Group
from console.i18n import N_, _, moment
from console.output import Column
from protocol.errors import Denied
from protocol.statements import MAX_TEXT

if TYPE_CHECKING:
    from agency_cli.services.inbox import Given
    from protocol.grant import ScopeItem
    from protocol.scenario import Scenario

STATES = ("live", "not_yet", "expired", "used_up", "revoked")


@click.group(
    cls=Group,
    invoke_without_command=True,
    help=N_("List the grants that holders gave to this agency, and what each of them opens."),
)
@click.option("--state", type=click.Choice(STATES), help=N_("Only grants in this state."))
@click.option("--renewable", is_flag=True, help=N_("Only grants that ran out, are used up, or end within two weeks."))
@passphrase_options
@click.pass_context
def grants(
    ctx: click.Context, /, state: str | None, renewable: bool, passphrase_file: Path | None, passphrase_fd: int | None
) -> None:
    if ctx.invoked_subcommand is not None:
        return
    from agency_cli.services import inbox
    from client.scenarios import listed_scenarios, withdrawn

    with session(passphrase_file, passphrase_fd) as found:
        require_registered(found)
        scenarios, now = listed_scenarios(found), found.clock.now()
        given = [one for one in inbox.given(found) if state is None or one.row.state == state]
        given = [one for one in given if not renewable or one.renewable(now)]
    ended = {one.id for one in given if withdrawn(scenarios, scenarios.get(one.grant.scenario), now)}
    rows = [{**_data(one, scenarios.get(one.grant.scenario)), "withdrawn": one.id in ended} for one in given]
    output.emit(rows, lambda: _draw(given, scenarios, ended))


@grants.command(
    cls=Command,
    help=N_("Ask the holder to renew a grant: a signed request in the log. The holder answers with a grant, or not."),
)
@click.argument("grant")
@click.option("--text", type=Words(MAX_TEXT), help=N_("Why, in words for the holder."))
@passphrase_options
def ask(grant: str, text: str | None, passphrase_file: Path | None, passphrase_fd: int | None) -> None:
    from agency_cli.services import inbox, saying

    with session(passphrase_file, passphrase_fd) as found:
        require_registered(found)
        given = inbox.find_grant(found, grant)
        if given.row.state == "revoked":
            raise Denied("grant_revoked", "its holder revoked it")
        index = saying.say(found, None, lambda _raw: None, "renewal", grant=given.grant.grant_id, text=text)
    data = {"grant": given.id, "index": index}
    output.emit(data, lambda: output.line(_("asked: {grant}, entry {index}").format(**data)))


def _data(given: Given, scenario: Scenario | None) -> dict[str, Any]:
    from client.titles import both
    from protocol.encoding import b64u, hex0x
    from protocol.grant import ANY_OFFICER

    grant = given.grant
    title = None if scenario is None else both(scenario.title)
    return {
        "grant": given.id,
        "state": given.row.state,
        "uses": given.row.uses,
        "max_uses": grant.max_uses,
        "not_before": grant.not_before,
        "not_after": grant.not_after,
        "min_interval_s": grant.min_interval_s,
        "any_officer": grant.officer_class == ANY_OFFICER,
        "posted_at": given.row.at,
        "dossier": hex0x(grant.dossier),
        "scenario": None if scenario is None else scenario.scenario_id,
        "scenario_hash": b64u(grant.scenario),
        "title": title,
        "purpose": grant.purpose,
        "retention_days": grant.retention_days,
        "scope": [
            {
                "item": b64u(part.item),
                "query": part.query,
                "claims": list(part.claims),
                "documents": [b64u(document) for document in part.documents],
            }
            for part in grant.scope
        ],
    }


def _draw(given: list[Given], scenarios: dict[bytes, Scenario], ended: set[str]) -> None:
    from agency_cli.render import scenario_name

    words = {
        "live": _("live"),
        "not_yet": _("not yet"),
        "expired": _("ended"),
        "used_up": _("used up"),
        "revoked": _("revoked"),
    }
    rows = [
        {
            "grant": one.id,
            "state": words[one.row.state],
            "scenario": scenario_name(scenarios.get(one.grant.scenario)),
            "scope": "\n".join(_scope(part, scenarios.get(one.grant.scenario)) for part in one.grant.scope),
            "uses": f"{one.row.uses}/{one.grant.max_uses}",
            "until": moment(one.grant.not_after),
            "limits": "\n".join(_limits(one, withdrawn=one.id in ended)),
        }
        for one in given
    ]
    columns = [
        Column("grant", _("Grant")),
        Column("state", _("State")),
        Column("scenario", _("Scenario")),
        Column("scope", _("Opens"), lines=True),
        Column("uses", _("Uses"), right=True),
        Column("until", _("Until")),
        Column("limits", _("Limits"), lines=True),
    ]
    output.table(rows, columns, empty=_("No grants."))


def _limits(given: Given, *, withdrawn: bool) -> Iterator[str]:
    """What else must be so for a use: its scenario, its beginning, the time between two, and who acts."""
    from protocol.grant import ANY_OFFICER

    if withdrawn:
        yield _("its scenario was withdrawn")
    if given.row.state == "not_yet":
        yield _("not before {begin}").format(begin=moment(given.grant.not_before))
    if given.grant.min_interval_s:
        yield _("{time} between two uses").format(time=span(given.grant.min_interval_s))
    if given.grant.officer_class != ANY_OFFICER:
        yield _("officers of one class")


def _scope(part: ScopeItem, scenario: Scenario | None) -> str:
    """The names of what is granted of an item, by the first type that its query takes: any of them has such a claim."""
    from client.titles import taken

    asked = scenario.query.credential(part.query) if scenario is not None else None
    vct = asked.vct_values[0] if asked is not None else None
    return f"{part.query}: {taken(vct, part.claims, len(part.documents))}"
