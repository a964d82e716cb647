"""Showing at a window: first collect, second scan, late scan, presentation, refusal, silence."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import replace
from typing import Any

import pytest

from protocol.canonical import loads_object
from protocol.encoding import b64u, unb64u
from protocol.entries import AccessRecord, Entry, Opening, grant_tag_key, verify_access
from protocol.envelope import seal_bytes
from protocol.hashing import sha256
from protocol.note import Vkey
from protocol.receipts import Officer, Receipt, sign_receipt
from protocol.scenario import parse_scenario
from protocol.show_code import new_show_code, sign_show_code
from protocol.tlog_proof import verify_tlog_proof
from tests.vault_stage import DAY, Party, VaultStage, raw_scenario, refused, unchanged


class Window:
    """A holder with an open session, and a window that scans."""

    def __init__(self, stage: VaultStage) -> None:
        self.stage = stage
        self.alice, self.clerk, self.authority = stage.holder(), stage.bank(), stage.authority()
        raw = raw_scenario(stage.a_scenario(self.authority), self.authority)
        assert stage.post(self.authority, "/v1/scenarios", {"scenario": raw}).status_code == 201
        self.scenario = parse_scenario(raw).hash
        self.session = secrets.token_bytes(16)
        self.name = b64u(self.session)
        self.nonce = secrets.token_bytes(16)
        body = {"session": self.name, "lifetime_s": 300}
        opened = stage.post(self.alice, "/v1/me/shows", body)
        assert opened.status_code == 201, opened.text

    def code(self, counter: int = 0, **changes: Any) -> str:
        code = new_show_code(self.session, counter, origin=self.stage.origin, now=self.stage.clock.now())
        return sign_show_code(replace(code, **changes), self.alice.present)

    def receipt(self, clerk: Party | None = None, **changes: Any) -> str:
        by, now = clerk or self.clerk, self.stage.clock.now()
        receipt = Receipt(
            jti=b64u(secrets.token_bytes(16)),
            iat=now,
            iss=self.stage.urn(by),
            aud=self.stage.origin,
            grant=None,
            show=self.session,
            scenario=self.scenario,
            officer=Officer("clerk", "window 5"),
            items=(),
            retain_until=now + DAY,
            nonce=self.nonce,
            card=by.cards[-1].digest(self.stage.vault.agency_domain),
        )
        return sign_receipt(replace(receipt, **changes), by.present)

    def collect(self, code: str | None = None, receipt: str | None = None, clerk: Party | None = None) -> Any:
        body = {"code": code or self.code(), "receipt": receipt or self.receipt(clerk)}
        return self.stage.post(clerk or self.clerk, "/v1/shows/collect", body)

    def mine(self, wait: str = "") -> Any:
        return self.stage.get(self.alice, f"/v1/me/shows/{self.name}{wait}")

    def theirs(self, wait: str = "") -> Any:
        return self.stage.get(self.clerk, f"/v1/shows/{self.name}{wait}")

    def present(self, sealed: bytes | None = None) -> Any:
        file = (
            seal_bytes(b"presentation", [self.clerk.sealing.recipient()]).file if sealed is None else sealed
        )
        return self.stage.put(
            self.alice, f"/v1/me/shows/{self.name}/presentation", {"presentation": b64u(file)}
        )

    def refuse(self) -> Any:
        return self.stage.post(self.alice, f"/v1/me/shows/{self.name}/refuse", {})

    def kinds(self) -> list[str]:
        return [
            row["logged"]["opening"]["t"] for row in self.stage.get(self.alice, "/v1/me/log").json()["rows"]
        ]


@pytest.fixture
def window(stage: VaultStage) -> Window:
    return Window(stage)


def test_the_wallet_learns_who_collected_with_a_proof_and_answers_to_them_alone(window: Window) -> None:
    stage = window.stage
    receipt = window.receipt()
    collected = window.collect(receipt=receipt)
    assert collected.status_code == 200, collected.text
    assert collected.json()["state"] == "collected"
    mine = window.mine().json()
    assert mine["receipt"] == receipt
    assert mine["agency_card"] == window.clerk.envelopes[-1].to_json()
    entry, opening = unb64u(mine["logged"]["entry"]), Opening.from_json(mine["logged"]["opening"])
    key = grant_tag_key(window.alice.tag_key, window.session)
    record = verify_access(Entry.parse(entry), opening, unb64u(mine["logged"]["object"]), key)
    assert record == AccessRecord(sha256(receipt.encode()), None, window.session, 1, (), stage.clock.now())
    verify_tlog_proof(mine["proof"].encode(), entry, stage.origin, Vkey.parse(stage.vault.log.vkey))
    sealed = seal_bytes(b"what is shown", [window.clerk.sealing.recipient()]).file
    assert window.present(sealed).json()["state"] == "delivered"
    theirs = window.theirs().json()
    assert (theirs["state"], unb64u(theirs["presentation"])) == ("delivered", sealed)
    assert theirs["agency_card"] is None
    assert window.mine().json()["presentation"] is None
    row = stage.get(window.alice, "/v1/me/log").json()["rows"][-1]
    assert (row["show"], row["receipt"]) == (window.name, receipt)


def test_the_same_receipt_again_has_the_same_answer(window: Window) -> None:
    code, receipt = window.code(), window.receipt()
    first = window.collect(code, receipt).json()
    with_again = window.collect(code, receipt).json()
    assert {**first, "proof": ""} == {**with_again, "proof": ""}
    assert window.kinds() == ["key", "access"]


def test_a_second_scan_is_refused_by_every_code_of_the_session(window: Window) -> None:
    assert window.collect().status_code == 200
    thief = window.stage.bank("thief")
    with unchanged(window.stage):
        for code in (window.code(), window.code(1)):
            refused(window.collect(code, window.receipt(thief), thief), 409, "show_used")
    refused(window.stage.get(thief, f"/v1/shows/{window.name}"), 404, "show_unknown")


def test_a_late_scan_is_refused(window: Window) -> None:
    code = window.code()
    window.stage.clock.advance(60)
    with unchanged(window.stage):
        refused(window.collect(code), 403, "show_code_expired")


def test_a_scan_after_the_session_is_refused(window: Window) -> None:
    window.stage.clock.advance(300)
    assert window.mine().json()["state"] == "expired"
    refused(window.collect(), 410, "show_expired")
    window.stage.sweep()
    with unchanged(window.stage):
        refused(window.collect(), 410, "show_expired")


def test_an_unregistered_scanner_is_refused(window: Window) -> None:
    stage = window.stage
    nobody = Party("nobody")
    stage_card = nobody.make_card(bytes(12) + nobody.address, stage.vault.agency_domain, stage.clock.now())
    assert stage_card.card.seq == 1
    with unchanged(stage):
        refused(window.collect(receipt=window.receipt(nobody), clerk=nobody), 401, "signature_key_unknown")


def test_a_scanner_that_is_no_reader_is_refused(window: Window) -> None:
    issuer = window.stage.issuer()
    with unchanged(window.stage):
        refused(window.collect(receipt=window.receipt(issuer), clerk=issuer), 403, "not_a_reader")


def test_wrong_codes_are_refused(window: Window) -> None:
    stage, bob = window.stage, window.stage.holder("bob")
    code = new_show_code(window.session, 0, origin=stage.origin, now=stage.clock.now())
    unknown = new_show_code(bytes(16), 0, origin=stage.origin, now=stage.clock.now())
    other_log = new_show_code(
        window.session, 0, origin="onefile/1/0x" + "00" * 20 + "/main", now=stage.clock.now()
    )
    with unchanged(stage):
        for text, status, name in (
            (sign_show_code(code, bob.present), 422, "show_code_signature"),
            (sign_show_code(other_log, window.alice.present), 422, "show_code_log"),
            ("OF1:GARBAGE", 400, None),
            ("", 400, None),
        ):
            answer = stage.post(
                window.clerk, "/v1/shows/collect", {"code": text, "receipt": window.receipt()}
            )
            assert answer.status_code == status, answer.text
            assert name is None or answer.json()["code"] == name
        receipt = window.receipt(show=bytes(16))
        refused(window.collect(sign_show_code(unknown, window.alice.present), receipt), 404, "show_unknown")


def test_wrong_receipts_are_refused(window: Window) -> None:
    now, other = window.stage.clock.now(), window.stage.bank("other bank")
    with unchanged(window.stage):
        for receipt, status, code in (
            (window.receipt(show=bytes(16)), 422, "receipt_session"),
            (window.receipt(iss=window.stage.urn(other)), 422, "receipt_issuer"),
            (window.receipt(card=bytes(32)), 422, "receipt_issuer"),
            (window.receipt(other), 422, "jws_kid"),
            (window.receipt(aud="onefile/1/0x" + "00" * 20 + "/main"), 422, "wrong_audience"),
            (window.receipt(iat=now - 121), 403, "iat_off"),
            (window.receipt(scenario=bytes(32)), 404, "scenario_unknown"),
        ):
            refused(window.collect(receipt=receipt), status, code)


def test_a_scenario_that_is_not_for_this_window_or_time_is_refused(window: Window) -> None:
    stage = window.stage
    insurer = stage.bank("insurer", division="insurer")
    with unchanged(stage):
        refused(window.collect(receipt=window.receipt(insurer), clerk=insurer), 403, "scenario_grantee")
    past = raw_scenario(
        stage.a_scenario(window.authority, scenario_id="over", expires=stage.clock.now()), window.authority
    )
    assert stage.post(window.authority, "/v1/scenarios", {"scenario": past}).status_code == 201
    with unchanged(stage):
        answer = window.collect(receipt=window.receipt(scenario=parse_scenario(past).hash))
        refused(answer, 403, "scenario_not_in_force")


def test_a_session_is_opened_once_and_belongs_to_its_holder(window: Window) -> None:
    stage, bob = window.stage, window.stage.holder("bob")
    with unchanged(stage):
        refused(
            stage.post(bob, "/v1/me/shows", {"session": window.name, "lifetime_s": 60}), 409, "show_exists"
        )
        refused(stage.get(bob, f"/v1/me/shows/{window.name}"), 404, "show_unknown")
        refused(stage.post(bob, f"/v1/me/shows/{window.name}/refuse", {}), 404, "show_unknown")
        refused(stage.get(window.alice, f"/v1/me/shows/{b64u(bytes(16))}"), 404, "show_unknown")
        assert (
            stage.post(bob, "/v1/me/shows", {"session": b64u(bytes(16)), "lifetime_s": 5}).status_code == 400
        )


def test_nothing_is_presented_before_a_collect_or_twice(window: Window) -> None:
    with unchanged(window.stage):
        refused(window.present(), 409, "show_state")
    assert window.collect().status_code == 200
    with unchanged(window.stage):
        assert window.present(b"not sealed").status_code == 400
    assert window.present().status_code == 200
    with unchanged(window.stage):
        refused(window.present(), 409, "show_state")
        refused(window.refuse(), 409, "show_state")


def test_a_refusal_before_anybody_collected_leaves_no_entry(window: Window) -> None:
    assert window.refuse().json()["state"] == "refused"
    assert window.kinds() == ["key"]
    with unchanged(window.stage):
        refused(window.collect(), 409, "show_used")


def test_a_refusal_after_a_collect_is_noted(window: Window) -> None:
    receipt = window.receipt()
    assert window.collect(receipt=receipt).status_code == 200
    assert window.refuse().json()["state"] == "refused"
    assert window.kinds() == ["key", "access", "note"]
    assert window.theirs().json()["state"] == "refused"


@pytest.mark.parametrize("how", ["sweep", "present"])
def test_what_is_not_delivered_in_time_is_noted(window: Window, how: str) -> None:
    receipt = window.receipt()
    assert window.collect(receipt=receipt).status_code == 200
    window.stage.clock.advance(21)
    if how == "sweep":
        window.stage.sweep()
    refused(window.present(), 409, "show_state")
    if how == "sweep":
        assert window.mine().json()["state"] == "undelivered"
        row = window.stage.get(window.alice, "/v1/me/log").json()["rows"][-1]
        note = loads_object(unb64u(row["logged"]["object"]))
        assert (note["kind"], note["show"]) == ("undelivered", window.name)
        assert unb64u(note["about"]) == sha256(receipt.encode())


def test_a_delivered_presentation_is_not_kept_for_long(window: Window) -> None:
    assert window.collect().status_code == 200
    assert window.present().status_code == 200
    window.stage.clock.advance(601)
    window.stage.sweep()
    assert window.theirs().json()["presentation"] is None


def test_both_sides_wait_for_the_other(window: Window) -> None:
    seen: dict[str, Any] = {}

    def wait_for_collect() -> None:
        seen["mine"] = window.mine("?wait=10").json()

    waiting = threading.Thread(target=wait_for_collect)
    waiting.start()
    time.sleep(0.3)
    assert window.collect().status_code == 200
    waiting.join(10)
    assert seen["mine"]["state"] == "collected"

    def wait_for_answer() -> None:
        seen["theirs"] = window.theirs("?wait=10").json()

    waiting = threading.Thread(target=wait_for_answer)
    waiting.start()
    time.sleep(0.3)
    assert window.present().status_code == 200
    waiting.join(10)
    assert seen["theirs"]["state"] == "delivered"


def test_a_wait_ends_by_itself_and_has_a_bound(window: Window) -> None:
    began = time.monotonic()
    assert window.mine("?wait=0.2").json()["state"] == "open"
    assert 0.15 < time.monotonic() - began < 5
    refused(window.mine("?wait=26"), 400, "wait")
    refused(window.mine("?wait=soon"), 400, "request")
