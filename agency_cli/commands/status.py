"""``agency status set|publish|show``: whether what was issued still holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agency_cli.common import require_registered, session
from client.inputs import Duration
from client.passphrase import passphrase_options
from console import output
from console.frame import Command, Group
from console.i18n import N_, _, describe, moment

if TYPE_CHECKING:
    from agency_cli.services.status_lists import ListState

NAMES = ("valid", "revoked", "suspended", "correction")


@click.group(cls=Group, help=N_("Revoke, suspend or restore what was issued, and publish the lists that say so."))
def status() -> None:
    pass


@status.command(
    "set",
    cls=Command,
    help=N_("Set the status of an issued item, named by its item id or certificate id, and publish its list."),
)
@click.argument("issued")
@click.argument("state", type=click.Choice(NAMES))
@click.option("--no-publish", is_flag=True, help=N_("Only note it here; `agency status publish` brings it out."))
@passphrase_options
def set_(issued: str, state: str, no_publish: bool, passphrase_file: Path | None, passphrase_fd: int | None) -> None:
    from agency_cli.services.statuses import set_status

    with session(passphrase_file, passphrase_fd) as found:
        require_registered(found)
        change = set_status(found, issued, state, published=not no_publish)
    data = {
        "item": change.record.id,
        "certificate_id": change.record.certificate_id,
        "before": change.before,
        "status": change.after,
        "published": change.published,
    }
    output.emit(data, lambda: _draw_change(data))


def _draw_change(data: dict[str, Any]) -> None:
    words = _words()
    output.fields(
        [
            (_("Item"), data["item"]),
            (_("Certificate"), data["certificate_id"]),
            (_("Status"), f"{words[data['before']]} → {words[data['status']]}"),
            (_("Published"), _("yes") if data["published"] else _("no; run `agency status publish`")),
        ]
    )


@status.command(
    cls=Command,
    help=N_(
        "Sign this agency's status lists and bring them to the vault. Verifiers at a window want a list of the last "
        "hour: run this from a timer, or keep it running with --every."
    ),
)
@click.option("--if-due", is_flag=True, help=N_("Only lists that changed or are half an hour old."))
@click.option(
    "--lifetime", type=Duration(), default="24h", show_default=True, help=N_("How long the lists hold; a day at most.")
)
@click.option("--every", type=Duration(), metavar="TIME", help=N_("Go on publishing at this interval; Ctrl-C ends it."))
@passphrase_options
def publish(
    if_due: bool, lifetime: int, every: int | None, passphrase_file: Path | None, passphrase_fd: int | None
) -> None:
    from agency_cli.services import statuses
    from protocol.status_list import MAX_LIFETIME_S

    if lifetime > MAX_LIFETIME_S:
        raise click.UsageError(_("A status list holds for a day at most."))
    with session(passphrase_file, passphrase_fd) as found:
        require_registered(found)
        if every is not None:
            statuses.keep_published(found, every, lifetime, _tell)
        lists = statuses.publish_lists(found, lifetime_s=lifetime, only_due=if_due)
    _emit_lists(lists, _("nothing to publish"))


def _tell(what: Any) -> None:
    if isinstance(what, list):
        _emit_lists(what, _("nothing to publish"))
    else:
        output.warn(describe(what))


@status.command(cls=Command, help=N_("Show this agency's status lists, or the status of one issued item."))
@click.argument("issued", required=False)
def show(issued: str | None) -> None:
    from agency_cli.services import statuses

    with session() as found:
        if issued is None:
            _emit_lists(statuses.all_lists(found), _("no status list yet"))
            return
        record, name, state = statuses.status_of(found, issued)
    data = {
        "item": record.id,
        "certificate_id": record.certificate_id,
        "vct": record.vct,
        "status": name,
        "state": record.state,
        "entry": record.index,
        "issued_at": record.issued_at,
        "list": state.uri,
        "idx": record.status.idx,
        "published": not state.changed,
    }
    output.emit(data, lambda: _draw_one(data))


def _draw_one(data: dict[str, Any]) -> None:
    arrived = {"deposited": _("deposited"), "unsure": _("sent, and not answered")}
    output.fields(
        [
            (_("Item"), data["item"]),
            (_("Certificate"), data["certificate_id"]),
            (_("Type"), data["vct"]),
            (_("Issued"), moment(data["issued_at"])),
            (_("Deposit"), arrived[data["state"]]),
            (_("Status"), _words()[data["status"]]),
            (_("List"), f"{data['list']} [{data['idx']}]"),
            (_("Published"), _("yes") if data["published"] else _("no; run `agency status publish`")),
        ]
    )


def _emit_lists(lists: list[ListState], empty: str) -> None:
    rows = [_row(state) for state in lists]
    columns = [
        output.Column("n", _("List"), right=True),
        output.Column("issued", _("Issued"), right=True),
        output.Column("revoked", _("Revoked"), right=True),
        output.Column("suspended", _("Suspended"), right=True),
        output.Column("correction", _("Under correction"), right=True),
        output.Column("until", _("Good until")),
        output.Column("state", _("Published")),
    ]

    def human() -> None:
        drawn = [
            {
                **row,
                "until": moment(row["expires"]) if row["expires"] else "–",
                "state": _("yes") if row["published"] else _("no"),
            }
            for row in rows
        ]
        output.table(drawn, columns, empty=empty)

    output.emit(rows, human)


def _row(state: ListState) -> dict[str, Any]:
    revoked, suspended, correction = state.counts()
    newest = state.published
    return {
        "n": state.n,
        "uri": state.uri,
        "entries": state.bits.entries,
        "issued": state.bits.used_count,
        "revoked": revoked,
        "suspended": suspended,
        "correction": correction,
        "signed": newest.iat if newest else None,
        "expires": newest.exp if newest else None,
        "entry": newest.index if newest else None,
        "published": not state.changed,
    }


def _words() -> dict[str, str]:
    return {
        "valid": _("valid"),
        "revoked": _("revoked"),
        "suspended": _("suspended"),
        "correction": _("under correction"),
    }
