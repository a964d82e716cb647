"""``wallet web``: the link, the browser that is opened by a private file, and nothing left behind."""

from __future__ import annotations

import contextlib
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pytest
import uvicorn

from tests.unit.wallet_cli.conftest import Outcome, World
from wallet_cli.commands import web

Wallet = Callable[..., Outcome]


class Quiet:
    """A server that starts and stops at once."""

    def __init__(self, config: uvicorn.Config) -> None:
        self.config, self.started = config, False

    def run(self) -> None:
        self.started = True


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Quiet]:
    made: list[Quiet] = []

    def server(config: uvicorn.Config) -> Quiet:
        made.append(Quiet(config))
        return made[-1]

    monkeypatch.setattr(uvicorn, "Server", server)
    return made


@pytest.fixture
def browsers(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, int]]:
    """What browsers were asked to open: the address, what stood there, and who could read it."""
    seen: list[tuple[str, str, int]] = []

    def browse(address: str) -> bool:
        path = Path(unquote(urlparse(address).path))
        seen.append((address, path.read_text(), stat.S_IMODE(path.stat().st_mode)))
        return True

    monkeypatch.setattr(web.webbrowser, "open", browse)
    return seen


def test_the_page_is_served_to_this_machine_alone_and_the_link_is_printed(
    world: World, wallet: Wallet, served: list[Quiet], browsers: list[Any]
) -> None:
    done = wallet("web", "--port", "8450", "--no-open", "--json")
    assert done.code == 0, done.err
    assert done.json["link"].startswith("http://127.0.0.1:8450/start#")
    (server,) = served
    assert (server.config.host, server.config.port, server.config.access_log) == ("127.0.0.1", 8450, False)
    assert browsers == []


def test_the_browser_is_led_in_by_a_private_file_that_does_not_stay(
    world: World, wallet: Wallet, served: list[Quiet], browsers: list[tuple[str, str, int]]
) -> None:
    link = wallet("web").out.strip()
    ((address, text, mode),) = browsers
    assert link in text
    assert link.partition("#")[2] not in address
    assert mode == 0o600
    assert not (world.alice.profile.folder / "web-start.html").exists()


def test_a_server_that_does_not_start_opens_no_browser(tmp_path: Path, browsers: list[Any]) -> None:
    server: Any = Quiet(uvicorn.Config(lambda: None))
    with web.opening(server, "http://127.0.0.1:1/start#x", tmp_path):
        assert threading.active_count() > 1
    assert browsers == []


def test_an_interrupt_closes_the_page_and_takes_the_file_away(tmp_path: Path, browsers: list[Any]) -> None:
    server: Any = Quiet(uvicorn.Config(lambda: None))
    with contextlib.suppress(KeyboardInterrupt), web.opening(server, "http://127.0.0.1:1/start#x", tmp_path):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_dossier_that_is_not_open_has_no_page(world: World, wallet: Wallet, served: list[Quiet]) -> None:
    assert wallet("web", "--profile", "nobody", "--json").code != 0
    assert served == []
