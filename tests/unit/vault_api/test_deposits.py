"""Uploads and deposits: what is taken, and that whatever is refused leaves nothing."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from protocol.encoding import b64u, unb64u
from protocol.entries import Entry, Opening, verify_opening
from protocol.envelope import open_bytes
from protocol.hashing import sha256
from tests.vault_stage import DAY, ORIGIN_URL, VaultStage, refused, unchanged
from vault_api.routes.streams import AT_A_TIME, StreamedResponse
from vault_api.services import payloads


@pytest.fixture
def issuer(stage: VaultStage) -> Any:
    return stage.issuer()


@pytest.fixture
def alice(stage: VaultStage) -> Any:
    return stage.holder()


# --- uploads --------------------------------------------------------------------------------------


def test_an_upload_is_taken_once_and_known_the_second_time(stage: VaultStage, issuer: Any) -> None:
    payload = secrets.token_bytes(3 << 20)
    first = stage.upload(issuer, payload)
    assert (first.status_code, first.json()) == (201, {"sha256": b64u(sha256(payload)), "size": len(payload)})
    with_again = stage.upload(issuer, payload)
    assert with_again.status_code == 200
    assert with_again.json() == first.json()


def test_an_upload_with_a_wrong_digest_leaves_nothing(stage: VaultStage, issuer: Any) -> None:
    right = secrets.token_bytes(500)
    with unchanged(stage):
        answer = stage.upload(
            issuer, secrets.token_bytes(500), path=b64u(sha256(right)), digest=sha256(right)
        )
        refused(answer, 422, "payload_digest")


def test_an_upload_whose_signed_digest_is_not_the_path_is_refused(stage: VaultStage, issuer: Any) -> None:
    with unchanged(stage):
        answer = stage.upload(issuer, secrets.token_bytes(500), path=b64u(bytes(32)))
        refused(answer, 422, "content_digest_path")


def test_a_truncated_upload_leaves_nothing(stage: VaultStage, issuer: Any) -> None:
    whole = secrets.token_bytes(2 << 20)
    with unchanged(stage):
        answer = stage.upload(issuer, whole[: 1 << 20], path=b64u(sha256(whole)), digest=sha256(whole))
        refused(answer, 422, "payload_digest")


def test_an_upload_that_is_too_small_to_be_sealed_is_refused(stage: VaultStage, issuer: Any) -> None:
    with unchanged(stage):
        refused(stage.upload(issuer, b"plain"), 400, "payload_too_small")


def test_an_upload_over_the_limit_is_refused_by_its_length_and_while_it_comes(tmp_path: Any) -> None:
    stage = VaultStage(tmp_path, payload_bytes=100_000)
    try:
        issuer = stage.issuer()
        payload = secrets.token_bytes(100_001)
        with unchanged(stage):
            refused(stage.upload(issuer, payload), 413, "body_too_large")
            path = f"/v1/payloads/{b64u(sha256(payload))}"
            headers = stage.signed(issuer, "PUT", path, payload, {})
            pieces = (payload[i : i + 1000] for i in range(0, len(payload), 1000))
            refused(
                stage.client.put(ORIGIN_URL + path, content=pieces, headers=headers), 413, "body_too_large"
            )
        assert stage.upload(issuer, payload[:-1]).status_code == 201
    finally:
        stage.close()


def test_an_upload_from_nobody_is_refused_before_it_is_read(stage: VaultStage) -> None:
    reader = stage.bank()
    with unchanged(stage):
        payload = secrets.token_bytes(100)
        refused(
            stage.send(None, "PUT", f"/v1/payloads/{b64u(sha256(payload))}", content=payload),
            401,
            "signature_missing",
        )
        refused(stage.upload(reader, payload), 403, "not_an_issuer")


def test_an_upload_that_was_doomed_meanwhile_has_to_be_sent_again(stage: VaultStage, issuer: Any) -> None:
    payload = secrets.token_bytes(100)
    assert stage.upload(issuer, payload).status_code == 201
    for path in (stage.folder / "vault" / "blobs" / "payloads").rglob("*"):
        if path.is_file():
            path.unlink()
    refused(stage.upload(issuer, payload), 503, "payload_lost")


def test_uploads_that_nobody_used_are_cleared_after_a_day(stage: VaultStage, issuer: Any, alice: Any) -> None:
    deposit = alice.deposited(issuer)
    assert stage.upload(issuer, secrets.token_bytes(100)).status_code == 201
    stage.clock.advance(DAY + 1)
    stage.sweep()
    snapshot = stage.snapshot()
    assert [row.hex() for _, row, *_ in snapshot["payloads"]] == [deposit.slip.objects[0].payload.hex()]
    assert len([name for name in snapshot["blobs"] if name.startswith("payloads")]) == 1


# --- deposits -------------------------------------------------------------------------------------


def test_a_deposit_is_logged_stored_and_opens_for_its_holder(
    stage: VaultStage, issuer: Any, alice: Any
) -> None:
    deposit = alice.deposited(issuer, b"credential", b"scan")
    row = stage.get(alice, f"/v1/me/items/{b64u(deposit.item)}").json()
    assert row["state"] == "present"
    payload = stage.get(alice, f"/v1/me/payloads/{b64u(deposit.slip.objects[1].payload)}")
    assert payload.status_code == 200
    assert open_bytes(unb64u(row["headers"][1]), payload.content, [alice.sealing]) == b"scan"
    logged = stage.get(alice, "/v1/me/log").json()["rows"][-1]["logged"]
    opening = Opening.from_json(logged["opening"])
    assert opening == Opening.from_json(row["opening"])
    verify_opening(Entry.parse(unb64u(logged["entry"])), opening, row["slip"].encode())


def test_an_issuer_is_not_told_the_opening_and_a_holder_is(
    stage: VaultStage, issuer: Any, alice: Any
) -> None:
    assert alice.deposit(issuer).send().json()["opening"] is None
    own = alice.deposit(alice).send()
    assert own.status_code == 201, own.text
    assert own.json()["opening"]["t"] == "issue"


def test_the_second_deposit_of_an_issuer_needs_no_token(stage: VaultStage, issuer: Any, alice: Any) -> None:
    with unchanged(stage):
        first = alice.deposit(issuer)
        first.slip = replace(first.slip)
    refused(alice.deposit(issuer).send(card_token=None), 403, "card_token_needed")
    alice.deposited(issuer)
    assert alice.deposit(issuer).send(card_token=None).status_code == 201


def test_the_same_deposit_again_has_the_same_answer(stage: VaultStage, issuer: Any, alice: Any) -> None:
    deposit = alice.deposit(issuer)
    body = deposit.body()
    deposit.upload()
    first = stage.post(issuer, "/v1/deposits", body)
    before = stage.snapshot()
    second = stage.post(issuer, "/v1/deposits", body)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert stage.snapshot()["items"] == before["items"]


def test_a_deposit_from_nobody_is_refused(stage: VaultStage, issuer: Any, alice: Any) -> None:
    deposit = alice.deposit(issuer)
    deposit.upload()
    with unchanged(stage):
        refused(stage.post(None, "/v1/deposits", deposit.body()), 401, "signature_missing")


def test_a_deposit_by_an_agency_that_is_no_issuer_is_refused(stage: VaultStage, alice: Any) -> None:
    bank = stage.bank()
    deposit = alice.deposit(bank)
    with unchanged(stage):
        refused(stage.post(bank, "/v1/deposits", deposit.body()), 403, "not_an_issuer")


def test_an_issuer_whose_role_has_ended_is_refused(stage: VaultStage, issuer: Any, alice: Any) -> None:
    deposit = alice.deposit(issuer)
    deposit.upload()
    stage.chain.ledger(stage.governor.address).end_role(issuer.address, 1)
    stage.follow()
    with unchanged(stage):
        refused(stage.post(issuer, "/v1/deposits", deposit.body()), 403, "not_an_issuer")


def wrong_slip(stage: VaultStage, alice: Any, issuer: Any, status: int, code: str, **changes: Any) -> None:
    deposit = alice.deposit(issuer, **changes)
    deposit.upload()
    with unchanged(stage):
        refused(stage.post(issuer, "/v1/deposits", deposit.body()), status, code)


def test_a_slip_for_another_log_is_refused(stage: VaultStage, issuer: Any, alice: Any) -> None:
    wrong_slip(stage, alice, issuer, 422, "wrong_audience", aud=stage.origin.replace("main", "other"))


def test_a_slip_of_another_party_is_refused(stage: VaultStage, issuer: Any, alice: Any) -> None:
    wrong_slip(stage, alice, issuer, 422, "slip_issuer", iss=stage.urn(stage.bank()))


@pytest.mark.parametrize("shift", [-121, 121])
def test_an_old_or_future_slip_is_refused(stage: VaultStage, issuer: Any, alice: Any, shift: int) -> None:
    wrong_slip(stage, alice, issuer, 403, "iat_off", iat=stage.clock.now() + shift)


def test_a_slip_sealed_to_a_former_card_is_refused(stage: VaultStage, issuer: Any, alice: Any) -> None:
    wrong_slip(stage, alice, issuer, 409, "card_superseded", card=bytes(32))


def test_a_slip_for_a_dossier_that_nobody_opened_is_refused(
    stage: VaultStage, issuer: Any, alice: Any
) -> None:
    wrong_slip(stage, alice, issuer, 404, "dossier_unknown", dossier=bytes(31) + b"\x01")


def test_a_slip_with_a_wrong_size_is_refused(stage: VaultStage, issuer: Any, alice: Any) -> None:
    deposit = alice.deposit(issuer)
    part = replace(deposit.slip.objects[0], payload_size=deposit.slip.objects[0].payload_size + 1)
    deposit.slip = replace(deposit.slip, objects=(part,))
    deposit.upload()
    with unchanged(stage):
        refused(stage.post(issuer, "/v1/deposits", deposit.body()), 422, "payload_size")


def test_a_slip_without_its_payload_is_refused(stage: VaultStage, issuer: Any, alice: Any) -> None:
    with unchanged(stage):
        refused(stage.post(issuer, "/v1/deposits", alice.deposit(issuer).body()), 404, "payload_missing")


def test_a_wrong_header_a_garbled_one_and_one_too_few_are_refused(
    stage: VaultStage, issuer: Any, alice: Any
) -> None:
    deposit, other = alice.deposit(issuer), alice.deposit(issuer)
    deposit.upload()
    header = deposit.sealed[0].header
    with unchanged(stage):
        for wrong, status, code in (
            ([b64u(other.sealed[0].header)], 422, "header_digest"),
            ([b64u(header[:-20])], 400, None),
            ([b64u(b"age-encryption.org/v1\n")], 400, None),
            ([b64u(header + b"payload")], 400, None),
            ([b64u(header)] * 2, 400, "header_count"),
        ):
            answer = stage.post(issuer, "/v1/deposits", deposit.body(headers=wrong))
            assert answer.status_code == status, answer.text
            assert code is None or answer.json()["code"] == code


def test_an_item_id_or_slip_number_is_taken_once(stage: VaultStage, issuer: Any, alice: Any) -> None:
    first = alice.deposited(issuer)
    for changes in ({"item": first.item}, {"jti": first.slip.jti}):
        wrong_slip(stage, alice, issuer, 409, "item_exists", **changes)


def test_a_card_token_for_another_agency_or_time_is_refused(
    stage: VaultStage, issuer: Any, alice: Any
) -> None:
    deposit = alice.deposit(issuer)
    deposit.upload()
    bob = stage.holder("bob")
    with unchanged(stage):
        for token, code in (
            (alice.card_token(stage_other := stage_agency(stage)), "wrong_audience"),
            (alice.card_token(issuer, now=stage.clock.now() - 601), "card_token_expired"),
            (bob.card_token(issuer), "jws_kid"),
        ):
            answer = stage.post(issuer, "/v1/deposits", deposit.body(card_token=token))
            assert answer.json()["code"] == code, answer.text
    assert stage_other.name == "nobody"


def stage_agency(stage: VaultStage) -> Any:
    from tests.vault_stage import Party

    return Party("nobody")


def test_a_token_that_names_another_card_is_refused(stage: VaultStage, issuer: Any, alice: Any) -> None:
    from protocol.statements import CardToken, sign_card_token

    deposit = alice.deposit(issuer)
    deposit.upload()
    now = stage.clock.now()
    token = sign_card_token(CardToken(alice.urn, stage.urn(issuer), now, now + 60, bytes(32)), alice.present)
    with unchanged(stage):
        refused(stage.post(issuer, "/v1/deposits", deposit.body(card_token=token)), 422, "card_token_dossier")


def test_a_holder_deposits_into_the_own_dossier_only(stage: VaultStage, alice: Any) -> None:
    bob = stage.holder("bob")
    deposit = alice.deposit(alice, dossier=bob.dossier, iss=bob.urn)
    deposit.upload()
    with unchanged(stage):
        refused(stage.post(alice, "/v1/deposits", deposit.body()), 403, "slip_dossier")


def test_more_objects_than_the_limit_are_refused(tmp_path: Any) -> None:
    stage = VaultStage(tmp_path, objects_per_item=1)
    try:
        alice = stage.holder()
        refused(alice.deposit(alice, b"one", b"two").send(), 400, "too_many_objects")
    finally:
        stage.close()


# --- downloads ------------------------------------------------------------------------------------


def test_a_payload_is_given_whole_or_in_ranges(stage: VaultStage, issuer: Any, alice: Any) -> None:
    deposit = alice.deposited(issuer, b"c", secrets.token_bytes(600_000))
    whole = deposit.sealed[1].payload
    path = f"/v1/me/payloads/{b64u(sha256(whole))}"
    answer = stage.get(alice, path)
    assert answer.content == whole
    assert answer.headers["content-length"] == str(len(whole))
    for asked, start, end in (
        ("bytes=0-99", 0, 100),
        ("bytes=500000-", 500_000, len(whole)),
        ("bytes=-7", len(whole) - 7, len(whole)),
        (f"bytes=10-{len(whole) + 5}", 10, len(whole)),
    ):
        part = stage.get(alice, path, headers={"range": asked})
        assert (part.status_code, part.content) == (206, whole[start:end])
        assert part.headers["content-range"] == f"bytes {start}-{end - 1}/{len(whole)}"
    for wrong in (f"bytes={len(whole)}-", "bytes=5-4", "bytes=-", "bytes=-0", "bytes=x-"):
        beyond = stage.get(alice, path, headers={"range": wrong})
        refused(beyond, 416, "range")
        assert beyond.headers["content-range"] == f"bytes */{len(whole)}"


def test_a_range_that_need_not_be_honoured_gives_the_whole(stage: VaultStage, issuer: Any, alice: Any) -> None:
    whole = alice.deposited(issuer).sealed[0].payload
    path = f"/v1/me/payloads/{b64u(sha256(whole))}"
    tag = stage.get(alice, path).headers["etag"]
    assert tag == f'"{b64u(sha256(whole))}"'
    part = stage.get(alice, path, headers={"range": "bytes=1-", "if-range": tag})
    assert (part.status_code, part.content) == (206, whole[1:])
    for headers in (
        {"range": "lines=1-2"},
        {"range": "bytes=0-1,3-4"},
        {"range": "bytes=1-", "if-range": f"W/{tag}"},
        {"range": "bytes=1-", "if-range": '"another"'},
    ):
        answer = stage.get(alice, path, headers=headers)
        assert (answer.status_code, answer.content) == (200, whole)


def test_a_download_ends_when_nobody_listens_any_more() -> None:
    sent: list[bytes] = []
    read: list[int] = []
    begun = asyncio.Event()

    def pieces() -> Iterator[bytes]:
        for number in range(1000):
            read.append(number)
            yield b"piece"

    async def receive() -> dict[str, Any]:
        await begun.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))
        begun.set()
        await asyncio.sleep(0)

    asyncio.run(StreamedResponse(pieces(), 200, {"Content-Length": "5000"})({"type": "http"}, receive, send))
    assert len(read) <= 5 * AT_A_TIME
    assert sent[-1] == b""


def test_a_payload_of_somebody_else_is_not_given(stage: VaultStage, issuer: Any, alice: Any) -> None:
    deposit = alice.deposited(issuer)
    bob = stage.holder("bob")
    path = f"/v1/me/payloads/{b64u(deposit.slip.objects[0].payload)}"
    refused(stage.get(bob, path), 404, "payload_unknown")


def test_a_payload_that_was_shortened_on_disk_is_unavailable(
    stage: VaultStage, issuer: Any, alice: Any
) -> None:
    deposit = alice.deposited(issuer)
    digest = deposit.slip.objects[0].payload
    path = stage.folder / "vault" / "blobs" / payloads.payload_name(digest)
    path.write_bytes(path.read_bytes()[:-1])
    refused(stage.get(alice, f"/v1/me/payloads/{b64u(digest)}"), 503, "payload_lost")
