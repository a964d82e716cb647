"""My data: the page says what the commands say, and does what they do."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

import pytest

from protocol.errors import Unavailable
from tests.unit.wallet_cli.conftest import World
from tests.unit.wallet_cli.web_page import Page, no_waiting, page, reading, window
from tests.wallet_stage import PDF, PHRASES, card_of
from wallet_cli.web import drawn, safe
from wallet_cli.web.face import Look

__all__ = ["no_waiting", "page", "reading", "window"]

PAGES = ("/", "/more", "/items", "/show", "/answer", "/grants", "/grants/new", "/uses", "/own", "/backup", "/sync")


# --- looking --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES)
def test_every_page_speaks_both_languages_and_both_sizes(reading: Page, path: str) -> None:
    english = reading.text(path)
    assert '<html lang="en" class="usual">' in english
    assert reading.done("/look", {"lang": "zh", "elder": True}) == {"go": "/"}
    assert '<html lang="zh" class="elder">' in reading.text(path)
    for text in (english, reading.text(path)):
        assert "<script>" not in text
        assert "style=" not in text
        assert "http:" not in text
        assert len(re.findall("<h1>", text)) == 1


def test_in_large_type_the_first_page_has_three_actions_and_little_else(reading: Page) -> None:
    reading.done("/look", {"lang": "en", "elder": True})
    text = reading.text("/")
    assert text.count('class="action"') == 3
    assert len(re.findall(r"<nav.*?</nav>", text, re.DOTALL)[0].split("<li>")) == 3


def test_a_garbled_choice_of_look_is_none(reading: Page) -> None:
    assert Look.kept("xx.huge") == Look()
    assert Look.kept(Look("zh", elder=True).cookie) == Look("zh", elder=True)
    for cookie in ("onefile-8442-look=\x00", "onefile-8442-look=;;="):
        assert 'lang="en"' in reading.http.get("/start", headers={"cookie": cookie}).text


def test_items_stand_by_dimension_with_validity(reading: Page, shared: World) -> None:
    text = reading.text("/items")
    assert "<h2>Social security</h2>" in text
    assert f"/items/{shared.item}" in text
    assert "2030-09-20" in text
    assert 'badge valid">valid' in text


def test_validity_is_by_the_day(shared: World) -> None:
    now = shared.stage.clock.now()  # 2027-01-15
    states = {None: "unlimited", "2027-01-14": "expired", "2027-01-15": "soon", "2027-03-20": "valid"}
    for expires, state in states.items():
        assert drawn.item({"damaged": None, "expires": expires}, now)["validity"] == state
    assert drawn.item({"damaged": "x", "expires": None}, now)["validity"] == "damaged"
    row = {"own": False, "dimension": None}
    assert drawn.groups([row]) == [("Others", [row])]


def test_one_item_shows_its_claims_by_name_and_its_documents(reading: Page, shared: World) -> None:
    text = reading.text(f"/items/{shared.item}")
    assert "威海市" in text
    assert "证明.pdf" in text
    assert "<dd>yes</dd>" in text
    assert text.index("insured in") < text.index("What programs read of it") < text.index("certificate id")
    missing = reading.get("/items/unknown")
    assert missing.status_code == 404
    assert "begins with unknown" in missing.text


def test_a_document_is_saved_and_never_drawn(reading: Page, shared: World) -> None:
    answer = reading.get(f"/items/{shared.item}/documents/1")
    assert answer.content == PDF
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == f"attachment; filename*=UTF-8''{quote('证明.pdf')}"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-length"] == str(len(PDF))
    assert reading.get(f"/items/{shared.item}/documents/7").status_code == 404


def test_only_the_pages_own_files_are_served(reading: Page) -> None:
    for name in ("mydata.css", "mydata.js", "icon-192.png", "mydata.webmanifest", "scanner.js"):
        assert reading.get(f"/static/{name}").status_code == 200
    for name in ("app.py", "..%2fapp.py", "frame.html"):
        assert reading.get(f"/static/{name}").status_code == 404


def test_an_item_that_does_not_open_says_why(page: Page, world: World) -> None:
    store = world.alice.store
    for path in (store.folder / "objects").glob("*.payload"):
        path.write_bytes(b"x" * path.stat().st_size)
    text = page.text("/items")
    assert "is damaged" in text
    assert page.text("/show").count("choice") == 0


def test_without_the_chain_the_page_says_so(page: Page, world: World) -> None:
    world.alice.profile.trust_file.unlink()
    world.stage.chain.faults.fail("head", times=9, error=Unavailable("chain_unreachable", "gone"))
    answer = page.get("/uses")
    assert answer.status_code == 503
    assert "the chain does not answer" in answer.text


# --- checking and accepting ------------------------------------------------------------------------------


def test_an_item_is_checked_on_demand_and_accepted(page: Page, world: World) -> None:
    path = f"/items/{world.item}"
    assert page.done(f"{path}/verify") == {"go": f"{path}#checks", "verdict": "accept"}
    assert "issuer&#39;s signature" in page.text(path)
    assert world.alice.store.items()[0].claimed_at is None
    assert page.done(f"{path}/claim")["verdict"] == "accept"
    assert world.alice.store.items()[0].claimed_at is not None
    assert "Check and accept" not in page.text(path)


# --- own documents, back-up, sync -------------------------------------------------------------------------


def put(page: Page, raw: bytes, **said: Any) -> Any:
    header = quote(json.dumps({"title": "Rent", "note": "", "name": "租约.txt", **said}))
    return page.http.post("/own", content=raw, headers={**page.write, "onefile-document": header})


def test_an_own_document_is_put_in_saved_and_destroyed(page: Page, world: World) -> None:
    assert put(page, b"our own words").json() == {"go": "/own"}
    world.stage.tick()
    text = page.text("/own")
    assert "Rent" in text
    (item,) = set(re.findall(r"/items/([\w-]+)", text))
    assert page.get(f"/items/{item}/documents/1").content == b"our own words"
    assert "Own documents" in page.text("/items")
    assert page.problem("/show", {"items": [item]}) == "show_own"
    assert page.problem(f"/items/{item}/verify") == "item_own"
    assert page.post(f"/items/{item}/delete", {"confirmed": "yes"}).status_code == 422
    assert page.done(f"/items/{item}/delete", {"confirmed": True}) == {"go": "/items"}
    assert item not in page.text("/own")
    left = [
        path
        for path in world.alice.profile.folder.rglob("*")
        if path.is_file() and b"our own words" in path.read_bytes()
    ]
    assert left == []


@pytest.mark.parametrize("said", [{"name": "../x"}, {"name": ""}, {"title": ""}, {"more": 1}, {"title": 5}])
def test_an_own_document_of_no_good_form_is_refused(reading: Page, said: dict[str, Any]) -> None:
    answer = put(reading, b"x", **said)
    assert (answer.status_code, answer.json()["code"]) == (422, "own_document_form")


def test_an_own_document_has_bytes_and_a_name_that_is_one(reading: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    from wallet_cli.web import care

    assert put(reading, b"").json()["code"] == "own_document_size"
    monkeypatch.setattr(care, "MAX_DOCUMENT_BYTES", 3)
    assert put(reading, b"four").json()["code"] == "own_document_size"
    assert care._safe_name("..") == "document"
    assert (
        reading.http.post("/own", content=b"x", headers={**reading.write, "onefile-document": "%ff"}).status_code == 422
    )


def test_the_written_phrase_is_compared_and_kept_nowhere(reading: Page, shared: World) -> None:
    before = {path: path.stat().st_mtime_ns for path in shared.alice.profile.folder.rglob("*") if path.is_file()}
    assert reading.done("/backup", {"phrase": PHRASES["alice"].upper()}) == {"matches": True}
    assert reading.problem("/backup", {"phrase": PHRASES["bob"]}) == "phrase_other"
    assert reading.problem("/backup", {"phrase": "abandon " * 12}) == "phrase"
    assert before == {
        path: path.stat().st_mtime_ns for path in shared.alice.profile.folder.rglob("*") if path.is_file()
    }


def test_a_phrase_is_compared_by_the_owner_whose_controller_may_have_changed(stage: Any) -> None:
    from protocol.keys import Mnemonic
    from wallet_cli.services import backup, rotating

    firm = stage.holder("alice", kind="enterprise")
    backup.check_phrase(firm, PHRASES["alice"])
    rotating.rotate_controller(firm, Mnemonic(PHRASES["alice"], "en"))
    backup.check_phrase(firm, PHRASES["alice"])
    with pytest.raises(Exception, match="another wallet"):
        backup.check_phrase(firm, PHRASES["bob"])


def test_a_sync_tells_how_far_it_is_and_what_it_came_to(page: Page, world: World) -> None:
    world.hr.issue(None, card_of(world.alice))
    world.stage.tick()
    assert page.done("/sync") == {"go": "/sync"}
    page.safe.syncing.join()
    assert page.get("/sync/state").json()["running"] is False
    text = page.text("/sync")
    assert re.search(r"New items</dt><dd>1<", text)
    assert page.text("/items").count("/items/") == 2


def test_a_sync_that_fails_says_why_and_one_that_runs_is_not_begun_twice(page: Page, world: World) -> None:
    with page.safe.opened():  # the sync waits for what is done now
        page.safe.syncing.start(page.safe.opened(), "en")
        first = page.safe.syncing._thread
        page.safe.syncing.start(page.safe.opened(), "en")
        assert page.safe.syncing._thread is first
        assert page.get("/sync/state").json() == {"running": True, "fetched": 0}
        assert "progress" in page.text("/sync")
        page.safe.lock()
    page.safe.syncing.join()
    page.safe.unlock("pass")
    assert "the page is locked" in page.text("/sync")
    safe.SyncJob().join()
