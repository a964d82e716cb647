"""``wallet scan``: answer a window that shows its request as a code."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from client.passphrase import passphrase_options
from console import output
from console.frame import Command
from console.i18n import N_, _
from protocol.errors import Denied
from wallet_cli.common import require_open, session


@click.command(
    cls=Command,
    help=N_(
        "Read the code that a window shows (a PNG or JPEG; - reads standard input). Shows who asks, for what, why and "
        "on what legal ground before anything is signed; then lets that agency use it once. Compare the four digits "
        "with the window's screen."
    ),
)
@click.argument("image", required=False, metavar="[FILE|-]")
@click.option("--text", "code", help=N_("The text of the code, where a scanner has read it."))
@click.option("--optional", is_flag=True, help=N_("Grant optional claims too."))
@click.option("--dry-run", is_flag=True, help=N_("Show what would be granted, and stop."))
@click.option("--yes", is_flag=True, help=N_("Do not ask."))
@passphrase_options
def scan(
    image: str | None,
    code: str | None,
    optional: bool,
    dry_run: bool,
    yes: bool,
    passphrase_file: Path | None,
    passphrase_fd: int | None,
) -> None:
    from client.checks import open_desk
    from protocol.encoding import b64u
    from wallet_cli.commands.grant import consent, consent_aside
    from wallet_cli.services import answering, granting

    text = _code(image, code)
    with session(passphrase_file, passphrase_fd) as found:
        require_open(found)
        desk = open_desk(found)
        asked = answering.read(found, desk, text, optional=optional)
        shown = {"desk": asked.request.desk, **granting.plan_json(asked.plan)}
        if dry_run:
            output.emit({"dry_run": True, **shown}, lambda: consent(shown))
            return
        if not yes:
            consent_aside(shown)
        if not output.confirm(_("Sign this grant?"), assume_yes=yes):
            raise Denied("not_confirmed", "nothing was granted: it was not confirmed")
        done = answering.answer(found, desk, asked)
    data = {"grant": b64u(done.grant), "match": done.match, **shown}
    output.emit(data, lambda: output.line(_("granted; the window must show {match}").format(match=done.match)))


def _code(image: str | None, code: str | None) -> str:
    from client import pictures
    from protocol.request_code import PREFIX

    if (image is None) == (code is None):
        raise click.UsageError(_("Give a picture or --text, and not both."))
    if code is not None:
        return code.strip()
    if image == "-":
        return pictures.code_in_stream(sys.stdin.buffer, PREFIX)
    return pictures.code_in_file(Path(str(image)), PREFIX)
