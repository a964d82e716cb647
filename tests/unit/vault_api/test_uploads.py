"""Uploads in segments: they go on where they broke off, and whatever is refused leaves nothing."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest

from protocol.encoding import b64u, unb64u
from protocol.errors import Unavailable
from protocol.hashing import sha256
from protocol.wire_uploads import SEGMENT_BYTES
from tests.vault_stage import DAY, VaultStage, refused, unchanged, vault_stage
from vault_api.services import uploads

SIZE = 2 * SEGMENT_BYTES + 12_345


@pytest.fixture
def issuer(stage: VaultStage) -> Any:
    return stage.issuer()


@pytest.fixture
def payload() -> bytes:
    return secrets.token_bytes(SIZE)


def begin(stage: VaultStage, party: Any, payload: bytes, **given: Any) -> Any:
    body = {"sha256": b64u(sha256(payload)), "size": len(payload), **given}
    return stage.post(party, "/v1/uploads", body)


def begun(stage: VaultStage, party: Any, payload: bytes) -> str:
    answer = begin(stage, party, payload)
    assert answer.status_code in {200, 201}, answer.text
    return str(answer.json()["upload"])


def send(stage: VaultStage, party: Any, upload: str, payload: bytes, offset: int, **given: Any) -> Any:
    part = payload[offset : offset + SEGMENT_BYTES]
    return stage.send(party, "PATCH", f"/v1/uploads/{upload}?offset={offset}", content=part, **given)


def send_all(stage: VaultStage, party: Any, upload: str, payload: bytes) -> None:
    for offset in range(0, len(payload), SEGMENT_BYTES):
        answer = send(stage, party, upload, payload, offset)
        assert answer.json()["offset"] == min(offset + SEGMENT_BYTES, len(payload)), answer.text


def complete(stage: VaultStage, party: Any, upload: str) -> Any:
    return stage.post(party, f"/v1/uploads/{upload}/complete")


def blobs_of(stage: VaultStage) -> list[str]:
    return [name for name in stage.snapshot()["blobs"] if name.startswith(("incoming", "payloads"))]


def test_segments_become_the_payload_that_was_announced(stage: VaultStage, issuer: Any, payload: bytes) -> None:
    first = begin(stage, issuer, payload)
    assert first.status_code == 201
    state = first.json()
    assert (state["offset"], state["size"], state["segment_bytes"]) == (0, SIZE, SEGMENT_BYTES)
    assert state["expires_at"] == stage.clock.now() + DAY
    send_all(stage, issuer, state["upload"], payload)
    done = complete(stage, issuer, state["upload"])
    assert (done.status_code, done.json()) == (201, {"sha256": b64u(sha256(payload)), "size": SIZE})
    assert stage.upload(issuer, payload).status_code == 200  # as if it had come in one piece
    assert len(blobs_of(stage)) == 1
    refused(complete(stage, issuer, state["upload"]), 404, "upload_unknown")


def test_an_upload_is_found_again_by_who_began_it_and_by_nobody_else(stage: VaultStage, payload: bytes) -> None:
    issuer, other = stage.issuer(), stage.issuer("another")
    upload = begun(stage, issuer, payload)
    assert send(stage, issuer, upload, payload, 0).status_code == 200
    again = begin(stage, issuer, payload)
    assert (again.status_code, again.json()["upload"], again.json()["offset"]) == (200, upload, SEGMENT_BYTES)
    assert stage.get(issuer, f"/v1/uploads/{upload}").json()["offset"] == SEGMENT_BYTES
    refused(stage.get(other, f"/v1/uploads/{upload}"), 404, "upload_unknown")
    refused(send(stage, other, upload, payload, SEGMENT_BYTES), 404, "upload_unknown")
    refused(complete(stage, other, upload), 404, "upload_unknown")
    theirs = begin(stage, other, payload).json()
    assert (theirs["offset"], theirs["upload"] == upload) == (0, False)  # nobody is told what others have sent


def test_an_upload_survives_the_process_that_took_its_segments(tmp_path: Path, payload: bytes) -> None:
    with vault_stage(tmp_path) as stage:
        issuer = stage.issuer()
        upload = begun(stage, issuer, payload)
        send(stage, issuer, upload, payload, 0)
        chain = stage.chain
    with vault_stage(tmp_path, chain=chain) as stage:
        state = begin(stage, issuer, payload).json()
        assert (state["upload"], state["offset"]) == (upload, SEGMENT_BYTES)
        for offset in range(SEGMENT_BYTES, SIZE, SEGMENT_BYTES):
            send(stage, issuer, upload, payload, offset)
        assert complete(stage, issuer, upload).status_code == 201


def test_a_segment_at_another_offset_is_told_where_the_upload_stands(
    stage: VaultStage, issuer: Any, payload: bytes
) -> None:
    upload = begun(stage, issuer, payload)
    send(stage, issuer, upload, payload, 0)
    with unchanged(stage):
        for offset in (0, 2 * SEGMENT_BYTES, 1):
            problem = refused(send(stage, issuer, upload, payload, offset), 409, "upload_offset")
            assert problem["facts"] == {"offset": SEGMENT_BYTES, "got": offset}
        refused(complete(stage, issuer, upload), 409, "upload_offset")


def test_a_segment_of_another_length_is_refused(stage: VaultStage, issuer: Any, payload: bytes) -> None:
    upload = begun(stage, issuer, payload)
    path = f"/v1/uploads/{upload}?offset=0"
    with unchanged(stage):
        refused(stage.send(issuer, "PATCH", path, content=payload[:1000]), 400, "upload_segment")
        refused(stage.send(issuer, "PATCH", path, content=payload[: SEGMENT_BYTES + 1]), 413, "body_too_large")
    send(stage, issuer, upload, payload, 0)
    send(stage, issuer, upload, payload, SEGMENT_BYTES)
    last = 2 * SEGMENT_BYTES
    with unchanged(stage):
        longer = stage.send(issuer, "PATCH", f"/v1/uploads/{upload}?offset={last}", content=payload[last:] + b"x")
        refused(longer, 400, "upload_segment")


def test_a_segment_whose_signed_digest_is_another_is_refused(stage: VaultStage, issuer: Any, payload: bytes) -> None:
    upload = begun(stage, issuer, payload)
    with unchanged(stage):
        refused(send(stage, issuer, upload, payload, 0, digest=bytes(32)), 422, "content_digest_wrong")
        unsigned = stage.send(None, "PATCH", f"/v1/uploads/{upload}?offset=0", content=payload[:SEGMENT_BYTES])
        refused(unsigned, 401, "signature_missing")


def test_segments_of_another_payload_end_the_upload_and_leave_nothing(
    stage: VaultStage, issuer: Any, payload: bytes
) -> None:
    with unchanged_but_answers(stage):
        upload = begun(stage, issuer, payload)
        send_all(stage, issuer, upload, secrets.token_bytes(SIZE))
        refused(complete(stage, issuer, upload), 422, "payload_digest")
    refused(complete(stage, issuer, upload), 404, "upload_unknown")


def unchanged_but_answers(stage: VaultStage) -> Any:
    """As ``unchanged``; the answers of what went well are remembered for their idempotency keys."""
    from contextlib import contextmanager

    @contextmanager
    def around() -> Any:
        before = stage.snapshot()
        yield
        after = stage.snapshot()
        assert {**after, "idempotency": None} == {**before, "idempotency": None}

    return around()


def test_a_lost_segment_has_to_come_again(stage: VaultStage, issuer: Any, payload: bytes) -> None:
    upload = begun(stage, issuer, payload)
    send_all(stage, issuer, upload, payload)
    stage.vault.blobs.delete(uploads.segment_name(unb64u(upload), SEGMENT_BYTES))
    problem = refused(complete(stage, issuer, upload), 409, "upload_offset")
    assert problem["facts"]["offset"] == SEGMENT_BYTES
    for offset in range(SEGMENT_BYTES, SIZE, SEGMENT_BYTES):
        send(stage, issuer, upload, payload, offset)
    assert complete(stage, issuer, upload).status_code == 201


def test_a_completion_that_was_not_answered_is_answered_again(stage: VaultStage, issuer: Any, payload: bytes) -> None:
    upload = begun(stage, issuer, payload)
    send_all(stage, issuer, upload, payload)
    path, key = f"/v1/uploads/{upload}/complete", b64u(secrets.token_bytes(16))
    first, second = (stage.post(issuer, path, key=key) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()


def test_a_completion_that_fails_in_the_blob_store_can_be_asked_again(
    stage: VaultStage, issuer: Any, payload: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = begun(stage, issuer, payload)
    send_all(stage, issuer, upload, payload)

    def broken(*_: Any) -> Any:
        raise Unavailable("blobs_unreachable", "the blob store does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(type(stage.vault.blobs), "read", broken)
        refused(complete(stage, issuer, upload), 503, "blobs_unreachable")
    assert complete(stage, issuer, upload).status_code == 201


def test_an_upload_that_is_given_up_leaves_nothing(stage: VaultStage, issuer: Any, payload: bytes) -> None:
    with unchanged_but_answers(stage):
        upload = begun(stage, issuer, payload)
        send(stage, issuer, upload, payload, 0)
        assert stage.send(issuer, "DELETE", f"/v1/uploads/{upload}").status_code == 200
    refused(stage.send(issuer, "DELETE", f"/v1/uploads/{upload}"), 404, "upload_unknown")
    refused(send(stage, issuer, upload, payload, 0), 404, "upload_unknown")


def test_an_upload_that_nobody_goes_on_with_is_forgotten(stage: VaultStage, issuer: Any, payload: bytes) -> None:
    upload = begun(stage, issuer, payload)
    send(stage, issuer, upload, payload, 0)
    stage.clock.advance(DAY - 1)
    stage.follow()
    send(stage, issuer, upload, payload, SEGMENT_BYTES)
    stage.clock.advance(DAY)
    assert uploads.end_idle(stage.vault) == 0
    stage.clock.advance(1)
    assert uploads.end_idle(stage.vault) == 1
    assert (stage.snapshot()["uploads"], blobs_of(stage)) == ([], [])


def test_a_digest_that_comes_with_another_size_begins_anew(stage: VaultStage, issuer: Any, payload: bytes) -> None:
    wrong = begin(stage, issuer, payload, size=SIZE + 1).json()
    right = begin(stage, issuer, payload)
    assert right.status_code == 201
    assert right.json()["upload"] != wrong["upload"]
    assert len(stage.snapshot()["uploads"]) == 1


def test_sizes_that_no_payload_has_are_refused(tmp_path: Path) -> None:
    with vault_stage(tmp_path, payload_bytes=1000) as stage:
        issuer = stage.issuer()
        with unchanged(stage):
            refused(begin(stage, issuer, b"", size=31), 400, "payload_too_small")
            refused(begin(stage, issuer, b"", size=1001), 413, "payload_too_large")
            refused(begin(stage, issuer, b"", size=2**40), 400, "request")


def test_nobody_fills_the_disk_with_what_is_never_deposited(tmp_path: Path) -> None:
    with vault_stage(tmp_path, uploads_per_caller=2, upload_bytes_per_caller=10_000) as stage:
        issuer = stage.issuer()
        begun(stage, issuer, b"a" * 5_000)
        refused(begin(stage, issuer, b"b" * 5_001), 429, "upload_quota")
        begun(stage, issuer, b"c" * 5_000)
        begun(stage, issuer, b"c" * 5_000)  # the same is not counted twice
        problem = refused(begin(stage, issuer, b"d" * 32), 429, "upload_quota")
        assert problem["facts"]["count"] == 2
        begun(stage, stage.issuer("another"), b"d" * 32)


def test_who_may_not_deposit_may_not_upload(stage: VaultStage, payload: bytes) -> None:
    bank, alice = stage.bank(), stage.holder()
    with unchanged(stage):
        refused(begin(stage, bank, payload), 403, "not_an_issuer")
        refused(begin(stage, None, payload), 401, "signature_missing")
    assert begin(stage, alice, payload).status_code == 201
