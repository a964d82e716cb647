"""``wallet keys rotate|fetch|drop``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from client.passphrase import passphrase_options
from client.session import Session
from console import exits, output
from console.frame import Command
from console.i18n import N_, _, language
from protocol.encoding import hex0x
from protocol.errors import Denied
from wallet_cli.commands.wrapped import UNWRAPPED, draw_outcome, exit_of, wait_option, wrap_or_leave
from wallet_cli.common import require_open, session, short

if TYPE_CHECKING:
    from protocol.keys import Mnemonic

_EXISTING = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command(
    cls=Command,
    help=N_(
        "Change a key and keep dossier, items and grants. --root: new keys for reading, shared through the key ring "
        "(a device was lost, a member left). --controller: the account that signs grants and cards. --owner: a new "
        "recovery phrase, with new accounts and a new root. `wallet card --renew` renews the key card alone. What "
        "broke off is finished by the same command."
    ),
)
@click.option("--root", "what", flag_value="root", help=N_("A new root and the next key card."))
@click.option("--controller", "what", flag_value="controller", help=N_("A new controller, signed for by the phrase."))
@click.option("--owner", "what", flag_value="owner", help=N_("A new recovery phrase in place of the present one."))
@click.option("--phrase-file", type=_EXISTING, help=N_("Read the present recovery phrase from this file."))
@click.option(
    "--new-phrase-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help=N_("With --owner: write the new phrase to this new file (mode 0600) instead of the screen."),
)
@click.option("--revoke-older", is_flag=True, help=N_("With --root: credentials bound to older cards stop working."))
@click.option("--no-rewrap", is_flag=True, help=N_("Leave the headers for `wallet keys rewrap`."))
@wait_option
@click.option("--dry-run", is_flag=True, help=N_("Only say what would change."))
@click.option("--yes", is_flag=True, help=N_("Do not ask."))
@passphrase_options
def rotate(
    what: str | None, dry_run: bool, yes: bool, passphrase_file: Path | None, passphrase_fd: int | None, **order: Any
) -> int:
    if what is None:
        raise click.UsageError(_("Say which key: --root, --controller or --owner."))
    with session(passphrase_file, passphrase_fd) as found:
        require_open(found)
        if dry_run:
            output.emit(plan := _plan(found, what), lambda: _draw(plan))
            return exits.OK
        if not output.confirm(_("Change this key now?"), assume_yes=yes):
            raise Denied("not_confirmed", "nothing was changed: it was not confirmed")
        data = _rotated(found, what, order, yes=yes)
        if what != "controller":
            data |= wrap_or_leave(found, wait=order["wait"], leave=order["no_rewrap"])
    output.emit(data, lambda: _draw(data))
    return exit_of(data)


def _rotated(found: Session, what: str, order: dict[str, Any], *, yes: bool) -> dict[str, Any]:
    from wallet_cli.services import rotating

    if what == "root":
        phrase = None if order["phrase_file"] is None else _phrase(found, order["phrase_file"])
        rotating.rotate_root(found, revoke_older=order["revoke_older"], phrase=phrase)
    elif what == "controller":
        rotating.rotate_controller(found, _phrase(found, order["phrase_file"]))
    else:
        old = _phrase(found, order["phrase_file"])
        rotating.rotate_owner(found, old, _new_phrase(order["new_phrase_file"], yes=yes))
    return _state(found, what)


def _plan(found: Session, what: str) -> dict[str, Any]:
    from wallet_cli.services import rotating

    return {**_state(found, what), "unfinished": rotating.waits_for_card(found), "dry_run": True}


def _state(found: Session, what: str) -> dict[str, Any]:
    party = found.party
    return {
        "rotated": what,
        "card_seq": party.card_seq,
        "roots": len(found.keys.roots),
        "owner": hex0x(party.owner),
        "controller": hex0x(party.controller),
        **UNWRAPPED,
    }


def _phrase(found: Session, path: Path | None) -> Mnemonic:
    from protocol.keys import Mnemonic
    from wallet_cli.commands.setup import read_phrase

    return Mnemonic(read_phrase(path), found.party.language)


def _new_phrase(path: Path | None, *, yes: bool) -> Mnemonic:
    from protocol.keys import Mnemonic
    from wallet_cli.commands.setup import hand_over

    phrase = Mnemonic.generate(language())
    hand_over(phrase.unsafe_phrase, phrase.language, path, yes=yes)
    return phrase


@click.command(
    cls=Command,
    help=N_("Take new keys from the key ring, after they were changed on another device."),
)
@passphrase_options
def fetch(passphrase_file: Path | None, passphrase_fd: int | None) -> None:
    from wallet_cli.services import devices

    with session(passphrase_file, passphrase_fd) as found:
        require_open(found)
        devices.refresh(found)
        data = _state(found, "fetched")
    output.emit(data, lambda: _draw(data))


@click.command(
    cls=Command,
    help=N_(
        "Forget roots that nothing needs any more: no header is sealed to their key cards, and no credential is bound "
        "to them. They are dropped from this device and from the key ring; nothing brings them back."
    ),
)
@click.option("--dry-run", is_flag=True, help=N_("Only say what would change."))
@click.option("--yes", is_flag=True, help=N_("Do not ask."))
@passphrase_options
def drop(dry_run: bool, yes: bool, passphrase_file: Path | None, passphrase_fd: int | None) -> int:
    from wallet_cli.services import dropping

    with session(passphrase_file, passphrase_fd) as found:
        require_open(found)
        needs = dropping.needs(found)
        data: dict[str, Any] = {
            "droppable": len(needs.droppable),
            "kept_for": [{"item": item, "reason": reason} for item, reason in needs.reasons],
            "dry_run": dry_run,
        }
        if needs.droppable and not dry_run:
            if not output.confirm(_("Forget {count} roots for ever?").format(count=data["droppable"]), assume_yes=yes):
                raise Denied("not_confirmed", "nothing was changed: it was not confirmed")
            dropping.drop(found, needs)
        data["roots"] = len(found.keys.roots)
    output.emit(data, lambda: _draw_drop(data))
    return exits.OK


def _draw(data: dict[str, Any]) -> None:
    output.fields(
        [
            (_("Key card"), data["card_seq"]),
            (_("Roots"), data["roots"]),
            (_("Owner (cold)"), data["owner"]),
            (_("Controller (hot)"), data["controller"]),
        ]
    )
    if data.get("unfinished"):
        output.say(_("A change that broke off is finished first."))
    draw_outcome(data)


def _draw_drop(data: dict[str, Any]) -> None:
    output.fields([(_("Roots that can be dropped"), data["droppable"]), (_("Roots"), data["roots"])])
    for row in data["kept_for"]:
        output.say(_("item {item} still needs an older root ({reason})").format(**{**row, "item": short(row["item"])}))
