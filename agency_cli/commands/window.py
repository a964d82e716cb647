"""``agency window``: the service window as a page on this machine."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click

from agency_cli.common import max_pack_age_option, require_registered, session
from agency_cli.officers import DEFAULT_CLASS
from client.inputs import OfficerClass
from client.passphrase import passphrase_options
from console import output
from console.frame import Command
from console.i18n import N_
from protocol.request_code import MAX_DESK

DEFAULT_PORT = 8441


@click.command(
    cls=Command,
    help=N_(
        "Open the service window: a page on this machine that scans codes, shows the licence and the verdict, and "
        "counts the day. It answers on 127.0.0.1 only, to whoever opens the link that is printed; Ctrl-C closes it."
    ),
)
@click.option("--scenario", required=True, help=N_("What is asked for: hash or id of a scenario."))
@click.option("--desk", type=click.IntRange(1, MAX_DESK), default=1, show_default=True, help=N_("Number of the desk."))
@click.option(
    "--port", type=click.IntRange(1, 65_535), default=DEFAULT_PORT, show_default=True, help=N_("Port on 127.0.0.1.")
)
@click.option(
    "--officer-class",
    type=OfficerClass(),
    default=DEFAULT_CLASS,
    envvar="ONEFILE_OFFICER_CLASS",
    show_default=True,
    help=N_("The class of who acts; a grant may ask for one."),
)
@max_pack_age_option
@passphrase_options
def window(
    scenario: str,
    desk: int,
    port: int,
    officer_class: str,
    max_pack_age: int,
    passphrase_file: Path | None,
    passphrase_fd: int | None,
) -> None:
    import uvicorn

    from agency_cli.window.app import create_app
    from agency_cli.window.counter import Counter
    from client.localsite import ADDRESS, Entrance
    from protocol.receipts import Officer

    with session(passphrase_file, passphrase_fd) as found:
        require_registered(found)
        _opened = found.keys  # asked for now, not when the first person stands at the desk
        counter = Counter(found, desk, scenario, Officer(officer_class, f"desk {desk}"), max_pack_age)
        counter.asked()
        entrance = Entrance(port)
        output.emit({"link": entrance.link, "desk": desk}, lambda: output.line(entrance.link))
        config = uvicorn.Config(create_app(counter, entrance), ADDRESS, port, log_level="warning", access_log=False)
        with contextlib.suppress(KeyboardInterrupt):  # raised again by the server, once it has stopped
            uvicorn.Server(config).run()
