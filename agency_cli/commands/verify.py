"""``agency verify``: a grant before it is used, the folder of a use after it, or one signed thing by itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agency_cli.common import require_registered, session
from client.passphrase import passphrase_options
from console import exits, output
from console.frame import Command
from console.i18n import N_, _, moment

if TYPE_CHECKING:
    from agency_cli.services.asking import Asked
    from agency_cli.services.review import Review
    from client.session import Session
    from protocol.verdict import Verdict

MAX_FILE = 8 << 20
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command(
    cls=Command,
    help=N_(
        "Verify a grant by its id (the vault's verdict, and our own), or the folder of a use: everything in it is "
        "opened and checked again against the chain, as of the time of the use. Or one file by itself."
    ),
)
@click.argument("target", required=False, metavar="[GRANT|DIR]")
@click.option("--receipt", type=_FILE, help=N_("A receipt of any reader (JWS)."))
@click.option("--proof", type=_FILE, help=N_("A log proof (.tlog-proof)."))
@click.option("--entry", type=_FILE, help=N_("The entry that --proof is about (default: as the vault has it)."))
@click.option("--presentation", type=_FILE, help=N_("A presentation (SD-JWT with key binding) to this agency."))
@click.option("--nonce", help=N_("The nonce that --presentation must answer."))
@click.option(
    "--policy",
    type=click.Choice(["window", "evidence"]),
    default="evidence",
    show_default=True,
    help=N_("What a folder must show."),
)
@click.option("--now", is_flag=True, help=N_("Judge a folder as of now, not as of its use."))
@click.option("--upgrade", is_flag=True, help=N_("Replace the folder's proofs by such under anchored heads."))
@passphrase_options
def verify(passphrase_file: Path | None, passphrase_fd: int | None, **options: Any) -> int:
    wanted = [name for name in ("target", "receipt", "proof", "presentation") if options[name] is not None]
    if len(wanted) != 1:
        raise click.UsageError(_("Give exactly one of: a grant or folder, --receipt, --proof, --presentation."))
    with session(passphrase_file, passphrase_fd) as found:
        require_registered(found)
        if wanted != ["target"]:
            return _single(found, wanted[0], options)
        folder = Path(options["target"])
        return _folder(found, folder, options) if folder.is_dir() else _grant(found, options["target"])


def _grant(found: Session, wanted: str) -> int:
    from agency_cli.services.asking import ask
    from client.checks import open_desk

    asked = ask(found, open_desk(found), wanted)
    output.emit(asked.to_json(), lambda: _draw_grant(asked))
    return exits.for_verdict(asked.verdict, asked.failed_codes)


def _draw_grant(asked: Asked) -> None:
    from agency_cli.render import scenario_name
    from client.verdicts import draw_checks, draw_conclusion

    draw_conclusion(asked.verdict)
    for title, verdict in ((_("Our own verdict"), asked.own), (_("The vault's verdict"), asked.vault)):
        output.line()
        output.line(title)
        draw_checks(verdict)
    grant = asked.given.grant
    output.line()
    output.fields(
        [
            (_("Scenario"), scenario_name(asked.scenario.body)),
            (_("Purpose"), grant.purpose),
            (_("Uses"), f"{asked.given.row.uses}/{grant.max_uses}"),
            (_("Until"), moment(grant.not_after)),
        ]
    )


def _folder(found: Session, folder: Path, options: dict[str, Any]) -> int:
    from agency_cli.services import review as reviews
    from client.checks import open_desk

    desk = open_desk(found)
    review = reviews.review(found, desk, folder, policy=options["policy"], now=options["now"])
    anchored = reviews.upgrade(found, desk, folder, review) if options["upgrade"] else None
    output.emit(_folder_data(review, anchored), lambda: _draw_folder(review, anchored))
    return exits.for_verdict(review.outcome.verdict, review.outcome.failed_codes)


def _folder_data(review: Review, anchored: bool | None) -> dict[str, Any]:
    return {
        "use_no": review.record.use_no,
        "used_at": review.record.at,
        "retain_until": review.files.receipt.body.retain_until,
        "anchored": anchored,
        **review.outcome.to_json(),
    }


def _draw_folder(review: Review, anchored: bool | None) -> None:
    from agency_cli.render import draw_outcome

    draw_outcome(review.outcome)
    output.line()
    rows = [
        (_("Judged as of"), moment(review.outcome.at)),
        (_("Used"), moment(review.record.at)),
        (_("Delete by"), moment(review.files.receipt.body.retain_until)),
    ]
    if anchored is not None:
        rows.append((_("Proofs"), _("all under anchored heads") if anchored else _("not yet anchored: try later")))
    output.fields(rows)


def _single(found: Session, kind: str, options: dict[str, Any]) -> int:
    from agency_cli.services import single
    from client.checks import open_desk
    from client.files import read_bounded
    from client.verdicts import draw_verdict

    desk, raw = open_desk(found), read_bounded(options[kind], limit=MAX_FILE)
    verdict: Verdict
    if kind == "receipt":
        verdict = single.verify_receipt_file(found, desk, raw)
    elif kind == "proof":
        entry = None if options["entry"] is None else read_bounded(options["entry"], limit=MAX_FILE)
        verdict = single.verify_proof_file(found, desk, raw, entry)
    else:
        verdict = single.verify_presentation_file(found, desk, raw, options["nonce"])
    output.emit(verdict.to_json(), lambda: draw_verdict(verdict))
    return exits.for_verdict(verdict.verdict, [check.code for check in verdict.checks if check.status == "fail"])
