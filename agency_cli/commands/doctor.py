"""``agency doctor``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from agency_cli.common import session
from client.passphrase import passphrase_options
from console import exits, output
from console.frame import Command
from console.i18n import N_, _


@click.command(cls=Command, help=N_("Check profile, vault, chain, registry and status lists; say what to do."))
@passphrase_options
def doctor(passphrase_file: Path | None, passphrase_fd: int | None) -> int:
    from agency_cli.services.doctor import examine, worst

    with session(passphrase_file, passphrase_fd) as found:
        findings = list(examine(found))
    state = worst(findings)

    def human() -> None:
        states = {"ok": _("good"), "warning": _("look at it"), "fault": _("fault")}
        rows = [{"name": _title(f.name), "state": states[f.state], "detail": f.detail} for f in findings]
        columns = [
            output.Column("name", _("What")),
            output.Column("state", _("State")),
            output.Column("detail", _("Detail")),
        ]
        output.table(rows, columns)

    output.emit({"state": state, "findings": [asdict(f) for f in findings]}, human)
    return exits.FAILURE if state == "fault" else exits.OK


def _title(name: str) -> str:
    known = {
        "profile": _("profile"),
        "vault": _("vault"),
        "chain": _("chain"),
        "registry": _("registry"),
        "key card": _("key card"),
    }
    if name.startswith("status list "):
        return _("status list {n}").format(n=name[12:])
    return known.get(name, name)
