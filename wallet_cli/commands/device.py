"""``wallet device invite|join|list|remove``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from client.files import write_private
from client.passphrase import passphrase_options
from console import output
from console.frame import Command, Group
from console.i18n import N_, _
from console.output import Column
from protocol.encoding import hex0x
from protocol.errors import Denied
from protocol.joining import MAX_REQUEST_CHARS
from wallet_cli.commands.wrapped import draw_outcome, exit_of, wait_option, wrap_or_leave
from wallet_cli.common import require_open, session

MAX_ANSWER = 1 << 20
_EXISTING = click.Path(path_type=Path, exists=True, dir_okay=False)
_TARGET = click.Path(path_type=Path, dir_okay=False)
_KINDS = {"paper": N_("recovery phrase"), "this": N_("this device"), "device": N_("device")}


@click.group(
    cls=Group,
    help=N_(
        "Second devices and officers: they share the key ring, read, show and end grants; the first device alone gives "
        "them. The new device asks with join, the first one answers with invite."
    ),
)
def device() -> None:
    pass


@device.command(
    cls=Command,
    help=N_("On the new device: ask to join (--name), then take up what the first device answered (--answer)."),
)
@click.option("--name", help=N_("How this device is called in the list of devices."))
@click.option("--request", "target", type=_TARGET, help=N_("Write the request to this file."))
@click.option("--answer", type=_EXISTING, help=N_("The answer of the first device."))
@passphrase_options
def join(
    name: str | None, target: Path | None, answer: Path | None, passphrase_file: Path | None, passphrase_fd: int | None
) -> None:
    from wallet_cli.services import devices

    if (name is None) == (answer is None):
        raise click.UsageError(_("Give --name to ask, or --answer to join."))
    with session(passphrase_file, passphrase_fd, anybody=True) as found:
        if answer is not None:
            with answer.open("rb") as stream:
                devices.join(found, stream.read(MAX_ANSWER), found.passphrase.get(new=True))
            data = {"state": "joined", "dossier": hex0x(found.party.subject), "card_seq": found.party.card_seq}
            output.emit(data, lambda: output.fields([(_("Dossier"), data["dossier"]), (_("State"), _("joined"))]))
            return
        assert name is not None
        asked = devices.ask(found, name, found.passphrase.get(new=True))
    if target is not None:
        write_private(target, f"{asked.request}\n".encode(), new=True)
    told = {"state": "asked", **asdict(asked), "request_file": None if target is None else str(target)}
    output.emit(told, lambda: _draw_asked(told))


def _draw_asked(told: dict[str, Any]) -> None:
    if told["request_file"] is None:
        output.line(told["request"])
    output.fields([(_("Match number"), told["match"])])
    output.say(_("The first device must show the same number before it answers."))


@device.command(
    cls=Command,
    help=N_("On the first device: take a new device into the key ring, and write the answer for it."),
)
@click.argument("request", type=_EXISTING)
@click.option("--answer", "target", type=_TARGET, required=True, help=N_("Write the answer to this new file."))
@click.option("--match", help=N_("The match number that stands on the new device's screen."))
@passphrase_options
def invite(
    request: Path, target: Path, match: str | None, passphrase_file: Path | None, passphrase_fd: int | None
) -> None:
    from protocol.joining import match_number, parse_request
    from wallet_cli.services import devices

    with request.open("rb") as stream:
        text = stream.read(MAX_REQUEST_CHARS + 2).decode("ascii", "replace").strip()
    member, number = parse_request(text), match_number(text)
    with session(passphrase_file, passphrase_fd) as found:
        require_open(found)
        _compare(member.name, number, text, match)
        write_private(target, devices.invite(found, text), new=True)
    data = {"device": member.name, "match": number, "answer": str(target)}
    output.emit(data, lambda: output.fields([(_("Device"), member.name), (_("Answer"), data["answer"])]))


def _compare(name: str, number: str, request: str, typed: str | None) -> None:
    """The person compares, or a script gives the number that it was told: never the one that stands here."""
    from wallet_cli.services import devices

    if typed is not None:
        if not devices.same_number(typed, request):
            raise Denied("match_number", "the match numbers differ: this is not that device's request")
        return
    question = _("Does device {name} show {number}? It will read everything in this dossier.")
    if not output.confirm(question.format(name=name, number=number)):
        raise Denied("not_confirmed", "nothing was changed: it was not confirmed")


@device.command("list", cls=Command, help=N_("List who shares the key ring."))
@passphrase_options
def list_(passphrase_file: Path | None, passphrase_fd: int | None) -> None:
    from wallet_cli.services import devices

    with session(passphrase_file, passphrase_fd) as found:
        require_open(found)
        rows = [asdict(one) for one in devices.listed(found)]
    columns = [Column("name", _("Name")), Column("kind", _("Kind")), Column("thumbprint", _("Key"))]
    drawn = [{**row, "kind": _(_KINDS[row["kind"]])} for row in rows]
    empty = _("No key ring yet: this device and the recovery phrase are alone.")
    output.emit({"devices": rows}, lambda: output.table(drawn, columns, empty=empty))


@device.command(
    cls=Command,
    help=N_(
        "Shut a device out: a new root, a new key card, a key ring without it, and headers wrapped anew. What it has "
        "read stays read."
    ),
)
@click.argument("name")
@click.option("--revoke-older", is_flag=True, help=N_("Credentials bound to older key cards stop working."))
@click.option("--no-rewrap", is_flag=True, help=N_("Leave the headers for `wallet keys rewrap`."))
@wait_option
@click.option("--yes", is_flag=True, help=N_("Do not ask."))
@passphrase_options
def remove(
    name: str,
    revoke_older: bool,
    no_rewrap: bool,
    wait: bool,
    yes: bool,
    passphrase_file: Path | None,
    passphrase_fd: int | None,
) -> int:
    from wallet_cli.services import devices

    with session(passphrase_file, passphrase_fd) as found:
        require_open(found)
        if not output.confirm(_("Shut device {name} out?").format(name=name), assume_yes=yes):
            raise Denied("not_confirmed", "nothing was changed: it was not confirmed")
        card = devices.remove(found, name, revoke_older=revoke_older)
        done = wrap_or_leave(found, wait=wait, leave=no_rewrap)
    wrapped = None if done["rewrapped"] is None else done["rewrapped"]["wrapped"]
    apart = {} if done["wrapping"] is None else {"wrapping": done["wrapping"]}
    data = {"removed": name, "card_seq": card.card.seq, "wrapped": wrapped, **apart}
    output.emit(data, lambda: _draw_removed(data, done))
    return exit_of(done)


def _draw_removed(data: dict[str, Any], done: dict[str, Any]) -> None:
    output.fields([(_("Removed"), data["removed"]), (_("Key card"), data["card_seq"])])
    draw_outcome(done)
