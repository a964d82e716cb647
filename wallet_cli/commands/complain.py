"""``wallet complain``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from client.inputs import Words
from client.passphrase import passphrase_options
from console import output
from console.frame import Command
from console.i18n import N_, _, moment
from console.output import Column
from protocol.errors import Denied
from protocol.statements import MAX_TEXT
from wallet_cli.common import require_open, session, short

STATES = {"open": N_("open"), "acknowledged": N_("acknowledged"), "answered": N_("answered")}


@click.command(
    cls=Command,
    help=N_(
        "Open a case: a signed complaint in the log, about a use (its event in `wallet uses`) or about an item (the "
        "beginning of its id). Without a row, or with --list, list the cases and what was answered."
    ),
)
@click.argument("row", required=False)
@click.option(
    "--text", type=Words(MAX_TEXT), metavar="TEXT", help=N_("What is contested, in words. The vault can read it.")
)
@click.option("--list", "list_", is_flag=True, help=N_("List the cases."))
@click.option("--dry-run", is_flag=True, help=N_("Only say what would be stated."))
@click.option("--yes", is_flag=True, help=N_("Do not ask."))
@passphrase_options
def complain(
    row: str | None,
    text: str | None,
    list_: bool,
    dry_run: bool,
    yes: bool,
    passphrase_file: Path | None,
    passphrase_fd: int | None,
) -> None:
    from client.checks import open_desk
    from wallet_cli.services import complaining, syncing

    with session(passphrase_file, passphrase_fd) as found:
        require_open(found)
        syncing.sync(found)
        if row is None or list_:
            cases = [case.to_json() for case in complaining.cases(found, open_desk(found))]
            output.emit({"cases": cases}, lambda: _draw(cases))
            return
        target = complaining.find(found, row)
        if dry_run:
            said = {"would_state": target.to_json()}
            output.emit(said, lambda: output.line(_("Would complain about {row}.").format(row=row)))
            return
        if not output.confirm(_("State in the log, for good, that you contest this?"), assume_yes=yes):
            raise Denied("not_confirmed", "nothing was changed: it was not confirmed")
        case, index = complaining.complain(found, target, text)
    data = {**target.to_json(), "case": case, "index": index}
    output.emit(data, lambda: output.line(_("Case {case}, log entry {index}.").format(case=short(case), index=index)))


def _draw(cases: list[dict[str, Any]]) -> None:
    rows = []
    for case in cases:
        answers = "\n".join(_answer(answer) for answer in case["answers"])
        rows.append(
            {
                "case": short(case["case"]),
                "at": moment(case["at"]),
                "text": case["text"],
                "state": _(STATES[case["state"]]),
                "answers": answers,
            }
        )
    columns = [
        Column("case", _("Case")),
        Column("at", _("When")),
        Column("text", _("Complaint")),
        Column("state", _("State")),
        Column("answers", _("Answers"), lines=True),
    ]
    output.table(rows, columns, empty=_("No cases."))


def _answer(answer: dict[str, Any]) -> str:
    from client.notice_words import KINDS

    kind = _(KINDS.get(answer["kind"], answer["kind"]))
    return f"{kind}: {answer['text']}" if answer["text"] else kind
