"""A local page serves the person who started it, in this machine's browser, and no other page."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from client import localsite
from client.localsite import Entrance, Guard


async def echo(request: Request) -> Response:
    return PlainTextResponse(f"{len(await request.body())}")


@pytest.fixture
def door() -> Entrance:
    return Entrance(8441)


@pytest.fixture
def page(door: Entrance) -> TestClient:
    paths = ("/", "/start", "/static/a.js", "/write")
    app = Starlette(routes=[Route(path, echo, methods=["GET", "POST"]) for path in paths])
    return TestClient(Guard(app, door), base_url=door.origin, raise_server_exceptions=False)


def entered(page: TestClient, door: Entrance) -> TestClient:
    cookie = door.enter(door.token)
    assert cookie is not None
    name, _, value = cookie.split(";")[0].partition("=")
    page.cookies.set(name, value)
    return page


def test_the_token_is_taken_once_and_stands_in_the_fragment_alone(door: Entrance) -> None:
    assert door.link == f"http://127.0.0.1:8441/start#{door.token}"
    assert door.enter("") is None
    assert door.enter("é" * 20) is None
    assert door.enter("x" * 1000) is None
    cookie = door.enter(door.token)
    assert cookie is not None
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert door.enter(door.token) is None
    assert door.token not in repr(door)


def test_without_the_cookie_only_the_entrance_and_its_files_are_there(page: TestClient) -> None:
    assert [page.get(path).status_code for path in ("/start", "/static/a.js", "/", "/write")] == [200, 200, 401, 401]


def test_with_the_cookie_everything_is_there(page: TestClient, door: Entrance) -> None:
    inside = entered(page, door)
    assert inside.get("/").status_code == 200
    assert inside.post("/write", content=b"abc", headers={"origin": door.origin}).text == "3"


@pytest.mark.parametrize("cookie", ["onefile-8441=guess", "onefile-8442=guess", "onefile-8441", "\x00=;;", ""])
def test_a_guessed_cookie_opens_nothing(page: TestClient, cookie: str) -> None:
    assert page.get("/", headers={"cookie": cookie}).status_code == 401


@pytest.mark.parametrize("host", ["evil.example", "localhost:8441", "127.0.0.1", "127.0.0.1:80", "evil.example:8441", ""])
def test_a_rebound_name_is_refused_even_with_the_cookie(page: TestClient, door: Entrance, host: str) -> None:
    assert entered(page, door).get("/", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("origin", [None, "null", "http://evil.example", "http://127.0.0.1:8442", "http://localhost:8441"])
def test_another_page_cannot_write_through_the_visitors_cookie(page: TestClient, door: Entrance, origin: str | None) -> None:
    headers = {} if origin is None else {"origin": origin}
    assert entered(page, door).post("/write", content=b"x", headers=headers).status_code == 403


def test_another_page_cannot_read_through_the_visitors_cookie(page: TestClient, door: Entrance) -> None:
    inside = entered(page, door)
    assert inside.get("/", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert inside.get("/", headers={"sec-fetch-site": "same-origin"}).status_code == 200
    assert inside.get("/start", headers={"sec-fetch-site": "cross-site"}).status_code == 200


def test_every_answer_forbids_foreign_code_frames_and_caches(page: TestClient) -> None:
    for path in ("/start", "/"):
        headers = page.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert "unsafe-inline" not in headers["content-security-policy"]


def test_a_body_without_end_is_cut_off(
    page: TestClient, door: Entrance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(localsite, "MAX_BODY_BYTES", 1000)
    inside, headers = entered(page, door), {"origin": door.origin}
    assert inside.post("/write", content=bytes(1000), headers=headers).text == "1000"
    assert inside.post("/write", content=bytes(1001), headers=headers).status_code == 413


def test_only_named_paths_take_more_than_a_form_has(door: Entrance) -> None:
    app = Starlette(routes=[Route(path, echo, methods=["POST"]) for path in ("/write", "/large")])
    page = TestClient(
        Guard(app, door, frozenset({"/large"})), base_url=door.origin, raise_server_exceptions=False
    )
    inside, headers = entered(page, door), {"origin": door.origin}
    big = bytes(localsite.MAX_FORM_BYTES + 1)
    assert inside.post("/large", content=big, headers=headers).text == str(len(big))
    assert inside.post("/write", content=big, headers=headers).status_code == 413
    assert inside.post("/write", content=big[1:], headers=headers).status_code == 200


def test_other_connections_than_http_pass(page: TestClient, door: Entrance) -> None:
    with TestClient(Guard(Starlette(), door)) as client:  # the lifespan protocol
        assert client.get("/").status_code == 421
