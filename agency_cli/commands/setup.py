"""``agency init``, ``agency register`` and ``agency card``: the keys of an agency, and their place on chain."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agency_cli.common import session
from client.passphrase import passphrase_options
from client.unlocking import keep_open, unlock_option
from console import output
from console.frame import Command
from console.i18n import N_, _, moment
from protocol.encoding import hex0x

if TYPE_CHECKING:
    from agency_cli.services.registration import Registration
    from agency_cli.services.view import AgencyView
    from client.profile import Party


@click.command(
    cls=Command,
    help=N_(
        "Make the keys of an agency on this machine. The governor must then admit the account that is printed; "
        "keep a copy of the key store and its passphrase, since nothing else brings the keys back."
    ),
)
@click.option("--name", required=True, help=N_("The department's name, as it stands on licences."))
@click.option("--code", default="", help=N_("Its unified social credit code; needed by who issues."))
@click.option("--vault", "vault_url", help=N_("Address of the vault."))
@click.option(
    "--deployment",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help=N_("The deployment record [ONEFILE_DEPLOYMENT_FILE]."),
)
@unlock_option
@passphrase_options
def init(
    name: str,
    code: str,
    vault_url: str | None,
    deployment: Path | None,
    unlock_s: int | None,
    passphrase_file: Path | None,
    passphrase_fd: int | None,
) -> None:
    from agency_cli.services import enrolment
    from agency_cli.services.office import Office
    from client import deployment as deployments

    with session(passphrase_file, passphrase_fd) as found:
        enrolment.refuse_existing(found)
        office = Office(name, code)
        record = deployments.read_record(deployment) if deployment else deployments.local_record(found.settings)
        url = (vault_url or found.vault_url).rstrip("/")
        passphrase = found.passphrase.get(new=True)
        party = enrolment.enrol(found, enrolment.Order(office, record, url), passphrase)
        keep_open(found, unlock_s)
        _report_new(party, found.profile.name, found.profile.key_file, name)


def _report_new(party: Party, profile: str, key_file: Path, name: str) -> None:
    from protocol.identifiers import agency_urn, checksum_address

    account = checksum_address(party.controller)
    admit = f"chain agency admit {account} --name {shlex.quote(name)} --division … [--issues TYPE] [--reader]"
    data = {
        "profile": profile,
        "account": hex0x(party.controller),
        "urn": agency_urn(party.chain_id, party.registry, party.controller),
        "name": name,
        "vault": party.vault_url,
        "key_store": str(key_file),
    }

    def human() -> None:
        output.fields(
            [
                (_("Account"), account),
                (_("Name"), name),
                (_("Profile"), profile),
                (_("Key store"), str(key_file)),
                (_("Vault"), party.vault_url),
            ]
        )
        output.say(_("The governor admits it with: {command}").format(command=admit))
        output.say(_("Then publish its key card with: agency register"))

    output.emit(data, human)


@click.command(
    cls=Command,
    help=N_(
        "Publish this agency's key card: on chain through the vault, and at the vault. Needed once after admission; "
        "running it again changes nothing. With --rotate, publish the next card with new keys."
    ),
)
@click.option("--rotate", is_flag=True, help=N_("Publish the next key card with new keys."))
@passphrase_options
def register(rotate: bool, passphrase_file: Path | None, passphrase_fd: int | None) -> None:
    from agency_cli.services import registration

    with session(passphrase_file, passphrase_fd) as found:
        done = registration.register(found, rotate=rotate)
    data = _registered(done)
    output.emit(data, lambda: _draw_registered(data))


def _registered(done: Registration) -> dict[str, Any]:
    assert done.state.card is not None
    return {
        "done": done.done,
        "account": hex0x(done.state.account),
        "name": done.state.name,
        "card_seq": done.card.card.seq,
        "card_hash": hex0x(done.state.card.hash),
        "present_key": done.card.present_key.kid(),
        "valid_from": done.card.card.valid_from,
    }


def _draw_registered(data: dict[str, Any]) -> None:
    done = {
        "registered": _("the key card is published"),
        "rotated": _("the next key card is published"),
        "unchanged": _("the key card was published before"),
    }
    output.fields(
        [
            (_("State"), done[data["done"]]),
            (_("Agency"), data["name"]),
            (_("Key card"), f"{data['card_seq']}  {data['card_hash']}"),
            (_("Present key"), data["present_key"]),
            (_("Valid from"), moment(data["valid_from"])),
        ]
    )
    if data["done"] == "rotated":
        output.say(
            _("The status lists are still signed with the former key: sign them anew with `agency status publish`.")
        )


@click.command(cls=Command, help=N_("Show this agency's key card, and what the registry lets it do."))
@passphrase_options
def card(passphrase_file: Path | None, passphrase_fd: int | None) -> None:
    from agency_cli.services.view import view

    with session(passphrase_file, passphrase_fd) as found:
        seen = view(found)
    data = {name: getattr(seen, name) for name in seen.__slots__}
    output.emit(data, lambda: _draw_card(seen))


def _draw_card(seen: AgencyView) -> None:
    roles = {"issuer": _("issuer"), "reader": _("reader"), "scenario-authority": _("scenario authority")}
    output.fields(
        [
            (_("Account"), seen.account),
            (_("Urn"), seen.urn),
            (_("Agency"), f"{seen.name}  ({seen.division})"),
            (_("Roles"), ", ".join(roles[role] for role in seen.roles) or "–"),
            (_("May issue"), ", ".join(seen.licence_types) or "–"),
            (_("Key card"), f"{seen.card_seq}  {seen.card_hash}" if seen.card_seq else _("none yet")),
            (_("Present key"), seen.present_key),
            (_("Sealing key"), seen.recipient[:40] + "…"),
            (_("Reported compromised"), moment(seen.compromised_since) if seen.compromised_since else _("no")),
        ]
    )
