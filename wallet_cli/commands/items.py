"""``wallet items``, ``show-item``, ``open`` and ``claim``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from client.passphrase import passphrase_options
from console import exits, output
from console.frame import Command
from console.i18n import N_, _, describe, moment
from console.output import Column
from console.progress import progress
from wallet_cli.common import session, short

if TYPE_CHECKING:
    from wallet_cli.services.claiming import Claimed


@click.command(cls=Command, help=N_("List everything in the dossier: what agencies issued, and own documents apart."))
@click.option("--deleted", is_flag=True, help=N_("List deleted items too."))
@passphrase_options
def items(deleted: bool, passphrase_file: Path | None, passphrase_fd: int | None) -> None:
    from wallet_cli.services import opening, views

    with session(passphrase_file, passphrase_fd) as found:
        rows: list[dict[str, Any]] = []
        for opened in opening.open_all(found):
            if isinstance(opened, tuple):
                record, error = opened
                rows.append({"item": record.id, "kind": None, "damaged": error.code, "problem": describe(error)})
            else:
                rows.append(views.summary(opened))
        gone = [
            {"item": r.id, "kind": None, "deleted": True, "at": r.at}
            for r in found.store.items()
            if r.state == "deleted"
        ]
    rows += gone if deleted else []
    output.emit({"items": rows}, lambda: _draw_items(rows))


def _draw_items(rows: list[dict[str, Any]]) -> None:
    columns = [
        Column("item", _("Item")),
        Column("title", _("Title")),
        Column("issuer", _("From")),
        Column("issued", _("Issued")),
        Column("expires", _("Until")),
        Column("documents", _("Documents"), right=True),
        Column("state", _("State")),
    ]
    drawn = [
        {
            "item": short(row["item"]),
            "title": row.get("title"),
            "issuer": _("own document") if row.get("own") else row.get("issuer_name"),
            "issued": row.get("issued"),
            "expires": row.get("expires"),
            "documents": row.get("documents"),
            "state": _state(row),
        }
        for row in rows
    ]
    output.table(drawn, columns, empty=_("The dossier is empty; run `wallet sync`."))


def _state(row: dict[str, Any]) -> str:
    if row.get("deleted"):
        return _("deleted")
    if row.get("damaged"):
        return _("damaged: {code}").format(code=row["damaged"])
    return _("accepted") if row.get("claimed") else _("new")


@click.command("show-item", cls=Command, help=N_("Show one item: every claim with its pointer, and the documents."))
@click.argument("item")
@passphrase_options
def show_item(item: str, passphrase_file: Path | None, passphrase_fd: int | None) -> None:
    from wallet_cli.services import opening, views

    with session(passphrase_file, passphrase_fd) as found:
        data = views.details(opening.open_item(found, found.store.item(item)))
    output.emit(data, lambda: _draw_item(data))


def _value(claim: dict[str, Any]) -> object:
    from client.titles import said

    return moment(claim["value"]) if claim["pointer"] == "/iat" else said(claim["value"])


def _draw_item(data: dict[str, Any]) -> None:
    output.fields(
        [
            (_("Item"), data["item"]),
            (_("Title"), data["title"]),
            (_("From"), _("own document") if data["own"] else data["issuer_name"]),
            (_("Received"), moment(data["at"])),
            (_("State"), _state(data)),
            *([(_("Note"), data["note"])] if data["note"] else []),
        ]
    )
    if data["claims"]:
        output.line()
        output.table(
            [{**claim, "value": _value(claim)} for claim in data["claims"]],
            [Column("title", _("Claim")), Column("value", _("Value")), Column("pointer", _("Pointer"))],
        )
    if data["documents"]:
        output.line()
        output.table(
            data["documents"],
            [
                Column("number", _("No."), right=True),
                Column("name", _("Document")),
                Column("media_type", _("Type")),
                Column("size", _("Bytes"), right=True),
            ],
        )


@click.command(
    "open",
    cls=Command,
    help=N_("Open a document to a file or to standard output. It appears only whole, and only if its digest is right."),
)
@click.argument("item")
@click.argument("document", required=False)
@click.option("--to", "target", default="-", metavar="FILE", help=N_("Where to write it; - is standard output."))
@click.option("--force", is_flag=True, help=N_("Replace an existing file."))
@passphrase_options
def open_(
    item: str, document: str | None, target: str, force: bool, passphrase_file: Path | None, passphrase_fd: int | None
) -> None:
    from wallet_cli.services import opening

    to_screen = target == "-"
    if not to_screen and Path(target).exists() and not force:
        raise click.UsageError(_("{path} exists; --force replaces it.").format(path=target))
    with session(passphrase_file, passphrase_fd) as found:
        opened = opening.open_item(found, found.store.item(item))
        wanted = opening.find_document(opened, document)
        with progress(wanted.entry.name, wanted.payload_size) as step:
            sink = output.binary_stdout() if to_screen else Path(target)
            opening.save_document(found, opened, wanted, sink, step)
    if not to_screen:
        data = {"item": opened.record.id, "document": wanted.entry.name, "file": target, "size": wanted.entry.size}
        output.emit(data, lambda: output.line(_("{name} → {path}").format(name=wanted.entry.name, path=target)))


@click.command(
    cls=Command,
    help=N_(
        "Verify an item in full: issuer, licence type, log, chain, status, and every document. Then state in the log "
        "that it is accepted."
    ),
)
@click.argument("item", nargs=-1)
@click.option("--all", "every", is_flag=True, help=N_("Every item that is not accepted yet."))
@passphrase_options
def claim(item: tuple[str, ...], every: bool, passphrase_file: Path | None, passphrase_fd: int | None) -> int:
    from client.verdicts import failed_codes
    from wallet_cli.services import claiming

    if bool(item) == every:
        raise click.UsageError(_("Name items, or give --all."))
    with session(passphrase_file, passphrase_fd) as found, progress(_("Checking"), None) as step:
        results = claiming.claim(found, item, step=step)
    rows = [result.to_json() for result in results]
    only = rows[0] if len(item) == 1 else {}  # who asks for one item reads its row without a list
    output.emit({**only, "items": rows}, lambda: _draw_claims(results))
    worst = [exits.for_verdict(r.verdict.verdict, failed_codes(r.verdict)) for r in results if not r.accepted]
    return max(worst, default=exits.OK)


def _draw_claims(results: list[Claimed]) -> None:
    from client.verdicts import draw_verdict

    for result in results:
        output.line(f"{short(result.item)}  {result.title}")
        draw_verdict(result.verdict)
