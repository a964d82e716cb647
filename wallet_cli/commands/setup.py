"""``wallet init`` and ``wallet restore``: keys, and the dossier on chain and in the vault."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from client.files import write_private
from client.passphrase import passphrase_options
from client.profile import Kind
from client.session import Session
from client.unlocking import keep_open, unlock_option
from console import output
from console.frame import Command
from console.i18n import N_, _, language
from protocol.encoding import hex0x
from protocol.errors import Denied, Malformed
from wallet_cli.common import session

MAX_PHRASE_FILE = 2048
_COLUMNS = 4
_LANGUAGES = click.Choice(["zh", "en"])
Function = TypeVar("Function", bound=Callable[..., Any])


def _holder_options(command: Function) -> Function:
    """The options that init and restore share."""
    for option in (
        click.option("--vault", "vault_url", help=N_("Address of the vault.")),
        click.option(
            "--index",
            type=click.IntRange(0, 2**31 - 1),
            default=0,
            help=N_("Number of this dossier under the phrase."),
        ),
        click.option(
            "--phrase-language", type=_LANGUAGES, help=N_("Word list of the phrase (default: the language in use).")
        ),
        click.option(
            "--kind",
            type=click.Choice(["person", "enterprise"]),
            default="person",
            show_default=True,
            help=N_("Whose dossier it is."),
        ),
        unlock_option,
    ):
        command = option(command)
    return command


@click.command(
    cls=Command,
    help=N_(
        "Make a recovery phrase, derive all keys from it, and open a dossier. The phrase is shown once and never "
        "stored: whoever has it has the dossier."
    ),
)
@_holder_options
@click.option(
    "--words",
    type=click.Choice(["12", "15", "18", "21", "24"]),
    default="24",
    show_default=True,
    help=N_("Length of the phrase."),
)
@click.option(
    "--phrase-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help=N_("Write the phrase to this new file (mode 0600) instead of the screen."),
)
@click.option(
    "--offline", is_flag=True, help=N_("Make the keys only; open the dossier later with `wallet dossier --open`.")
)
@click.option("--yes", is_flag=True, help=N_("Answer the question about the phrase with yes."))
@passphrase_options
def init(
    words: str,
    phrase_file: Path | None,
    yes: bool,
    passphrase_file: Path | None,
    passphrase_fd: int | None,
    **order: Any,
) -> None:
    from protocol.keys import Mnemonic
    from wallet_cli.services import enrolment

    with session(passphrase_file, passphrase_fd, anybody=True) as found:
        enrolment.refuse_existing(found)
        if phrase_file is None and not (yes or sys.stdin.isatty()):
            raise click.UsageError(_("Nobody can confirm the phrase here: give --phrase-file or --yes."))
        passphrase = found.passphrase.get(new=True)
        phrase = Mnemonic.generate(order["phrase_language"] or language(), int(words))
        hand_over(phrase.unsafe_phrase, phrase.language, phrase_file, yes=yes)
        made = enrolment.enrol(found, phrase, passphrase, _order(found, order, offline=order["offline"]))
        keep_open(found, order["unlock_s"])
        _report(found, made.state, has_ring=made.has_ring)


@click.command(
    cls=Command,
    help=N_("Derive all keys again from the recovery phrase, and take up the dossier that they open."),
)
@_holder_options
@click.option(
    "--phrase-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help=N_("Read the phrase from this file instead of asking."),
)
@click.option(
    "--keyring",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help=N_(
        "The key ring file of an enterprise; not needed once the vault keeps its ring "
        "(after a second device, a rotation or a recovery)."
    ),
)
@passphrase_options
def restore(
    phrase_file: Path | None,
    keyring: Path | None,
    passphrase_file: Path | None,
    passphrase_fd: int | None,
    **order: Any,
) -> None:
    from protocol.keys import Mnemonic
    from wallet_cli.services import enrolment

    with session(passphrase_file, passphrase_fd, anybody=True) as found:
        enrolment.refuse_existing(found)
        phrase = Mnemonic(read_phrase(phrase_file), order["phrase_language"] or language())
        passphrase = found.passphrase.get(new=True)
        ring = keyring.read_bytes() if keyring is not None else None
        made = enrolment.enrol(found, phrase, passphrase, _order(found, order, ring=ring, restoring=True))
        keep_open(found, order["unlock_s"])
        _report(found, made.state, has_ring=made.has_ring)


def _order(found: Session, order: dict[str, Any], **more: Any) -> Any:
    from wallet_cli.services.enrolment import Order

    url = (order["vault_url"] or found.vault_url).rstrip("/")
    return Order(kind=cast("Kind", order["kind"]), index=order["index"], vault_url=url, **more)


def hand_over(phrase: str, phrase_language: str, target: Path | None, *, yes: bool) -> None:
    """Give the phrase to the person, once: to a new private file, or to the screen on standard error."""
    if target is not None:
        write_private(target, f"{phrase}\n".encode(), new=True)
        output.say(_("The recovery phrase is in {path}. Move it to paper and delete the file.").format(path=target))
        return
    words = phrase.split(" ")
    click.echo(
        _("Recovery phrase ({language}). Write it down; it is shown only now:").format(language=phrase_language),
        err=True,
    )
    for start in range(0, len(words), _COLUMNS):
        row = "  ".join(f"{i + 1:>2}. {words[i]:<10}" for i in range(start, min(start + _COLUMNS, len(words))))
        click.echo("  " + row, err=True)
    if not output.confirm(_("Is it written down?"), assume_yes=yes):
        raise Denied("not_confirmed", "nothing was made: the recovery phrase was not confirmed")


def read_phrase(path: Path | None) -> str:
    """The recovery phrase: from a file, or typed where it is not shown."""
    if path is None:
        if not sys.stdin.isatty():
            raise click.UsageError(_("There is no terminal to type the phrase at: give --phrase-file."))
        return str(click.prompt(_("Recovery phrase"), hide_input=True, err=True))
    with path.open("rb") as stream:
        raw = stream.read(MAX_PHRASE_FILE)
    try:
        return raw.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise Malformed("phrase_file", "the phrase file is not text in UTF-8") from None


def _report(found: Session, state: str, *, has_ring: bool) -> None:
    party = found.party
    data = {
        "state": state,
        "profile": found.profile.name,
        "kind": party.kind,
        "dossier": hex0x(party.subject),
        "owner": hex0x(party.owner),
        "controller": hex0x(party.controller),
        "phrase_language": party.language,
        "card_seq": party.card_seq,
    }
    states = {
        "opened": _("open"),
        "restored": _("restored"),
        "keys_only": _("keys made; open it with `wallet dossier --open`"),
    }

    def human() -> None:
        output.fields(
            [
                (_("Dossier"), data["dossier"]),
                (_("State"), states[state]),
                (_("Profile"), data["profile"]),
                (_("Owner (cold)"), data["owner"]),
                (_("Controller (hot)"), data["controller"]),
                (_("Word list"), data["phrase_language"]),
            ]
        )

    output.emit(data, human)
    if has_ring:
        output.say(
            _("Keep a copy of {path}: phrase and key ring together restore the dossier.").format(
                path=found.profile.folder / "keyring.age"
            )
        )
