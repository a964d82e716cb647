"""The page of alice's wallet as a browser that came in by the start link sees it."""

from __future__ import annotations

from typing import Any

import httpx2
from starlette.testclient import TestClient

from client.localsite import Entrance
from tests.unit.wallet_cli.conftest import World
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
