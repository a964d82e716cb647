"""Posting a grant over HTTP, and every refusal."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from protocol.eip712 import Domain
from protocol.encoding import b64u, hex0x
from protocol.entries import origin_hash
from protocol.envelope import seal_bytes
from protocol.hashing import sha256
from tests.grant_world import World
from tests.vault_stage import DAY, Grant, Party, VaultStage, refused, unchanged


@pytest.fixture
def world(stage: VaultStage) -> World:
    return World(stage)


def not_taken(world: World, grant: Grant, status: int, code: str, /, **body: Any) -> None:
    with unchanged(world.stage):
        refused(grant.send(**body), status, code)


def test_a_grant_is_seen_by_both_sides_and_by_nobody_else(world: World) -> None:
    grant = world.granted()
    for party, path in ((world.alice, "/v1/me/grants"), (world.bank, "/v1/grants")):
        rows = world.stage.get(party, path).json()["rows"]
        assert [(row["grant"], row["state"], row["uses"]) for row in rows] == [(grant.name, "live", 0)]
        one = world.stage.get(party, f"{path}/{grant.name}").json()
        assert one == rows[0]
        assert one["envelope"] == grant.envelope().to_json() | {"signature": one["envelope"]["signature"]}
    other = world.stage.bank("another bank")
    assert world.stage.get(other, "/v1/grants").json()["rows"] == []
    refused(world.stage.get(other, f"/v1/grants/{grant.name}"), 404, "grant_unknown")
    refused(world.stage.post(other, f"/v1/grants/{grant.name}/verify"), 404, "grant_unknown")
    refused(world.stage.get(world.stage.holder("bob"), f"/v1/me/grants/{grant.name}"), 404, "grant_unknown")


def test_a_replayed_grant_is_a_conflict(world: World) -> None:
    grant = world.granted()
    not_taken(world, grant, 409, "grant_exists")


def test_a_grant_with_a_used_nullifier_is_a_conflict(world: World) -> None:
    first = world.granted()
    not_taken(world, world.grant(nullifier=first.grant.nullifier), 409, "grant_exists")


def test_a_grant_for_another_chain_or_contract_is_refused(world: World) -> None:
    vault = world.stage.vault
    for domain in (
        Domain(1, vault.contracts.grant_registry),
        Domain(vault.chain_id, vault.contracts.archive_log),
    ):
        grant = world.grant()
        not_taken(world, grant, 422, "signature", grant=grant.envelope(domain).to_json())


def test_a_grant_for_another_log_is_refused(world: World) -> None:
    not_taken(world, world.grant(log=origin_hash("onefile/1/0x" + "00" * 20 + "/main")), 422, "grant_log")


def test_a_padded_grant_is_refused(world: World) -> None:
    grant = world.grant()
    short = grant.envelope().to_json()
    short["grant"]["scenario"] = short["grant"]["scenario"][:-2]
    extra = grant.envelope().to_json()
    extra["grant"]["note"] = "more"
    beside = grant.envelope().to_json() | {"claims": ["/holder"]}
    for envelope in (short, extra, beside, {}):
        with unchanged(world.stage):
            answer = grant.send(grant=envelope)
            assert answer.status_code == 400, answer.text
            assert answer.json()["fault"] == "malformed"


def test_a_grant_that_is_over_is_refused(world: World) -> None:
    now = world.stage.clock.now()
    not_taken(world, world.grant(not_before=now - 2 * DAY, not_after=now - DAY), 403, "grant_expired")


def test_a_grant_that_begins_later_is_taken_and_not_used_before(world: World) -> None:
    now = world.stage.clock.now()
    grant = world.granted(not_before=now + 2 * DAY, not_after=now + 3 * DAY)
    assert world.stage.get(world.bank, f"/v1/grants/{grant.name}").json()["state"] == "not_yet"
    with unchanged(world.stage):
        refused(grant.release(), 403, "grant_not_yet")
    verdict = world.stage.post(world.bank, f"/v1/grants/{grant.name}/verify").json()
    assert verdict["verdict"] == "reject"
    assert [c["code"] for c in verdict["checks"] if c["name"] == "grant_time"] == ["grant_not_yet"]
    world.stage.clock.advance(2 * DAY)
    world.stage.follow()
    assert grant.release().status_code == 200


def test_a_grant_of_another_dossier_is_refused(world: World) -> None:
    bob = world.stage.holder("bob")
    grant = world.grant()
    with unchanged(world.stage):
        refused(world.stage.post(bob, "/v1/grants", grant.body()), 403, "grant_dossier")


def test_a_grant_by_who_does_not_control_the_dossier_is_refused(world: World) -> None:
    grant = world.grant()
    bob = Party("bob")
    grant.grant = replace(grant.grant, grantor=bob.address)
    signed = bob.account.sign_digest(grant.grant.digest(world.stage.vault.grant_domain))
    envelope = {"v": 1, "grant": grant.grant.to_json(), "signature": hex0x(signed)}
    not_taken(world, grant, 422, "not_controller", grant=envelope)


def test_an_unsigned_grant_needs_an_attestation_on_chain(world: World) -> None:
    grant = world.grant()
    unsigned = {"v": 1, "grant": grant.grant.to_json(), "signature": "0x"}
    not_taken(world, grant, 422, "not_attested", grant=unsigned)
    digest = grant.grant.digest(world.stage.vault.grant_domain)
    ledger = world.stage.chain.ledger(world.stage.relayer.address)
    ledger.attest(world.alice.dossier, digest, world.alice.account.sign_digest(digest))
    world.stage.follow()
    assert grant.send(grant=unsigned).status_code == 201
    assert grant.release().status_code == 200


def test_a_grant_that_names_a_mandate_is_refused(world: World) -> None:
    not_taken(world, world.grant(mandate=b"\x01" * 32), 404, "mandate_missing")


def test_a_grant_of_a_former_epoch_is_refused(world: World) -> None:
    not_taken(world, world.grant(grant_epoch=7), 403, "grant_epoch")


def test_a_grant_to_who_is_no_reader_is_refused(world: World) -> None:
    grant = world.grant(agency=world.issuer.address)
    not_taken(world, grant, 403, "not_reader")
    nobody = world.grant(agency=Party("nobody").address)
    not_taken(world, nobody, 404, "agency_unknown")


def test_a_grant_sealed_to_an_unknown_card_is_refused(world: World) -> None:
    not_taken(world, world.grant(agency_card=bytes(32)), 403, "grant_card")


def test_a_grant_for_an_unknown_scenario_is_refused(world: World) -> None:
    grant = world.grant()
    grant.grant = replace(grant.grant, scenario=bytes(32))
    not_taken(world, grant, 404, "scenario_unknown")


def test_an_over_asking_grant_is_refused(world: World) -> None:
    grant = world.grant()
    for changes in (
        {"scope": world.scope(grant, claims=("/holder/id_number",))},
        {"scope": world.scope(grant, query="diploma")},
        {"scope": world.scope(grant, query="education", claims=("/school",))},
    ):
        wrong = world.grant(**changes)
        wrong.grant = replace(
            wrong.grant, scope=(replace(wrong.grant.scope[0], parcel=sha256(wrong.parcel)),)
        )
        not_taken(world, wrong, 403, "over_asking")


def test_a_grant_beyond_the_limits_of_its_scenario_is_refused(world: World) -> None:
    now = world.stage.clock.now()
    for changes in ({"max_uses": 4}, {"not_after": now + 31 * DAY}, {"retention_days": 181}):
        not_taken(world, world.grant(**changes), 403, "grant_exceeds_scenario")


def test_a_grant_to_a_class_that_the_scenario_does_not_name_is_refused(world: World) -> None:
    insurer = world.stage.bank("insurer", division="insurer")
    grant = world.alice.grant(insurer, world.scenario, world.deposit)
    not_taken(world, grant, 403, "scenario_grantee")


def test_a_grant_over_an_item_or_document_of_somebody_else_is_refused(world: World) -> None:
    bob = world.stage.holder("bob")
    theirs = bob.deposited(world.issuer, b"c", b"bob's document")
    grant = world.alice.grant(world.bank, world.scenario, theirs)
    not_taken(world, grant, 404, "item_unknown")
    mixed = world.grant()
    mixed.grant = replace(mixed.grant, scope=world.scope(mixed, documents=theirs.documents))
    mixed.headers = {theirs.documents[0]: next(iter(mixed.headers.values()))}
    not_taken(world, mixed, 404, "document_unknown")


def test_parcels_and_headers_must_be_those_that_the_grant_names(world: World) -> None:
    grant = world.grant()
    body = grant.body()
    other = b64u(seal_bytes(b"other", [world.bank.sealing.recipient()]).file)
    extra = [*body["headers"], {**body["headers"][0], "payload": b64u(bytes(32))}]
    for changes, status, code in (
        ({"parcels": [other]}, 422, "parcel_digest"),
        ({"parcels": body["parcels"] * 2}, 400, "parcel_count"),
        ({"parcels": [b64u(b"garbled")]}, 400, None),
        ({"headers": []}, 422, "grant_headers"),
        ({"headers": extra}, 422, "grant_headers"),
        ({"headers": body["headers"] * 2}, 422, "grant_headers"),
        ({"headers": [{**body["headers"][0], "header": b64u(b"garbled")}]}, 400, None),
    ):
        with unchanged(world.stage):
            answer = grant.send(**changes)
            assert answer.status_code == status, answer.text
            assert code is None or answer.json()["code"] == code


def test_a_grant_whose_secret_is_out_already_is_refused(world: World) -> None:
    grant = world.grant()
    world.stage.chain.ledger(world.stage.relayer.address).revoke(grant.secret)
    world.stage.follow()
    not_taken(world, grant, 403, "grant_revoked")
