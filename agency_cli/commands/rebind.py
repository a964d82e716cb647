"""``agency rebind``."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agency_cli.commands.issue import certificate_options
from agency_cli.common import require_registered, session
from client.passphrase import passphrase_options
from console import exits, output
from console.frame import Command
from console.i18n import N_, _
from console.output import Column
from console.progress import progress
from protocol.encoding import hex0x, unhex0x

if TYPE_CHECKING:
    from agency_cli.services.issuing import Desk
    from agency_cli.services.rebinding import Outcome
    from protocol.canonical import Json

_EXISTING = click.Path(path_type=Path, exists=True, dir_okay=False)
_REASONS = {"holder_key": N_("the holder revoked the key"), "issuer_key": N_("our key was compromised")}


@click.command(
    cls=Command,
    help=N_(
        "Issue a credential again for the holder's newest key: the same claims, the next revision, and the old one "
        "ends. Needed where a new key card revoked the key that it is bound to, or our own key was reported "
        "compromised before it was anchored. Name one ITEM with its --claims, or --from the file that was issued; "
        "with neither, what is due is listed. Running it again goes on where it was."
    ),
    epilog=N_("Example: agency rebind --from licences.csv --type driving-licence --dry-run"),
)
@click.argument("item", required=False)
@click.option("--claims", type=_EXISTING, help=N_("The claims file that ITEM was issued with."))
@click.option("--document", "documents", type=_EXISTING, multiple=True, help=N_("A document that went along; repeat."))
@click.option("--from", "source", type=_EXISTING, help=N_("The batch file that was issued."))
@click.option("--type", "licence", metavar="TYPE", help=N_("Licence type of rows that name none."))
@click.option("--all-of", "dossier", metavar="DOSSIER", help=N_("Only what is of this dossier."))
@click.option(
    "--encoding",
    type=click.Choice(["utf-8", "gb18030"]),
    default="utf-8",
    show_default=True,
    help=N_("Encoding of the file."),
)
@certificate_options
@click.option("--dry-run", is_flag=True, help=N_("Check everything and change nothing."))
@passphrase_options
def rebind(
    item: str | None,
    claims: Path | None,
    source: Path | None,
    dossier: str | None,
    passphrase_file: Path | None,
    passphrase_fd: int | None,
    **order: Any,
) -> int:
    from agency_cli.services.issuing import open_desk

    if (item is None) != (claims is None) or (item is not None and source is not None):
        raise click.UsageError(_("Give ITEM with --claims, or --from, or neither."))
    only = None if dossier is None else unhex0x(dossier, length=32, what="dossier")
    with session(passphrase_file, passphrase_fd) as found:
        require_registered(found)
        desk = open_desk(found)
        if item is not None and claims is not None:
            return _one(desk, item, claims, order)
        if source is not None:
            return _several(desk, source, only, order)
        return _list(desk, only)


def _one(desk: Desk, item: str, claims: Path, order: dict[str, Any]) -> int:
    from agency_cli.services import rebinding
    from agency_cli.services.orders import read_claims

    record = desk.records.find(item)
    overrides: dict[str, Json] = {
        name: value.isoformat() if isinstance(value, date) else value
        for name in ("number", "serial", "revision", "issue_date", "effective_date", "expiring_date", "supersedes")
        if (value := order[name]) is not None
    }
    given = rebinding.Claims(read_claims(claims), overrides, order["documents"])
    made = rebinding.rebind(desk, record, given, dry_run=order["dry_run"])
    if made is not None:
        rebinding.publish(desk)
    data = {
        "before": record.id,
        "certificate_id": record.certificate_id,
        "item": None if made is None else made.id,
        "new_certificate_id": None if made is None else made.certificate_id,
        "dry_run": order["dry_run"],
    }
    output.emit(
        data,
        lambda: output.fields(
            [
                (_("Item before"), data["before"]),
                (_("Item"), data["item"] or "-"),
                (_("Certificate"), data["new_certificate_id"] or "-"),
            ]
        ),
    )
    return exits.OK


def _several(desk: Desk, source: Path, dossier: bytes | None, order: dict[str, Any]) -> int:
    from agency_cli.services import rebinding

    batch = rebinding.Batch(source, order["licence"], order["encoding"], dossier, order["dry_run"])
    with progress(_("Issuing"), source.stat().st_size) as tick:
        outcome = rebinding.rebind_file(desk, batch, tick)
    data = {
        "rebound": outcome.rebound,
        "rebound_before": outcome.known,
        "not_due": outcome.not_due,
        "refused": outcome.refused,
        "dry_run": order["dry_run"],
    }
    output.emit(data, lambda: _draw_outcome(outcome))
    return exits.FAILURE if outcome.refused else exits.OK


def _draw_outcome(outcome: Outcome) -> None:
    output.fields(
        [
            (_("Bound anew"), outcome.rebound),
            (_("Bound anew before"), outcome.known),
            (_("Not due"), outcome.not_due),
            (_("Refused"), len(outcome.refused)),
        ]
    )
    for row in outcome.refused:
        output.warn(_("line {line}: {reason} [{code}]").format(**row))


def _list(desk: Desk, dossier: bytes | None) -> int:
    from agency_cli.services import rebinding

    rows = [
        {
            "item": one.record.id,
            "certificate_id": one.record.certificate_id,
            "dossier": hex0x(one.record.dossier),
            "reason": one.reason,
        }
        for one in rebinding.due(desk, dossier)
    ]
    columns = [Column("item", _("Item")), Column("certificate_id", _("Certificate")), Column("reason", _("Reason"))]
    drawn = [{**row, "reason": _(_REASONS[row["reason"]])} for row in rows]
    output.emit({"due": rows}, lambda: output.table(drawn, columns, empty=_("Nothing must be bound anew.")))
    return exits.OK
