"""Grants in the long run: searched, renewed, ended in numbers, and what earlier readers answer."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from client.checks import open_desk
from client.notices import NoticeBox
from protocol.encoding import b64u, unb64u
from protocol.errors import Unavailable
from protocol.grant import GrantEnvelope
from protocol.receipts import parse_receipt
from protocol.scenario import DAY_S, parse_scenario, sign_scenario
from protocol.statements import Statement, parse_statement, sign_statement
from tests.unit.wallet_cli.conftest import BANK, Lying, Outcome, World, granted
from tests.unit.wallet_cli.test_uses import use
from tests.wallet_stage import Agency
from wallet_cli.commands import notices as command
from wallet_cli.services import answers, ending, revoking, said, searching, syncing

Wallet = Callable[..., Outcome]


def raw_id(grant: str) -> bytes:
    return unb64u(grant, length=32, what="grant")


def say(agency: Agency, kind: str, **members: Any) -> str:
    body = Statement(
        b64u(secrets.token_bytes(16)), agency.stage.clock.now(), agency.urn, agency.stage.vault.origin, kind, **members
    )
    raw = sign_statement(body, agency.present)
    agency.api.say(raw)
    agency.stage.tick()
    return raw


def receipt_hash(world: World, grant: str) -> bytes:
    syncing.sync(world.alice)
    rows = [parse_receipt(row["receipt"]) for row in world.alice.store.history() if row["receipt"]]
    return next(signed.hash for signed in rows if signed.body.grant == raw_id(grant))


def told(world: World) -> list[Statement]:
    syncing.sync(world.alice)
    return [one.body for one in said.own_statements(world.alice) if one.body.kind == "notice"]


# --- giving with limits ---------------------------------------------------------------------------


def test_a_grant_whose_scenario_was_withdrawn_is_listed_as_such(world: World, wallet: Wallet) -> None:
    grant = granted(world, wallet)
    assert wallet("grants", "--json").json["grants"][0]["withdrawn"] is False
    before, now = parse_scenario(world.scenario_raw), world.stage.clock.now()
    second = dataclasses.replace(world.scenario, version=2, supersedes=before.hash, withdrawn=now)
    world.authority.api.post_scenario(sign_scenario(second, world.authority.present))
    row = wallet("grants", "--json").json["grants"][0]
    assert (row["grant"], row["state"], row["withdrawn"]) == (grant, "live", True)
    assert "its scenario was withdrawn" in wallet("grants").out
    assert "场景已撤回" in wallet("grants", "--lang", "zh").out


def test_a_grant_begins_later_and_leaves_time_between_uses(world: World, wallet: Wallet) -> None:
    terms = ("--from", "2027-02-01", "--interval", "12h", "--officer-class", "credit-officer")
    shown = wallet("grant", *BANK, "--for", "7d", *terms, "--dry-run").out
    assert "12h" in shown
    assert "credit-officer" in shown
    grant = granted(world, wallet, *terms)
    row = wallet("grants", "--json").json["grants"][0]
    assert (row["grant"], row["state"], row["min_interval_s"], row["any_officer"]) == (grant, "not_yet", 43_200, False)
    message = GrantEnvelope.from_json(world.bank.api.grant(raw_id(grant)).envelope).grant
    assert (message.min_interval_s, message.not_after - message.not_before) == (43_200, 7 * DAY_S)


# --- searching ------------------------------------------------------------------------------------


def test_grants_are_found_by_agency_scenario_item_state_and_end(world: World, wallet: Wallet) -> None:
    first, second = granted(world, wallet), granted(world, wallet)
    wallet("revoke", second, "--yes")

    def found(*words: str) -> list[str]:
        done = wallet("grants", *words, "--json")
        assert done.code == 0, done.err
        return [row["grant"] for row in done.json["grants"]]

    assert found() == [first, second]
    assert found("--live") == found("--state", "live") == [first]
    assert found("--agency", "City Bank", "--scenario", "small-loan") == [first, second]
    assert found("--item", world.item[:8]) == [first, second]
    assert found("--item", "zzzz") == found("--scenario", "other") == found("--until", "2027-01-01") == []
    assert found("--until", "2030-01-01") == [first, second]
    assert found("--overdue") == []
    assert wallet("grants", "--live", "--state", "expired", "--json").problem == "usage"
    assert wallet("grants", "--until", "9999-12-31", "--json").problem == "usage"
    assert wallet("grants", "--agency", "nobody", "--json").problem == "agency_not_found"


def test_a_grant_of_another_device_has_its_scenarios_name_too(world: World, wallet: Wallet) -> None:
    grant = granted(world, wallet)
    (world.alice.profile.folder / "grants" / f"{grant}.json").unlink()
    assert wallet("grants", "--json").json["grants"][0]["scenario"] == "small-loan"
    lying = Lying(world.stage.transport)
    lying.rules["/v1/scenarios"] = lambda body: {**body, "rows": [{**row, "scenario": "x"} for row in body["rows"]]}
    assert wallet("grants", "--json", transport=lying).json["grants"][0]["scenario"] is None


# --- ending many ----------------------------------------------------------------------------------


def test_many_grants_are_ended_at_once_after_a_look(world: World, wallet: Wallet) -> None:
    grants = [granted(world, wallet) for _ in range(3)]
    dry = wallet("revoke", "--agency", "City Bank", "--dry-run", "--json").json
    assert (dry["dry_run"], [row["grant"] for row in dry["grants"]]) == (True, grants)
    assert grants[0][:12] in wallet("revoke", "--all", "--dry-run").out
    refused = wallet("revoke", "--all")
    assert (refused.code, grants[0][:12] in refused.out) == (1, True)
    assert wallet("revoke", "--scenario", "small-loan", "--json").problem == "not_confirmed"
    done = wallet("revoke", "--item", world.item, "--yes", "--json").json
    assert [(row["grant"], row["code"]) for row in done["grants"]] == [(grant, None) for grant in grants]
    assert wallet("grants", "--live", "--json").json["grants"] == []
    assert "nothing to end" in wallet("revoke", "--all", "--yes").err
    world.stage.tick()
    assert "revoked" in wallet("revoke", granted(world, wallet), "--yes").out


def test_what_one_grant_meets_holds_up_none_of_the_others_and_the_next_run_goes_on(
    world: World, wallet: Wallet
) -> None:
    grants = [granted(world, wallet) for _ in range(3)]
    cut = Cut(world.stage.transport, f"/v1/grants/{grants[1]}/revoke")
    done = wallet("revoke", "--all", "--yes", "--json", transport=cut)
    assert done.code == 7
    assert [row["code"] for row in done.json["grants"]] == [None, "vault_unreachable", None]
    assert "revoked" in wallet("revoke", "--all", "--yes").out
    assert wallet("grants", "--live", "--json").json["grants"] == []


class Cut(httpx2.BaseTransport):
    """A connection that breaks before requests for one path."""

    def __init__(self, honest: httpx2.BaseTransport, path: str) -> None:
        self.honest, self.path = honest, path

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path == self.path:
            raise httpx2.ConnectError("nobody is there", request=request)
        return self.honest.handle_request(request)


def test_one_grant_is_looked_at_before_it_ends_and_named_in_one_way(world: World, wallet: Wallet) -> None:
    grant = granted(world, wallet)
    assert wallet("revoke", grant, "--dry-run").out.strip() == grant
    assert wallet("revoke", grant, "--all").code == 2
    assert wallet("revoke").code == 2
    assert wallet("grants", "--live", "--json").json["grants"][0]["grant"] == grant


# --- earlier readers ------------------------------------------------------------------------------


def test_only_readers_of_a_used_grant_are_told_and_each_once(world: World, wallet: Wallet) -> None:
    grant, unused = use(world), granted(world, wallet)
    assert wallet("revoke", "--all", "--yes").code == 0
    (notice,) = told(world)
    assert (notice.grant, notice.about) == (raw_id(grant), None)
    assert "delete what it handed over" in str(notice.text)
    assert ending.tell_readers(world.alice) == []
    kinds = [row.kind for row in world.bank.api.notices().rows]
    assert kinds.count("notice") == 1
    assert unused not in {row.grant for row in world.bank.api.notices().rows if row.kind == "notice"}


def test_a_new_epoch_tells_every_reader_even_before_the_vault_has_heard_of_it(world: World, wallet: Wallet) -> None:
    grants = {use(world), use(world)}
    would = wallet("dossier", "--end-grants", "--dry-run")
    assert "Would end grant" in would.out
    assert wallet("dossier", "--end-grants", "--dry-run", "--json").json["grants"]
    assert wallet("dossier", "--end-grants", "--yes").code == 0
    assert {b64u(notice.grant or b"") for notice in told(world)} == grants
    world.stage.tick()
    assert ending.tell_readers(world.alice) == []


def test_what_was_broken_off_before_the_notice_is_sent_by_the_next_command(
    world: World, wallet: Wallet, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant = use(world)
    with monkeypatch.context() as patch:
        patch.setattr(ending, "tell_readers", lambda _session: [])
        wallet("revoke", grant, "--yes")
    assert told(world) == []
    assert wallet("notices").code == 0
    assert [notice.grant for notice in told(world)] == [raw_id(grant)]


def test_while_the_chain_is_away_what_the_history_knows_is_told(world: World, wallet: Wallet) -> None:
    grant = use(world)
    revoking.revoke(world.alice, raw_id(grant))

    class Away:
        def dossier(self, _dossier: bytes) -> Any:
            raise Unavailable("chain_unreachable", "nobody is there")

    syncing.sync(world.alice)
    world.alice._ledger = Away()  # type: ignore[assignment]  # only this is asked
    assert list(ending.due(world.alice)) == [raw_id(grant)]
    world.alice._ledger = None


def test_the_holder_sees_who_has_acknowledged_and_who_has_not(world: World, wallet: Wallet) -> None:
    grant = use(world)
    wallet("revoke", grant, "--yes")
    row = wallet("grants", "--json").json["grants"][0]
    assert row["notice"]["acknowledged"] is None
    assert "not acknowledged yet" in wallet("grants").out
    assert "尚未确认" in wallet("grants", "--lang", "zh").out
    notice = next(one for one in said.own_statements(world.alice) if one.body.kind == "notice")
    say(world.bank, "acknowledgement", about=notice.hash)
    row = wallet("grants", "--json").json["grants"][0]
    assert isinstance(row["notice"]["acknowledged"], int)
    assert f"entry {row['notice']['acknowledged']}" in wallet("grants").out


def test_the_holder_sees_who_has_deleted_and_who_is_late(world: World, wallet: Wallet) -> None:
    grant = use(world)  # its receipt allows a day
    retention = wallet("grants", "--json").json["grants"][0]["retention"]
    assert retention == {"kept": 1}
    world.stage.clock.time += DAY_S + 10
    world.stage.tick()
    assert wallet("grants", "--json").json["grants"][0]["retention"] == {"due": 1}
    world.stage.clock.time += DAY_S
    world.stage.tick()
    assert [row["grant"] for row in wallet("grants", "--overdue", "--json").json["grants"]] == [grant]
    assert "OVERDUE" in wallet("grants").out
    assert wallet("uses", "--json").json["uses"][0]["retention"] == "overdue"
    assert "OVERDUE" in wallet("uses").out
    say(world.bank, "retention", about=receipt_hash(world, grant), grant=raw_id(grant))
    assert wallet("grants", "--json").json["grants"][0]["retention"] == {"reported": 1}
    assert "1/1" in wallet("grants").out


def test_grants_are_listed_while_nobody_says_who_the_agencies_are(world: World, wallet: Wallet) -> None:
    grant = use(world)
    world.alice.profile.trust_file.unlink()

    class Away:
        close = None

        def __getattr__(self, _name: str) -> Any:
            raise Unavailable("chain_unreachable", "nobody is there")

    done = wallet("grants", "--json", opener=lambda *_: Away())
    assert done.code == 0, done.err
    rows = done.json["grants"]
    assert [(row["grant"], row["retention"]) for row in rows] == [(grant, {})]


def test_a_report_that_another_made_up_counts_for_nothing(world: World) -> None:
    """Whatever the vault puts into the history: a report is over the reader's own signature, about its own receipt."""
    grant = use(world)
    about = receipt_hash(world, grant)
    raw = say(world.bank, "retention", about=about, grant=raw_id(grant))
    syncing.sync(world.alice)
    desk = open_desk(world.alice)
    (genuine,) = answers.answers(world.alice, desk)
    forged = parse_statement(raw[:-8] + "AAAAAAAA")
    assert (genuine.state, answers._state(world.alice, desk, forged)) == ("signed", "false")
    body = dataclasses.replace(genuine.said.body, iss=world.hr.urn)
    foreign = sign_statement(body, world.hr.present)
    row = {"logged": {**_logged(world, raw), "object": b64u(foreign.encode())}, "receipt": None}
    history = [*(row for row in world.alice.store.history() if row["receipt"]), row]
    world.alice.store.keep_pages(set())
    world.alice.store.add_history(0, history)
    assert answers.standings(world.alice, desk)[raw_id(grant)].count("reported") == 0


def _logged(world: World, raw: str) -> dict[str, Any]:
    wanted = b64u(raw.encode())
    return dict(next(row["logged"] for row in world.alice.store.history() if row["logged"]["object"] == wanted))


def test_the_key_of_an_agency_that_cannot_be_asked_for_leaves_it_unknown(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant = use(world)
    raw = say(world.bank, "retention", about=receipt_hash(world, grant))
    desk = open_desk(world.alice)
    desk.cards = type(desk.cards)(desk.cards._domain)
    monkeypatch.setattr(type(desk), "_fetch_card", lambda _desk, _account: None)  # the vault has no card of it
    assert answers._state(world.alice, desk, parse_statement(raw)) == "unknown"


# --- notices --------------------------------------------------------------------------------------


def test_notices_are_listed_checked_and_drawn(world: World, wallet: Wallet) -> None:
    grant = use(world)
    say(world.bank, "renewal", grant=raw_id(grant), text="two more months, please")
    say(world.hr, "correction", item=unb64u(world.item), text="a misprint")
    rows = wallet("notices", "--json").json["notices"]
    assert [(row["kind"], row["state"], row["by"]) for row in rows] == [
        ("renewal", "signed", "City Bank"),
        ("correction", "signed", world.hr.name),
    ]
    drawn = wallet("notices").out
    assert "two more months" in drawn
    assert "a renewal is asked for" in drawn
    assert wallet("notices", "--new", "--json").json["notices"] == []
    wallet("revoke", grant, "--yes")
    assert wallet("notices", "--new", "--json").json["notices"][0]["state"] == "vault"
    assert answers._learn_cards(world.alice, open_desk(world.alice)) is None


def test_what_the_vault_makes_up_is_called_false(world: World, wallet: Wallet) -> None:
    say(world.bank, "renewal", grant=raw_id(use(world)), text="more")
    lying = Lying(world.stage.transport)
    lying.rules["/v1/me/notices"] = lambda body: {
        **body,
        "rows": [{**row, "statement": row["statement"][:-8] + "AAAAAAAA", "card": {"v": 1}} for row in body["rows"]],
    }
    done = wallet("notices", "--json", transport=lying)
    assert (done.code, [row["state"] for row in done.json["notices"]]) == (3, ["false"])
    assert "FALSE" in wallet("notices").out
    answers._learn_cards(world.alice, open_desk(world.alice))
    assert len(list(NoticeBox(world.alice.profile.folder))) == 1


def test_watching_goes_on_until_interrupted(world: World, wallet: Wallet, monkeypatch: pytest.MonkeyPatch) -> None:
    grant, turns = raw_id(use(world)), [0]

    def change(body: Any) -> Any:
        turns[0] += 1
        if turns[0] == 2:
            say(world.bank, "renewal", grant=grant, text="later")
        if turns[0] == 4:
            raise KeyboardInterrupt
        return body

    monkeypatch.setattr(command, "WATCH_S", 0)
    lying = Lying(world.stage.transport)
    lying.rules["/v1/me/notices"] = change
    done = wallet("notices", "--watch", transport=lying)
    assert (done.code, "later" in done.out) == (130, True)


def test_a_show_that_nothing_came_of_leaves_nothing_to_delete(world: World) -> None:
    note = b'{"about":"x","at":1,"kind":"undelivered","show":"' + b64u(bytes(16)).encode() + b'","v":1}'
    rows = [
        {"logged": {"object": b64u(raw), "opening": {"t": "note"}, "entry": _note_entry(world)}, "receipt": None}
        for raw in (note, b'{"v":1}', b"{garbled")
    ]
    world.alice.store.add_history(900, rows)
    assert answers._empty_shows(world.alice) == {bytes(16)}
    assert answers._agencys_word(note) is None


def _note_entry(world: World) -> str:
    """An entry of the right kind; what it commits to is not looked at here."""
    from protocol.entries import Entry

    return b64u(Entry("note", bytes(32), bytes(32), bytes(32)).serialise())


def test_nothing_wanted_is_anything() -> None:
    assert searching.Wanted().anything
    assert not searching.Wanted(until=1).anything
