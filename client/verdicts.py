"""Drawing verdicts for people: one word first, then every check that was made, with its reason in their language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from console import frame, output
from console.i18n import N_, _, describe
from console.output import Column
from protocol.verdict import Check, Verdict

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
    "challenge": N_("answers this window"),
}
STATUSES = {"pass": N_("pass"), "fail": N_("FAIL"), "unknown": N_("unknown"), "skipped": "–"}
CONCLUSIONS = {
    "accept": (N_("accepted"), "green"),
    "reject": (N_("rejected"), "red"),
    "indeterminate": (N_("indeterminate"), "yellow"),
}


def draw_conclusion(word: str) -> None:
    """The one word, in its colour."""
    text, colour = CONCLUSIONS[word]
    click.echo(click.style(_(text), fg=colour, bold=True), color=frame.current().color)


def draw_verdict(verdict: Verdict) -> None:
    """The conclusion and the checks that were made."""
    draw_conclusion(verdict.verdict)
    draw_checks(verdict)


def draw_checks(verdict: Verdict) -> None:
    """The checks that were made; what has no meaning here is left out."""
    rows = [_row(check) for check in verdict.checks if check.status != "skipped" or check.code != "not_applicable"]
    output.table(rows, [Column("check", _("Check")), Column("status", _("Result")), Column("why", _("Reason"))])


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """The verdict as JSON, its details in the language in use."""
    return {"verdict": verdict.verdict, "at": verdict.at, "checks": [_check_json(check) for check in verdict.checks]}


def failed_codes(verdict: Verdict) -> list[str]:
    """The codes of the checks that failed: they decide the exit code (``console.exits.for_verdict``)."""
    return [check.code for check in verdict.checks if check.status == "fail"]


def reason(check: Check) -> str:
    """Why a check is not passed, in the language in use; empty if it is."""
    if check.cause is not None:
        return describe(check.cause)
    return check.detail if check.status in {"fail", "unknown"} else ""


def _row(check: Check) -> Mapping[str, Any]:
    return {
        "check": _(CHECK_NAMES.get(check.name, check.name)),
        "status": _(STATUSES[check.status]),
        "why": reason(check),
    }


def _check_json(check: Check) -> dict[str, Any]:
    return {**check.to_json(), "detail": reason(check) or check.detail}
