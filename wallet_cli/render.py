"""Drawing verdicts: the conclusion, and every check with its reason."""

from __future__ import annotations

from typing import Any

import click

from console import frame, output
from console.i18n import N_, _
from console.output import Column

CHECK_NAMES = {
    "format": N_("format"),
    "issuer_signature": N_("issuer's signature"),
    "issuer_authority": N_("issuer may issue this type"),
    "anchor_inclusion": N_("in the log"),
    "anchor_finality": N_("anchored on chain"),
    "status": N_("status"),
    "holder_binding": N_("bound to the holder"),
    "grant_signature": N_("grant's signature"),
    "grant_scope": N_("grant's scope"),
    "grant_time": N_("grant's time"),
    "grant_uses": N_("grant's uses"),
    "grant_revocation": N_("grant not revoked"),
    "mandate": N_("mandate"),
    "scenario_minimum": N_("scenario"),
    "log_consistency": N_("log agrees with the chain"),
}
_STATUS = {"pass": N_("pass"), "fail": N_("FAIL"), "unknown": N_("unknown"), "skipped": N_("–")}
_CONCLUSION = {
    "accept": (N_("accepted"), "green"),
    "reject": (N_("rejected"), "red"),
    "indeterminate": (N_("indeterminate"), "yellow"),
}


def draw_verdict(verdict: dict[str, Any]) -> None:
    """The conclusion and the checks that were made."""
    text, colour = _CONCLUSION[verdict["verdict"]]
    click.echo(click.style(_(text), fg=colour, bold=True), color=frame.current().color)
    rows = [
        {
            "check": _(CHECK_NAMES.get(check["name"], check["name"])),
            "status": _(_STATUS.get(check["status"], check["status"])),
            "why": check["detail"] if check["status"] in {"fail", "unknown"} else "",
        }
        for check in verdict["checks"]
        if check["status"] != "skipped"
    ]
    output.table(rows, [Column("check", _("Check")), Column("status", _("Result")), Column("why", _("Reason"))])
