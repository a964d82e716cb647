"""``wallet web``: my data as a page on this machine."""

from __future__ import annotations

import contextlib
import threading
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from client.passphrase import passphrase_options
from console import output
from console.frame import Command
from console.i18n import N_
from wallet_cli.common import require_open, session

if TYPE_CHECKING:
    import uvicorn

DEFAULT_PORT = 8442
START_S = 20.0
_LOOK_S = 0.05
_WAY_IN = '<!doctype html><meta http-equiv="refresh" content="0;url={link}"><title>OneFile</title>\n'


@click.command(
    cls=Command,
    help=N_(
        "Open my data: a page on this machine with your items, codes, grants and uses. It answers on 127.0.0.1 only, "
        "to whoever opens the link that is printed, once; it locks after a quarter of an hour without you. Ctrl-C "
        "closes it."
    ),
)
@click.option(
    "--port", type=click.IntRange(1, 65_535), default=DEFAULT_PORT, show_default=True, help=N_("Port on 127.0.0.1.")
)
@click.option("--no-open", is_flag=True, help=N_("Only print the link; open no browser."))
@passphrase_options
def web(port: int, no_open: bool, passphrase_file: Path | None, passphrase_fd: int | None) -> None:
    import uvicorn

    from client.localsite import ADDRESS, Entrance
    from wallet_cli.web.app import create_app
    from wallet_cli.web.safe import Safe

    with session(passphrase_file, passphrase_fd) as found:
        require_open(found)
        entrance = Entrance(port)
        safe = Safe(found)
        app = create_app(safe, entrance)
        output.emit({"link": entrance.link}, lambda: output.line(entrance.link))
        server = uvicorn.Server(uvicorn.Config(app, ADDRESS, port, log_level="warning", access_log=False))
        opened = contextlib.nullcontext() if no_open else opening(server, entrance.link, found.profile.folder)
        # The interrupt is raised again by the server, once it has stopped.
        with opened, safe.watched(), contextlib.suppress(KeyboardInterrupt):
            server.run()


@contextlib.contextmanager
def opening(server: uvicorn.Server, link: str, folder: Path) -> Iterator[None]:
    """Open the browser as soon as the server answers.

    By a private file, which leads to the link: what a program is started with, every user of the machine can read.
    """
    from client.files import write_private

    way_in = folder / "web-start.html"
    write_private(way_in, _WAY_IN.format(link=link).encode("ascii"))
    given_up = threading.Event()

    def wait() -> None:
        for _look in range(int(START_S / _LOOK_S)):
            if server.started or given_up.wait(_LOOK_S):
                break
        if server.started:
            webbrowser.open(way_in.absolute().as_uri())

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    try:
        yield
    finally:
        given_up.set()
        thread.join()
        way_in.unlink(missing_ok=True)
