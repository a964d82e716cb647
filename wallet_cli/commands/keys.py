"""``wallet keys`` and ``wallet doctor``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from client.passphrase import passphrase_options
from client.session import Session
from console import exits, output
from console.frame import Command, Group
from console.i18n import N_, _
from console.output import Column
from wallet_cli.common import session
from wallet_cli.services.wrapping_state import STATE_FILE

_NAMES = {
    "profile": N_("profile"),
    "keys": N_("key store"),
    "deployment": N_("deployment"),
    "vault": N_("vault"),
    "clock": N_("clock"),
    "chain": N_("chain"),
    "log": N_("log"),
    "dossier": N_("dossier"),
    "store": N_("local items"),
}
_STATES = {"ok": N_("ok"), "warning": N_("warning"), "fault": N_("fault")}


@click.group(
    cls=Group,
    invoke_without_command=True,
    help=N_(
        "Show this holder's public keys. With --age-identity, print the secret AGE-SECRET-KEY-PQ-1… that opens "
        "exported documents in any age program: keep it as you keep the phrase."
    ),
)
@click.option("--age-identity", is_flag=True, help=N_("Print the secret age identities, newest key card first."))
@passphrase_options
@click.pass_context
def keys(
    context: click.Context, age_identity: bool, passphrase_file: Path | None, passphrase_fd: int | None
) -> None:
    if context.invoked_subcommand is not None:
        return
    with session(passphrase_file, passphrase_fd) as found:
        opened, seq = found.keys, found.party.card_seq
        if age_identity:
            identities = [identity.unsafe_text() for identity in opened.identities(seq)]
            output.emit({"age_identities": identities}, lambda: output.line("\n".join(identities)))
            return
        data = {
            "card_seq": seq,
            "present_key": opened.present(seq).public_jwk().to_json(),
            "thumbprint": opened.present(seq).public_jwk().kid(),
            "age_recipient": str(opened.sealing(seq).recipient()),
            "controller": "0x" + opened.hot.address.hex(),
            "wrapping": _wrapping(found),
        }
    output.emit(data, lambda: _draw_keys(data))


for _name, _short in (
    ("rotate", N_("Change a key; dossier, items and grants stay")),
    ("rewrap", N_("Wrap headers to the newest key card")),
    ("fetch", N_("Take new keys from the key ring")),
    ("drop", N_("Forget roots that nothing needs")),
):
    _place = "wrapped" if _name == "rewrap" else "rotation"
    keys.lazy(_name, f"wallet_cli.commands.{_place}:{_name}", _short)


def _wrapping(found: Session) -> dict[str, Any] | None:
    """How far headers are wrapped anew; None if they never were, as for most."""
    if not (found.profile.folder / STATE_FILE).exists():
        return None
    from wallet_cli.services import wrapping

    return wrapping.told(found.profile)


def _draw_keys(data: dict[str, Any]) -> None:
    output.fields(
        [
            (_("Key card"), data["card_seq"]),
            (_("Present key"), data["thumbprint"]),
            (_("Controller (hot)"), data["controller"]),
            (_("age recipient"), data["age_recipient"]),
        ]
    )
    if data["wrapping"] is not None:
        from wallet_cli.commands.wrapped import draw_outcome

        draw_outcome({"rewrapped": None, "wrapping": data["wrapping"]})


@click.command(
    cls=Command, help=N_("Look at profile, keys, vault, clock, chain, log and local items, and say what is wrong.")
)
@passphrase_options
def doctor(passphrase_file: Path | None, passphrase_fd: int | None) -> int:
    from wallet_cli.services import health

    with session(passphrase_file, passphrase_fd, anybody=True) as found:
        findings = health.examine(found)
    rows = [asdict(finding) for finding in findings]
    output.emit({"findings": rows}, lambda: _draw_findings(rows))
    states = {finding.state for finding in findings}
    if "fault" in states:
        return exits.FAILURE
    return exits.UNREACHABLE if "warning" in states else exits.OK


def _draw_findings(rows: list[dict[str, Any]]) -> None:
    drawn = [{**row, "name": _(_NAMES[row["name"]]), "state": _(_STATES[row["state"]])} for row in rows]
    output.table(drawn, [Column("name", _("Part")), Column("state", _("State")), Column("detail", _("Detail"))])
