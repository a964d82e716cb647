"""``wallet show --offline``: frames instead of a code, and nobody is asked."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from client.session import Session
from client.titles import spoken
from console import exits, frame, output
from console.i18n import _
from protocol.errors import Denied
from protocol.offline import ONE_WAY_LIFETIME_S
from wallet_cli.services.consent import told
from wallet_cli.services.drawing import CLEAR, Pictures
from wallet_cli.services.offline_showing import OfflinePlan, plan, present
from wallet_cli.services.showing import Choice

FRAME_S = 1


def show_offline(
    session: Session,
    choice: Choice,
    request: str | None,
    pictures: Pictures,
    *,
    once: bool,
    confirm: bool | None,
) -> int:
    """Show one item in frames for a minute, or with ``once`` each frame once."""
    made = plan(session, choice, request)
    _introduce(made)
    ask = (made.request is not None and made.request.sensitive) if confirm is None else confirm
    if ask and not output.confirm(_("Show it?")):
        raise Denied("not_confirmed", "nothing was handed over: it was not confirmed")
    texts = present(session, made)
    pictures.write(texts)
    try:
        _hold_up(session, texts, once=once)
    finally:
        pictures.remove()
    data = _data(made, len(texts))
    output.emit(data, lambda: output.line(_("shown in {count} frames").format(count=len(texts))))
    return exits.OK


def _hold_up(session: Session, texts: list[str], *, once: bool) -> None:
    """One frame after the other, until the minute is over; the person ends it sooner with Ctrl-C."""
    ends = session.clock.now() + ONE_WAY_LIFETIME_S
    if frame.current().json:
        click.echo(json.dumps({"frames": texts, "expires": ends}), err=True)
    number = 0
    while session.clock.now() < ends and not (once and number == len(texts)):
        _draw(texts[number % len(texts)])
        if sys.stdout.isatty():
            left = _("{seconds} s · Ctrl-C ends it").format(seconds=ends - session.clock.now())
            click.echo(f"\r{left:<60}", nl=False, err=True)
        number += 1
        session.clock.sleep(FRAME_S)


def _draw(text: str) -> None:
    from client import qr

    if frame.current().json:
        return
    screen = sys.stdout.isatty()
    colour = screen and frame.current().color is not False
    click.echo((CLEAR if screen else "") + qr.blocks(text, colour=colour), color=colour or None)


def _introduce(made: OfflinePlan) -> None:
    if made.request is None:
        output.say(_("For whoever sees the frames; nobody asked."))
    else:
        body = made.request.scenario.body
        title, purpose = spoken(body.title), spoken(body.purpose)
        name, division = made.request.agency.name, made.request.agency.division
        output.say(
            _("Asked by {agency} ({division}), desk {desk}").format(
                agency=name, division=division, desk=made.request.code.desk
            )
        )
        output.say(_("For: {title} — {purpose}").format(title=title, purpose=purpose))
    output.say(_("Claims: {claims}").format(claims=_named(made)))


def _named(made: OfflinePlan) -> str:
    return ", ".join(spoken(told(made.item, pointer)[0]) for pointer in made.claims)


def _data(made: OfflinePlan, count: int) -> dict[str, Any]:
    found = made.request
    return {
        "state": "shown",
        "way": "one" if found is None else "two",
        "item": made.item.record.id,
        "claims": list(made.claims),
        "frames": count,
        "agency": None if found is None else "0x" + found.agency.account.hex(),
        "agency_name": None if found is None else found.agency.name,
        "desk": None if found is None else found.code.desk,
        "scenario": None if found is None else found.scenario.body.scenario_id,
    }
