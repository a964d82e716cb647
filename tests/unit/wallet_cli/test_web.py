"""My data: the page says what the commands say, does what they do, and nothing without the holder's yes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from client import agent, qr
from protocol.encoding import unb64u
from protocol.errors import Unavailable
from protocol.grant import GrantEnvelope
from protocol.request_code import match_number
from tests.unit.wallet_cli.conftest import World
from tests.unit.wallet_cli.test_scan import request, text_of
from tests.unit.wallet_cli.test_shows import Window
from tests.unit.wallet_cli.web_page import Page
from tests.wallet_stage import PDF, PHRASES, card_of
from wallet_cli.services.opening import open_item
from wallet_cli.services.showing import Showing
from wallet_cli.services.usage import Use
from wallet_cli.web import drawn, safe
from wallet_cli.web.face import Look

PAGES = ("/", "/more", "/items", "/show", "/answer", "/grants", "/grants/new", "/uses", "/own", "/backup", "/sync")


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
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's look at the vault answers at once, not after a second."""
    monkeypatch.setattr(Showing, "wait", lambda self, _seconds: self.session.api.my_show(self.id))


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
    assert Look.parse("xx.huge") == Look()
    assert Look.parse(Look("zh", elder=True).cookie) == Look("zh", elder=True)
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
    assert text.index("insured in") < text.index("What programs read of it") < text.index("certificate_id")
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


# --- showing ---------------------------------------------------------------------------------------------


def shown(page: Page, *, ask: bool = True) -> str:
    assert page.done("/show", {"items": [page.world.item], "ask": ask}) == {"go": "/show/now"}
    turn = page.safe.unfinished.turn
    assert turn is not None
    return turn.code.text


def test_nothing_is_handed_over_before_the_holders_yes(page: Page, window: Desk) -> None:
    code = shown(page)
    text = page.text("/show/now")
    assert "data:image/svg+xml" in text
    assert code not in text
    window.see(code)
    assert page.done("/show/state") == {"stage": "asked"}
    asked = page.text("/show/now")
    assert "City Bank asks" in asked
    assert "Proof of social insurance: insured in" in asked
    assert window.presented() is None
    assert page.done("/show/hand")["stage"] == "delivered"
    assert window.presented() is not None
    assert "handed over to City Bank" in page.text("/show/now")


def test_a_refusal_hands_over_nothing(page: Page, window: Desk) -> None:
    window.see(shown(page))
    page.done("/show/state")
    assert page.done("/show/refuse")["stage"] == "refused"
    assert page.done("/show/hand")["stage"] == "refused"
    assert window.presented() is None
    assert "Nothing was handed over" in page.text("/show/now")


def test_who_said_so_before_is_not_asked_again(page: Page, window: Desk) -> None:
    window.see(shown(page, ask=False))
    assert page.done("/show/state")["stage"] == "delivered"


def test_codes_rotate_and_end(page: Page, world: World) -> None:
    first = shown(page)
    seen = page.done("/show/state")
    assert (seen["stage"], seen["left"]) == ("code", 30)
    world.stage.clock.time += 31
    assert page.done("/show/state")["picture"] != seen["picture"]
    assert page.safe.unfinished.turn.code.text != first  # type: ignore[union-attr]  # it was begun above
    world.stage.clock.time += 300
    assert page.done("/show/state") == {"stage": "over"}
    assert "The time is over" in page.text("/show/now")


def test_a_collector_who_fails_a_check_gets_nothing(page: Page, world: World, window: Desk) -> None:
    code = shown(page)
    window.see(code)
    world.stage.chain.ledger(world.bank.account).set_compromised(1, world.stage.clock.now())
    assert page.done("/show/state") == {"stage": "failed"}
    assert "compromised" in page.text("/show/now")
    assert window.presented() is None


def test_a_new_code_closes_the_one_before(page: Page, window: Desk) -> None:
    first = shown(page)
    shown(page)
    with pytest.raises(Exception, match=r"collected|ended"):
        window.see(first)


def test_what_was_not_begun_does_not_go_on(page: Page) -> None:
    for path in ("/show/hand", "/show/refuse"):
        assert page.problem(path) == "nothing_begun"
    for path in ("/answer/give", "/grants/give"):
        assert page.problem(path, {"confirmed": True}) == "nothing_begun"
    assert page.problem("/answer/optional", {"optional": True}) == "nothing_begun"
    assert page.get("/show/now").status_code == 409
    assert page.problem("/show/state") == "nothing_begun"
    assert page.get("/answer/done").status_code == 303
    assert page.problem("/show", {"items": []}) == "show_items"


# --- answering a window ----------------------------------------------------------------------------------


def test_a_windows_request_is_answered_after_consent(page: Page, world: World) -> None:
    code = request(world)
    assert page.done("/answer/read", {"text": text_of(world, code)}) == {"go": "/answer/consent"}
    consent = page.text("/answer/consent")
    assert "City Bank" in consent
    assert "Desk 12" in consent
    assert not list(world.alice.api.my_grants())
    assert page.done("/answer/give", {"confirmed": True}) == {"go": "/answer/done"}
    (row,) = world.alice.api.my_grants()
    envelope = GrantEnvelope.from_json(world.bank.api.grant(unb64u(row.grant)).envelope)
    match = match_number(code.nonce, envelope.grant.digest(world.stage.domain("grant_registry")))
    assert f">{match}<" in page.text("/answer/done")
    assert page.problem("/answer/give", {"confirmed": True}) == "nothing_begun"
    assert page.post("/answer/give", {"confirmed": False}).status_code == 422


def test_optional_claims_are_off_until_they_are_asked_for(page: Page, world: World) -> None:
    page.done("/answer/read", {"text": text_of(world, request(world))})
    before = page.safe.unfinished.asked.plan.parts[0].claims  # type: ignore[union-attr]  # it was read above
    page.done("/answer/optional", {"optional": True})
    after = page.safe.unfinished.asked.plan.parts[0].claims  # type: ignore[union-attr]  # it was read above
    assert set(before) < set(after)
    assert "Leave optional claims out" in page.text("/answer/consent")
    assert page.done("/answer/drop") == {"go": "/"}
    assert page.get("/answer/consent").status_code == 409
    assert not list(world.alice.api.my_grants())


def test_a_picture_of_the_windows_screen_is_read(page: Page, world: World, tmp_path: Path) -> None:
    picture = tmp_path / "screen.png"
    qr.write_png(text_of(world, request(world)), picture)
    answer = page.http.post("/answer/picture", content=picture.read_bytes(), headers=page.write)
    assert answer.json() == {"go": "/answer/consent"}
    blind = page.http.post("/answer/picture", content=b"no picture", headers=page.write)
    assert (blind.status_code, blind.json()["code"]) == (422, "picture")


def test_a_request_of_another_key_is_refused_in_the_holders_language(page: Page, world: World) -> None:
    page.done("/look", {"lang": "zh", "elder": False})
    answer = page.post("/answer/read", {"text": text_of(world, request(world), world.hr.present)})
    assert answer.json()["code"] == "request_signature"
    assert re.search("[一-鿿]", answer.json()["detail"])


# --- grants and uses -------------------------------------------------------------------------------------


def test_a_grant_is_given_with_limits_and_ended(page: Page, world: World) -> None:
    new = page.text("/grants/new")
    assert "City Bank" in new
    assert "Human Resources" not in new
    agency = "0x" + world.bank.account.hex()
    order = {"scenario": "small-loan", "agency": agency, "days": 7, "uses": 2, "optional": False}
    assert page.done("/grants/plan", order) == {"go": "/grants/consent"}
    assert "City Bank" in page.text("/grants/consent")
    assert page.done("/grants/give", {"confirmed": True}) == {"go": "/grants"}
    (row,) = world.alice.api.my_grants()
    grant = GrantEnvelope.from_json(row.envelope).grant
    assert (grant.max_uses, grant.not_after - grant.not_before) == (2, 7 * 86_400)
    world.stage.tick()
    text = page.text("/grants")
    assert "0/2" in text
    assert "End it now" in text
    assert page.post(f"/grants/{row.grant}/revoke", {}).status_code == 422
    assert page.done(f"/grants/{row.grant}/revoke", {"confirmed": True})["go"] == "/grants"
    assert "End it now" not in page.text("/grants")


def test_a_grant_beyond_the_scenario_is_refused(page: Page, world: World) -> None:
    order = {"scenario": "small-loan", "agency": "0x" + world.bank.account.hex(), "days": 3650}
    assert page.problem("/grants/plan", order) == "grant_exceeds_scenario"
    order = {"scenario": "small-loan", "agency": "0x" + world.bank.account.hex()}
    page.done("/grants/plan", order)
    assert page.done("/grants/drop") == {"go": "/grants"}
    assert page.get("/grants/consent").status_code == 409
    assert not list(world.alice.api.my_grants())


def test_uses_stand_with_their_proofs(page: Page, world: World, window: Desk) -> None:
    window.see(shown(page, ask=False))
    page.done("/show/state")
    world.stage.tick()
    page.done("/sync")
    page.safe.syncing.join()
    text = page.text("/uses")
    assert "City Bank" in text
    assert "the agency&#39;s registered key signed the receipt" in text
    assert "teller/17" in text


def test_a_use_names_the_claims_also_of_an_item_that_is_gone(shared: World) -> None:
    rows = [{"item": "gone", "claims": ["/a"], "documents": []}, {"item": "gone", "claims": ["/b"], "documents": ["x"]}]
    use = Use(0, 1, None, None, None, "s", 1, None, None, None, None, None, rows, [])
    assert drawn.use(use, {})["what"] == ["a", "b"]
    opened = open_item(shared.alice, shared.alice.store.item(shared.item))
    rows[1] |= {"claims": ["/insured_region", "/files/0"]}
    assert drawn.use(use, {"gone": opened})["what"][1] == "Proof of social insurance: insured in, 1 documents"


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
    left = [path for path in world.alice.profile.folder.rglob("*") if path.is_file() and b"our own words" in path.read_bytes()]
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
    assert reading.http.post("/own", content=b"x", headers={**reading.write, "onefile-document": "%ff"}).status_code == 422


def test_the_written_phrase_is_compared_and_kept_nowhere(reading: Page, shared: World) -> None:
    before = {path: path.stat().st_mtime_ns for path in shared.alice.profile.folder.rglob("*") if path.is_file()}
    assert reading.done("/backup", {"phrase": PHRASES["alice"].upper()}) == {"matches": True}
    assert reading.problem("/backup", {"phrase": PHRASES["bob"]}) == "phrase_other"
    assert reading.problem("/backup", {"phrase": "abandon " * 12}) == "phrase"
    assert before == {path: path.stat().st_mtime_ns for path in shared.alice.profile.folder.rglob("*") if path.is_file()}


def test_an_enterprises_phrase_is_compared_by_its_accounts(stage: Any) -> None:
    from wallet_cli.services import backup

    firm = stage.holder("alice", kind="enterprise")
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


# --- the lock ---------------------------------------------------------------------------------------------


def test_who_is_away_for_a_while_finds_the_page_locked(page: Page, world: World) -> None:
    world.stage.clock.time += safe.IDLE_S - 1
    page.text("/")
    world.stage.clock.time += safe.IDLE_S
    away = page.get("/items")
    assert (away.status_code, away.headers["location"]) == (303, "/locked")
    assert page.get(f"/items/{world.item}/documents/1").status_code == 303
    assert page.safe._session._keys is None
    refused = page.post(f"/items/{world.item}/claim")
    assert (refused.status_code, refused.json()["go"]) == (409, "/locked")
    assert "<nav" not in page.text("/locked")
    assert page.problem("/unlock", {"passphrase": "wrong"}) == "wrong_passphrase"
    assert page.get("/").status_code == 303
    assert page.done("/unlock", {"passphrase": "pass"}) == {"go": "/"}
    page.text("/items")


def test_a_page_that_looks_by_itself_does_not_stay_open(page: Page, world: World) -> None:
    shown(page)
    for _look in range(4):
        world.stage.clock.time += safe.IDLE_S // 4
        page.post("/show/state")
    assert page.problem("/show/state") == "locked"


def test_locking_withdraws_the_code_and_forgets_what_was_begun(page: Page, window: Desk) -> None:
    code = shown(page)
    assert page.done("/lock") == {"go": "/locked"}
    page.done("/unlock", {"passphrase": "pass"})
    assert page.problem("/show/hand") == "nothing_begun"
    with pytest.raises(Exception, match=r"collected|ended"):
        window.see(code)


def test_keys_of_the_agent_end_with_it(world: World) -> None:
    agent.start(world.alice.profile, world.alice.keys, 60)
    page = Page(world).enter()
    page.text("/items")
    agent.lock(world.alice.profile)
    assert page.get("/items").status_code == 303
    page.done("/unlock", {"passphrase": "pass"})
    page.text("/items")


def test_the_lock_of_the_page_locks_the_agent_too(world: World) -> None:
    agent.start(world.alice.profile, world.alice.keys, 60)
    page = Page(world).enter()
    page.done("/lock")
    assert agent.left_s(world.alice.profile) is None


def test_a_second_visitor_does_not_come_in_by_the_same_link(reading: Page) -> None:
    assert reading.post("/start", {"token": reading.door.token}).status_code == 403
