"""``agency print licence|stamped``: paper copies, for one licence or for one purpose."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agency_cli.commands.issue import certificate_options
from agency_cli.common import require_registered, session
from client.inputs import Day
from client.passphrase import passphrase_options
from console import output
from console.frame import Command, Group
from console.i18n import N_, _, moment
from protocol.encoding import b64u

if TYPE_CHECKING:
    from agency_cli.services.paper import Prepared
    from agency_cli.services.stamping import Planned, Stamped

_EXISTING = click.Path(path_type=Path, exists=True, dir_okay=False)
_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
_NEW = click.Path(path_type=Path, dir_okay=False)


@click.group("print", cls=Group, help=N_("Make paper copies as PDF: of a licence, or of a document for one purpose."))
def printing() -> None:
    pass


@printing.command(
    cls=Command,
    help=N_(
        "Make a paper copy of a licence that this agency issued, with a code that anybody can check at the vault's "
        "page. The claims are given as they were to `agency issue`, with the same options: only what was issued is "
        "printed."
    ),
    epilog=N_("Example: agency print licence 371000-0001 --claims claims.json --out copy.pdf"),
)
@click.argument("issued", metavar="CERTIFICATE_ID|ITEM")
@click.option("--claims", type=_EXISTING, required=True, help=N_("The claims file that it was issued with."))
@click.option(
    "--document",
    "documents",
    type=click.Path(path_type=Path),
    multiple=True,
    help=N_("A document that it was issued with; its name counts."),
)
@click.option(
    "--claim", "printed", multiple=True, metavar="POINTER", help=N_("Print only this claim, by its pointer; repeat.")
)
@click.option("--days", type=click.IntRange(1, 366), default=90, show_default=True, help=N_("How long the copy holds."))
@certificate_options
@click.option("--font", type=click.Path(path_type=Path), help=N_("TrueType font with Chinese characters."))
@click.option("--out", type=_NEW, required=True, help=N_("The PDF to make; an existing file is not replaced."))
@click.option("--dry-run", is_flag=True, help=N_("Check and sign, and make no file."))
@passphrase_options
def licence(
    issued: str,
    claims: Path,
    documents: tuple[Path, ...],
    printed: tuple[str, ...],
    days: int,
    font: Path | None,
    out: Path,
    dry_run: bool,
    passphrase_file: Path | None,
    passphrase_fd: int | None,
    **certificate: Any,
) -> None:
    from agency_cli.services import paper
    from agency_cli.services.issuing import open_desk
    from agency_cli.services.orders import read_claims
    from client.files import write_private

    overrides = {k: v.isoformat() if isinstance(v, date) else v for k, v in certificate.items() if v is not None}
    with session(passphrase_file, passphrase_fd) as found:
        require_registered(found)
        order = paper.PaperOrder(issued, read_claims(claims), overrides, documents, printed, days)
        prepared = paper.prepare(open_desk(found), order)
    raw = paper.draw(prepared, font)
    if not dry_run:
        write_private(out, raw, new=True)
    data = _licence_data(prepared, None if dry_run else out)
    output.emit(data, lambda: _draw_licence(data, prepared.record.vct))


def _licence_data(prepared: Prepared, out: Path | None) -> dict[str, Any]:
    from agency_cli.services.sheet import code_version

    return {
        "item": prepared.record.id,
        "certificate_id": prepared.record.certificate_id,
        "claims": prepared.paper.claims,
        "issued_at": prepared.paper.iat,
        "until": prepared.paper.exp,
        "link": prepared.link,
        "statement": prepared.raw,
        "code_version": code_version(prepared.link),
        "file": None if out is None else str(out),
        "dry_run": out is None,
    }


def _draw_licence(data: dict[str, Any], vct: str) -> None:
    from client.titles import claim_names, said

    claims: dict[str, Any] = data["claims"]
    output.fields(
        [
            (_("Certificate"), data["certificate_id"]),
            (_("Until"), moment(data["until"])),
            *zip(claim_names(vct, claims), map(said, claims.values()), strict=True),
            (_("Code"), f"QR {data['code_version']}"),
            (_("File"), data["file"] or "–"),
        ]
    )
    if data["dry_run"]:
        output.say(_("No file was made: this was a dry run."))


@printing.command(
    cls=Command,
    help=N_(
        "Stamp a copy of what a use handed over, for one purpose: every page gets a strip with who, for what and until "
        "when and a code to scan, the stamp is logged where the holder sees it, and the PDF is signed."
    ),
    epilog=N_("Example: agency print stamped use-1 --until 2027-01-31 --out filed.pdf"),
)
@click.argument("folder", type=_FOLDER)
@click.option("--item", type=click.IntRange(1, 64), default=1, show_default=True, help=N_("Which item of the use."))
@click.option("--document", help=N_("Which PDF of the item; where none came along, a sheet of the claims is stamped."))
@click.option("--purpose", help=N_("What the copy may be used for (default: the scenario's title)."))
@click.option("--until", type=Day(), help=N_("Last day of that use (default: as long as it may be kept)."))
@click.option("--font", type=click.Path(path_type=Path), help=N_("TrueType font with Chinese characters."))
@click.option("--out", type=_NEW, required=True, help=N_("The PDF to make; an existing file is not replaced."))
@click.option("--dry-run", is_flag=True, help=N_("Check everything, log nothing, and make no file."))
@passphrase_options
def stamped(
    folder: Path, out: Path, dry_run: bool, passphrase_file: Path | None, passphrase_fd: int | None, **options: Any
) -> None:
    from agency_cli.services import stamping
    from agency_cli.services.paper import last_second
    from client.checks import open_desk

    until = None if options["until"] is None else last_second(options["until"])
    order = stamping.StampOrder(
        folder, out, options["item"], options["document"], options["purpose"], until, options["font"]
    )
    with session(passphrase_file, passphrase_fd) as found:
        require_registered(found)
        planned = stamping.plan(found, open_desk(found), order)
        made = None if dry_run else stamping.stamp(found, order, planned)
    data = _stamped_data(planned, made)
    output.emit(data, lambda: _draw_stamped(data))


def _stamped_data(planned: Planned, made: Stamped | None) -> dict[str, Any]:
    said = planned.particulars
    return {
        "document": planned.name,
        "pages": said.pages,
        "source_sha256": b64u(said.sha256),
        "purpose": said.purpose,
        "until": said.until,
        "receipt": planned.found.files.receipt.body.jti,
        "entry": None if made is None else made.stamp.index,
        "code": None if made is None else made.code,
        "sha256": None if made is None else b64u(made.sha256),
        "file": None if made is None else str(made.out),
        "dry_run": made is None,
    }


def _draw_stamped(data: dict[str, Any]) -> None:
    output.fields(
        [
            (_("Document"), f"{data['document']}, {data['pages']}"),
            (_("Purpose"), data["purpose"]),
            (_("Until"), moment(data["until"])),
            (_("Log entry"), "–" if data["entry"] is None else data["entry"]),
            (_("File"), data["file"] or "–"),
        ]
    )
    if data["dry_run"]:
        output.say(_("No file was made: this was a dry run."))
