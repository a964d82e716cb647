"""``agency scan``: the service window."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agency_cli.common import max_pack_age_option, require_registered, session
from agency_cli.officers import officer_of, officer_options
from client.passphrase import passphrase_options
from client.qr import FRAME
from console import exits, output
from console.frame import Command
from console.i18n import N_, _, moment
from protocol.show_code import PREFIX as SHOW
from protocol.stamp import PREFIX as STAMP

if TYPE_CHECKING:
    from agency_cli.services.scan import Scanned
    from agency_cli.services.stamp_check import CheckedStamp

_PDF = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command(
    cls=Command,
    help=N_(
        "Read a show code from a picture (PNG or JPEG; - reads standard input), collect what the wallet presents "
        "against a receipt, and say whether it holds. A code lives a minute and is collected once. The code in a "
        "purpose stamp is checked as it stands: who stamped, for what, until when, and with --file the PDF itself. "
        "--offline reads all frames of a show without a network and judges it by the pack (`agency pack update`)."
    ),
)
@click.argument("images", nargs=-1, metavar="[IMAGE|-]…")
@click.option("--text", "codes", multiple=True, help=N_("The text of the code, where a scanner has read it."))
@click.option("--offline", is_flag=True, help=N_("Read frames that answer nobody, and ask nobody: compare the face."))
@max_pack_age_option
@click.option("--scenario", help=N_("What is asked for: hash or id of a scenario; not for a stamp."))
@click.option("--file", "stamped", type=_PDF, help=N_("The stamped PDF, to compare it with the stamp's code."))
@click.option(
    "--out",
    "--to",
    "out",
    type=click.Path(path_type=Path),
    help=N_("Keep what was shown, documents too, in this new folder."),
)
@officer_options
@click.option("--retain-days", type=click.IntRange(0), help=N_("Keep for fewer days than the scenario allows."))
@click.option(
    "--wait", type=click.IntRange(1, 600), default=60, show_default=True, help=N_("Seconds to wait for the wallet.")
)
@passphrase_options
def scan(
    images: tuple[str, ...],
    codes: tuple[str, ...],
    passphrase_file: Path | None,
    passphrase_fd: int | None,
    **options: Any,
) -> int:
    from agency_cli.services.scan import ScanOrder
    from agency_cli.services.scan import scan as collect
    from client.checks import open_desk

    texts = _texts(images, codes, (FRAME,) if options["offline"] else (SHOW, STAMP))
    if options["offline"]:
        from agency_cli.commands.scan_offline import scan_offline

        return scan_offline(texts, passphrase_file, passphrase_fd, options)
    if len(texts) > 1:
        raise click.UsageError(_("One code at a time; the frames of one show are read with --offline."))
    text = texts[0]
    if text.startswith(STAMP):
        return _scan_stamp(text, options["stamped"], passphrase_file, passphrase_fd)
    if options["scenario"] is None or options["stamped"] is not None:
        raise click.UsageError(_("A show code needs --scenario; --file goes with the code of a stamp."))
    with session(passphrase_file, passphrase_fd) as found:
        require_registered(found)
        order = ScanOrder(
            code=text,
            scenario=options["scenario"],
            officer=officer_of(found, options),
            out=options["out"],
            retain_days=options["retain_days"],
            wait_s=options["wait"],
        )
        done = collect(found, open_desk(found), order)
    output.emit(_data(done), lambda: _draw(done))
    return exits.for_verdict(done.outcome.verdict, done.outcome.failed_codes)


def _texts(images: tuple[str, ...], codes: tuple[str, ...], prefixes: tuple[str, ...]) -> list[str]:
    from client import pictures

    if bool(images) == bool(codes):
        raise click.UsageError(_("Give a picture or --text, and not both."))
    if codes:
        return [code.strip() for code in codes]
    return [
        pictures.code_in_stream(sys.stdin.buffer, prefixes)
        if image == "-"
        else pictures.code_in_file(Path(image), prefixes)
        for image in images
    ]


def _scan_stamp(text: str, file: Path | None, passphrase_file: Path | None, passphrase_fd: int | None) -> int:
    from agency_cli.services.stamp_check import MAX_COPY_BYTES, check_stamp
    from client.checks import open_desk
    from client.files import read_bounded
    from client.verdicts import failed_codes

    raw = None if file is None else read_bounded(file, limit=MAX_COPY_BYTES)
    with session(passphrase_file, passphrase_fd) as found:
        checked = check_stamp(found, open_desk(found), text, raw)
    output.emit(_stamp_data(checked), lambda: _draw_stamp(checked))
    return exits.for_verdict(checked.verdict.verdict, failed_codes(checked.verdict))


def _stamp_data(checked: CheckedStamp) -> dict[str, Any]:
    from client.verdicts import verdict_json

    said = checked.stamp.particulars
    return {
        "stamped_by": {"urn": checked.stamp.statement.body.iss, "name": checked.agency},
        "stamped_at": checked.stamp.statement.body.iat,
        "purpose": said.purpose,
        "until": said.until,
        "entry": checked.stamp.index,
        "document": {"sha256": said.sha256.hex(), "size": said.size, "pages": said.pages},
        "file_compared": checked.compared,
        **verdict_json(checked.verdict),
    }


def _draw_stamp(checked: CheckedStamp) -> None:
    from client.verdicts import draw_verdict

    said = checked.stamp.particulars
    draw_verdict(checked.verdict)
    output.line()
    output.fields(
        [
            (_("Stamped by"), checked.agency),
            (_("Stamped"), moment(checked.stamp.statement.body.iat)),
            (_("Purpose"), said.purpose),
            (_("Until"), moment(said.until)),
            (_("Log entry"), checked.stamp.index),
            (_("SHA-256 before the stamp"), said.sha256.hex()),
            (_("File"), _("compared") if checked.compared else _("not compared: give it with --file")),
        ]
    )


def _data(done: Scanned) -> dict[str, Any]:
    from agency_cli.services.folders import claims_of

    accepted = done.outcome.verdict != "reject"
    return {
        "session": done.use.basis,
        "scenario": done.scenario.body.scenario_id,
        "at": done.use.at,
        "receipt": done.use.jti,
        "retain_until": done.use.receipt.body.retain_until,
        "folder": None if done.folder is None else str(done.folder),
        **done.outcome.to_json(),
        "claims": claims_of(done.outcome)["items"] if accepted else [],
    }


def _draw(done: Scanned) -> None:
    from agency_cli.render import draw_outcome, scenario_name

    draw_outcome(done.outcome)
    output.line()
    rows = [(_("Scenario"), scenario_name(done.scenario.body))]
    if done.folder is not None:
        rows += [(_("Folder"), str(done.folder)), (_("Delete by"), moment(done.use.receipt.body.retain_until))]
    output.fields(rows)
