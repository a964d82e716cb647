"""``wallet uses``."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from client.passphrase import passphrase_options
from console import exits, output
from console.frame import Command
from console.i18n import N_, _, moment
from console.output import Column
from protocol.errors import OneFileError
from wallet_cli.common import require_open, session, short

if TYPE_CHECKING:
    from client.session import Session
    from wallet_cli.services.opening import OpenedItem

DAY_CHARS = len("2026-11-23")
# What each kind of a dossier's log entry says, for people; under --json it is the entry's own word.
EVENTS = {
    "issue": N_("item issued"),
    "grant": N_("grant"),
    "mandate": N_("mandate"),
    "key": N_("key card"),
    "access": N_("use"),
    "revoke": N_("end of a grant"),
    "correct": N_("correction"),
    "note": N_("statement"),
}


@click.command(
    cls=Command,
    help=N_(
        "List who used what, under which grant or show, and check each use: the agency's signed receipt, the log's "
        "proof, the chain. A use that is not in the list did not get a key. Also looks through the trace of every "
        "event for gaps, forks, wrong times and items that nobody here asked for."
    ),
)
@click.argument("grant", required=False)
@click.option("--all", "all_", is_flag=True, help=N_("Also list every event of the dossier and where it is proven."))
@click.option("--no-sync", is_flag=True, help=N_("Use what was synced before."))
@passphrase_options
def uses(grant: str | None, all_: bool, no_sync: bool, passphrase_file: Path | None, passphrase_fd: int | None) -> int:
    from client.checks import open_desk
    from wallet_cli.services import answers, expecting, tracing, usage

    with session(passphrase_file, passphrase_fd) as found:
        require_open(found)
        findings = [] if no_sync else tracing.follow_trace(found)
        desk = open_desk(found)
        kept = answers.deletions(found, desk)
        rows = [
            {**asdict(use), "state": use.state, "retention": kept.get(use.index)}
            for use in usage.uses(found, desk, grant)
        ]
        events = tracing.events(found, desk)
        findings += tracing.timing(events, tracing.anchored_heads(desk), found.clock.now())
        findings += expecting.findings(found)
        opened = _opened(found, rows)
    data = {"uses": rows, "findings": [finding.to_json() for finding in findings]}
    if all_:
        data["events"] = [event.to_json() for event in events]
    output.emit(data, lambda: _draw_all(data, opened))
    wrong = any(row["state"] == "fail" for row in rows) or any(finding.grade == "wrong" for finding in findings)
    return exits.UNTRUSTED if wrong else exits.OK


def _opened(found: Session, rows: list[dict[str, Any]]) -> dict[str, OpenedItem]:
    """The items that were used, by their ids, as far as they are here: what was taken is told by its names."""
    from wallet_cli.services import opening

    items: dict[str, OpenedItem] = {}
    for item in {part["item"] for row in rows for part in row["items"]}:
        with suppress(OneFileError):
            items[item] = opening.open_item(found, found.store.item(item))
    return items


def _draw_all(data: dict[str, Any], opened: dict[str, OpenedItem]) -> None:
    from wallet_cli.commands.audit import draw_findings

    _draw(data["uses"], opened)
    if "events" in data:
        _draw_events(data["events"])
    draw_findings(data["findings"])


def _draw_events(events: list[dict[str, Any]]) -> None:
    rows = []
    for event in events:
        anchor = event["anchor"]
        rows.append(
            {
                "n": event["n"],
                "kind": _(EVENTS.get(event["kind"], event["kind"])),
                "of": short(event["of"]) if event["of"] else "",
                "at": moment(event["at"]) if event["at"] is not None else "",
                "index": event["index"],
                "checkpoint": event["checkpoint"],
                "anchor": _("not anchored yet") if anchor is None else f"{anchor['block']}  {moment(anchor['time'])}",
            }
        )
    columns = [
        Column("n", _("Event"), right=True),
        Column("kind", _("Kind")),
        Column("of", _("Of")),
        Column("at", _("When")),
        Column("index", _("Log"), right=True),
        Column("checkpoint", _("Proven in"), right=True),
        Column("anchor", _("On chain since")),
    ]
    output.table(rows, columns, empty=_("Nothing has happened."))


def _draw(rows: list[dict[str, Any]], opened: dict[str, OpenedItem]) -> None:
    from wallet_cli.services.usage import CHECKS, STATES
    from wallet_cli.services.views import used

    output.table(
        [
            {
                "n": row["n"],
                "at": moment(row["at"]) if row["at"] is not None else "",
                "agency": row["agency_name"],
                "officer": row["officer"],
                "by": _by(row),
                "use": row["use_no"],
                "what": "\n".join(used(row["items"], opened)),
                "entry": row["index"],
                "state": _(STATES[row["state"]]),
                "kept": _kept(row["retention"], row["retain_until"]),
            }
            for row in rows
        ],
        [
            Column("n", _("Event"), right=True),
            Column("at", _("When")),
            Column("agency", _("Agency")),
            Column("officer", _("Officer")),
            Column("by", _("By")),
            Column("use", _("Use"), right=True),
            Column("what", _("What"), lines=True),
            Column("entry", _("Log"), right=True),
            Column("state", _("State")),
            Column("kept", _("Deleted")),
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


def _kept(state: str | None, until: int | None) -> str:
    """What became of what was handed over."""
    from wallet_cli.services.answers import RETENTION

    return "" if state is None or until is None else _(RETENTION[state]).format(day=moment(until)[:DAY_CHARS])


def _by(row: dict[str, Any]) -> str:
    if row["grant"]:
        return _("grant {id}").format(id=short(row["grant"]))
    return _("show {id}").format(id=short(row["show"])) if row["show"] else ""
