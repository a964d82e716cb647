"""``wallet export`` and ``wallet verify``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from client.passphrase import passphrase_options
from console import exits, output
from console.frame import Command
from console.i18n import N_, _
from console.output import Column
from console.progress import progress
from wallet_cli.common import session

if TYPE_CHECKING:
    from protocol.verdict import Verdict
    from wallet_cli.services.verifying import Identity

_DOCUMENTS = {
    "opened": N_("opened: it is the one that the credential names"),
    "sealed": N_("sealed: its bytes are the ones that the slip names"),
    "fail": N_("WRONG"),
}
MAX_IDENTITIES = 64 << 10


@click.command(
    cls=Command,
    help=N_(
        "Write an item to a folder with everything that proves it: credential, log entry, proof, checkpoint, status, "
        "and each document as a standard .age file. Anybody can verify it without us."
    ),
)
@click.argument("item")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@passphrase_options
def export(item: str, folder: Path, passphrase_file: Path | None, passphrase_fd: int | None) -> None:
    from client.checks import open_desk
    from wallet_cli.services import exporting, opening

    with session(passphrase_file, passphrase_fd) as found, progress(_("Exporting"), None) as step:
        opened = opening.open_item(found, found.store.item(item))
        exporting.export(found, open_desk(found), opened, folder, step)
    files = sorted(path.name for path in folder.iterdir())
    data = {"item": opened.record.id, "folder": str(folder), "files": files}
    output.emit(data, lambda: output.line("\n".join(files)))


@click.command(
    cls=Command,
    help=N_(
        "Verify an exported folder. Facts come from the chain, or with --offline from this machine's trust file: what "
        "that does not cover is unknown, and a folder alone is never accepted. Needs no profile."
    ),
)
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--offline", is_flag=True, help=N_("Ask nobody."))
@click.option(
    "--trust",
    type=click.Path(path_type=Path, dir_okay=False),
    help=N_("Take facts from this trust file (see `wallet trust --write`)."),
)
@click.option(
    "--signer", "signers", multiple=True, metavar="THUMBPRINT", help=N_("Accept a trust file of this tool key too.")
)
@click.option(
    "--policy",
    type=click.Choice(["evidence", "window"]),
    default="evidence",
    show_default=True,
    help=N_("How strict: window bears an anchor that is still to come."),
)
@click.option(
    "--age-identity",
    "identity_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help=N_("Open the documents with the identities in this file, to check their contents."),
)
def verify(
    folder: Path,
    offline: bool,
    trust: Path | None,
    signers: tuple[str, ...],
    policy: str,
    identity_file: Path | None,
) -> int:
    from client.verdicts import failed_codes, verdict_json
    from protocol.encoding import unb64u
    from wallet_cli.services import verifying

    with session(anybody=True) as found:
        order = verifying.VerifyOrder(
            folder=folder,
            offline=offline,
            trust=trust,
            signers=tuple(unb64u(text, length=32, what="--signer") for text in signers),
            policy=policy,
            identities=_identities(identity_file),
        )
        result = verifying.verify_folder(found, order)
    data = {
        "conclusion": result.conclusion,
        "own": result.own,
        **verdict_json(result.verdict),
        "documents": [asdict(document) for document in result.documents],
    }
    output.emit(data, lambda: _draw(data, result.verdict))
    wrong = [document.code for document in result.documents if document.status == "fail"]
    return exits.for_verdict(result.conclusion, [*failed_codes(result.verdict), *wrong])


def _identities(path: Path | None) -> tuple[Identity, ...]:
    from client.files import read_bounded
    from protocol.errors import Malformed
    from protocol.recipients import parse_identity

    if path is None:
        return ()
    try:
        lines = read_bounded(path, limit=MAX_IDENTITIES).decode("ascii").splitlines()
    except UnicodeDecodeError:
        raise Malformed("identity_file", "the identity file is not text") from None
    return tuple(parse_identity(line.strip()) for line in lines if line.strip() and not line.startswith("#"))


def _draw(data: dict[str, Any], verdict: Verdict) -> None:
    from client.verdicts import draw_checks, draw_conclusion

    draw_conclusion(data["conclusion"])
    draw_checks(verdict)
    if data["own"]:
        output.say(_("This is a document of the holder's own: no issuer stands for it."))
    if data["documents"]:
        output.line()
        rows = [{**row, "status": _(_DOCUMENTS[row["status"]])} for row in data["documents"]]
        output.table(
            rows, [Column("name", _("Document")), Column("status", _("Result")), Column("detail", _("Reason"))]
        )
