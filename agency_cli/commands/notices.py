"""``agency notices``: what holders, issuers and the vault tell this agency, and its acknowledgements."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agency_cli.common import require_registered, session
from client.inputs import Words
from client.passphrase import passphrase_options
from console import exits, output
from console.frame import Command, Group
from console.i18n import N_, _, describe, moment
from console.output import Column
from protocol.errors import OneFileError
from protocol.statements import MAX_TEXT

if TYPE_CHECKING:
    from client.notices import Heard, Kept
    from client.session import Session

WATCH_S = 20


@click.group(
    cls=Group,
    invoke_without_command=True,
    help=N_(
        "List what holders, issuers and the vault tell this agency: grants given and ended, complaints, corrections, "
        "deletions that are overdue. Each is checked against the key that the chain keeps of who says it."
    ),
)
@click.option("--new", is_flag=True, help=N_("Only what was not fetched before."))
@click.option("--open", "open_", is_flag=True, help=N_("Only what waits for an acknowledgement."))
@click.option("--watch", is_flag=True, help=N_("Go on waiting for notices; Ctrl-C ends it."))
@passphrase_options
@click.pass_context
def notices(
    ctx: click.Context, new: bool, open_: bool, watch: bool, passphrase_file: Path | None, passphrase_fd: int | None
) -> int:
    if ctx.invoked_subcommand is not None:
        return exits.OK
    from agency_cli.services import hearing
    from client.checks import open_desk
    from client.notices import NoticeBox

    with session(passphrase_file, passphrase_fd) as found:
        require_registered(found)
        fresh = hearing.listen(found)
        shown = fresh if new else list(NoticeBox(found.profile.folder))
        desk = open_desk(found)
        code = _show(hearing.heard(found, desk, hearing.waiting(shown) if open_ else shown))
        for grant in hearing.withheld_ends(found, desk):
            code = exits.UNTRUSTED
            output.warn(_("grant {grant} was ended on chain, and the vault never told it").format(grant=grant[:12]))
        while watch:
            fresh = hearing.listen(found, WATCH_S)
            if fresh:
                _show(hearing.heard(found, open_desk(found), fresh))
    return code


@notices.command(
    cls=Command,
    help=N_(
        "Say in the log that notices have arrived: the ends of grants that were used, complaints and corrections. The "
        "holder sees who has and who has not."
    ),
)
@click.argument("notice", nargs=-1)
@click.option("--all", "all_", is_flag=True, help=N_("Everything that waits for it."))
@passphrase_options
def ack(notice: tuple[str, ...], all_: bool, passphrase_file: Path | None, passphrase_fd: int | None) -> int:
    from agency_cli.services import hearing
    from client.notices import NoticeBox

    if bool(notice) == all_:
        raise click.UsageError(_("Name notices, or give --all."))
    with session(passphrase_file, passphrase_fd) as found:
        require_registered(found)
        hearing.listen(found)
        waiting = hearing.waiting(NoticeBox(found.profile.folder))
        chosen = waiting if all_ else [hearing.find(found, name) for name in notice]
        rows, code = _acknowledge(found, chosen)
    output.emit(rows, lambda: _draw_answers(rows))
    return code


@notices.command(
    cls=Command,
    help=N_(
        "Tell the holder of an issued item, and everybody who has used it under a grant, that it was corrected or "
        "replaced: a signed statement in the log. Its status is set apart from this, with `agency status set`."
    ),
)
@click.argument("issued")
@click.option(
    "--text",
    type=Words(MAX_TEXT),
    required=True,
    help=N_("What was wrong or what takes its place, in words and without values."),
)
@passphrase_options
def correct(issued: str, text: str, passphrase_file: Path | None, passphrase_fd: int | None) -> None:
    from agency_cli.services import saying
    from agency_cli.services.records import Records

    with session(passphrase_file, passphrase_fd) as found:
        require_registered(found)
        record = Records(found.profile.folder).find(issued)
        index = saying.say(found, None, lambda _raw: None, "correction", item=record.item, text=text)
    data = {"item": record.id, "index": index}
    output.emit(data, lambda: output.line(_("told: {item}, entry {index}").format(**data)))


def _acknowledge(found: Session, chosen: Sequence[Kept]) -> tuple[list[dict[str, Any]], int]:
    """Each by itself: what is false or cannot be asked now holds up none of the others."""
    from agency_cli.services import hearing
    from client.checks import open_desk

    desk, rows, errors = open_desk(found), [], []
    for one in chosen:
        row: dict[str, Any] = {"notice": one.name, "kind": one.notice.kind, "index": one.index, "code": None}
        try:
            row["index"] = one.index if one.index is not None else hearing.acknowledge(found, desk, one).index
        except OneFileError as error:
            errors.append(exits.exit_code(error))
            row |= {"code": error.code, "detail": describe(error)}
        rows.append(row)
    return rows, min(errors, default=exits.OK)


def _draw_answers(rows: list[dict[str, Any]]) -> None:
    drawn = [{**row, "notice": row["notice"][:12], "kind": _kind(row["kind"]), "state": _answered(row)} for row in rows]
    columns = [Column("notice", _("Notice")), Column("kind", _("What")), Column("state", _("Acknowledged"))]
    output.table(drawn, columns, empty=_("Nothing waits for an acknowledgement."))


def _answered(row: dict[str, Any]) -> str:
    if row["code"] is not None:
        return str(row["detail"])
    return _("entry {index}").format(index=row["index"])


def _show(found: list[Heard]) -> int:
    rows = [_data(one) for one in found]
    output.emit(rows, lambda: _draw(found))
    return exits.UNTRUSTED if any(one.state == "false" for one in found) else exits.OK


def _data(one: Heard) -> dict[str, Any]:
    notice = one.kept.notice
    return {
        "notice": one.kept.name,
        "kind": notice.kind,
        "at": notice.at,
        "grant": notice.grant,
        "show": notice.show,
        "item": notice.item,
        "about": notice.about,
        "by": _by(one),
        "text": _text(one),
        "state": one.state,
        "code": one.code,
        "acknowledged": one.kept.index,
    }


def _draw(found: list[Heard]) -> None:
    states = {
        "signed": _("signed"),
        "vault": _("the vault says"),
        "unknown": _("unknown"),
        "false": _("FALSE"),
    }
    rows = [
        {
            **_data(one),
            "notice": one.kept.name[:12],
            "at": moment(one.kept.notice.at),
            "kind": _kind(one.kept.notice.kind),
            "of": _of(one),
            "state": states[one.state] if one.error is None else f"{states[one.state]}: {describe(one.error)}",
            "done": _done(one),
        }
        for one in found
    ]
    columns = [
        Column("notice", _("Notice")),
        Column("at", _("When")),
        Column("kind", _("What")),
        Column("of", _("Of")),
        Column("text", _("Text"), lines=True),
        Column("state", _("State")),
        Column("done", _("Acknowledged")),
    ]
    output.table(rows, columns, empty=_("No notices."))


def _done(one: Heard) -> str:
    from agency_cli.services.hearing import ANSWERED

    if one.kept.index is not None:
        return _("entry {index}").format(index=one.kept.index)
    return _("not acknowledged yet") if one.kept.notice.kind in ANSWERED else ""


def _of(one: Heard) -> str:
    notice = one.kept.notice
    if notice.grant is not None:
        return _("grant {id}").format(id=notice.grant[:12])
    if notice.show is not None:
        return _("show {id}").format(id=notice.show[:12])
    if notice.kind == "scenario_withdrawn" and notice.about is not None:
        return _("scenario {id}").format(id=notice.about[:12])
    return _("item {id}").format(id=notice.item[:12]) if notice.item is not None else ""


def _by(one: Heard) -> str | None:
    return one.kept.said.body.iss if one.believed else None


def _text(one: Heard) -> str | None:
    """What was said, in words: only of who is known to have said it."""
    return one.kept.said.body.text if one.believed else None


def _kind(kind: str) -> str:
    from client.notice_words import KINDS

    return _(KINDS.get(kind, kind))
