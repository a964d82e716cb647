"""``wallet recover``: get a dossier back on a new device, with nothing but the guardians."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import click

from client.passphrase import passphrase_options
from client.profile import Kind
from client.unlocking import keep_open, unlock_option
from console import exits, frame, output
from console.frame import Command
from console.i18n import N_, _, language, moment
from protocol.encoding import hex0x, unhex0x
from protocol.errors import Denied
from protocol.recovery import MAX_ANSWER_BYTES
from wallet_cli.commands.files import out_option, read_file, write_out
from wallet_cli.commands.setup import hand_over
from wallet_cli.commands.wrapped import draw_outcome, wrap_after_recovery
from wallet_cli.common import Duration, session

_STATES = {
    "asking": N_("guardians are asked"),
    "waiting": N_("carried; the delay runs"),
    "ready": N_("ready"),
    "vetoed": N_("vetoed, or overtaken by another recovery"),
    "done": N_("done"),
}


@click.group(
    cls=frame.Group,
    help=N_("Get a dossier back when phrase and device are lost: ask the guardians, wait the delay, take it over."),
)
def recover() -> None:
    pass


@recover.command(
    cls=Command,
    help=N_(
        "Make a new phrase and new accounts in this profile, and a request for the guardians. Give each the file, "
        "and read the twelve digits to each over the telephone. A guardian can tell you the dossier's id."
    ),
)
@click.argument("dossier")
@click.option("--vault", "vault_url", help=N_("Address of the vault."))
@click.option("--kind", type=click.Choice(["person", "enterprise"]), default="person", help=N_("Whose dossier it is."))
@click.option("--phrase-language", type=click.Choice(["zh", "en"]), help=N_("Word list of the phrase."))
@click.option(
    "--phrase-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help=N_("Write the new phrase to this new file (mode 0600) instead of the screen."),
)
@click.option("--all", "by_all", is_flag=True, help=N_("Ask all guardians: nobody can veto; waits thirty days."))
@click.option(
    "--good-for", "lifetime_s", type=Duration(30 * 86_400), default="7d", help=N_("How long guardians may answer.")
)
@out_option
@unlock_option
@click.option("--yes", is_flag=True, help=N_("Answer the question about the phrase with yes."))
@passphrase_options
def start(
    dossier: str,
    out: str,
    phrase_file: Path | None,
    yes: bool,
    passphrase_file: Path | None,
    passphrase_fd: int | None,
    **order: Any,
) -> None:
    from protocol.keys import Mnemonic
    from wallet_cli.services import enrolment, recovering

    with session(passphrase_file, passphrase_fd, anybody=True) as found:
        enrolment.refuse_existing(found)
        if phrase_file is None and not (yes or sys.stdin.isatty()):
            raise click.UsageError(_("Nobody can confirm the phrase here: give --phrase-file or --yes."))
        lost = unhex0x(dossier, length=32, what="dossier")
        recovering.require_guardians(found, lost)  # before a phrase is written down for nothing
        passphrase = found.passphrase.get(new=True)
        phrase = Mnemonic.generate(order["phrase_language"] or language(), 24)
        hand_over(phrase.unsafe_phrase, phrase.language, phrase_file, yes=yes)
        request = recovering.start(
            found,
            phrase,
            passphrase,
            dossier=lost,
            kind=cast("Kind", order["kind"]),
            vault_url=(order["vault_url"] or found.vault_url).rstrip("/"),
            by_all=order["by_all"],
            lifetime_s=order["lifetime_s"],
        )
        keep_open(found, order["unlock_s"])
    write_out(out, request.raw)
    data = {"dossier": hex0x(lost), "match_number": request.match_number, "deadline": request.message.deadline}
    output.say(_("Read these digits to each guardian: {number}").format(number=request.match_number))
    if out != "-":
        output.emit({**data, "out": out}, lambda: output.line(_("The request is in {out}.").format(out=out)))


@recover.command(
    cls=Command,
    help=N_(
        "Go on with the answers of the guardians: the chain is told, the delay runs, and then the dossier is taken "
        "over with a new key card. Call it again, without answers, after the delay."
    ),
)
@click.argument("answers", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--wait", "wait_s", type=Duration(86_400), default=None, help=N_("Wait at most so long for the delay."))
@click.option("--keep-older", is_flag=True, help=N_("Credentials bound to the lost device's key cards go on working."))
@passphrase_options
def finish(
    answers: tuple[Path, ...],
    wait_s: int | None,
    keep_older: bool,
    passphrase_file: Path | None,
    passphrase_fd: int | None,
) -> int:
    from wallet_cli.services import recovering

    given = [read_file(path, MAX_ANSWER_BYTES) for path in answers]
    with session(passphrase_file, passphrase_fd) as found:
        standing = recovering.finish(found, given, revoke_older=not keep_older, wait_s=wait_s or 0)
        data = asdict(standing)
        if standing.state == "done":
            data |= wrap_after_recovery(found)
    output.emit(data, lambda: _draw(data))
    return exits.OK


@recover.command(cls=Command, help=N_("Show where the recovery stands."))
@passphrase_options
def status(passphrase_file: Path | None, passphrase_fd: int | None) -> None:
    from wallet_cli.services import recovering

    with session(passphrase_file, passphrase_fd) as found:
        data = asdict(recovering.status(found))
    output.emit(data, lambda: _draw(data))


@recover.command(cls=Command, help=N_("Give up a recovery that guardians did not carry yet, with this profile."))
@click.option("--yes", is_flag=True, help=N_("Do not ask."))
@passphrase_options
def cancel(yes: bool, passphrase_file: Path | None, passphrase_fd: int | None) -> None:
    from wallet_cli.services import recovering

    with session(passphrase_file, passphrase_fd) as found:
        if not output.confirm(_("Give up this recovery, and remove the profile made for it?"), assume_yes=yes):
            raise Denied("not_confirmed", "nothing was changed: it was not confirmed")
        recovering.cancel(found)
    output.emit({"cancelled": True}, lambda: output.say(_("The recovery was given up.")))


def _draw(data: dict[str, Any]) -> None:
    rows = [
        (_("Dossier"), data["dossier"]),
        (_("State"), _(_STATES[data["state"]])),
        (_("Digits to read out"), data["match_number"]),
        (_("Must agree"), data["threshold"]),
    ]
    if data["state"] == "waiting":
        rows.append((_("Waits until"), moment(data["ready_at"])))
    if data["state"] == "done":
        rows.append((_("Key card"), data["card_seq"]))
    output.fields(rows)
    if data.get("wrapping") is not None:
        draw_outcome(data)
    if data["state"] == "done":
        output.say(
            _("The guardians still hold shares of the older keys: name them anew with `wallet guardians change`.")
        )
