"""Notices both ways, and what agencies say: who is told, who may speak, and what nobody may."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace
from typing import Any

import pytest

from protocol.encoding import b64u, unb64u
from protocol.hashing import sha256
from protocol.receipts import parse_receipt
from protocol.scenario import parse_scenario
from protocol.statements import Statement, parse_statement, sign_statement
from tests.unit.vault_api.test_shows import Window
from tests.vault_stage import DAY, Grant, Holder, Party, VaultStage, raw_scenario, refused, unchanged
from vault_api.services import long_poll, notices
from vault_api.waiting import Waiters


class World:
    """A holder whose grant a bank has used once."""

    def __init__(self, stage: VaultStage) -> None:
        self.stage = stage
        self.issuer, self.bank = stage.issuer(), stage.bank()
        self.alice, self.authority = stage.holder(), stage.authority()
        self.scenario = raw_scenario(stage.a_scenario(self.authority), self.authority)
        stage.post(self.authority, "/v1/scenarios", {"scenario": self.scenario})
        self.deposit = self.alice.deposited(self.issuer, b"credential", b"a document")
        self.grant = self.give()
        self.receipt = self.use(self.grant)

    def give(self, **changes: Any) -> Grant:
        grant = self.alice.grant(self.bank, self.scenario, self.deposit, **changes)
        assert grant.send().status_code == 201
        return grant

    def use(self, grant: Grant) -> bytes:
        receipt = grant.receipt()
        assert grant.release(receipt).status_code == 200
        return parse_receipt(receipt).hash

    def kinds(self, party: Party) -> list[str]:
        return [row["kind"] for row in self.feed(party)["rows"]]

    def feed(self, party: Party, query: str = "") -> dict[str, Any]:
        path = "/v1/me/notices" if isinstance(party, Holder) else "/v1/notices"
        answer = self.stage.get(party, path + query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def word(self, party: Party, kind: str, **members: Any) -> str:
        said = Statement(
            b64u(secrets.token_bytes(16)),
            self.stage.clock.now(),
            self.stage.urn(party),
            self.stage.origin,
            kind,
            **members,
        )
        return sign_statement(said, party.present)

    def say(self, party: Party, kind: str, **members: Any) -> Any:
        return self.stage.post(party, "/v1/statements", {"statement": self.word(party, kind, **members)})

    def holder_says(self, kind: str, **members: Any) -> str:
        raw = self.alice.statement(kind, **members)
        answer = self.stage.post(self.alice, "/v1/me/statements", {"statement": raw})
        assert answer.status_code == 201, answer.text
        return raw

    def notes(self) -> list[str]:
        rows = self.stage.get(self.alice, "/v1/me/log").json()["rows"]
        return [unb64u(row["logged"]["object"]).decode() for row in rows if row["logged"]["opening"]["t"] == "note"]

    def later(self, seconds: int) -> None:
        self.stage.clock.advance(seconds)
        self.stage.follow()  # or what is known of the chain would be too old


@pytest.fixture
def world(stage: VaultStage) -> World:
    return World(stage)


# --- the feed -------------------------------------------------------------------------------------


def test_an_agency_is_told_of_a_grant_and_of_its_end_and_the_holder_of_the_end(world: World) -> None:
    given = world.feed(world.bank)
    assert [row["kind"] for row in given["rows"]] == ["grant_given"]
    assert (given["rows"][0]["grant"], given["rows"][0]["statement"]) == (world.grant.name, None)
    world.grant.revoke()
    ended = world.feed(world.bank, f"?page={given['next']}")
    assert [(row["kind"], row["grant"]) for row in ended["rows"]] == [("grant_ended", world.grant.name)]
    assert world.kinds(world.alice) == ["grant_ended"]


def test_a_token_goes_on_where_it_was_given_and_pages_are_bounded(world: World) -> None:
    for _ in range(3):
        world.give()
    first = world.feed(world.bank, "?limit=3")
    assert (len(first["rows"]), first["more"]) == (3, True)
    second = world.feed(world.bank, f"?page={first['next']}")
    assert (len(second["rows"]), second["more"]) == (1, False)
    again = world.feed(world.bank, f"?page={second['next']}")
    assert (again["rows"], again["next"], again["more"]) == ([], second["next"], False)
    refused(world.stage.get(world.bank, "/v1/notices?page=nonsense"), 400, "length")
    refused(world.stage.get(world.bank, "/v1/notices?limit=100000"), 400, "page")
    refused(world.stage.get(world.bank, "/v1/notices?wait=100"), 400, "wait")


def test_each_party_hears_its_own_alone(world: World) -> None:
    other, bob = world.stage.bank("another bank"), world.stage.holder("bob")
    world.grant.revoke()
    assert world.kinds(other) == world.kinds(bob) == []
    refused(world.stage.get(world.bank, "/v1/me/notices"), 403, "holder_only")
    refused(world.stage.get(world.alice, "/v1/notices"), 403, "agency_only")
    refused(world.stage.get(None, "/v1/notices"), 401, "signature_missing")


def test_who_waits_is_answered_as_soon_as_there_is_something(world: World) -> None:
    """The look and its end are what counts; nobody sleeps here."""
    seen: list[int] = []

    async def never() -> bool:
        return False

    def look() -> int:
        seen.append(len(seen))
        if len(seen) == 1:
            world.stage.vault.waiters.wake(b"name")  # something happens while we look
        return len(seen)

    found = asyncio.run(long_poll.until(world.stage.vault, b"name", 25, look, lambda many: many > 1, never))
    assert (found, isinstance(world.stage.vault.waiters, Waiters)) == (2, True)


def test_who_has_gone_is_waited_for_no_longer(world: World) -> None:
    async def gone() -> bool:
        return True

    assert asyncio.run(long_poll.until(world.stage.vault, b"name", 25, lambda: 0, bool, gone)) == 0


def test_a_nullifier_and_a_new_epoch_on_chain_reach_the_agencies_too(world: World) -> None:
    other = world.give()
    ledger = world.stage.chain.ledger(world.stage.relayer.address)
    ledger.revoke(world.grant.secret)
    world.stage.follow()
    assert world.kinds(world.bank) == ["grant_given", "grant_given", "grant_ended"]
    assert world.feed(world.bank)["rows"][-1]["grant"] == world.grant.name
    other.revoke()
    other.revoke()
    assert world.kinds(world.bank).count("grant_ended") == 2


def test_a_withdrawn_scenario_is_told_to_those_whose_grants_still_hold(world: World) -> None:
    ended = world.stage.bank("another bank")
    gone = world.alice.grant(ended, world.scenario, world.deposit)
    assert gone.send().status_code == 201
    gone.revoke()
    known = parse_scenario(world.scenario)
    now = world.stage.clock.now()
    withdrawn = replace(known.body, version=known.body.version + 1, supersedes=known.hash, withdrawn=now)
    raw = raw_scenario(withdrawn, world.authority)
    assert world.stage.post(world.authority, "/v1/scenarios", {"scenario": raw}).status_code == 201
    told = world.feed(world.bank)["rows"][-1]
    assert (told["kind"], told["about"], told["statement"]) == (
        "scenario_withdrawn",
        b64u(parse_scenario(raw).hash),
        None,
    )
    assert world.kinds(world.alice)[-1] == "scenario_withdrawn"
    assert "scenario_withdrawn" not in world.kinds(ended)


def test_old_notices_are_forgotten_and_the_log_is_not(world: World) -> None:
    world.later(notices.KEEP_S + 1)
    world.stage.vault.sequencer.call(notices.forget_old)
    assert world.kinds(world.bank) == []
    assert world.stage.get(world.alice, "/v1/me/log").json()["rows"]


def test_who_read_all_notices_before_they_were_forgotten_misses_none_that_come(world: World) -> None:
    read = world.feed(world.bank)["next"]
    world.later(notices.KEEP_S + 1)
    world.stage.vault.sequencer.call(notices.forget_old)
    world.stage.vault.sequencer.call(lambda tx: notices.tell_given(tx, world.bank.address, 1, 1))
    assert len(world.feed(world.bank, f"?page={read}")["rows"]) == 1


# --- what a holder says ---------------------------------------------------------------------------


def test_the_end_of_a_used_grant_comes_signed_and_its_acknowledgement_goes_back(world: World) -> None:
    world.grant.revoke()
    raw = world.holder_says("notice", grant=world.grant.id, text="ended")
    told = world.feed(world.bank)["rows"][-1]
    assert (told["kind"], told["statement"], told["grant"]) == ("notice", raw, world.grant.name)
    about = parse_statement(raw).hash
    answer = world.say(world.bank, "acknowledgement", about=about)
    assert answer.status_code == 201, answer.text
    back = world.feed(world.alice)["rows"][-1]
    assert (back["kind"], back["about"]) == ("acknowledgement", b64u(about))
    assert parse_statement(back["statement"]).body.iss == world.stage.urn(world.bank)
    assert world.notes()[-1] == back["statement"]


def test_nobody_acknowledges_what_was_not_for_them_or_twice(world: World) -> None:
    raw = world.holder_says("notice", grant=world.grant.id, text="ended")
    about, other = parse_statement(raw).hash, world.stage.bank("another bank")
    with unchanged(world.stage):
        refused(world.say(other, "acknowledgement", about=about), 404, "notice_unknown")
        refused(world.say(world.bank, "acknowledgement", about=bytes(32)), 404, "notice_unknown")
    assert world.say(world.bank, "acknowledgement", about=about).status_code == 201
    with unchanged(world.stage):
        refused(world.say(world.bank, "acknowledgement", about=about), 409, "statement_said")


def test_a_complaint_reaches_the_reader_by_grant_by_receipt_and_by_record(world: World) -> None:
    world.holder_says("complaint", grant=world.grant.id, about=world.receipt, text="not my application")
    world.holder_says("complaint", about=world.receipt, text="not my application")
    rows = world.stage.get(world.alice, "/v1/me/log").json()["rows"]
    record = next(row for row in rows if row["receipt"])["logged"]["opening"]["object_sha256"]
    world.holder_says("complaint", about=unb64u(record), text="not my application")
    told = [row for row in world.feed(world.bank)["rows"] if row["kind"] == "complaint"]
    assert [row["grant"] for row in told] == [world.grant.name] * 3
    assert all(row["statement"] for row in told)


def test_a_complaint_about_an_item_reaches_its_issuer_and_one_about_nothing_nobody(world: World) -> None:
    slip = world.stage.get(world.alice, "/v1/me/items").json()["rows"][0]["slip"]
    world.holder_says("complaint", about=sha256(slip.encode()), text="I did not ask for this")
    world.holder_says("complaint", about=bytes(32), text="something")
    own = world.alice.deposited(world.alice, b"own document")
    raw = world.stage.get(world.alice, f"/v1/me/items/{b64u(own.item)}").json()["slip"]
    world.holder_says("complaint", about=sha256(raw.encode()), text="about my own")
    world.holder_says("review", about=bytes(32))
    assert world.kinds(world.issuer) == ["complaint"]
    assert "complaint" not in world.kinds(world.bank)


def test_a_complaint_about_a_show_reaches_who_collected(stage: VaultStage) -> None:
    window = Window(stage)
    stage.post(
        window.alice,
        "/v1/me/statements",
        {
            "statement": window.alice.statement(
                "complaint", show=window.session, about=bytes(32), text="nobody collected yet"
            )
        },
    )
    receipt = window.receipt()
    assert window.collect(receipt=receipt).status_code == 200
    about = parse_receipt(receipt).hash
    for members in ({"show": window.session}, {}):
        raw = window.alice.statement("complaint", about=about, text="the clerk took a photograph", **members)
        assert stage.post(window.alice, "/v1/me/statements", {"statement": raw}).status_code == 201
    told = stage.get(window.clerk, "/v1/notices").json()["rows"]
    assert [(row["kind"], row["show"]) for row in told] == [("complaint", window.name)] * 2


def test_a_corrected_item_is_told_to_its_readers_and_its_issuer(world: World) -> None:
    unused = world.stage.bank("another bank")
    world.alice.grant(unused, world.scenario, world.deposit).send()
    world.holder_says("correction", item=world.deposit.item, text="the months are wrong")
    world.holder_says("notice", item=world.deposit.item, text="there is a newer one")
    world.holder_says("notice", text="to the log alone")
    assert world.kinds(world.bank) == ["grant_given", "correction", "notice"]
    assert world.kinds(world.issuer) == ["correction"]
    assert world.kinds(unused) == ["grant_given"]
    own = world.alice.deposited(world.alice, b"own document")
    world.holder_says("correction", item=own.item, text="mine")
    assert world.kinds(world.issuer) == ["correction"]


def test_a_holder_does_not_tell_without_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "MAX_TOLD", 2)
    for _ in range(2):
        world.holder_says("complaint", grant=world.grant.id, about=world.receipt, text="again")
    raw = world.alice.statement("complaint", grant=world.grant.id, about=world.receipt, text="again")
    with unchanged(world.stage):
        refused(world.stage.post(world.alice, "/v1/me/statements", {"statement": raw}), 403, "notices_enough")


# --- what an agency says --------------------------------------------------------------------------


def test_a_report_is_logged_once_and_the_same_bytes_have_the_same_answer_however_late(world: World) -> None:
    raw = world.word(world.bank, "retention", about=world.receipt, grant=world.grant.id)
    first = world.stage.post(world.bank, "/v1/statements", {"statement": raw})
    world.later(DAY)
    again = world.stage.post(world.bank, "/v1/statements", {"statement": raw})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["index"] == again.json()["index"]
    refused(world.say(world.bank, "retention", about=world.receipt), 409, "statement_said")
    assert world.kinds(world.alice) == ["retention"]


def test_another_agency_reports_nothing_of_ours(world: World) -> None:
    other = world.stage.bank("another bank")
    with unchanged(world.stage):
        refused(world.say(other, "retention", about=world.receipt), 404, "receipt_unknown")
        refused(world.say(other, "retention", about=world.receipt, grant=world.grant.id), 404, "receipt_unknown")
        ours = world.word(world.bank, "retention", about=world.receipt)
        refused(world.stage.post(other, "/v1/statements", {"statement": ours}), 422, "jws_kid")
        said = Statement(b64u(bytes(16)), world.stage.clock.now(), world.alice.urn, world.stage.origin, "retention")
        forged = sign_statement(replace(said, about=world.receipt), other.present)
        refused(world.stage.post(other, "/v1/statements", {"statement": forged}), 422, "statement_issuer")


def test_a_statement_that_is_old_or_of_a_holders_kind_is_refused(world: World) -> None:
    old = world.word(world.bank, "retention", about=world.receipt)
    world.later(121)
    with unchanged(world.stage):
        refused(world.stage.post(world.bank, "/v1/statements", {"statement": old}), 403, "iat_off")
        refused(world.say(world.bank, "claim", item=world.deposit.item), 400, "statement_kind")
        refused(world.say(world.bank, "stamp", about=world.receipt), 400, "statement_kind")


def test_a_renewal_is_asked_a_few_times_by_the_agency_of_the_grant_alone(world: World) -> None:
    other = world.stage.bank("another bank")
    refused(world.say(other, "renewal", grant=world.grant.id), 404, "grant_unknown")
    for _ in range(3):
        assert world.say(world.bank, "renewal", grant=world.grant.id, text="two more months").status_code == 201
    refused(world.say(world.bank, "renewal", grant=world.grant.id), 403, "statements_enough")
    assert world.kinds(world.alice) == ["renewal"] * 3
    assert world.say(world.bank, "review", about=world.receipt, text="looked at again").status_code == 201


def test_an_issuer_corrects_its_item_and_the_readers_hear_of_it(world: World) -> None:
    refused(world.say(world.bank, "correction", item=world.deposit.item, text="x"), 404, "item_unknown")
    assert world.say(world.issuer, "correction", item=world.deposit.item, text="revoked: misprint").status_code == 201
    assert world.kinds(world.bank)[-1] == world.kinds(world.alice)[-1] == "correction"
    assert world.kinds(world.issuer) == []
    told = world.feed(world.bank)["rows"][-1]
    assert told["item"] == b64u(world.deposit.item)
    about = parse_statement(told["statement"]).hash
    assert world.say(world.bank, "acknowledgement", about=about).status_code == 201


def test_an_issuer_that_reads_its_own_item_is_not_told_of_its_own_word(world: World) -> None:
    assert world.say(world.issuer, "correction", item=world.deposit.item, text="x").status_code == 201
    assert world.kinds(world.issuer) == []
