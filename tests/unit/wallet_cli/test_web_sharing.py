"""My data at a window and to agencies: nothing leaves without the holder's yes, and locked it does nothing."""

from __future__ import annotations

import copy
import re
import threading
from pathlib import Path

import pytest

from client import agent, qr
from protocol.dcql import parse_query
from protocol.encoding import unb64u
from protocol.grant import GrantEnvelope
from protocol.request_code import match_number
from protocol.scenario import parse_scenario, sign_scenario
from tests.scenario_samples import QUERY
from tests.unit.wallet_cli.conftest import World, small_loan
from tests.unit.wallet_cli.test_scan import request, text_of
from tests.unit.wallet_cli.web_page import Desk, Page, no_waiting, page, reading, shown, window
from wallet_cli.services.opening import open_item
from wallet_cli.services.usage import Use
from wallet_cli.web import drawn, safe

__all__ = ["no_waiting", "page", "reading", "window"]


# --- showing ---------------------------------------------------------------------------------------------


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


def test_a_document_is_named_before_it_is_handed_over(page: Page, world: World) -> None:
    insurance = {
        **copy.deepcopy(QUERY["credentials"][0]),
        "claims": [{"path": ["months_paid"]}, {"path": ["files", 0]}],
    }
    wanted = small_loan(world.authority, scenario_id="paper-too", query=parse_query({"credentials": [insurance]}))
    raw = sign_scenario(wanted, world.authority.present)
    world.authority.api.post_scenario(raw)
    Desk(world, scenario=parse_scenario(raw).hash).see(shown(page))
    assert page.done("/show/state") == {"stage": "asked"}
    asked = page.text("/show/now")
    assert "Proof of social insurance: months paid" in asked
    assert "Proof of social insurance: document: 证明.pdf" in asked


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


def optional_claims(page: Page, path: str) -> list[str]:
    """What the consent screen offers to tick."""
    return re.findall(r'name="also" data-kind="list" value="([^"]+)"', page.text(path))


def test_optional_claims_are_granted_one_by_one_where_they_are_ticked(page: Page, world: World) -> None:
    page.done("/answer/read", {"text": text_of(world, request(world))})
    asked = page.safe.unfinished.asked
    assert asked is not None
    required = set(asked.plan.parts[0].claims)
    offered = optional_claims(page, "/answer/consent")
    assert len(offered) > 1
    assert not {text.partition(" ")[2] for text in offered} & required
    page.done("/answer/give", {"confirmed": True, "also": offered[:1]})
    (row,) = world.alice.api.my_grants()
    (part,) = GrantEnvelope.from_json(row.envelope).grant.scope
    assert set(part.claims) == required | {offered[0].partition(" ")[2]}


def test_what_stood_on_no_consent_screen_is_not_granted(page: Page, world: World) -> None:
    page.done("/answer/read", {"text": text_of(world, request(world))})
    asked = page.safe.unfinished.asked
    assert asked is not None
    required = asked.plan.parts[0].claims
    strange = [f"{world.item} /identity_number", "nobody /holder/name", "", world.item]
    page.done("/answer/give", {"confirmed": True, "also": strange})
    (row,) = world.alice.api.my_grants()
    assert GrantEnvelope.from_json(row.envelope).grant.scope[0].claims == required


def test_a_request_that_was_dropped_is_answered_no_more(page: Page, world: World) -> None:
    page.done("/answer/read", {"text": text_of(world, request(world))})
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
    order = {"scenario": "small-loan", "agency": agency, "days": 7, "uses": 2}
    assert page.done("/grants/plan", order) == {"go": "/grants/consent"}
    assert "City Bank" in page.text("/grants/consent")
    ticked = optional_claims(page, "/grants/consent")[-1]
    assert page.done("/grants/give", {"confirmed": True, "also": [ticked]}) == {"go": "/grants"}
    (row,) = world.alice.api.my_grants()
    grant = GrantEnvelope.from_json(row.envelope).grant
    assert ticked.partition(" ")[2] in grant.scope[0].claims
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
    assert re.search(r"Last sync: \d{4}-", text)


def test_a_use_names_the_claims_also_of_an_item_that_is_gone(shared: World) -> None:
    rows = [{"item": "gone", "claims": ["/a"], "documents": []}, {"item": "gone", "claims": ["/b"], "documents": ["x"]}]
    use = Use(0, 1, None, None, None, "s", 1, None, None, None, None, None, rows, [])
    assert drawn.use(use, {})["what"] == ["a", "b, 1 document"]
    opened = open_item(shared.alice, shared.alice.store.item(shared.item))
    rows[1] |= {"claims": ["/insured_region", "/files/0"]}
    assert drawn.use(use, {"gone": opened})["what"][1] == "Proof of social insurance: insured in, 1 document"


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


def test_keys_are_forgotten_also_while_no_browser_asks(
    page: Page, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, check = threading.Event(), safe.Safe.check

    def told(self: safe.Safe) -> None:
        check(self)
        done.set()

    monkeypatch.setattr(safe.Safe, "check", told)
    world.stage.clock.time += safe.IDLE_S
    with page.safe.watched(every_s=0.0):
        assert done.wait(10)
    assert page.safe._session._keys is None


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
