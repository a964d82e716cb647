"""Signed requests: who may speak, and every way in which a signature is refused."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from protocol.encoding import b64u, hex0x
from protocol.http_sig import token
from protocol.jose import P256Signer
from tests.vault_stage import HOUR, ORIGIN_URL, Party, VaultStage, refused, seed, unchanged

STATEMENT = "/v1/me/statements"


@pytest.fixture
def alice(stage: VaultStage) -> Any:
    return stage.holder()


def a_write(stage: VaultStage, alice: Any, **wrong: Any) -> Any:
    said = alice.statement("notice", text="a word")
    return stage.post(alice, STATEMENT, {"statement": said}, **wrong)


def test_a_holder_is_known_by_the_key_of_the_newest_card(stage: VaultStage, alice: Any) -> None:
    answer = stage.get(alice, "/v1/me")
    assert answer.status_code == 200
    assert answer.json()["dossier"] == hex0x(alice.dossier)
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_an_unsigned_request_is_refused(stage: VaultStage) -> None:
    refused(stage.get(None, "/v1/me"), 401, "signature_missing")


@pytest.mark.parametrize("shift", [-61, 61])
def test_a_stale_or_future_signature_is_refused(stage: VaultStage, alice: Any, shift: int) -> None:
    with unchanged(stage):
        refused(a_write(stage, alice, created=stage.clock.now() + shift), 401, "signature_stale")


@pytest.mark.parametrize("shift", [-60, 60])
def test_a_signature_of_exactly_a_minute_is_taken(stage: VaultStage, alice: Any, shift: int) -> None:
    assert stage.get(alice, "/v1/me", created=stage.clock.now() + shift).status_code == 200


def test_a_reused_request_signature_is_refused_whatever_it_covers(stage: VaultStage, alice: Any) -> None:
    nonce = token(secrets.token_bytes(16))
    assert a_write(stage, alice, nonce=nonce).status_code == 201
    with unchanged(stage):
        refused(a_write(stage, alice, nonce=nonce), 401, "signature_replayed")


def test_the_nonce_of_a_refused_write_is_remembered_too(stage: VaultStage, alice: Any) -> None:
    nonce = token(secrets.token_bytes(16))
    unknown = alice.statement("claim", item=bytes(32))
    refused(stage.post(alice, STATEMENT, {"statement": unknown}, nonce=nonce), 404, "item_unknown")
    refused(stage.post(alice, STATEMENT, {"statement": unknown}, nonce=nonce), 401, "signature_replayed")


def test_a_signature_by_another_key_is_refused(stage: VaultStage, alice: Any) -> None:
    class Liar:
        """Names alice's key and signs with its own."""

        def public_jwk(self) -> Any:
            return alice.present.public_jwk()

        def sign(self, data: bytes) -> bytes:
            return P256Signer.from_secret(seed("liar")).sign(data)

    with unchanged(stage):
        refused(a_write(stage, alice, signer=Liar()), 401, "signature_wrong")


def test_a_key_that_nobody_published_is_refused(stage: VaultStage) -> None:
    refused(stage.get(Party("stranger"), "/v1/me"), 401, "signature_key_unknown")


def test_a_signature_for_another_address_is_refused(stage: VaultStage, alice: Any) -> None:
    # The Host header is the sender's choice: what counts is the configured public origin.
    refused(stage.get(alice, "/v1/me", url="https://elsewhere.example/v1/me"), 401, "signature_wrong")
    other = stage.signed(alice, "GET", "/v1/me", b"", {})
    answer = stage.client.get(ORIGIN_URL + "/v1/me", headers={**other, "host": "elsewhere.example"})
    assert answer.status_code == 200


def test_a_signature_for_another_path_query_or_method_is_refused(stage: VaultStage, alice: Any) -> None:
    signed = stage.signed(alice, "GET", "/v1/me/items", b"", {})
    for path in ("/v1/me/grants", "/v1/me/items?limit=5"):
        refused(stage.client.get(ORIGIN_URL + path, headers=signed), 401, "signature_wrong")


def test_a_body_that_is_not_the_signed_one_is_refused(stage: VaultStage, alice: Any) -> None:
    with unchanged(stage):
        refused(a_write(stage, alice, digest=bytes(32)), 422, "content_digest_wrong")


def test_a_digest_without_its_form_is_refused(stage: VaultStage, alice: Any) -> None:
    headers = stage.signed(alice, "GET", "/v1/me", b"", {}) | {"content-digest": "sha-512=:AA==:"}
    refused(stage.client.get(ORIGIN_URL + "/v1/me", headers=headers), 401, "signature_components")


def test_an_uncovered_idempotency_key_is_refused(stage: VaultStage, alice: Any) -> None:
    headers = stage.signed(alice, "GET", "/v1/me", b"", {}) | {"idempotency-key": token(bytes(16))}
    refused(stage.client.get(ORIGIN_URL + "/v1/me", headers=headers), 401, "signature_components")


def test_a_write_without_an_idempotency_key_is_refused(stage: VaultStage, alice: Any) -> None:
    session = b64u(bytes(16))
    path = f"/v1/me/shows/{session}/refuse"
    signed = stage.signed(alice, "GET", path, b"", {})
    refused(stage.client.post(ORIGIN_URL + path, headers=signed), 401, "signature_components")


@pytest.mark.parametrize(
    ("input_", "code"),
    [
        ("", "signature_parameters"),
        ("onefile=1", "signature_parameters"),
        ("onefile=(", "signature_parameters"),
        ('onefile=("@method" "@target-uri")', "signature_parameters"),
        ('a=("@method");created=1, b=("@method");created=1', "signature_parameters"),
        ('onefile=("@method";req "@target-uri");created=1', "signature_components"),
        ("x" * 3000, "signature_parameters"),
        ("é", "signature_parameters"),
    ],
)
def test_a_signature_input_that_is_none_of_ours_is_refused(
    stage: VaultStage, alice: Any, input_: str, code: str
) -> None:
    signed = stage.signed(alice, "GET", "/v1/me", b"", {}) | {"Signature-Input": input_.encode()}
    answer = stage.client.get(ORIGIN_URL + "/v1/me", headers=signed)
    refused(answer, 401, code)


def test_a_signature_that_is_no_bytes_is_refused(stage: VaultStage, alice: Any) -> None:
    signed = stage.signed(alice, "GET", "/v1/me", b"", {}) | {"Signature": "onefile=:AAAA:"}
    refused(stage.client.get(ORIGIN_URL + "/v1/me", headers=signed), 401, "signature_wrong")


def test_the_same_idempotency_key_and_bytes_give_the_same_answer(stage: VaultStage, alice: Any) -> None:
    key = token(secrets.token_bytes(16))
    said = {"statement": alice.statement("notice", text="once")}
    first = stage.post(alice, STATEMENT, said, key=key)
    with unchanged(stage):
        second = stage.post(alice, STATEMENT, said, key=key)
    assert (second.status_code, second.json()) == (first.status_code, first.json())


def test_the_same_idempotency_key_with_other_bytes_is_a_conflict(stage: VaultStage, alice: Any) -> None:
    key = token(secrets.token_bytes(16))
    assert a_write(stage, alice, key=key).status_code == 201
    with unchanged(stage):
        refused(a_write(stage, alice, key=key), 409, "idempotency_key_reused")


def test_old_nonces_and_answers_are_forgotten(stage: VaultStage, alice: Any) -> None:
    assert a_write(stage, alice).status_code == 201
    stage.clock.advance(25 * HOUR)
    stage.sweep()
    assert stage.snapshot()["idempotency"] == []
    with stage.vault.engine.connect() as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM nonces").scalar() == 0


def test_the_key_of_a_former_card_is_refused(stage: VaultStage, alice: Any) -> None:
    old = alice.present
    envelope = alice.make_card(alice.dossier, stage.vault.dossier_domain, stage.clock.now())
    stage.chain.ledger(stage.relayer.address).publish_dossier_card(envelope.card, envelope.account_signature)
    stage.follow()
    refused(stage.get(alice, "/v1/me", signer=old), 401, "signature_key_old")
    refused(stage.get(alice, "/v1/me"), 401, "signature_key_unknown")
    assert stage.put(alice, "/v1/me/card", {"card": envelope.to_json()}).status_code == 200
    assert stage.get(alice, "/v1/me").status_code == 200


def test_a_compromised_agency_is_refused(stage: VaultStage) -> None:
    bank = stage.bank()
    stage.chain.ledger(stage.governor.address).set_compromised_by_governor(bank.address, 1, stage.clock.now())
    stage.follow()
    refused(stage.get(bank, "/v1/grants"), 403, "agency_compromised")


def test_holders_and_agencies_are_not_taken_for_each_other(stage: VaultStage, alice: Any) -> None:
    refused(stage.get(stage.bank(), "/v1/me"), 403, "holder_only")
    refused(stage.get(alice, "/v1/grants"), 403, "agency_only")


def test_acting_for_oneself_may_be_said_and_for_another_is_refused(stage: VaultStage, alice: Any) -> None:
    own = stage.get(alice, "/v1/me", headers={"onefile-act-for": alice.urn})
    assert own.status_code == 200
    other = stage.get(alice, "/v1/me", headers={"onefile-act-for": "urn:onefile:dossier:" + hex0x(bytes(32))})
    refused(other, 403, "act_for")


def test_a_holder_whose_dossier_is_not_kept_here_is_refused(stage: VaultStage, alice: Any) -> None:
    with stage.vault.engine.connect() as conn, conn.begin():
        conn.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
        conn.exec_driver_sql("DELETE FROM events")
        conn.exec_driver_sql("DELETE FROM dossiers")
    refused(stage.get(alice, "/v1/me"), 404, "dossier_unknown")
