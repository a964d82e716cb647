"""``agency retention``: delete what may be kept no longer, and report it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agency_cli.common import require_registered, session
from client.passphrase import passphrase_options
from console import exits, output
from console.frame import Command, Group
from console.i18n import N_, _, describe, moment
from console.output import Column

if TYPE_CHECKING:
    from agency_cli.services.retention import Deletion
    from agency_cli.services.uses import Use


@click.group(cls=Group, help=N_("Delete what was handed over when its time is up, and report it to the holder."))
def retention() -> None:
    pass


@retention.command(
    cls=Command,
    help=N_(
        "Delete every folder whose time is up, and put a signed report of each into the log. Deletes first and reports "
        "afterwards; a run that was broken off is finished by the next. Run it once a day from a timer."
    ),
)
@click.option("--dry-run", is_flag=True, help=N_("List what would be deleted, and stop."))
@click.option(
    "--gone",
    multiple=True,
    metavar="RECEIPT",
    help=N_("Report this one too, whose folder is no more where it was: you say that it was destroyed."),
)
@passphrase_options
def run(dry_run: bool, gone: tuple[str, ...], passphrase_file: Path | None, passphrase_fd: int | None) -> int:
    from agency_cli.services import retention as service

    with session(passphrase_file, passphrase_fd) as found:
        require_registered(found)
        if dry_run:
            listed = [service.Deletion(use, "due") for use in service.due(found, found.clock.now())]
        else:
            listed = service.run(found, gone=gone)
    rows = [_data(one) for one in listed]
    output.emit({"dry_run": dry_run, "uses": rows}, lambda: _draw(listed))
    return _code(listed)


def _code(listed: list[Deletion]) -> int:
    """The gravest: what is still there, before what is not reported."""
    failed = [exits.exit_code(one.error) for one in listed if one.error is not None]
    missing = [exits.NOT_FOUND for one in listed if one.state == "missing"]
    return min([*failed, *missing], default=exits.OK)


def _data(one: Deletion) -> dict[str, Any]:
    use = one.use
    return {
        "receipt": use.jti,
        "kind": use.kind,
        "id": use.basis,
        "retain_until": use.receipt.body.retain_until,
        "folder": _folder(use),
        "state": one.state,
        "deleted_at": use.deleted_at,
        "reported": use.reported,
        "code": None if one.error is None else one.error.code,
    }


def _folder(use: Use) -> str | None:
    return None if use.out is None else str(use.out)


def _draw(listed: list[Deletion]) -> None:
    words = {
        "due": _("to be deleted"),
        "reported": _("deleted and reported"),
        "deleted": _("deleted"),
        "missing": _("not where it was: say --gone if it was destroyed"),
        "failed": _("STILL THERE"),
    }
    rows = [
        {
            "receipt": one.use.jti,
            "of": one.use.basis[:12],
            "until": moment(one.use.receipt.body.retain_until),
            "folder": _folder(one.use) or "",
            "state": words[one.state] if one.error is None else f"{words[one.state]}: {describe(one.error)}",
        }
        for one in listed
    ]
    columns = [
        Column("receipt", _("Receipt")),
        Column("of", _("Of")),
        Column("until", _("Delete by")),
        Column("folder", _("Folder")),
        Column("state", _("State")),
    ]
    output.table(rows, columns, empty=_("Nothing is due."))
