"""Deposits with their payloads, and several at once: each by itself."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from protocol import wire, wire_batch
from protocol.encoding import b64u, hex0x
from tests.vault_stage import DAY, VaultStage, refused, unchanged


@pytest.fixture
def issuer(stage: VaultStage) -> Any:
    return stage.issuer()


@pytest.fixture
def alice(stage: VaultStage) -> Any:
    return stage.holder()


def along(deposit: Any) -> dict[str, Any]:
    """The body of a deposit that brings its payloads."""
    return {**deposit.body(), "payloads": [b64u(one.payload) for one in deposit.sealed]}


def test_a_small_payload_may_come_with_its_deposit(stage: VaultStage, issuer: Any, alice: Any) -> None:
    deposit = alice.deposit(issuer, b"one", b"two")
    first = stage.post(issuer, "/v1/deposits", along(deposit))
    assert first.status_code == 201, first.text
    for part, sealed in zip(deposit.slip.objects, deposit.sealed, strict=True):
        assert stage.get(alice, f"/v1/me/payloads/{b64u(part.payload)}").content == sealed.payload
    assert stage.post(issuer, "/v1/deposits", along(deposit)).json() == first.json()


def test_a_payload_that_the_slip_does_not_name_is_refused(stage: VaultStage, issuer: Any, alice: Any) -> None:
    body = along(alice.deposit(issuer))
    with unchanged(stage):
        more = {**body, "payloads": [*body["payloads"], b64u(secrets.token_bytes(300))]}
        refused(stage.post(issuer, "/v1/deposits", more), 422, "payload_unnamed")
        refused(stage.post(issuer, "/v1/deposits", {**body, "payloads": [b64u(b"x")]}), 400, "payload_too_small")
        large = b64u(secrets.token_bytes(wire.MAX_INLINE_BYTES + 3))
        refused(stage.post(issuer, "/v1/deposits", {**body, "payloads": [large]}), 400, "request")


def test_a_payload_whose_deposit_was_refused_is_cleared_after_a_day(stage: VaultStage, issuer: Any, alice: Any) -> None:
    deposit = alice.deposit(issuer)
    body = along(deposit)
    refused(stage.post(issuer, "/v1/deposits", {**body, "card_token": None}), 403, "card_token_needed")
    assert len(blobs(stage)) == 1
    stage.clock.advance(DAY + 1)
    stage.sweep()
    assert blobs(stage) == []


def test_each_deposit_of_a_batch_is_taken_or_refused_by_itself(stage: VaultStage, issuer: Any, alice: Any) -> None:
    bob = stage.holder("bob")
    one, two, three = alice.deposit(issuer), bob.deposit(issuer, card=bytes(32)), bob.deposit(issuer)
    bodies = [along(one), along(two), along(three), along(three)]
    answer = stage.post(issuer, "/v1/deposits/batch", {"deposits": bodies})
    assert answer.status_code == 200, answer.text
    rows = answer.json()["rows"]
    taken = [row["deposited"] and row["deposited"]["item"] for row in rows]
    assert taken == [b64u(one.item), None, b64u(three.item), b64u(three.item)]
    assert rows[1]["problem"]["code"] == "card_superseded"
    assert [row["problem"] for row in rows if row["deposited"]] == [None] * 3
    indices = [row["deposited"]["index"] for row in rows if row["deposited"]]
    assert indices[2] == indices[1] == indices[0] + 1


def test_a_deposit_that_fails_inside_a_batch_leaves_nothing_and_harms_no_other(
    stage: VaultStage, issuer: Any, alice: Any
) -> None:
    good, missing = alice.deposit(issuer), alice.deposit(issuer)
    bodies = [missing.body(), along(good), missing.body()]
    rows = stage.post(issuer, "/v1/deposits/batch", {"deposits": bodies}).json()["rows"]
    assert [(row["problem"] or {}).get("code") for row in rows] == ["payload_missing", None, "payload_missing"]
    items = stage.get(alice, "/v1/me/items").json()["rows"]
    assert [row["item"] for row in items] == [b64u(good.item)]


def test_a_refusal_in_a_batch_speaks_the_language_of_the_request(stage: VaultStage, issuer: Any, alice: Any) -> None:
    body = {"deposits": [alice.deposit(issuer).body()]}
    texts = [
        stage.post(issuer, "/v1/deposits/batch", body, headers={"accept-language": lang}).json()["rows"][0]["problem"]
        for lang in ("en", "zh")
    ]
    assert texts[0]["code"] == texts[1]["code"]
    assert texts[0]["title"] != texts[1]["title"]


def test_a_batch_is_bounded_and_not_empty(stage: VaultStage, issuer: Any, alice: Any) -> None:
    body = along(alice.deposit(issuer))
    with unchanged(stage):
        for count in (0, wire_batch.MAX_BATCH + 1):
            refused(stage.post(issuer, "/v1/deposits/batch", {"deposits": [body] * count}), 400, "request")
        refused(stage.post(None, "/v1/deposits/batch", {"deposits": [body]}), 401, "signature_missing")


def test_the_same_batch_again_has_the_same_answer(stage: VaultStage, issuer: Any, alice: Any) -> None:
    body = {"deposits": [along(alice.deposit(issuer)), alice.deposit(issuer).body()]}
    key = {"idempotency-key": '"AAAAAAAAAAAAAAAAAAAAAA"'}
    first = stage.post(issuer, "/v1/deposits/batch", body, headers=key)
    assert stage.post(issuer, "/v1/deposits/batch", body, headers=key).content == first.content


def test_cards_are_told_together_and_an_unknown_one_is_left_out(stage: VaultStage, alice: Any) -> None:
    bob = stage.holder("bob")
    subjects = [hex0x(alice.dossier), "0x" + "00" * 32, hex0x(bob.dossier)]
    cards = stage.post(None, "/v1/cards/batch", {"subjects": subjects}).json()["cards"]
    assert [card and card["card"]["card"]["subject"] for card in cards] == [subjects[0], None, subjects[2]]
    refused(stage.post(None, "/v1/cards/batch", {"subjects": []}), 400, "request")


def blobs(stage: VaultStage) -> list[Any]:
    return [path for path in (stage.folder / "vault" / "blobs" / "payloads").rglob("*") if path.is_file()]
