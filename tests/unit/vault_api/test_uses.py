"""Using a grant over HTTP: receipts, counting, documents, ends."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

import pytest

from protocol.encoding import b64u, unb64u
from protocol.entries import AccessRecord
from protocol.envelope import open_file
from protocol.hashing import sha256
from protocol.receipts import Officer, ReceiptItem
from tests.grant_world import World
from tests.vault_stage import DAY, Grant, VaultStage, refused, unchanged, vault_stage
from vault_api.fakes import MemoryBlobs, unreachable


@pytest.fixture
def world(stage: VaultStage) -> World:
    return World(stage)


def not_taken(world: World, grant: Grant, status: int, code: str, /, **body: Any) -> None:
    with unchanged(world.stage):
        refused(grant.send(**body), status, code)


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


def test_what_a_receipt_asks_too_much_is_named(world: World) -> None:
    grant, item = world.granted(), ReceiptItem(world.deposit.item, ("/months_paid",), ())
    for more, named in (
        (replace(item, claims=("/contribution_base", "/months_paid")), "/contribution_base"),
        (replace(item, documents=(bytes(32),)), b64u(bytes(32))),
        (replace(item, item=bytes(32)), "/months_paid"),
    ):
        problem = refused(grant.release(grant.receipt(items=(more,))), 403, "over_asking")
        assert (problem["facts"]["item"], problem["facts"]["excess"]) == (b64u(more.item), named)


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
    kinds = [
        row["logged"]["opening"]["t"] for row in world.stage.get(world.alice, "/v1/me/log").json()["rows"]
    ]
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


# --- a log that is late ---------------------------------------------------------------------------


def test_a_late_log_gives_no_key_and_the_same_receipt_has_its_answer_later(tmp_path: Any) -> None:
    blobs = MemoryBlobs()
    with vault_stage(tmp_path, blobs=blobs) as stage:
        world = World(stage)
        grant = world.granted()
        receipt = grant.receipt()
        blobs.fail = unreachable("put")
        late = grant.release(receipt)
        assert (late.status_code, late.json()) == (202, {"state": "pending", "retry_after_s": 1})
        with_again = grant.release(receipt)
        assert with_again.status_code == 202
        blobs.fail = unreachable("delete")  # partial tiles that nobody reads any more stay behind: no harm
        answer = grant.release(receipt)
        assert (answer.status_code, answer.json()["use_no"]) == (200, 1)
        assert stage.get(world.bank, f"/v1/grants/{grant.name}").json()["uses"] == 1
        blobs.fail = unreachable()
        assert grant.release().json()["use_no"] == 2


def test_a_chain_that_is_silent_for_too_long_stops_all_uses(world: World) -> None:
    grant = world.granted()
    assert grant.release().status_code == 200
    world.stage.clock.advance(3601)
    with unchanged(world.stage):
        refused(grant.release(), 503, "chain_stale")
    world.stage.follow()
    assert grant.release().status_code == 200


def test_facts_that_an_event_touched_are_read_again_for_a_use(world: World) -> None:
    grant = world.granted()
    world.stage.vault.facts.forget_all()
    assert grant.release().status_code == 200
    world.stage.vault.facts.forget_all()
    unknown = world.grant()
    refused(unknown.release(), 404, "grant_unknown")
