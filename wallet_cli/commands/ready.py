"""``wallet ready``: do I have what a scenario asks for?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from client.passphrase import passphrase_options
from console import exits, output
from console.frame import Command
from console.i18n import N_, _, language
from wallet_cli.common import require_open, session, short


@click.command(
    cls=Command,
    help=N_(
        "Say for a scenario which materials are in the dossier, which are missing, and who issues those; each way to "
        "meet it by itself. Ends with 0 if one way is ready, with 1 if none is or the scenario is not in force."
    ),
    epilog=N_("Example: wallet ready small-loan"),
)
@click.argument("scenario")
@passphrase_options
def ready(scenario: str, passphrase_file: Path | None, passphrase_fd: int | None) -> int:
    from client.checks import open_desk
    from wallet_cli.services import ready as service

    with session(passphrase_file, passphrase_fd) as found:
        require_open(found)
        data = service.compare(found, open_desk(found), scenario)
    output.emit(data, lambda: _draw(data))
    return exits.OK if data["ready"] else exits.FAILURE


def _draw(data: dict[str, Any]) -> None:
    lang = language()
    output.line(f"{data['title'][lang]}: {data['purposes'][lang]}")
    if data["refused"] is not None:
        output.line(_("nothing is granted for it: {why}").format(why=data["refused"]["detail"]))
    count = len(data["alternatives"])
    for number, one in enumerate(data["alternatives"], start=1):
        state = _("ready") if one["ready"] else _("not ready")
        output.line(_("way {number} of {count}: {state}").format(number=number, count=count, state=state))
        for have in one["have"]:
            _draw_have(have, lang)
        for missing in one["missing"]:
            _draw_missing(missing, lang)


def _draw_have(have: dict[str, Any], lang: str) -> None:
    needed = [claim["title"][lang] for claim in have["claims"] if not claim["optional"]]
    text = _("  have: {what} ({item}), of {issuer}: {claims}")
    output.line(
        text.format(
            what=have["title"][lang],
            item=short(have["item"]),
            issuer=have["issuer_name"] or "-",
            claims=", ".join(needed) or "-",
        )
    )


def _draw_missing(missing: dict[str, Any], lang: str) -> None:
    from client.titles import claim_names
    from wallet_cli.services.ready import REASONS

    what = ", ".join(title[lang] for title in missing["titles"]) or ", ".join(missing["vct_values"])
    issuers = ", ".join(title[lang] for title in missing["issuers"]) or "-"
    why = REASONS[missing["reason"]]
    text = _("  missing: {what}: {reason}; issued by {issuers}")
    output.line(text.format(what=what, reason=_(why), issuers=issuers))
    if missing["claims"]:
        lacking = claim_names(missing["vct_values"][0], missing["claims"])
        output.line(_("    not said in it: {claims}").format(claims=", ".join(lacking)))
