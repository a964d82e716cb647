"""``agency release``: one use of a grant."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agency_cli.common import require_registered, session
from agency_cli.officers import officer_of, officer_options
from client.passphrase import passphrase_options
from console import exits, output
from console.frame import Command
from console.i18n import N_, _, moment
from console.progress import progress

if TYPE_CHECKING:
    from agency_cli.services.release import Released


@click.command(
    cls=Command,
    help=N_(
        "Use a grant once: sign a receipt, take what it opens, verify all of it, and keep it in a new folder. A use "
        "that was broken off is finished by running the command again, and is counted once."
    ),
)
@click.argument("grant")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help=N_("The new folder for claims, documents and proofs; private to you."),
)
@officer_options
@click.option("--item", "items", multiple=True, help=N_("Only this item of the grant, by its id; may be repeated."))
@click.option("--retain-days", type=click.IntRange(0), help=N_("Keep for fewer days than the grant allows."))
@click.option("--new", is_flag=True, help=N_("Leave an unfinished use alone and count a new one."))
@passphrase_options
def release(grant: str, out: Path, passphrase_file: Path | None, passphrase_fd: int | None, **options: Any) -> int:
    from agency_cli.services.release import ReleaseOrder
    from agency_cli.services.release import release as use_grant
    from client.checks import open_desk

    with session(passphrase_file, passphrase_fd) as found:
        require_registered(found)
        officer = officer_of(found, options)
        order = ReleaseOrder(grant, out, officer, options["items"], options["retain_days"], options["new"])
        done = use_grant(found, open_desk(found), order, lambda total: progress(_("Downloading"), total))
    output.emit(_data(done), lambda: _draw(done))
    return exits.for_verdict(done.outcome.verdict, done.outcome.failed_codes)


def _data(done: Released) -> dict[str, Any]:
    from agency_cli.services.folders import claims_of

    return {
        "grant": done.given.id,
        "use_no": done.use.use_no,
        "at": done.use.at,
        "max_uses": done.given.grant.max_uses,
        "retain_until": done.use.receipt.body.retain_until,
        "receipt": done.use.jti,
        "folder": str(done.folder),
        **done.outcome.to_json(),
        "claims": claims_of(done.outcome)["items"],
    }


def _draw(done: Released) -> None:
    from agency_cli.render import draw_outcome, scenario_name

    draw_outcome(done.outcome)
    output.line()
    output.fields(
        [
            (_("Scenario"), scenario_name(done.scenario.body)),
            (_("Use"), f"{done.use.use_no}/{done.given.grant.max_uses}"),
            (_("Folder"), done.folder),
            (_("Delete by"), moment(done.use.receipt.body.retain_until)),
        ]
    )
