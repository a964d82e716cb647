"""``POST /v1/verify``: the verdict for anybody, and that nothing that carries a value is looked at."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from protocol.encoding import b64u
from protocol.note import Checkpoint, sign_checkpoint
from protocol.note_signer import Ed25519NoteSigner
from tests.grant_world import World
from tests.vault_stage import DAY, Grant, VaultStage, refused
from vault_api.db import tables as t
from vault_api.services.checks import anchor_facts


@pytest.fixture
def world(stage: VaultStage) -> World:
    return World(stage)


def ask(stage: VaultStage, kind: str, value: Any, **more: Any) -> Any:
    headers = more.pop("headers", None)
    answer = stage.post(None, "/v1/verify", {"kind": kind, "value": value, **more}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def codes(verdict: Any) -> dict[str, str]:
    return {check["name"]: check["code"] for check in verdict["checks"]}


def test_a_posted_grant_is_judged_by_the_records(world: World) -> None:
    grant = world.granted(max_uses=1)
    envelope = grant.envelope().to_json()
    assert ask(world.stage, "grant", envelope)["verdict"] == "accept"
    assert grant.release().status_code == 200
    verdict = ask(world.stage, "grant", envelope)
    assert (verdict["verdict"], codes(verdict)["grant_uses"]) == ("reject", "grant_used_up")


def test_a_grant_that_nobody_posted_is_judged_by_the_chain(world: World) -> None:
    grant = world.grant()
    assert ask(world.stage, "grant", grant.envelope().to_json())["verdict"] == "accept"
    world.stage.chain.ledger(world.stage.relayer.address).revoke(grant.secret)
    world.stage.follow()
    verdict = ask(world.stage, "grant", grant.envelope().to_json())
    assert codes(verdict)["grant_revocation"] == "grant_revoked"


def test_a_garbled_grant_is_rejected_with_a_verdict(world: World) -> None:
    verdict = ask(world.stage, "grant", {"v": 1, "grant": {}, "signature": "0x"})
    assert verdict["verdict"] == "reject"
    assert verdict["checks"][0]["status"] == "fail"


def test_a_logged_receipt_is_accepted_and_an_unknown_one_rejected(world: World) -> None:
    grant: Grant = world.granted()
    receipt, never_used = grant.receipt(), grant.receipt()
    assert grant.release(receipt).status_code == 200
    assert ask(world.stage, "receipt", receipt)["verdict"] == "accept"
    verdict = ask(world.stage, "receipt", never_used)
    assert (verdict["verdict"], codes(verdict)["anchor_inclusion"]) == ("reject", "receipt_unknown")


def test_a_receipt_by_nobody_is_rejected(world: World) -> None:
    grant = world.granted()
    forged = grant.receipt()[:-4] + "AAAA"
    verdict = ask(world.stage, "receipt", forged)
    assert (verdict["verdict"], codes(verdict)["issuer_signature"]) == ("reject", "jws_signature")
    verdict = ask(world.stage, "receipt", "not.a.receipt")
    assert verdict["verdict"] == "reject"
    elsewhere = grant.receipt(iss=world.stage.urn(world.bank).replace(":31337:", ":1:"))
    assert ask(world.stage, "receipt", elsewhere)["verdict"] == "reject"
    stranger = grant.receipt(iss=world.stage.urn(world.alice))
    assert ask(world.stage, "receipt", stranger)["verdict"] == "reject"


def test_a_receipt_of_an_agency_that_was_no_reader_then_is_rejected(world: World) -> None:
    grant = world.granted()
    grant.bank = world.issuer
    verdict = ask(world.stage, "receipt", grant.receipt())
    assert codes(verdict)["issuer_authority"] == "not_a_reader"


def test_a_proof_is_accepted_once_it_is_anchored(world: World) -> None:
    stage = world.stage
    grant = world.granted()
    used = grant.release().json()
    entry, proof = used["logged"]["entry"], used["proof"]
    fresh = ask(stage, "proof", proof, entry=entry)
    assert codes(fresh)["anchor_inclusion"] == "ok"
    assert fresh["verdict"] == "accept"
    assert codes(fresh)["anchor_finality"] == "anchor_pending"
    stage.publish()
    stage.follow()
    anchored = ask(stage, "proof", proof, entry=entry)
    assert (anchored["verdict"], codes(anchored)["anchor_finality"]) == ("accept", "ok")


def test_a_forged_proof_is_rejected(world: World) -> None:
    stage = world.stage
    stage.publish()
    stage.follow()
    proof = stage.get(None, "/v1/log/proof/1").text
    other = b64u(stage.vault.log.node_reader(stage.vault.log.size).entry(2))
    verdict = ask(stage, "proof", proof, entry=other)
    assert (verdict["verdict"], codes(verdict)["anchor_inclusion"]) == ("reject", "inclusion_proof")
    assert ask(stage, "proof", "no proof", entry=other)["verdict"] == "reject"
    refused(stage.post(None, "/v1/verify", {"kind": "proof", "value": proof}), 400, "request")


def test_a_checkpoint_of_this_log_is_accepted_and_a_forked_one_rejected(world: World) -> None:
    stage = world.stage
    stage.publish()
    stage.follow()
    mine = stage.get(None, "/v1/log/checkpoint").text
    assert ask(stage, "checkpoint", mine)["verdict"] == "accept"
    size = stage.vault.log.size
    signer = stage.vault.log._signer
    forked = sign_checkpoint(Checkpoint(stage.origin, size, bytes(32)), signer).decode()
    verdict = ask(stage, "checkpoint", forked)
    assert (verdict["verdict"], codes(verdict)["log_consistency"]) == ("reject", "equivocation")
    beyond = sign_checkpoint(Checkpoint(stage.origin, size + 9, bytes(32)), signer).decode()
    assert ask(stage, "checkpoint", beyond)["verdict"] == "reject"
    stranger = Ed25519NoteSigner(stage.origin, bytes(range(32)))
    unknown = sign_checkpoint(Checkpoint(stage.origin, size, bytes(32)), stranger).decode()
    assert codes(ask(stage, "checkpoint", unknown))["format"] == "note_unsigned"


def test_of_all_anchors_only_those_are_read_that_tell_of_the_entry(world: World) -> None:
    stage = world.stage
    for _ in range(5):
        world.granted()
        stage.publish()
        stage.follow()
    with stage.vault.engine.connect() as conn:
        sizes = list(conn.execute(select(t.anchors.c.size).order_by(t.anchors.c.size)).scalars())
    assert len(sizes) > 4
    old = anchor_facts(stage.vault, stage.clock.now(), index=sizes[1], size=sizes[3])
    assert [anchor.size for anchor in old.anchors] == [sizes[2], sizes[3], sizes[-1]]
    covering = old.first_covering(sizes[1])
    assert covering is not None
    assert covering.size == sizes[2]
    beyond = anchor_facts(stage.vault, stage.clock.now(), index=sizes[-1], size=None)
    assert [anchor.size for anchor in beyond.anchors] == [sizes[-1]]
    assert beyond.first_covering(sizes[-1]) is None


def test_details_are_told_in_the_callers_language(world: World) -> None:
    grant = world.granted()
    world.stage.clock.advance(8 * DAY)
    world.stage.follow()
    chinese = ask(world.stage, "grant", grant.envelope().to_json(), headers={"accept-language": "zh-CN"})
    english = ask(world.stage, "grant", grant.envelope().to_json(), headers={"accept-language": "fr, en"})
    details = [
        next(check["detail"] for check in verdict["checks"] if check["name"] == "grant_time")
        for verdict in (chinese, english)
    ]
    assert "the grant ended" in details[1]
    assert all("{" not in detail for detail in details)


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "receipt", "value": "eyJ.eyJ.sig~WyJzYWx0IiwibmFtZSIsIkFsaWNlIl0~"},
        {"kind": "grant", "value": "eyJ.eyJ.sig~disclosure~"},
        {"kind": "grant", "value": {"v": 1, "grant": {}, "signature": "0x", "presentation": "x"}},
        {"kind": "receipt", "value": {"name": "Alice"}},
        {"kind": "presentation", "value": "x"},
        {"kind": "credential", "value": "x"},
        {"kind": "receipt", "value": "x", "presentation": "y"},
    ],
)
def test_whatever_carries_values_is_refused_unread(stage: VaultStage, body: dict[str, Any]) -> None:
    problem = refused(stage.post(None, "/v1/verify", body), 422, "values_not_accepted")
    assert "Alice" not in str(problem)


def test_a_grant_that_is_text_is_malformed(stage: VaultStage) -> None:
    answer = stage.post(None, "/v1/verify", {"kind": "grant", "value": "text"})
    assert answer.json()["verdict"] == "reject"


def test_a_body_that_is_no_question_is_malformed(stage: VaultStage) -> None:
    refused(stage.post(None, "/v1/verify", {"kind": "receipt"}), 400, "request")
    refused(
        stage.send(None, "POST", "/v1/verify", content=b"{", headers={"content-type": "application/json"}),
        400,
        "request",
    )


@pytest.mark.parametrize("kind", ["receipt", "proof", "checkpoint"])
def test_a_text_that_no_encoding_can_write_is_rejected(stage: VaultStage, kind: str) -> None:
    body = b'{"kind": "%s", "value": "\\ud800", "entry": ""}' % kind.encode()
    answer = stage.send(None, "POST", "/v1/verify", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["verdict"]) == (200, "reject")
