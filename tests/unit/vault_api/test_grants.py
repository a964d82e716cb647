"""Grants over HTTP: posting, every refusal, uses, ends."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

import pytest

from protocol.eip712 import Domain
from protocol.encoding import b64u, hex0x, unb64u
from protocol.entries import AccessRecord, origin_hash
from protocol.envelope import open_file, seal_bytes
from protocol.hashing import sha256
from protocol.receipts import Officer, ReceiptItem
from tests.vault_stage import DAY, Grant, Party, VaultStage, raw_scenario, refused, unchanged


class World:
    """An issuer, a bank, a holder with an item, and a scenario."""

    def __init__(self, stage: VaultStage) -> None:
        self.stage = stage
        self.issuer, self.bank, self.alice = stage.issuer(), stage.bank(), stage.holder()
        self.authority = stage.authority()
        self.scenario = self.posted()
        self.deposit = self.alice.deposited(self.issuer, b"credential", b"a document")

    def posted(self, **changes: Any) -> str:
        raw = raw_scenario(self.stage.a_scenario(self.authority, **changes), self.authority)
        answer = self.stage.post(self.authority, "/v1/scenarios", {"scenario": raw})
        assert answer.status_code == 201, answer.text
        return raw

    def grant(self, **changes: Any) -> Grant:
        return self.alice.grant(self.bank, self.scenario, self.deposit, **changes)

    def granted(self, **changes: Any) -> Grant:
        grant = self.grant(**changes)
        answer = grant.send()
        assert answer.status_code == 201, answer.text
        return grant

    def scope(self, grant: Grant, **changes: Any) -> Any:
        return (replace(grant.grant.scope[0], **changes),)


@pytest.fixture
def world(stage: VaultStage) -> World:
    return World(stage)


def not_taken(world: World, grant: Grant, status: int, code: str, /, **body: Any) -> None:
    with unchanged(world.stage):
        refused(grant.send(**body), status, code)


# --- posting --------------------------------------------------------------------------------------


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
    for domain in (Domain(1, vault.contracts.grant_registry), Domain(vault.chain_id, vault.contracts.archive_log)):
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
        wrong.grant = replace(wrong.grant, scope=(replace(wrong.grant.scope[0], parcel=sha256(wrong.parcel)),))
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


# --- uses -----------------------------------------------------------------------------------------


def test_a_use_hands_over_what_opens_and_nothing_else(world: World) -> None:
    import io

    grant = world.granted()
    used = grant.release().json()
    opened = io.BytesIO()
    open_file(io.BytesIO(unb64u(used["parcels"][0])), opened, [world.bank.sealing])
    assert opened.getvalue() == b"parcel " + grant.id
    assert [header["payload"] for header in used["headers"]] == [b64u(d) for d in world.deposit.documents]
    row = world.stage.get(world.alice, "/v1/me/log").json()["rows"][-1]
    assert (row["grant"], row["show"]) == (grant.name, None)
    assert AccessRecord.parse(unb64u(used["record"])).receipt == sha256(row["receipt"].encode())


def test_a_receipt_for_part_of_the_scope_gets_that_part(world: World) -> None:
    grant = world.granted()
    item = ReceiptItem(world.deposit.item, ("/months_paid",), ())
    used = grant.release(grant.receipt(items=(item,))).json()
    assert (len(used["parcels"]), used["headers"]) == (1, [])


def test_the_same_receipt_again_has_the_same_answer_uncounted(world: World) -> None:
    grant = world.granted()
    receipt = grant.receipt()
    first = grant.release(receipt)
    with unchanged(world.stage):
        second = grant.release(receipt)
    assert {**first.json(), "proof": ""} == {**second.json(), "proof": ""}
    assert world.stage.get(world.bank, f"/v1/grants/{grant.name}").json()["uses"] == 1


def test_the_same_receipt_is_not_answered_after_the_end(world: World) -> None:
    grant = world.granted()
    receipt = grant.receipt()
    assert grant.release(receipt).status_code == 200
    world.stage.clock.advance(8 * DAY)
    world.stage.follow()
    refused(grant.release(receipt), 403, "grant_expired")
    assert grant.revoke().status_code == 200
    refused(grant.release(receipt), 403, "grant_revoked")


def test_another_receipt_with_the_same_number_is_a_conflict(world: World) -> None:
    grant = world.granted()
    jti = b64u(secrets.token_bytes(16))
    assert grant.release(grant.receipt(jti=jti)).status_code == 200
    with unchanged(world.stage):
        refused(grant.release(grant.receipt(jti=jti, officer=Officer("clerk", "9"))), 409, "receipt_reused")


def test_a_use_after_the_last_is_refused(world: World) -> None:
    grant = world.granted(max_uses=1)
    assert grant.release().status_code == 200
    assert world.stage.get(world.bank, f"/v1/grants/{grant.name}").json()["state"] == "used_up"
    with unchanged(world.stage):
        refused(grant.release(), 403, "grant_used_up")


def test_a_use_too_soon_after_another_is_refused(world: World) -> None:
    grant = world.granted(min_interval_s=600)
    assert grant.release().status_code == 200
    world.stage.clock.advance(599)
    with unchanged(world.stage):
        refused(grant.release(), 403, "grant_interval")
    world.stage.clock.advance(1)
    assert grant.release().status_code == 200


def test_a_use_after_the_time_is_refused(world: World) -> None:
    grant = world.granted()
    world.stage.clock.advance(7 * DAY)
    world.stage.follow()
    with unchanged(world.stage):
        refused(grant.release(), 403, "grant_expired")
    assert world.stage.get(world.bank, f"/v1/grants/{grant.name}").json()["state"] == "expired"


def test_wrong_receipts_are_refused(world: World) -> None:
    grant = world.granted()
    now, other = world.stage.clock.now(), world.granted()
    item = ReceiptItem(world.deposit.item, ("/months_paid",), ())
    for changes, status, code in (
        ({"iat": now - 121, "retain_until": now}, 403, "iat_off"),
        ({"iat": now + 121}, 403, "iat_off"),
        ({"aud": world.stage.origin.replace("main", "x")}, 422, "wrong_audience"),
        ({"grant": other.id}, 422, "receipt_grant"),
        ({"scenario": bytes(32)}, 422, "receipt_scenario"),
        ({"card": bytes(32)}, 404, "card_unknown"),
        ({"retain_until": now + 31 * DAY}, 403, "receipt_retention"),
        ({"items": (replace(item, claims=("/holder",)),)}, 403, "over_asking"),
        ({"items": (replace(item, item=bytes(32)),)}, 403, "over_asking"),
        ({"items": (replace(item, documents=(bytes(32),)),)}, 403, "over_asking"),
    ):
        with unchanged(world.stage):
            refused(grant.release(grant.receipt(**changes)), status, code)


def test_a_receipt_of_another_agency_is_refused(world: World) -> None:
    grant = world.granted()
    thief = world.stage.bank("thief")
    grant.bank = thief
    with unchanged(world.stage):
        refused(grant.release(), 403, "grant_agency")


def test_a_receipt_that_is_not_signed_by_its_card_is_refused(world: World) -> None:
    grant = world.granted()
    receipt = grant.receipt()
    with unchanged(world.stage):
        refused(grant.release(receipt[:-4] + "AAAA"), 422, "jws_signature")
        assert grant.release("not.a.receipt").status_code == 400


def test_an_officer_of_another_class_is_refused(world: World) -> None:
    from protocol.grant import officer_class_hash

    grant = world.granted(officer_class=officer_class_hash("manager"))
    with unchanged(world.stage):
        refused(grant.release(), 403, "officer_class")
    assert grant.release(grant.receipt(officer=Officer("manager", "7"))).status_code == 200


def test_a_use_of_an_unknown_grant_is_refused(world: World) -> None:
    grant = world.grant()
    with unchanged(world.stage):
        refused(grant.release(), 404, "grant_unknown")
    refused(world.stage.post(None, "/v1/grants/short/release", {"receipt": "a.b.c"}), 400, "base64url")


def test_a_reader_whose_role_ended_or_whose_card_changed_is_refused(world: World) -> None:
    grant = world.granted()
    assert grant.release().status_code == 200
    old = grant.receipt()
    world.stage.publish_agency_card(world.bank)
    world.stage.follow()
    with unchanged(world.stage):
        refused(grant.release(old), 403, "receipt_card")
    assert grant.release().status_code == 200
    world.stage.chain.ledger(world.stage.governor.address).end_role(world.bank.address, 2)
    world.stage.follow()
    with unchanged(world.stage):
        refused(grant.release(), 403, "not_reader")


def test_a_rotation_of_the_dossier_ends_no_grant(world: World) -> None:
    from protocol.dossier_messages import RotateDossier
    from tests.vault_stage import FAR

    grant = world.granted()
    vault = world.stage.vault
    message = RotateDossier(world.alice.dossier, b"\x07" * 20, b"\x08" * 20, 0, FAR)
    signed = world.alice.account.sign_digest(message.digest(vault.dossier_domain))
    world.stage.chain.ledger(world.stage.relayer.address).rotate_dossier(message, signed)
    world.stage.follow()
    assert grant.release().status_code == 200
    not_taken(world, world.grant(), 422, "not_controller")


# --- payloads of a use ----------------------------------------------------------------------------


def test_a_document_is_given_with_a_live_release_only(world: World) -> None:
    grant = world.granted()
    document = world.deposit.documents[0]
    path = f"/v1/grants/{grant.name}/payloads/{b64u(document)}"
    refused(world.stage.get(world.bank, path), 404, "payload_unknown")
    assert grant.release().status_code == 200
    assert world.stage.get(world.bank, path).content == world.deposit.sealed[1].payload
    part = world.stage.get(world.bank, path, headers={"range": "bytes=3-9"})
    assert (part.status_code, part.content) == (206, world.deposit.sealed[1].payload[3:10])
    refused(world.stage.get(world.stage.bank("thief"), path), 404, "payload_unknown")
    world.stage.clock.advance(7 * DAY)
    world.stage.follow()
    refused(world.stage.get(world.bank, path), 403, "grant_expired")
    grant.revoke()
    refused(world.stage.get(world.bank, path), 403, "grant_revoked")


# --- ends -----------------------------------------------------------------------------------------


def test_revoking_destroys_headers_and_parcels_and_is_logged_once(world: World) -> None:
    grant = world.granted()
    assert grant.release().status_code == 200
    with unchanged(world.stage):
        refused(grant.revoke(bytes(32)), 422, "revocation_secret")
    first = grant.revoke()
    again = grant.revoke()
    assert first.status_code == 200
    assert first.json() == again.json()
    snapshot = world.stage.snapshot()
    assert [row[-1] for row in snapshot["grant_parcels"]] == [None]
    assert [row[-2] for row in snapshot["grant_headers"]] == [None]
    with unchanged(world.stage):
        refused(grant.release(), 403, "grant_revoked")
    assert world.stage.get(world.alice, f"/v1/me/grants/{grant.name}").json()["state"] == "revoked"
    last = world.stage.get(world.alice, "/v1/me/log").json()["rows"][-1]["logged"]
    assert last["opening"]["t"] == "revoke"


def test_a_revocation_is_taken_to_the_chain_and_not_twice(world: World) -> None:
    grant, direct = world.granted(), world.granted()
    grant.revoke()
    direct.revoke()
    world.stage.chain.ledger(world.stage.relayer.address).revoke(direct.secret)
    world.stage.publish()
    world.stage.follow()
    ledger = world.stage.chain.ledger(world.stage.relayer.address)
    assert ledger.nullified_at(grant.grant.nullifier) is not None
    assert world.stage.snapshot()["chain_revokes"] == []


def test_an_unknown_grant_can_not_be_revoked(world: World) -> None:
    refused(world.grant().revoke(), 404, "grant_unknown")


def test_a_nullifier_on_chain_ends_the_grant_here(world: World) -> None:
    grant = world.granted()
    world.stage.chain.ledger(world.stage.relayer.address).revoke(grant.secret)
    world.stage.follow()
    with unchanged(world.stage):
        refused(grant.release(), 403, "grant_revoked")
    last = world.stage.get(world.alice, "/v1/me/log").json()["rows"][-1]
    assert (last["logged"]["opening"]["t"], last["grant"]) == ("revoke", grant.name)
    assert grant.revoke().status_code == 200


def test_a_new_epoch_ends_all_grants_with_one_entry(world: World) -> None:
    from protocol.dossier_messages import BumpEpoch
    from tests.vault_stage import FAR

    grants = [world.granted(), world.granted()]
    assert grants[0].release().status_code == 200
    vault, ledger = world.stage.vault, world.stage.chain.ledger(world.stage.relayer.address)
    message = BumpEpoch(world.alice.dossier, 0, FAR)
    ledger.bump_epoch(message, world.alice.account.sign_digest(message.digest(vault.dossier_domain)))
    world.stage.follow()
    for grant in grants:
        refused(grant.release(), 403, "grant_epoch")
    kinds = [row["logged"]["opening"]["t"] for row in world.stage.get(world.alice, "/v1/me/log").json()["rows"]]
    assert kinds == ["key", "issue", "grant", "grant", "access", "revoke"]
    path = f"/v1/grants/{grants[0].name}/payloads/{b64u(world.deposit.documents[0])}"
    refused(world.stage.get(world.bank, path), 403, "grant_revoked")
    fresh = world.grant()
    assert fresh.send().status_code == 201


def test_a_deleted_item_is_not_handed_over(world: World) -> None:
    grant = world.granted()
    said = {"statement": world.alice.statement("delete", item=world.deposit.item)}
    path = f"/v1/me/items/{b64u(world.deposit.item)}/delete"
    assert world.stage.post(world.alice, path, said).status_code == 200
    with unchanged(world.stage):
        refused(grant.release(), 403, "item_deleted")
