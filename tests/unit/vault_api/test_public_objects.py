"""Agencies, status lists and scenarios: what everybody may read, and who may bring it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from protocol.encoding import b64u, hex0x, unb64u
from protocol.entries import Entry, public_tag
from protocol.hashing import sha256
from protocol.identifiers import agency_subject
from protocol.keycard import KeyCardEnvelope
from protocol.scenario import parse_scenario
from protocol.status_list import StatusList, sign_status_token, status_uri
from tests.vault_stage import DAY, HOUR, Party, VaultStage, raw_scenario, refused, unchanged

# --- agencies -------------------------------------------------------------------------------------


def test_agencies_are_shown_with_roles_types_and_card(stage: VaultStage) -> None:
    issuer, bank = stage.issuer(), stage.bank()
    rows = stage.get(None, "/v1/agencies").json()["rows"]
    assert [(row["name"], row["roles"], row["licence_types"]) for row in rows] == [
        ("human resources", ["issuer"], ["social-insurance-proof"]),
        ("bank", ["reader"], []),
    ]
    assert rows[0]["card"] == issuer.envelopes[0].to_json()
    page = stage.get(None, "/v1/agencies?limit=1").json()
    rest = stage.get(None, f"/v1/agencies?limit=1&page={page['next']}").json()
    assert [page["rows"][0]["name"], rest["rows"][0]["name"], rest["next"]] == [
        "human resources",
        "bank",
        None,
    ]
    assert stage.get(None, f"/v1/agencies/{hex0x(bank.address)}").json() == rows[1]
    refused(stage.get(None, "/v1/agencies/0x" + "00" * 20), 404, "agency_unknown")
    refused(stage.get(None, "/v1/agencies/bank"), 400, "hex")


def test_an_agency_without_a_card_is_shown_without_one(stage: VaultStage) -> None:
    bank = stage.agency("new bank", 2, card=False)
    row = stage.get(None, f"/v1/agencies/{hex0x(bank.address)}").json()
    assert (row["card"], row["compromised_since"]) == (None, None)
    envelope = bank.make_card(agency_subject(bank.address), stage.vault.agency_domain, stage.clock.now())
    with unchanged(stage):
        answer = stage.put(bank, f"/v1/agencies/{hex0x(bank.address)}/card", {"card": envelope.to_json()})
        refused(answer, 422, "card_signature")


def test_an_agencys_card_is_taken_from_its_own_key_only(stage: VaultStage) -> None:
    bank, thief = stage.agency("new bank", 2, card=False), Party("thief")
    envelope = bank.make_card(agency_subject(bank.address), stage.vault.agency_domain, stage.clock.now())
    stage.chain.ledger(stage.relayer.address).publish_agency_card(envelope.card, envelope.account_signature)
    stage.follow()
    path = f"/v1/agencies/{hex0x(bank.address)}/card"
    with unchanged(stage):
        refused(stage.put(thief, path, {"card": envelope.to_json()}), 401, "signature_wrong")
    answer = stage.put(bank, path, {"card": envelope.to_json()})
    assert answer.json()["card"] == envelope.to_json()
    found = stage.post(None, "/v1/cards/query", {"subject": hex0x(agency_subject(bank.address))}).json()
    assert KeyCardEnvelope.from_json(found["card"]) == envelope


# --- status lists ---------------------------------------------------------------------------------


def token(stage: VaultStage, issuer: Party, n: int = 1, **changes: Any) -> str:
    uri = status_uri(issuer.address, n)
    made = StatusList.empty().token(
        iss=stage.urn(issuer), uri=uri, iat=stage.clock.now(), lifetime_s=changes.pop("lifetime_s", 3600)
    )
    return sign_status_token(replace(made, **changes), issuer.present)


def test_a_status_list_is_served_as_it_came_and_logged(stage: VaultStage) -> None:
    issuer = stage.issuer()
    path = f"/v1/status-lists/{hex0x(issuer.address)}/1"
    refused(stage.get(None, path), 404, "status_list_unknown")
    first = token(stage, issuer)
    answer = stage.put(issuer, path, {"token": first})
    assert answer.status_code == 200, answer.text
    served = stage.get(None, path)
    assert (served.text, served.headers["content-type"]) == (first, "application/statuslist+jwt")
    stage.clock.advance(60)
    second = token(stage, issuer)
    assert stage.put(issuer, path, {"token": second}).status_code == 200
    assert stage.get(None, path).text == second
    bundle = stage.get(None, "/v1/log/tile/entries/000.p/3").content
    assert b'"t":"status"' in bundle
    entries = [stage.vault.log.node_reader(3).entry(i) for i in (1, 2)]
    parsed = [Entry.parse(raw) for raw in entries]
    assert {entry.tag for entry in parsed} == {public_tag(status_uri(issuer.address, 1))}
    assert parsed[1].pv == sha256(entries[0])


def test_wrong_status_lists_are_refused(stage: VaultStage) -> None:
    issuer, other, bank = stage.issuer(), stage.issuer("other issuer"), stage.bank()
    path = f"/v1/status-lists/{hex0x(issuer.address)}/1"
    assert stage.put(issuer, path, {"token": token(stage, issuer)}).status_code == 200
    old = token(stage, issuer, iat=stage.clock.now() - 600, exp=stage.clock.now() + 1)
    expired = token(stage, issuer, iat=stage.clock.now() - 600, exp=stage.clock.now())
    reader = f"/v1/status-lists/{hex0x(bank.address)}/1"
    with unchanged(stage):
        for party, where, raw, status, code in (
            (other, path, token(stage, issuer), 403, "not_your_list"),
            (issuer, path, token(stage, issuer, n=2), 422, "status_uri"),
            (issuer, path, token(stage, other), 422, "jws_kid"),
            (issuer, path, old, 409, "status_older"),
            (issuer, path, expired, 403, "status_stale"),
            (issuer, path, "a.b.c", 400, "jws_header"),
            (bank, reader, token(stage, bank), 403, "not_an_issuer"),
        ):
            answer = stage.put(party, where, {"token": raw})
            assert answer.status_code == status, answer.text
            assert answer.json()["code"] == code or status == 400


@pytest.mark.parametrize("n", [-1, 10**9, 2**63, 10**30])
def test_a_list_of_a_number_that_no_uri_has_is_refused(stage: VaultStage, n: int) -> None:
    issuer = stage.issuer()
    path = f"/v1/status-lists/{hex0x(issuer.address)}/{n}"
    refused(stage.get(None, path), 400, "request")
    refused(stage.put(issuer, path, {"token": "a.b.c"}), 400, "request")


def test_a_status_list_in_the_name_of_another_registry_is_refused(stage: VaultStage) -> None:
    issuer = stage.issuer()
    urn = stage.urn(issuer).replace(":31337:", ":1:")
    path = f"/v1/status-lists/{hex0x(issuer.address)}/1"
    with unchanged(stage):
        refused(stage.put(issuer, path, {"token": token(stage, issuer, iss=urn)}), 422, "status_issuer")


# --- scenarios ------------------------------------------------------------------------------------


def test_scenarios_are_served_by_hash_and_logged(stage: VaultStage) -> None:
    authority = stage.authority()
    raw = raw_scenario(stage.a_scenario(authority), authority)
    answer = stage.post(authority, "/v1/scenarios", {"scenario": raw})
    row = answer.json()
    assert (answer.status_code, row["scenario"]) == (201, raw)
    assert unb64u(row["hash"]) == parse_scenario(raw).hash
    assert stage.get(None, "/v1/scenarios").json()["rows"] == [row]
    assert stage.get(None, f"/v1/scenarios/{row['hash']}").json() == row
    again = stage.post(authority, "/v1/scenarios", {"scenario": raw})
    assert (again.status_code, again.json()) == (200, row)
    refused(stage.get(None, f"/v1/scenarios/{b64u(bytes(32))}"), 404, "scenario_unknown")


def test_the_next_version_supersedes_the_last(stage: VaultStage) -> None:
    authority = stage.authority()
    first = raw_scenario(stage.a_scenario(authority), authority)
    assert stage.post(authority, "/v1/scenarios", {"scenario": first}).status_code == 201
    follows = parse_scenario(first).hash
    for version, supersedes, status in ((2, None, 409), (1, follows, 409), (2, follows, 201)):
        raw = raw_scenario(stage.a_scenario(authority, version=version, supersedes=supersedes), authority)
        answer = stage.post(authority, "/v1/scenarios", {"scenario": raw})
        assert answer.status_code == status, answer.text
    assert len(stage.get(None, "/v1/scenarios").json()["rows"]) == 2


@pytest.mark.parametrize("who", ["bank", "other"])
def test_a_scenario_of_nobody_who_may_is_refused(stage: VaultStage, who: str) -> None:
    authority = stage.authority()
    by = stage.bank() if who == "bank" else authority
    scenario = stage.a_scenario(by if who == "bank" else stage.bank())
    code, status = ("not_a_scenario_authority", 403) if who == "bank" else ("scenario_authority", 422)
    with unchanged(stage):
        refused(stage.post(by, "/v1/scenarios", {"scenario": raw_scenario(scenario, by)}), status, code)


def test_scenarios_come_in_pages(stage: VaultStage) -> None:
    authority = stage.authority()
    for name in ("one", "two", "three"):
        stage.scenario(authority, scenario_id=name)
    page = stage.get(None, "/v1/scenarios?limit=2").json()
    rest = stage.get(None, f"/v1/scenarios?page={page['next']}").json()
    assert [len(page["rows"]), len(rest["rows"]), rest["next"]] == [2, 1, None]
    assert DAY == 24 * HOUR
