"""``agency uses``: the receipts that this agency signed, and what must be deleted when."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agency_cli.common import session
from client.passphrase import passphrase_options
from console import exits, output
from console.frame import Command
from console.i18n import N_, _, describe, moment
from console.output import Column
from protocol.encoding import b64u

if TYPE_CHECKING:
    from agency_cli.services.upkeep import Upkeep
    from agency_cli.services.use_checks import Checked
    from agency_cli.services.uses import Use
    from client.session import Session


@click.command(
    cls=Command,
    help=N_("List the uses that this agency has signed for: of which grant or show, and until when they may be kept."),
)
@click.option("--due", is_flag=True, help=N_("Only folders that are still there after their time."))
@click.option(
    "--upgrade",
    is_flag=True,
    help=N_("Verify every folder and bring its proofs under anchored heads; due within a day of each use."),
)
@click.option(
    "--check",
    is_flag=True,
    help=N_("Check that each use stands in the log where its holder finds it, and that the chain has it."),
)
@passphrase_options
def uses(due: bool, upgrade: bool, check: bool, passphrase_file: Path | None, passphrase_fd: int | None) -> int:
    from agency_cli.services.uses import Uses

    with session(passphrase_file, passphrase_fd) as found:
        now = found.clock.now()
        listed = [use for use in Uses(found.profile.folder) if not due or use.due(now)]
        if check:
            return _check(found, listed)
        if upgrade:
            return _upgrade(found, listed)
    output.emit([_data(use, now) for use in listed], lambda: _draw(listed, now))
    late = sum(use.due(now) for use in listed)
    if late:
        output.warn(_("{count} folders have outlived their time: delete them.").format(count=late))
    return exits.OK


def _check(found: Session, listed: list[Use]) -> int:
    from agency_cli.services.use_checks import check_uses
    from client.checks import open_desk

    done = check_uses(found, open_desk(found), listed)
    rows = [
        {
            "receipt": one.use.jti,
            "kind": one.use.kind,
            "id": one.use.basis,
            "state": one.state,
            "code": None if one.error is None else one.error.code,
            "evidence": None if one.evidence is None else str(one.evidence),
        }
        for one in done
    ]
    output.emit(rows, lambda: _draw_check(done))
    return min((exits.exit_code(one.error) for one in done if one.error is not None), default=exits.OK)


def _draw_check(done: list[Checked]) -> None:
    words = {
        "stands": _("stands where the holder finds it"),
        "waiting": _("in the log, not yet anchored"),
        "overdue": _("not anchored within a day"),
        "wrong": _("WRONG"),
        "unknown": _("unknown"),
        "gone": _("nothing kept"),
    }
    rows = [
        {"of": f"{one.use.kind} {one.use.basis[:12]}", "folder": one.use.out or "", "state": words[one.state]}
        for one in done
    ]
    columns = [Column("of", _("Of")), Column("folder", _("Folder")), Column("state", _("Log"))]
    output.table(rows, columns, empty=_("No uses."))
    for one in done:
        if one.error is not None:
            output.warn(f"{describe(one.error)} [{one.error.code}]")
        if one.evidence is not None:
            output.say(_("evidence: {path}").format(path=one.evidence))


def _upgrade(found: Session, listed: list[Use]) -> int:
    from agency_cli.services.upkeep import upgrade_kept
    from client.checks import open_desk

    done = upgrade_kept(found, open_desk(found), listed)
    rows = [
        {
            "receipt": one.use.jti,
            "folder": str(one.use.out),
            "anchored": one.anchored,
            "code": None if one.error is None else one.error.code,
        }
        for one in done
    ]
    output.emit(rows, lambda: _draw_upgrade(done))
    # Where several folders fail, the gravest decides: a log that lied, before a vault that is away.
    return min((exits.exit_code(one.error) for one in done if one.error is not None), default=exits.OK)


def _draw_upgrade(done: list[Upkeep]) -> None:
    rows = []
    for one in done:
        state = _("all under anchored heads") if one.anchored else _("not yet anchored: try later")
        rows.append({"folder": one.use.out, "state": state if one.error is None else describe(one.error)})
    output.table(rows, [Column("folder", _("Folder")), Column("state", _("Proofs"))], empty=_("No uses."))


def _data(use: Use, now: int) -> dict[str, Any]:
    body = use.receipt.body
    return {
        "receipt": use.jti,
        "kind": use.kind,
        "id": use.basis,
        "state": use.state,
        "signed_at": body.iat,
        "use_no": use.use_no,
        "at": use.at,
        "scenario_hash": b64u(body.scenario),
        "officer": body.officer.to_json(),
        "items": [item.to_json() for item in body.items],
        "retain_until": body.retain_until,
        "folder": None if use.out is None else str(use.out),
        "kept": use.kept,
        "due": use.due(now),
    }


def _draw(listed: list[Use], now: int) -> None:
    kinds = {"grant": _("grant"), "show": _("show")}
    rows = [
        {
            "signed": moment(use.receipt.body.iat),
            "of": f"{kinds[use.kind]} {use.basis[:12]}",
            "use": "–" if use.use_no is None else use.use_no,
            "officer": f"{use.receipt.body.officer.officer_class}: {use.receipt.body.officer.ref}",
            "until": moment(use.receipt.body.retain_until),
            "state": _state(use, now),
            "folder": use.out or "",
        }
        for use in listed
    ]
    columns = [
        Column("signed", _("Signed")),
        Column("of", _("Of")),
        Column("use", _("Use"), right=True),
        Column("officer", _("Officer")),
        Column("until", _("Delete by")),
        Column("state", _("State")),
        Column("folder", _("Folder")),
    ]
    output.table(rows, columns, empty=_("No uses."))


def _state(use: Use, now: int) -> str:
    if use.state == "pending":
        return _("unfinished")
    if use.due(now):
        return _("to be deleted")
    return _("kept") if use.kept else _("nothing kept")
