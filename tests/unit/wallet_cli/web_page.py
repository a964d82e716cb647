"""The page of alice's wallet as a browser that came in by the start link sees it; its fixtures; a window that scans."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from client.localsite import Entrance
from tests.unit.wallet_cli.conftest import World
from tests.unit.wallet_cli.test_shows import Window
from wallet_cli.services.showing import Showing
from wallet_cli.web.app import create_app
from wallet_cli.web.safe import Safe

PORT = 8442


class Page:
    """One browser. ``post`` sends what our own script would send."""

    def __init__(self, world: World, lang: str = "en") -> None:
        self.world = world
        self.safe = Safe(world.stage.session("alice"))
        self.door = Entrance(PORT)
        self.app = create_app(self.safe, self.door)
        self.http = TestClient(
            self.app, base_url=self.door.origin, headers={"accept-language": lang}, follow_redirects=False
        )
        self.write = {"origin": self.door.origin}

    def enter(self) -> Page:
        assert self.post("/start", {"token": self.door.token}).status_code == 204
        return self

    def get(self, path: str) -> httpx2.Response:
        return self.http.get(path)

    def text(self, path: str) -> str:
        answer = self.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        return str(answer.text)

    def post(self, path: str, body: dict[str, Any] | None = None) -> httpx2.Response:
        return self.http.post(path, json=body or {}, headers=self.write)

    def done(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = self.post(path, body)
        assert answer.status_code == 200, (path, answer.text)
        found: dict[str, Any] = answer.json()
        return found

    def problem(self, path: str, body: dict[str, Any] | None = None) -> str:
        answer = self.post(path, body)
        assert answer.status_code >= 400, (path, answer.text)
        return str(answer.json()["code"])


@pytest.fixture
def page(world: World) -> Page:
    return Page(world).enter()


@pytest.fixture
def reading(shared: World) -> Page:
    """A page for tests that change nothing."""
    return Page(shared).enter()


class Desk(Window):
    """The bank's window, which scans when it is told to."""

    def presented(self) -> object | None:
        return self.world.bank.api.show(self.session).presentation


@pytest.fixture
def window(world: World) -> Desk:
    return Desk(world)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's look at the vault answers at once, not after a second."""
    monkeypatch.setattr(Showing, "wait", lambda self, _seconds: self.session.api.my_show(self.id))


def shown(page: Page, *, ask: bool = True) -> str:
    assert page.done("/show", {"items": [page.world.item], "ask": ask}) == {"go": "/show/now"}
    turn = page.safe.unfinished.turn
    assert turn is not None
    return turn.code.text
