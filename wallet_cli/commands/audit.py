"""``wallet audit``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from client.passphrase import passphrase_options
from console import exits, output
from console.frame import Command
from console.i18n import N_, _
from console.progress import progress
from protocol.errors import Untrusted
from wallet_cli.common import require_open, session

if TYPE_CHECKING:
    from client.session import Session
    from wallet_cli.services.auditing import Audit
    from wallet_cli.services.findings import Finding


@click.command(
    cls=Command,
    help=N_(
        "Check the trace of the dossier: no gap, no fork, no time that the chain contradicts. With --full also walk "
        "the whole log: every anchored head must come out of its entries, every event of the dossier must stand in "
        "it, and none may stand there that the vault does not list. Goes on where the last one ended."
    ),
)
@click.option("--full", is_flag=True, help=N_("Walk the whole log and compare it with the chain."))
@click.option("--anew", is_flag=True, help=N_("With --full: begin at the first entry again."))
@passphrase_options
def audit(full: bool, anew: bool, passphrase_file: Path | None, passphrase_fd: int | None) -> int:
    from client.checks import open_desk
    from wallet_cli.services import expecting, tracing

    if anew and not full:
        raise click.UsageError(_("--anew is for --full: only a walk of the whole log has a beginning."))
    with session(passphrase_file, passphrase_fd) as found:
        require_open(found)
        findings = tracing.follow_trace(found)
        desk = open_desk(found)
        events = tracing.events(found, desk)
        findings += tracing.timing(events, tracing.anchored_heads(desk), found.clock.now())
        findings += expecting.findings(found)
        walked = _walk(found, findings, anew=anew) if full else None
    data: dict[str, Any] = {"events": len(events), "findings": [finding.to_json() for finding in findings]}
    data["log"] = None if walked is None else _walked(walked)
    output.emit(data, lambda: _draw(data))
    return exits.UNTRUSTED if any(finding.grade == "wrong" for finding in findings) else exits.OK


def _walk(found: Session, findings: list[Finding], *, anew: bool) -> Audit | None:
    """Walk the log and add what was found; what ends the walk is raised, unless it is known as a finding already."""
    from wallet_cli.services import auditing, tracing

    try:
        with progress(_("Walking the log"), None) as step:
            walked = auditing.audit(found, anew=anew, step=step)
    except Untrusted as error:
        if tracing.HISTORY.get(error.code) not in {finding.code for finding in findings}:
            raise
        return None
    findings += walked.findings
    return walked


def draw_findings(findings: Iterable[dict[str, Any]]) -> None:
    """Each finding as a warning, and what to do about it."""
    for finding in findings:
        output.warn(f"{finding['text']} [{finding['code']}]")
        output.say(_("next: {advice}").format(advice=finding["advice"]))


def _walked(walked: Audit) -> dict[str, Any]:
    return {
        "from": walked.first,
        "size": walked.size,
        "anchored": walked.anchored,
        "anchors": walked.anchors,
        "own": walked.events,
        "unknown": walked.unknown,
    }


def _draw(data: dict[str, Any]) -> None:
    rows: list[tuple[str, object]] = [(_("Events"), data["events"])]
    log = data["log"]
    if log is not None:
        rows += [
            (_("Walked from"), log["from"]),
            (_("Log size"), log["size"]),
            (_("Anchored size"), log["anchored"]),
            (_("Anchored heads that came out"), log["anchors"]),
            (_("Own entries found in it"), log["own"]),
        ]
    output.fields([*rows, (_("Findings"), len(data["findings"]))])
    draw_findings(data["findings"])
