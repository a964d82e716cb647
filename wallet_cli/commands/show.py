"""``wallet show``: the rotating code, who collects, and the delivery."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from client.passphrase import passphrase_options
from console import exits, frame, output
from console.frame import Command
from console.i18n import N_, _
from protocol.errors import Denied, OneFileError
from wallet_cli.common import require_open, session, short
from wallet_cli.services.drawing import CLEAR, Pictures

if TYPE_CHECKING:
    from wallet_cli.services.collecting import Collector
    from wallet_cli.services.showing import Code, Showing

POLL_SCREEN_S = 2


@click.command(
    cls=Command,
    help=N_(
        "Show items at a window, all of them in one code. The code in the terminal changes every 30 seconds and tells "
        "nothing by itself. When a window scans it, this wallet checks who that is and what the scenario allows, then "
        "hands over exactly that. From sensitivity 4 on you are asked first."
    ),
)
@click.argument("items", nargs=-1, required=True, metavar="ITEM…")
@click.option(
    "--claim",
    "--claims",
    "claims",
    multiple=True,
    metavar="[ITEM:]/POINTER",
    help=N_("Show exactly these claims; several with commas or by naming the option again."),
)
@click.option("--optional", is_flag=True, help=N_("Show optional claims too."))
@click.option(
    "--png", type=click.Path(path_type=Path, dir_okay=False), help=N_("Write the current code to this picture.")
)
@click.option(
    "--svg", type=click.Path(path_type=Path, dir_okay=False), help=N_("Write the current code to this SVG picture.")
)
@click.option("--offline", is_flag=True, help=N_("Without a network: one item, in frames that the window scans."))
@click.option(
    "--request",
    metavar="FILE|-",
    help=N_("With --offline: answer the code that the window shows, so that nobody else can read the frames."),
)
@click.option("--request-text", metavar="TEXT", help=N_("The text of that code, where a scanner has read it."))
@click.option("--once", is_flag=True, help=N_("Draw one code only, and wait as long as it lives."))
@click.option(
    "--confirm/--no-confirm", default=None, help=N_("Ask before handing over (default: from sensitivity 4 on).")
)
@passphrase_options
def show(
    items: tuple[str, ...],
    claims: tuple[str, ...],
    optional: bool,
    png: Path | None,
    svg: Path | None,
    once: bool,
    offline: bool,
    request: str | None,
    request_text: str | None,
    confirm: bool | None,
    passphrase_file: Path | None,
    passphrase_fd: int | None,
) -> int:
    from wallet_cli.services import opening
    from wallet_cli.services.showing import Choice, Showing

    if (request or request_text) and not offline:
        raise click.UsageError(_("A window's request is answered with `wallet scan`, or here with --offline."))
    with session(passphrase_file, passphrase_fd) as found:
        require_open(found)
        opened = tuple(opening.open_item(found, found.store.item(item)) for item in items)
        named = tuple(part for claim in claims for part in claim.split(",") if part)
        if offline:
            from wallet_cli.commands.show_offline import show_offline

            asked = request_text.strip() if request_text else _request(request)
            choice = Choice(opened, named, optional=optional)
            return show_offline(found, choice, asked, Pictures(png, svg), once=once, confirm=confirm)
        showing = Showing(found, opened, named, optional=optional)
        painter = _Painter(Pictures(png, svg))
        with _withdrawing(showing):
            with painter:
                seen = showing.run(painter.draw, painter.tick, once=once, poll_s=painter.poll_s)
            if seen.state == "open":
                showing.refuse()
                raise Denied("show_not_collected", "nobody collected this code")
            from wallet_cli.services.collecting import Collecting

            collecting = Collecting(showing)
            collector = collecting.check(seen)
            _introduce(collector)
            if not _agreed(collector, confirm):
                showing.refuse()
                raise Denied("not_confirmed", "nothing was handed over: it was not confirmed")
            delivered = collecting.deliver(collector)
    data = {**_collector_json(collector), "state": delivered.state}
    output.emit(data, lambda: output.line(_("handed over to {agency}").format(agency=collector.agency.name)))
    return exits.OK if delivered.state == "delivered" else exits.FAILURE


def _request(file: str | None) -> str | None:
    from client import pictures
    from protocol.request_code import PREFIX

    if file is None:
        return None
    if file == "-":
        return pictures.code_in_stream(sys.stdin.buffer, PREFIX)
    return pictures.code_in_file(Path(file), PREFIX)


class _Painter:
    """Draws codes where somebody looks: on the screen, into a picture, or as JSON lines."""

    def __init__(self, pictures: Pictures) -> None:
        self._pictures = pictures
        self._screen = sys.stdout.isatty()
        self._json = frame.current().json
        self.poll_s = POLL_SCREEN_S if self._screen and not self._json else 20

    def draw(self, code: Code) -> None:
        from client import qr

        self._pictures.write([code.text])
        if self._json:
            click.echo(f'{{"code": "{code.text}", "expires": {code.expires_at}}}', err=True)
            return
        colour = self._screen and frame.current().color is not False
        clear = CLEAR if self._screen else ""
        click.echo(clear + qr.blocks(code.text, colour=colour), color=colour or None)

    def tick(self, left: int) -> None:
        if self._screen and not self._json:
            text = _("next code in {seconds} s · Ctrl-C withdraws it").format(seconds=left)
            click.echo(f"\r{text:<60}", nl=False, err=True)

    def __enter__(self) -> None:
        """Nothing is drawn yet."""

    def __exit__(self, *_raised: object) -> None:
        """Take the code off the screen and out of its pictures: it is used, over, or given up."""
        if self._screen and not self._json:
            click.echo("\r" + " " * 60 + "\r", nl=False, err=True)
        self._pictures.remove()


@contextlib.contextmanager
def _withdrawing(showing: Showing) -> Iterator[None]:
    """Close the session at the vault if the person gives up or a check fails."""
    try:
        yield
    except (KeyboardInterrupt, click.Abort, OneFileError):
        with contextlib.suppress(OneFileError):
            showing.refuse()
        raise


def _agreed(collector: Collector, confirm: bool | None) -> bool:
    ask = collector.sensitive if confirm is None else confirm
    return not ask or output.confirm(_("Hand it over?"))


def _introduce(collector: Collector) -> None:
    from client.titles import claim_names, spoken
    from wallet_cli.services.views import title_of, vct_of

    body = collector.scenario.body
    title, purpose = spoken(body.title), spoken(body.purpose)
    output.say(
        _("Collected by {agency} ({division})").format(agency=collector.agency.name, division=collector.agency.division)
    )
    output.say(_("For: {title} — {purpose}").format(title=title, purpose=purpose))
    for part in collector.parts:
        if len(collector.parts) > 1:
            output.say(_("Item: {kind} {item}").format(kind=title_of(part.item), item=short(part.item.record.id)))
        output.say(_("Claims: {claims}").format(claims=", ".join(claim_names(vct_of(part.item), part.claims))))
        if part.documents:
            names = ", ".join(document.entry.name for document in part.documents)
            output.say(_("Documents: {names}").format(names=names))


def _collector_json(collector: Collector) -> dict[str, Any]:
    from protocol.encoding import b64u

    return {
        "agency": "0x" + collector.agency.account.hex(),
        "agency_name": collector.agency.name,
        "division": collector.agency.division,
        "scenario": collector.scenario.body.scenario_id,
        "scenario_hash": b64u(collector.scenario.hash),
        "officer": {"class": collector.receipt.officer.officer_class, "ref": collector.receipt.officer.ref},
        "claims": list(collector.claims),
        "items": [
            {
                "item": part.item.record.id,
                "kind": part.item.kind,
                "query": part.query,
                "claims": list(part.claims),
                "documents": [document.entry.name for document in part.documents],
            }
            for part in collector.parts
        ],
    }
