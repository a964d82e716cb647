"""``wallet put`` and ``wallet delete``."""

from __future__ import annotations

from pathlib import Path

import click

from client.passphrase import passphrase_options
from console import output
from console.frame import Command
from console.i18n import N_, _
from console.progress import progress
from protocol.errors import Denied
from wallet_cli.common import require_open, session, short


@click.command(
    cls=Command,
    help=N_(
        "Put own documents into the dossier. They are sealed here; the vault can't read them. They are always shown "
        "apart from what agencies issued."
    ),
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--title", help=N_("What it is called (default: the first file's name)."))
@click.option("--note", help=N_("A note for yourself; sealed too."))
@passphrase_options
def put(
    files: tuple[Path, ...],
    title: str | None,
    note: str | None,
    passphrase_file: Path | None,
    passphrase_fd: int | None,
) -> None:
    from wallet_cli.services import documents

    with session(passphrase_file, passphrase_fd) as found:
        require_open(found)
        total = sum(path.stat().st_size for path in files)
        with progress(_("Uploading"), total) as step:
            order = documents.PutOrder(files, title or files[0].name, note)
            record = documents.put(found, order, step)
    data = {"item": record.id, "index": record.index, "documents": len(files)}
    output.emit(data, lambda: output.line(_("put in as item {item}").format(item=short(record.id))))


@click.command(
    cls=Command,
    help=N_(
        "Destroy an item: the vault deletes payloads, headers and salts and notes it in the log. The log entry stays; "
        "what readers have opened before is theirs."
    ),
)
@click.argument("item")
@click.option("--dry-run", is_flag=True, help=N_("Only say what would change."))
@click.option("--yes", is_flag=True, help=N_("Do not ask."))
@passphrase_options
def delete(item: str, dry_run: bool, yes: bool, passphrase_file: Path | None, passphrase_fd: int | None) -> None:
    from wallet_cli.services import documents

    with session(passphrase_file, passphrase_fd) as found:
        require_open(found)
        record = found.store.item(item)
        if dry_run:
            data = {"item": record.id, "state": record.state, "dry_run": True}
            output.emit(data, lambda: output.line(_("Would destroy item {item}.").format(item=record.id)))
            return
        if not output.confirm(_("Destroy item {item} for good?").format(item=short(record.id)), assume_yes=yes):
            raise Denied("not_confirmed", "nothing was changed: it was not confirmed")
        gone = documents.delete(found, record)
    output.emit({"item": gone.id, "state": gone.state}, lambda: output.line(_("deleted {item}").format(item=gone.id)))
