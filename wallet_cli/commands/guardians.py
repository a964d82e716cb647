"""``wallet guardians``: name, show, change and remove guardians; the owner's veto."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from chain.guardians import LONGEST_DELAY_S
from client.passphrase import passphrase_options
from client.session import Session
from console import frame, output
from console.frame import Command
from console.i18n import N_, _, moment
from console.output import Column
from protocol.encoding import hex0x
from protocol.errors import Denied
from wallet_cli.commands.setup import read_phrase
from wallet_cli.common import Duration, require_open, session, short, span

Function = TypeVar("Function", bound=Callable[..., Any])

phrase_option = click.option(
    "--phrase-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help=N_("Read the recovery phrase, by which the owner signs, from this file instead of asking."),
)
yes_option = click.option("--yes", is_flag=True, help=N_("Do not ask."))


def _naming(command: Function) -> Function:
    """The arguments and options of `set` and `change`."""
    for option in (
        click.argument("guardians", nargs=-1, required=True),
        click.option(
            "--threshold",
            "-k",
            type=click.IntRange(2, 16),
            required=True,
            help=N_("How many guardians carry a recovery."),
        ),
        click.option(
            "--delay",
            "delay_s",
            type=Duration(LONGEST_DELAY_S),
            default="7d",
            show_default=True,
            help=N_("How long a recovery and a change of guardians wait, for your veto."),
        ),
        click.option("--dry-run", is_flag=True, help=N_("Show what would be signed, and change nothing.")),
        yes_option,
        phrase_option,
        passphrase_options,
    ):
        command = option(command)
    return command


@click.group(
    cls=frame.Group,
    help=N_(
        "Guardians bring the dossier back when every key is lost: a number of them must agree, and you have a time "
        "to veto. Each keeps a share of the keys; fewer than the number can read nothing."
    ),
)
def guardians() -> None:
    pass


@guardians.command(
    "set", cls=Command, help=N_("Name the first guardians, by dossier id or by the file of their key card.")
)
@_naming
def set_(**given: Any) -> None:
    _name(given, anew=False)


@guardians.command("change", cls=Command, help=N_("Name other guardians; they count after the delay, by `apply`."))
@_naming
def change(**given: Any) -> None:
    _name(given, anew=True)


def _name(given: dict[str, Any], *, anew: bool) -> None:
    from wallet_cli.services import watching

    with session(given["passphrase_file"], given["passphrase_fd"]) as found:
        require_open(found)
        planned, people = watching.plan(found, given["guardians"], given["threshold"], given["delay_s"])
        rows = [{"dossier": hex0x(one.dossier), "account": hex0x(one.account)} for one in people]
        _draw_plan(rows, planned.threshold, planned.delay_s)
        if given["dry_run"]:
            data = {
                "dry_run": True,
                "guardians": rows,
                "threshold": planned.threshold,
                "delay_s": planned.delay_s,
            }
            output.emit(data, lambda: output.say(_("Nothing was changed.")))
            return
        _sure(_("Name these guardians?"), yes=given["yes"])
        watching.name(found, planned, read_phrase(given["phrase_file"]), anew=anew)
        _report(found)


def _draw_plan(rows: list[dict[str, str]], threshold: int, delay_s: int) -> None:
    for row in rows:
        output.say(_("Guardian {dossier}, account {account}").format(**row))
    output.say(
        _("{threshold} of {count} must agree; a recovery waits {delay}.").format(
            threshold=threshold, count=len(rows), delay=span(delay_s)
        )
    )


@guardians.command(cls=Command, help=N_("Show the guardians, and what waits: a change, or a recovery."))
@passphrase_options
def show(passphrase_file: Path | None, passphrase_fd: int | None) -> None:
    with session(passphrase_file, passphrase_fd) as found:
        require_open(found)
        _report(found)


@guardians.command(cls=Command, help=N_("Have no guardians any more; counts after the delay, by `apply`."))
@click.option("--dry-run", is_flag=True, help=N_("Show what would be signed, and change nothing."))
@yes_option
@phrase_option
@passphrase_options
def remove(
    dry_run: bool, yes: bool, phrase_file: Path | None, passphrase_file: Path | None, passphrase_fd: int | None
) -> None:
    from wallet_cli.services import watching

    with session(passphrase_file, passphrase_fd) as found:
        require_open(found)
        if not dry_run:
            _sure(_("Remove all guardians? Without them, a lost phrase is a lost dossier."), yes=yes)
            watching.remove(found, read_phrase(phrase_file))
        _report(found)


@guardians.command(cls=Command, help=N_("Put a change into effect whose delay is over, and hand out the shares."))
@click.option("--dry-run", is_flag=True, help=N_("Only say what would change."))
@passphrase_options
def apply(dry_run: bool, passphrase_file: Path | None, passphrase_fd: int | None) -> None:
    from wallet_cli.services import watching

    with session(passphrase_file, passphrase_fd) as found:
        require_open(found)
        if not dry_run:
            watching.apply(found)
        _report(found)


@guardians.command(cls=Command, help=N_("Hand out new shares to the same guardians, after the keys were renewed."))
@passphrase_options
def share(passphrase_file: Path | None, passphrase_fd: int | None) -> None:
    from wallet_cli.services import watching

    with session(passphrase_file, passphrase_fd) as found:
        require_open(found)
        count = watching.share(found)
    output.emit({"shares": count}, lambda: output.say(_("{count} shares were handed out.").format(count=count)))


@guardians.command(cls=Command, help=N_("End a recovery that you did not ask for."))
@click.option("--dry-run", is_flag=True, help=N_("Show what would be signed, and change nothing."))
@yes_option
@phrase_option
@passphrase_options
def veto(
    dry_run: bool, yes: bool, phrase_file: Path | None, passphrase_file: Path | None, passphrase_fd: int | None
) -> None:
    from wallet_cli.services import watching

    with session(passphrase_file, passphrase_fd) as found:
        require_open(found)
        if not dry_run:
            _sure(_("Veto the recovery that is pending?"), yes=yes)
            watching.veto(found, read_phrase(phrase_file))
        _report(found)


def _sure(question: str, *, yes: bool) -> None:
    if not output.confirm(question, assume_yes=yes):
        raise Denied("not_confirmed", "nothing was changed: it was not confirmed")


def _report(found: Session) -> None:
    from wallet_cli.services import watching

    state, known = watching.guardian_state(found), watching.named(found)
    current = known is not None and known.guardians.hash == state.terms.set_hash
    dossiers = [hex0x(one) for one in known.dossiers] if known is not None and current else []
    pending, waiting = state.pending, state.change
    chain = found.ledger.dossier(found.party.subject)
    data = {
        "guardians": dossiers,
        "named_here": current,
        "shares_current": watching.shares_current(found) if current else None,
        "threshold": state.terms.threshold,
        "delay_s": state.terms.delay_s,
        "frozen_until": 0 if chain is None else chain.frozen_until,
        "change_ready_at": None if waiting is None else waiting.ready_at,
        "recovery": None
        if pending is None
        else {
            "new_owner": hex0x(pending.new_owner),
            "new_controller": hex0x(pending.new_controller),
            "ready_at": pending.ready_at,
            "by_all": pending.by_all,
        },
    }
    output.emit(data, lambda: _draw(data))


def _draw(data: dict[str, Any]) -> None:
    if not data["threshold"]:
        output.line(_("This dossier has no guardians."))
    else:
        rows = [{"dossier": dossier, "short": short(dossier)} for dossier in data["guardians"]]
        output.table(rows, [Column("dossier", _("Guardian"))], empty=_("The guardians' names are on another device."))
        output.fields([(_("Must agree"), data["threshold"]), (_("Delay"), span(data["delay_s"]))])
    if data["shares_current"] is False:
        output.say(_("The shares are of older keys: hand out new ones with `wallet guardians share`."))
    if data["change_ready_at"] is not None:
        output.say(_("A change of guardians waits until {at}.").format(at=moment(data["change_ready_at"])))
    if data["recovery"] is not None:
        output.say(
            _("A recovery by account {new_controller} waits until {at}: veto it if it is not yours.").format(
                new_controller=data["recovery"]["new_controller"], at=moment(data["recovery"]["ready_at"])
            )
        )
