"""``agency issue`` and ``agency issue-batch``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from agency_cli.common import require_registered, session
from client.inputs import Day
from client.passphrase import passphrase_options
from console import exits, output
from console.frame import Command
from console.i18n import N_, _
from console.progress import Step, progress
from protocol.encoding import hex0x

if TYPE_CHECKING:
    from agency_cli.services.batch import Outcome
    from agency_cli.services.issuing import Desk, Ready
    from agency_cli.services.orders import Order
    from agency_cli.services.records import Issued
    from client.session import Session
    from protocol.canonical import Json

Function = TypeVar("Function", bound=Callable[..., Any])
_EXISTING = click.Path(path_type=Path, exists=True, dir_okay=False)


def certificate_options(command: Function) -> Function:
    """The options that say what stands on the licence itself; each overrides the claims file."""
    for option in (
        click.option("--supersedes", metavar="CERTIFICATE_ID", help=N_("The certificate that this one replaces.")),
        click.option("--expires", "expiring_date", type=Day(), help=N_("Last day of the licence.")),
        click.option("--effective", "effective_date", type=Day(), help=N_("First day of the licence.")),
        click.option("--issued", "issue_date", type=Day(), help=N_("Day of issue (default: today in China).")),
        click.option("--revision", type=click.IntRange(1, 999), help=N_("Counts re-issues of one certificate.")),
        click.option("--serial", help=N_("Serial in the certificate id (default: from the number).")),
        click.option("--number", help=N_("Certificate number (default: drawn).")),
    ):
        command = option(command)
    return command


@click.command(
    cls=Command,
    help=N_(
        "Issue a credential: sign it, seal it and its documents to the holder's key card, and deposit them. The first "
        "deposit into a dossier needs the card token that the holder made with `wallet card --for AGENCY`."
    ),
    epilog=N_(
        "Example: agency issue --type driving-licence --to token.txt --claims claims.json --document licence.pdf"
    ),
)
@click.option("--type", "licence", required=True, metavar="TYPE", help=N_("Licence type, as in the registry."))
@click.option(
    "--to",
    required=True,
    metavar="TOKEN_FILE|DOSSIER",
    help=N_("Card token file (- for standard input), or dossier id."),
)
@click.option("--claims", type=_EXISTING, required=True, help=N_("JSON file with the holder and the licence fields."))
@click.option("--document", "documents", type=_EXISTING, multiple=True, help=N_("A document to go along; repeat."))
@certificate_options
@click.option("--dry-run", is_flag=True, help=N_("Check everything and show what would be deposited."))
@passphrase_options
def issue(
    licence: str,
    to: str,
    claims: Path,
    documents: tuple[Path, ...],
    dry_run: bool,
    passphrase_file: Path | None,
    passphrase_fd: int | None,
    **certificate: Any,
) -> None:
    from agency_cli.services import issuing
    from agency_cli.services.holders import addressee

    with session(passphrase_file, passphrase_fd) as found:
        require_registered(found)
        holder = addressee(to)
        desk = issuing.open_desk(found, _uploading)
        order = _order(desk, licence, claims, documents, certificate)
        if dry_run:
            data = _preview(issuing.check(desk, order, holder))
            output.emit(data, lambda: _draw_preview(data))
            return
        record = issuing.issue(desk, order, holder)
    data = _issued(record)
    output.emit(data, lambda: _draw_issued(data))


def _order(desk: Desk, licence: str, claims: Path, documents: tuple[Path, ...], certificate: dict[str, Any]) -> Order:
    from agency_cli.services.orders import china_today, make_order, read_claims
    from protocol.licence_types import licence_type

    overrides: dict[str, Json] = {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in certificate.items()
        if value is not None
    }
    return make_order(
        read_claims(claims),
        licence_type(licence),
        desk.office,
        today=china_today(desk.session.clock.now()),
        overrides=overrides,
        documents=documents,
    )


@contextmanager
def _uploading(total: int) -> Iterator[Step]:
    with progress(_("Uploading"), total) as step:
        yield step


def _issued(record: Issued) -> dict[str, Any]:
    return {
        "item": record.id,
        "certificate_id": record.certificate_id,
        "vct": record.vct,
        "dossier": hex0x(record.dossier),
        "status": {"uri": record.status.uri, "idx": record.status.idx},
        "entry": record.index,
        "issued_at": record.issued_at,
    }


def _draw_issued(data: dict[str, Any]) -> None:
    output.fields(
        [
            (_("Item"), data["item"]),
            (_("Certificate"), data["certificate_id"]),
            (_("Type"), data["vct"]),
            (_("Dossier"), data["dossier"]),
            (_("Log entry"), data["entry"]),
            (_("Status"), f"{data['status']['uri']} [{data['status']['idx']}]"),
        ]
    )


def _preview(ready: Ready) -> dict[str, Any]:
    from protocol.stream import payload_size

    order = ready.order
    return {
        "dry_run": True,
        "dossier": hex0x(ready.holder.dossier),
        "card_seq": ready.holder.card.card.seq,
        "card_hash": hex0x(ready.holder.card.hash),
        "card_token": ready.holder.token is not None,
        "certificate_id": order.certificate_id,
        "vct": order.licence.vct,
        "number": order.certificate.number,
        "expires": order.certificate.expiring_date and order.certificate.expiring_date.isoformat(),
        "holder": order.holder,
        "fields": order.fields,
        "documents": [
            {"name": d.name, "media_type": d.media_type, "size": d.size, "sealed_size": payload_size(d.size)}
            for d in ready.drafts
        ],
    }


def _draw_preview(data: dict[str, Any]) -> None:
    token = _("yes") if data["card_token"] else _("no; needed for the first deposit")
    rows: list[tuple[str, object]] = [
        (_("Dossier"), data["dossier"]),
        (_("Key card"), f"{data['card_seq']}  {data['card_hash']}"),
        (_("Card token"), token),
        (_("Certificate"), data["certificate_id"]),
        (_("Type"), data["vct"]),
        (_("Number"), data["number"]),
    ]
    rows += [(f"holder.{name}", value) for name, value in data["holder"].items()]
    rows += list(data["fields"].items())
    rows += [
        (_("Document"), f"{d['name']}  {d['media_type']}  {d['size']} → {d['sealed_size']}") for d in data["documents"]
    ]
    output.fields(rows)
    output.say(_("Nothing was sent: this was a dry run."))


@click.command(
    "issue-batch",
    cls=Command,
    help=N_(
        "Issue one credential for each row of a CSV or JSON-lines file. A row that is refused is kept with its reason "
        "in a rejects file of the same form, and the others go on. Running the file again issues only what is missing."
    ),
)
@click.argument("file", type=_EXISTING)
@click.option("--type", "licence", metavar="TYPE", help=N_("Licence type of rows that name none."))
@click.option("--rejects", type=click.Path(path_type=Path, dir_okay=False), help=N_("Where refused rows are kept."))
@click.option(
    "--encoding",
    type=click.Choice(["utf-8", "gb18030"]),
    default="utf-8",
    show_default=True,
    help=N_("Encoding of the file."),
)
@passphrase_options
def issue_batch(
    file: Path,
    licence: str | None,
    rejects: Path | None,
    encoding: str,
    passphrase_file: Path | None,
    passphrase_fd: int | None,
) -> int:
    from agency_cli.services.batch import BatchOrder, run_batch

    target = rejects or file.with_name(f"{file.stem}.rejects{file.suffix}")
    if target.resolve() == file.resolve():
        raise click.UsageError(_("The rejects file is the batch file: name another with --rejects."))
    order = BatchOrder(file, target, licence, encoding)
    with session(passphrase_file, passphrase_fd) as found:
        require_registered(found)
        with progress(_("Issuing"), file.stat().st_size) as tick:
            outcome = run_batch(_desk(found), order, tick)
    data = _outcome(outcome, target)
    output.emit(data, lambda: _draw_outcome(data))
    return exits.FAILURE if outcome.rejected else exits.OK


def _desk(found: Session) -> Desk:
    from agency_cli.services.issuing import open_desk

    return open_desk(found)


def _outcome(outcome: Outcome, rejects: Path) -> dict[str, Any]:
    return {
        "issued": outcome.issued,
        "issued_before": outcome.known,
        "rejected": outcome.rejected,
        "rejects_file": str(rejects) if outcome.rejected else None,
        "examples": outcome.examples,
    }


def _draw_outcome(data: dict[str, Any]) -> None:
    output.fields(
        [
            (_("Issued"), data["issued"]),
            (_("Issued before"), data["issued_before"]),
            (_("Refused"), data["rejected"]),
        ]
    )
    for example in data["examples"]:
        output.warn(_("line {line}: {reason} [{code}]").format(**example))
    if data["rejects_file"]:
        output.say(_("The refused rows are in {path}: mend them and run that file.").format(path=data["rejects_file"]))
