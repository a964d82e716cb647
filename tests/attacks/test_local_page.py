"""Attacks on a wallet's page from where it can be reached: other pages, other programs, other users' cookies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx2
import pytest

from client import localsite
from client.localsite import Entrance
from tests.unit.wallet_cli.conftest import World, make_world
from tests.unit.wallet_cli.web_page import PORT, Page
from tests.wallet_stage import Stage

HOME = f"http://127.0.0.1:{PORT}"
WRITES = (
    *("/look", "/lock", "/unlock", "/show", "/show/state", "/show/hand", "/show/refuse"),
    *("/answer/read", "/answer/picture", "/answer/give", "/answer/drop"),
    *("/grants/plan", "/grants/give", "/grants/drop", "/grants/x/revoke"),
    *("/items/x/delete", "/items/x/verify", "/items/x/claim", "/own", "/backup", "/sync"),
)


@dataclass(frozen=True)
class Attack:
    """A request with the holder's own cookie, as a strange page or program brings it about."""

    name: str
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 403


FORGED = (
    Attack("a form of another site", {"origin": "https://evil.example"}),
    Attack("a form of a sandboxed frame", {"origin": "null"}),
    Attack("a program of this machine that sends no origin"),
    Attack("another local page", {"origin": "http://127.0.0.1:8441"}),
    Attack("the same page by another name", {"origin": f"http://localhost:{PORT}"}),
    Attack("our origin with https", {"origin": f"https://127.0.0.1:{PORT}"}),
    Attack("our origin, asked by another site", {"origin": HOME, "sec-fetch-site": "cross-site"}),
    Attack("our origin, asked by another port", {"origin": HOME, "sec-fetch-site": "same-site"}),
    Attack("a name that was bound to this machine", {"origin": HOME, "host": "evil.example"}, 421),
    Attack("that name with our port", {"origin": HOME, "host": f"evil.example:{PORT}"}, 421),
    Attack("our address as a name", {"origin": HOME, "host": f"localhost:{PORT}"}, 421),
    Attack("our address with a dot", {"origin": HOME, "host": f"127.0.0.1.:{PORT}"}, 421),
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    stage = Stage(tmp_path_factory.mktemp("local-page"))
    yield make_world(stage)
    stage.close()


@pytest.fixture
def page(world: World) -> Page:
    return Page(world).enter()


def routes(page: Page) -> set[str]:
    """Every path of the application that takes a POST."""
    return {route.path for route in page.app.routes if "POST" in (getattr(route, "methods", None) or ())}


def test_the_table_names_every_write_of_the_page(page: Page) -> None:
    named = {path.replace("/x/", "/{id}/") for path in WRITES} | {"/start"}
    known = {path.replace("{item}", "{id}").replace("{grant}", "{id}") for path in routes(page)}
    assert known == named


@pytest.mark.parametrize("attack", FORGED, ids=lambda attack: attack.name)
def test_nothing_is_written_for_a_stranger(page: Page, world: World, attack: Attack) -> None:
    before = {path: path.read_bytes() for path in world.alice.profile.folder.rglob("*") if path.is_file()}
    for path in WRITES:
        answer = page.http.post(path, json={"confirmed": True}, headers=attack.headers)
        assert answer.status_code == attack.status, path
    assert before == {path: path.read_bytes() for path in world.alice.profile.folder.rglob("*") if path.is_file()}
    assert not list(world.alice.api.my_grants())


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_a_body_that_a_form_can_send_is_no_order(page: Page, kind: str) -> None:
    """A form asks no leave before it is sent: what it can send must not be what an action takes."""
    headers = {**page.write, "content-type": kind}
    answer = page.http.post("/lock", content=b"{}", headers=headers)
    assert answer.status_code == 422
    assert page.get("/items").status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", f"evil.example:{PORT}", f"localhost:{PORT}", "127.0.0.1", "[::1]:8442"]
)
def test_nothing_is_read_through_a_rebound_name(page: Page, world: World, host: str) -> None:
    for path in ("/", "/items", f"/items/{world.item}", f"/items/{world.item}/documents/1", "/start"):
        answer = page.http.get(path, headers={"host": host})
        assert answer.status_code == 421
        assert "王小明" not in answer.text


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_nothing_is_read_by_another_site(page: Page, world: World, site: str) -> None:
    for path in ("/items", f"/items/{world.item}", f"/items/{world.item}/documents/1"):
        assert page.http.get(path, headers={"sec-fetch-site": site}).status_code == 403


def test_a_start_link_that_was_used_opens_nothing(page: Page) -> None:
    """Whoever finds it in a history, or reads it off the terminal later."""
    page.http.cookies.clear()
    assert page.post("/start", {"token": page.door.token}).status_code == 403
    assert page.get("/items").status_code == 401


def test_a_start_link_is_not_guessed_and_its_tries_cost_nothing(world: World) -> None:
    page = Page(world)
    for token in ("", "x", "x" * 64, "é" * 32):
        assert page.post("/start", {"token": token}).status_code == 403
    assert page.post("/start", {"token": "x" * 65}).status_code == 422
    assert page.get("/items").status_code == 401
    page.enter()
    assert page.get("/items").status_code == 200


def test_a_cookie_that_was_planted_before_is_not_taken_over(world: World) -> None:
    """Session fixation: the value after the start link is ours, whatever was there."""
    page = Page(world)
    page.http.cookies.set(page.door.cookie_name, "planted")
    page.http.cookies.set(page.door.cookie_name, "planted", path="/items")
    page.enter()
    assert page.http.get("/items", headers={"cookie": f"{page.door.cookie_name}=planted"}).status_code == 401


def test_the_cookie_of_another_page_opens_nothing(world: World) -> None:
    other = Entrance(8441)
    cookie = str(other.enter(other.token)).partition(";")[0]
    page = Page(world)
    for sent in (cookie, cookie.replace("8441", str(PORT)), f"{page.door.cookie_name}-look=en.elder"):
        assert page.http.get("/items", headers={"cookie": sent}).status_code == 401


def test_bodies_without_end_are_cut_off(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    big = b'{"phrase":"' + b"x" * (localsite.MAX_FORM_BYTES + 1) + b'"}'
    small = set(WRITES) - {"/own", "/answer/picture"}
    for path in small:
        headers = {**page.write, "content-type": "application/json"}
        assert page.http.post(path, content=big, headers=headers).status_code == 413, path
    monkeypatch.setattr(localsite, "MAX_BODY_BYTES", 1000)
    for path in ("/own", "/answer/picture"):
        headers = {**page.write, "onefile-document": '{"title":"t","name":"n"}'}
        assert page.http.post(path, content=bytes(1001), headers=headers).status_code == 413, path


@pytest.mark.parametrize(
    "path", ["/items/../../keys.age", "/items/%2e%2e%2fkeys.age", "/items/a.b", "/items/" + "a" * 65]
)
def test_an_id_is_no_path(page: Page, path: str) -> None:
    assert page.http.get(path).status_code in {404, 422}


def test_no_answer_lets_a_browser_keep_guess_frame_or_run_it(page: Page, world: World) -> None:
    paths = (
        "/",
        "/items",
        f"/items/{world.item}",
        f"/items/{world.item}/documents/1",
        "/static/early.js",
        "/static/mydata.js",
        "/start",
        "/none",
    )
    for path in paths:
        headers: httpx2.Headers = page.get(path).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        policy = headers["content-security-policy"]
        assert {"default-src 'none'", "form-action 'none'", "frame-ancestors 'none'"} <= set(policy.split("; "))
        assert "unsafe-inline" not in policy
        assert "access-control-allow-origin" not in headers


def test_no_page_carries_a_key_a_code_or_the_token_in_an_address(page: Page, world: World) -> None:
    page.done("/show", {"items": [world.item], "ask": True})
    turn = page.safe.unfinished.turn
    assert turn is not None
    keys = world.alice.keys
    for path in ("/", "/items", f"/items/{world.item}", "/show/now", "/grants/new", "/backup"):
        text = page.text(path)
        for secret in (page.door.token, turn.code.text, keys.root.unsafe_bytes.hex(), keys.hot.unsafe_bytes.hex()):
            assert secret not in text
    page.post("/show/refuse")
