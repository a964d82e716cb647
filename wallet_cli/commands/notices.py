"""``wallet notices``: what agencies and the vault tell the holder; and what the holder owes earlier readers."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from client.passphrase import passphrase_options
from console import exits, output
from console.frame import Command
from console.i18n import N_, _, describe, moment
from console.output import Column
from wallet_cli.common import require_open, session, short

if TYPE_CHECKING:
    from client.checks import Desk
    from client.notices import Heard, Kept
    from client.session import Session

WATCH_S = 20


@click.command(
    cls=Command,
    help=N_(
        "List what agencies answer and ask: acknowledgements, reports of deletion, renewals, corrections; and what the "
        "vault says of ends and of deletions that are overdue. Each answer is checked against the agency's key and the "
        "log. Readers of grants that have ended are told first, where that was not done yet."
    ),
)
@click.option("--new", is_flag=True, help=N_("Only what was not fetched before."))
@click.option("--watch", is_flag=True, help=N_("Go on waiting for notices; Ctrl-C ends it."))
@passphrase_options
def notices(new: bool, watch: bool, passphrase_file: Path | None, passphrase_fd: int | None) -> int:
    from client.checks import open_desk
    from client.notices import NoticeBox
    from wallet_cli.services import ending

    with session(passphrase_file, passphrase_fd) as found:
        require_open(found)
        ending.tell_readers(found)
        box = NoticeBox(found.profile.folder)
        fresh = box.fetch(found.api.my_notices)
        code = _show(found, open_desk(found), fresh if new else list(box))
        while watch:
            fresh = box.fetch(found.api.my_notices, WATCH_S)
            if fresh:
                _show(found, open_desk(found), fresh)
    return code


def _show(found: Session, desk: Desk, kept: Iterable[Kept]) -> int:
    from client.notices import judge

    heard = [judge(found, desk, one) for one in kept]
    names = [_name(desk, one) for one in heard]
    rows = [_data(one, name) for one, name in zip(heard, names, strict=True)]
    output.emit({"notices": rows}, lambda: _draw(heard, rows))
    return exits.UNTRUSTED if any(one.state == "false" for one in heard) else exits.OK


def _name(desk: Desk, one: Heard) -> str | None:
    """Who says it: of statements that are signed by whom they name."""
    from protocol.identifiers import parse_agency_urn

    return desk.name_of(parse_agency_urn(one.kept.said.body.iss).account) if one.believed else None


def _data(one: Heard, name: str | None) -> dict[str, Any]:
    notice = one.kept.notice
    return {
        "notice": one.kept.name,
        "kind": notice.kind,
        "at": notice.at,
        "grant": notice.grant,
        "show": notice.show,
        "item": notice.item,
        "about": notice.about,
        "index": notice.index,
        "by": name,
        "text": one.kept.said.body.text if one.believed else None,
        "state": one.state,
        "code": one.code,
    }


def _draw(heard: list[Heard], rows: list[dict[str, Any]]) -> None:
    from client.notice_words import KINDS

    words = {"signed": _("signed"), "vault": _("the vault says"), "unknown": _("unknown"), "false": _("FALSE")}
    drawn = [
        {
            **row,
            "at": moment(row["at"]),
            "kind": _(KINDS.get(row["kind"], row["kind"])),
            "of": _of(row),
            "state": words[one.state] if one.error is None else f"{words[one.state]}: {describe(one.error)}",
        }
        for one, row in zip(heard, rows, strict=True)
    ]
    columns = [
        Column("at", _("When")),
        Column("kind", _("What")),
        Column("of", _("Of")),
        Column("by", _("Agency")),
        Column("text", _("Text"), lines=True),
        Column("state", _("State")),
    ]
    output.table(drawn, columns, empty=_("No notices."))


def _of(row: dict[str, Any]) -> str:
    if row["grant"]:
        return _("grant {id}").format(id=short(row["grant"]))
    if row["show"]:
        return _("show {id}").format(id=short(row["show"]))
    if row["kind"] == "scenario_withdrawn" and row["about"]:
        return _("scenario {id}").format(id=short(row["about"]))
    return _("item {id}").format(id=short(row["item"])) if row["item"] else ""
