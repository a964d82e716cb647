"""``wallet keys rewrap``, and what every command that changes the keys does with the headers then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from client.passphrase import passphrase_options
from client.session import Session
from console import exits, output
from console.frame import Command
from console.i18n import N_, _, describe
from console.progress import progress
from wallet_cli.common import require_open, session, short
from wallet_cli.services import wrapping_state

if TYPE_CHECKING:
    from wallet_cli.services.wrapping import Tell
    from wallet_cli.services.wrapping_state import State

UNWRAPPED: dict[str, Any] = {"rewrapped": None, "wrapping": None}
_STATES = {
    "running": N_("under way in the background"),
    "done": N_("done"),
    "stopped": N_("stopped"),
    "broken-off": N_("broken off"),
}


def wait_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--wait``: stay until all headers are wrapped."""
    text = N_("Stay until all headers are wrapped; many are else wrapped in the background.")
    return click.option("--wait", is_flag=True, help=text)(command)


@click.command(
    cls=Command,
    help=N_(
        "Wrap the headers of all items to the newest key card, and show how far it is. Interrupted anywhere it goes on "
        "where it was; no document is sent or changed. If a process in the background is at it, this command waits for "
        "its end."
    ),
)
@click.option("--background", is_flag=True, help=N_("Do not wait: a process in the background does it."))
@click.option("--status", is_flag=True, help=N_("Only say how far it is."))
@passphrase_options
def rewrap(background: bool, status: bool, passphrase_file: Path | None, passphrase_fd: int | None) -> int:
    with session(passphrase_file, passphrase_fd) as found:
        require_open(found)
        data = _status(found) if status else _rewrapped(found, apart=background)
    output.emit(data, lambda: _draw_rewrapped(data))
    return exit_of(data)


def _status(found: Session) -> dict[str, Any]:
    from wallet_cli.services import wrapping

    return {"rewrapped": None, "wrapping": wrapping.told(found.profile)}


def _rewrapped(found: Session, *, apart: bool) -> dict[str, Any]:
    from wallet_cli.services import syncing, wrapping

    at_work = wrapping_state.running(found.profile)
    if apart and at_work:
        return _status(found)
    if at_work:
        with _bar(found) as tell:
            wrapping.follow(found, tell)
    syncing.sync(found)
    return _wrapped(found, apart=apart)


def wrap_or_leave(found: Session, *, wait: bool = False, leave: bool = False) -> dict[str, Any]:
    """After a change of keys: sync, and wrap what is not sealed to the newest card.

    Few at once, with ``wait`` all; many in a process that goes on. ``rewrapped`` is the report of what was wrapped
    here, ``wrapping`` where the process stands; the other is None. ``leave``: nothing is wrapped, now or by itself.
    """
    from wallet_cli.services import syncing, wrapping

    wrapping.want(found)
    if leave:
        wrapping_state.forget(found.profile)
        return dict(UNWRAPPED)
    syncing.sync(found)
    return _wrapped(found, apart=not wait and wrapping.left(found) > wrapping.AT_ONCE)


def _wrapped(found: Session, *, apart: bool) -> dict[str, Any]:
    from wallet_cli.services import wrapping

    if apart:
        wrapping.apart(found)
        return _status(found)
    with _bar(found) as tell:
        report = wrapping.here(found, tell)
    told = {**asdict(report), "refused": [{"item": item, "code": code} for item, code in report.refused]}
    return {"rewrapped": told, "wrapping": None}


@contextmanager
def _bar(found: Session) -> Iterator[Tell]:
    total = sum(1 for record in found.store.items() if record.slip is not None)
    with progress(_("Wrapping headers"), total, unit="items") as step:
        shown = 0

        def tell(state: State) -> None:
            nonlocal shown
            now = state.done + len(state.refused)
            step(now - shown)
            shown = now

        yield tell


def exit_of(data: dict[str, Any]) -> int:
    """A failure if something could not be wrapped here, or the process has ended without having wrapped all."""
    if data["rewrapped"] is not None:
        return exits.FAILURE if data["rewrapped"]["refused"] else exits.OK
    told = data["wrapping"]
    ended = told is not None and (told["state"] == "stopped" or (told["state"] == "done" and bool(told["refused"])))
    return exits.FAILURE if ended else exits.OK


def _draw_rewrapped(data: dict[str, Any]) -> None:
    if data == UNWRAPPED:
        output.say(_("No headers were wrapped anew on this device yet."))
    draw_outcome(data)


def draw_outcome(data: dict[str, Any]) -> None:
    """What was wrapped here, or where the process stands."""
    if data["rewrapped"] is not None:
        done = data["rewrapped"]
        output.fields([(_("Items wrapped anew"), done["wrapped"]), (_("Items wrapped before"), done["already"])])
        _draw_refused(done["refused"])
    if data["wrapping"] is not None:
        output.fields(rows_of(data["wrapping"]))
        _draw_refused(data["wrapping"]["refused"])


def rows_of(told: dict[str, Any]) -> list[tuple[str, object]]:
    """How far the wrapping is, as rows for people."""
    counts = _("{done} of {total} items").format(**told)
    rows: list[tuple[str, object]] = [(_("Headers wrapped"), counts), (_("Wrapping"), _(_STATES[told["state"]]))]
    if told["reason"] is not None:
        rows.append((_("Reason"), told["reason"]["message"]))
    if told["state"] in {"stopped", "broken-off"}:
        rows.append((_("Go on"), "wallet keys rewrap"))
    return rows


def _draw_refused(rows: list[dict[str, str]]) -> None:
    for row in rows:
        output.warn(_("item {item} could not be wrapped ({code})").format(item=short(row["item"]), code=row["code"]))


def wrap_after_recovery(found: Session) -> dict[str, Any]:
    """As after any change of keys; but the recovery is done, whatever becomes of the headers now."""
    from protocol.errors import OneFileError

    try:
        return wrap_or_leave(found)
    except OneFileError as error:
        output.warn(_("headers are not wrapped yet: {why}").format(why=describe(error)))
        return dict(UNWRAPPED)
