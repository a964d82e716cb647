"""``wallet guard``: what a guardian does for others."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from client.passphrase import passphrase_options
from client.session import Session
from console import frame, output
from console.frame import Command
from console.i18n import N_, _, moment
from console.output import Column
from protocol.encoding import hex0x, unhex0x
from protocol.errors import Denied
from protocol.recovery import MAX_REQUEST_BYTES, RecoveryRequest
from wallet_cli.commands.files import out_option, read_file, write_out
from wallet_cli.common import require_open, session

_STATES = {"new": N_("new"), "changed": N_("changed"), "accepted": N_("accepted"), "over": N_("over")}


@click.group(cls=frame.Group, help=N_("Guard other people's dossiers: keep a share, freeze, agree to a recovery."))
def guard() -> None:
    pass


@guard.command("list", cls=Command, help=N_("List the dossiers that you guard, and the shares that wait for you."))
@passphrase_options
def list_(passphrase_file: Path | None, passphrase_fd: int | None) -> None:
    from wallet_cli.services import guarding

    with session(passphrase_file, passphrase_fd) as found:
        require_open(found)
        rows = [asdict(row) for row in guarding.listed(found)]
    output.emit({"guarded": rows}, lambda: _draw(rows))


def _draw(rows: list[dict[str, Any]]) -> None:
    drawn = [
        {
            **row,
            "state": _(_STATES[row["state"]]),
            "agree": f"{row['threshold']}/{row['guardians']}",
            "recovery": moment(row["recovery_ready_at"]) if row["recovery_ready_at"] else "",
        }
        for row in rows
    ]
    output.table(
        drawn,
        [
            Column("dossier", _("Dossier")),
            Column("state", _("State")),
            Column("agree", _("Must agree")),
            Column("recovery", _("Recovery waits until")),
        ],
        empty=_("You guard no dossier."),
    )


@guard.command(cls=Command, help=N_("Take the share of a dossier from the vault, check it, and keep it here."))
@click.argument("dossier")
@passphrase_options
def accept(dossier: str, passphrase_file: Path | None, passphrase_fd: int | None) -> None:
    from wallet_cli.services import guarding

    with session(passphrase_file, passphrase_fd) as found:
        require_open(found)
        share = guarding.accept(found, unhex0x(dossier, length=32, what="dossier"))
    data = {
        "dossier": hex0x(share.dossier),
        "threshold": share.read.threshold,
        "guardians": [hex0x(account) for account in share.guardians.accounts],
    }
    output.emit(data, lambda: output.say(_("The share of {dossier} is kept.").format(**data)))


@guard.command(cls=Command, help=N_("Write your key card to a file, for who wants you as a guardian."))
@out_option
@passphrase_options
def card(out: str, passphrase_file: Path | None, passphrase_fd: int | None) -> None:
    from wallet_cli.services import registration

    with session(passphrase_file, passphrase_fd) as found:
        require_open(found)
        envelope = registration.newest_envelope(found)
    write_out(out, envelope.raw)
    data = {"dossier": hex0x(envelope.card.subject), "out": out}
    if out != "-":
        output.emit(data, lambda: output.say(_("Your key card is in {out}.").format(**data)))


@guard.command(cls=Command, help=N_("Stop a stolen device: its grants and changes count for nothing for seven days."))
@click.argument("dossier")
@click.option("--dry-run", is_flag=True, help=N_("Only say what would change."))
@click.option("--yes", is_flag=True, help=N_("Do not ask."))
@passphrase_options
def freeze(dossier: str, dry_run: bool, yes: bool, passphrase_file: Path | None, passphrase_fd: int | None) -> None:
    from wallet_cli.services import guarding

    with session(passphrase_file, passphrase_fd) as found:
        require_open(found)
        stolen = unhex0x(dossier, length=32, what="dossier")
        guarding.kept(found, stolen)  # only a guardian of today can
        if dry_run:
            planned = {"dossier": dossier, "dry_run": True}
            output.emit(planned, lambda: output.say(_("Would freeze {dossier}.").format(dossier=dossier)))
            return
        if not output.confirm(_("Freeze this dossier? It can be done once in thirty days."), assume_yes=yes):
            raise Denied("not_confirmed", "nothing was changed: it was not confirmed")
        until = guarding.freeze(found, stolen)
    data = {"dossier": dossier, "frozen_until": until}
    output.emit(data, lambda: output.say(_("The dossier is frozen until {at}.").format(at=moment(until))))


@guard.command(
    cls=Command,
    help=N_(
        "Agree to a recovery. Call the person who asks, at a number that you knew before, and type the twelve digits "
        "that the person reads out: only then is anything signed."
    ),
)
@click.argument("request", type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True))
@click.option("--match", "number", help=N_("The twelve digits that the person read out to you."))
@out_option
@passphrase_options
def approve(
    request: Path, number: str | None, out: str, passphrase_file: Path | None, passphrase_fd: int | None
) -> None:
    from wallet_cli.services import guarding

    raw = read_file(request, MAX_REQUEST_BYTES)
    with session(passphrase_file, passphrase_fd) as found:
        require_open(found)
        asked = guarding.read_request(found, raw)
        _show_request(found, asked)
        answer = guarding.approve(found, asked, number or _ask_number())
    write_out(out, answer)
    data = {"dossier": hex0x(asked.message.dossier), "match_number": asked.match_number, "out": out}
    if out != "-":
        output.emit(data, lambda: output.say(_("Your answer is in {out}: give it to who asks.").format(**data)))


def _show_request(found: Session, request: RecoveryRequest) -> None:
    message, state = request.message, found.ledger.dossier(request.message.dossier)
    output.say(_("Recovery of dossier {dossier}").format(dossier=hex0x(message.dossier)))
    if state is not None:
        output.say(_("Its controller now: {account}").format(account=hex0x(state.controller)))
    output.say(_("Its controller then: {account}").format(account=hex0x(message.new_controller)))
    output.say(_("The request is good until {at}.").format(at=moment(message.deadline)))
    if message.by_all:
        output.say(_("All guardians must agree, and nobody can veto it; it waits thirty days."))


def _ask_number() -> str:
    if not sys.stdin.isatty():
        raise click.UsageError(_("There is no terminal to type the twelve digits at: give --match."))
    return str(click.prompt(_("The twelve digits that the person reads out"), err=True))
