"""``wallet dossier`` and ``wallet card``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from client.passphrase import passphrase_options
from client.session import Session
from console import output
from console.frame import Command
from console.i18n import N_, _
from protocol.encoding import hex0x
from protocol.errors import Denied
from wallet_cli.common import require_open, session


@click.command(cls=Command, help=N_("Show the dossier: accounts, key card, grant epoch, counts."))
@click.option("--open", "open_", is_flag=True, help=N_("Send an opening that was not completed."))
@click.option("--end-grants", is_flag=True, help=N_("End every grant and mandate of the dossier at once."))
@click.option("--dry-run", is_flag=True, help=N_("With --end-grants: list the grants that would end, and end none."))
@click.option("--yes", is_flag=True, help=N_("Do not ask."))
@passphrase_options
def dossier(
    open_: bool,
    end_grants: bool,
    dry_run: bool,
    yes: bool,
    passphrase_file: Path | None,
    passphrase_fd: int | None,
) -> None:
    from wallet_cli.services import ending, registration

    with session(passphrase_file, passphrase_fd) as found:
        if open_:
            registration.open_dossier(found)
        require_open(found)
        if end_grants and dry_run:
            _would_end(found)
            return
        if end_grants:
            if not output.confirm(_("End all grants of this dossier?"), assume_yes=yes):
                raise Denied("not_confirmed", "nothing was changed: it was not confirmed")
            registration.end_all_grants(found)
            ending.tell_readers(found)
        seen = registration.view(found)
    data = {name: getattr(seen, name) for name in seen.__slots__}
    output.emit(data, lambda: _draw(data))


def _would_end(found: Session) -> None:
    from wallet_cli.services import revoking, syncing

    syncing.sync(found)
    rows = [row for row in revoking.listed(found) if row["state"] in {"live", "not_yet"}]
    data = {"grants": [row["grant"] for row in rows], "dry_run": True}

    def human() -> None:
        for row in rows:
            name = row["agency_name"] or row["agency"]
            output.line(_("Would end grant {grant} of {agency}.").format(grant=row["grant"], agency=name))
        output.say(_("Nothing was changed."))

    output.emit(data, human)


def _draw(data: dict[str, Any]) -> None:
    output.fields(
        [
            (_("Dossier"), data["dossier"]),
            (_("Kind"), {"person": _("person"), "enterprise": _("enterprise")}.get(data["kind"], data["kind"])),
            (_("Owner (cold)"), data["owner"]),
            (_("Controller (hot)"), data["controller"]),
            (_("Key card"), f"{data['card_seq']}  {data['card_hash']}"),
            (_("Grant epoch"), data["grant_epoch"]),
            (_("Items"), data["items"]),
            (_("Events"), data["events"]),
            (_("Chain"), _("confirmed") if data["chain"] else _("not reachable")),
        ]
    )


@click.command(
    cls=Command,
    help=N_(
        "Show the key card. With --for, print a card token: hand it to the agency, which needs it for its first "
        "deposit (it lives ten minutes). With --renew, publish new keys."
    ),
)
@click.option("--for", "agency", metavar="AGENCY", help=N_("Account, urn or name of the agency to invite."))
@click.option("--renew", is_flag=True, help=N_("Publish the next key card with new keys."))
@click.option("--revoke-older", is_flag=True, help=N_("With --renew: credentials bound to older cards stop working."))
@click.option("--dry-run", is_flag=True, help=N_("Only say what would change."))
@passphrase_options
def card(
    agency: str | None,
    renew: bool,
    revoke_older: bool,
    dry_run: bool,
    passphrase_file: Path | None,
    passphrase_fd: int | None,
) -> None:
    from wallet_cli.services import registration, tokens

    with session(passphrase_file, passphrase_fd) as found:
        require_open(found)
        if agency is not None:
            token = tokens.card_token(found, tokens.agency_account(found, agency))
            output.emit({"card_token": token}, lambda: output.line(token))
            return
        change = renew and not dry_run
        newest = (
            registration.renew_card(found, revoke_older=revoke_older) if change else registration.newest_card(found)
        )
        data = {
            "dossier": hex0x(found.party.subject),
            "seq": newest.card.seq,
            "hash": hex0x(newest.hash),
            "present_key": newest.present_key.kid(),
            "recipient": str(found.keys.sealing(newest.card.seq).recipient()),
            "valid_from": newest.card.valid_from,
            "revoked_below": newest.card.revoked_below,
        }
    if renew and dry_run:
        following = newest.card.seq + 1
        data |= {"dry_run": True, "next_seq": following, "next_revoked_below": following if revoke_older else None}
    output.emit(data, lambda: _draw_card(data))


def _draw_card(data: dict[str, Any]) -> None:
    from console.i18n import moment

    output.fields(
        [
            (_("Dossier"), data["dossier"]),
            (_("Key card"), f"{data['seq']}  {data['hash']}"),
            (_("Present key"), data["present_key"]),
            (_("Sealing key"), data["recipient"][:40] + "…"),
            (_("Valid from"), moment(data["valid_from"])),
        ]
    )
    if "next_seq" in data:
        output.say(_("Key card {seq} would follow, with new keys.").format(seq=data["next_seq"]))
    if data.get("next_revoked_below"):
        output.say(_("Credentials that are bound to older cards would stop working: ask their issuers for new ones."))
