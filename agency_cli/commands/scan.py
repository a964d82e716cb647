"""``agency scan``: the service window."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agency_cli.common import require_registered, session
from agency_cli.officers import officer_of, officer_options
from client.passphrase import passphrase_options
from console import exits, output
from console.frame import Command
from console.i18n import N_, _, moment

if TYPE_CHECKING:
    from agency_cli.services.scan import Scanned


@click.command(
    cls=Command,
    help=N_(
        "Read a show code from a picture (PNG or JPEG; - reads standard input), collect what the wallet presents "
        "against a receipt, and say whether it holds. A code lives a minute and is collected once."
    ),
)
@click.argument("image", required=False, metavar="[IMAGE|-]")
@click.option("--text", "code", help=N_("The text of the code, where a scanner has read it."))
@click.option("--scenario", required=True, help=N_("What is asked for: hash or id of a scenario."))
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
    image: str | None, code: str | None, passphrase_file: Path | None, passphrase_fd: int | None, **options: Any
) -> int:
    from agency_cli.services.scan import ScanOrder
    from agency_cli.services.scan import scan as collect
    from client.checks import open_desk

    text = _code(image, code)
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


def _code(image: str | None, code: str | None) -> str:
    from client import pictures

    if (image is None) == (code is None):
        raise click.UsageError(_("Give a picture or --text, and not both."))
    if code is not None:
        return code.strip()
    if image == "-":
        return pictures.code_in_stream(sys.stdin.buffer)
    return pictures.code_in_file(Path(str(image)))


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
