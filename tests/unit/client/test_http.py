"""Requests are signed as agreed, tried again only where that is harmless, and answers are bounded."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import httpx2
import pytest

from client import http as http_module
from client.http import MAX_PARTS, TRIES, Call, json_body, sign_headers
from protocol import http_sig, wire, wire_verify
from protocol.encoding import b64u
from protocol.errors import Conflict, Denied, Malformed, OneFileError, Unavailable, Untrusted
from tests.unit.client.support import NOW, SIGNER, HandClock, Script, answer, http, problem
from vault_api.http_auth import RequestHead, check_body, read_signature

PAYLOAD = {"sha256": b64u(bytes(32)), "size": 5}
PUT = Call("PUT", "/v1/x", body=b"{}")


def head(request: httpx2.Request) -> RequestHead:
    return RequestHead(request.method, str(request.url), {k.lower(): v for k, v in request.headers.items()})


def test_a_read_is_signed_so_that_the_vault_accepts_it() -> None:
    script = Script(answer(PAYLOAD))
    with http(script) as vault:
        found = vault.ask(Call("GET", "/v1/me/items", {"page": "a b", "limit": 3}), wire.Payload)
    assert found.size == 5
    signature = read_signature(head(script.requests[0]), now=NOW, has_body=False)
    signature.verify(SIGNER.public_jwk())
    assert str(script.requests[0].url) == "http://vault.test/v1/me/items?page=a+b&limit=3"
    assert script.requests[0].headers["accept-language"] in {"en", "zh"}


def test_a_write_covers_its_body_and_its_idempotency_key() -> None:
    script = Script(answer(PAYLOAD))
    http(script, act_for="urn:onefile:dossier:0x" + "1" * 64).ask(PUT, wire.Payload)
    request = head(script.requests[0])
    signature = read_signature(request, now=NOW, has_body=True)
    signature.verify(SIGNER.public_jwk())
    check_body(signature, script.bodies[0])
    assert signature.idempotency_key is not None
    assert signature.act_for == "urn:onefile:dossier:0x" + "1" * 64
    assert request.headers["content-type"] == "application/json"


def test_a_changed_url_or_body_is_refused_by_the_vault() -> None:
    script = Script(answer(PAYLOAD))
    http(script).ask(PUT, wire.Payload)
    request = head(script.requests[0])
    moved = RequestHead(request.method, request.url + "?a=1", request.headers)
    with pytest.raises(Untrusted, match="not by the key"):
        read_signature(moved, now=NOW, has_body=True).verify(SIGNER.public_jwk())
    with pytest.raises(Untrusted, match="not the digest"):
        check_body(read_signature(request, now=NOW, has_body=True), b"{ }")


def test_without_a_signer_nothing_is_signed() -> None:
    script = Script(answer(PAYLOAD))
    http(script, signer=None).ask(Call("GET", "/v1/info"), wire.Payload)
    assert "signature" not in script.requests[0].headers


def test_a_fixed_nonce_gives_a_fixed_signature_input() -> None:
    made = sign_headers("GET", "http://a/v1/me", {}, SIGNER, NOW, nonce="A" * 22)
    keyid = SIGNER.public_jwk().kid()
    assert made["Signature-Input"] == (
        f'onefile=("@method" "@target-uri");created={NOW};keyid="{keyid}";alg="ecdsa-p256-sha256";'
        f'nonce="{"A" * 22}";tag="onefile/v1"'
    )


def test_a_broken_connection_is_tried_again_with_the_same_key_and_a_new_signature() -> None:
    script = Script(httpx2.ConnectError("no"), httpx2.ReadTimeout("slow"), answer(PAYLOAD))
    clock = HandClock()
    http(script, clock=clock).ask(PUT, wire.Payload)
    first, second, third = (head(r).headers for r in script.requests)
    assert first["idempotency-key"] == second["idempotency-key"] == third["idempotency-key"]
    assert first["signature"] != second["signature"]
    assert len(clock.slept) == 2
    assert 0.18 <= clock.slept[0] <= 0.32
    assert 0.37 <= clock.slept[1] <= 0.63


def test_after_the_last_try_the_vault_is_unreachable() -> None:
    script = Script(*[httpx2.ConnectError("no")] * 4)
    with pytest.raises(Unavailable, match=r"http://vault.test does not answer \(ConnectError\)") as caught:
        http(script).ask(PUT, wire.Payload)
    assert caught.value.code == "vault_unreachable"
    assert len(script.requests) == 4


def test_the_vault_says_how_long_to_wait_and_is_heard_within_reason() -> None:
    late = problem(503, "unavailable", "clock_behind")
    late.headers["Retry-After"] = "3"
    never = problem(503, "unavailable", "clock_behind")
    never.headers["Retry-After"] = "9999999999"
    odd = problem(503, "unavailable", "clock_behind")
    odd.headers["Retry-After"] = "soon"
    clock = HandClock()
    http(Script(late, never, odd, answer(PAYLOAD)), clock=clock).ask(PUT, wire.Payload)
    assert clock.slept[0] == 3
    assert clock.slept[1] == http_module.MAX_RETRY_AFTER_S
    assert clock.slept[2] < 2


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("denied", Denied),
        ("conflict", Conflict),
        ("untrusted", Untrusted),
        ("malformed", Malformed),
        ("new", OneFileError),
    ],
)
def test_a_problem_becomes_the_error_that_it_names_and_is_not_retried(fault: str, kind: type[OneFileError]) -> None:
    script = Script(problem(403, fault, "grant_expired", "ended {at} }", facts={"at": 5, "bad": True, "worse": []}))
    with pytest.raises(kind) as caught:
        http(script).ask(PUT, wire.Payload)
    assert type(caught.value) is kind
    assert caught.value.code == "grant_expired"
    assert str(caught.value) == "ended {at} }"
    assert caught.value.facts == {"at": 5}


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (404, b"<html>", Denied, "not_found"),
        (400, b"", Malformed, "vault_garbage"),
        (302, b"", Malformed, "vault_garbage"),
        (403, b'{"code": 1, "detail": "x", "fault": "denied"}', Malformed, "vault_garbage"),
        (403, b'{"code": "", "detail": "x", "fault": "denied", "facts": 7}', Malformed, "vault_garbage"),
    ],
)
def test_what_is_no_problem_of_ours_is_told_by_its_status(status: int, body: bytes, kind: type, code: str) -> None:
    with pytest.raises(kind) as caught:
        http(Script(httpx2.Response(status, content=body))).ask(PUT, wire.Payload)
    assert caught.value.code == code


def test_a_proxys_error_page_is_unavailable_and_tried_again() -> None:
    script = Script(*[httpx2.Response(502, content=b"<html>")] * 4)
    with pytest.raises(Unavailable):
        http(script).ask(PUT, wire.Payload)
    assert len(script.requests) == 4


def test_facts_that_are_no_object_are_ignored() -> None:
    with pytest.raises(Denied) as caught:
        http(Script(problem(403, "denied", "x", facts=[1]))).ask(PUT, wire.Payload)
    assert caught.value.facts == {}


@pytest.mark.parametrize("value", [{}, {"sha256": "x", "size": 1}, {**PAYLOAD, "more": 1}, []])
def test_an_answer_of_another_form_is_not_trusted(value: object) -> None:
    with pytest.raises(Untrusted) as caught:
        http(Script(answer(value))).ask(PUT, wire.Payload)
    assert caught.value.code == "vault_answer"


def test_an_answer_of_too_many_values_is_refused_before_it_is_read() -> None:
    body = json.dumps({f"m{number}": 0 for number in range(MAX_PARTS + 2)}).encode()
    with pytest.raises(Untrusted) as caught:
        http(Script(httpx2.Response(200, content=body))).ask(PUT, wire.Payload)
    assert caught.value.code == "vault_answer"
    assert caught.value.__context__ is None  # no model has looked at it


def test_an_endless_answer_is_cut_off() -> None:
    with pytest.raises(Malformed) as caught:
        http(Script(answer("x" * 2000))).ask(PUT, wire.Payload, limit=1000)
    assert caught.value.code == "vault_answer_too_large"


def test_the_model_follows_the_status() -> None:
    call = Call("POST", "/v1/x")
    models: dict[int, type[wire.Payload | wire.Pending]] = {0: wire.Payload, 202: wire.Pending}
    assert isinstance(http(Script(answer(PAYLOAD, 201))).ask_of(call, models), wire.Payload)
    assert isinstance(http(Script(answer({"retry_after_s": 1}, 202))).ask_of(call, models), wire.Pending)


def test_an_upload_is_streamed_again_from_its_beginning(tmp_path: Path) -> None:
    data = bytes(range(256)) * 3000
    source = tmp_path / "payload"
    source.write_bytes(data)
    digest = hashlib.sha256(data).digest()
    steps: list[int] = []
    script = Script(httpx2.WriteError("gone"), answer(PAYLOAD, 201))
    call = Call(
        "PUT",
        f"/v1/payloads/{b64u(digest)}",
        stream=lambda: source.open("rb"),
        stream_size=len(data),
        stream_sha256=digest,
        step=steps.append,
        headers={"content-type": "application/octet-stream"},
    )
    http(script).ask(call, wire.Payload)
    assert script.bodies == [data, data]
    headers = head(script.requests[1]).headers
    assert headers["content-length"] == str(len(data))
    assert headers["content-digest"] == http_sig.content_digest(digest)
    assert "transfer-encoding" not in headers
    assert sum(steps) == 2 * len(data)


class Torn(httpx2.SyncByteStream):
    """A body that breaks off."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __iter__(self):  # type: ignore[no-untyped-def]  # an iterator of bytes that breaks off
        yield self.data
        raise httpx2.ReadError("torn")


def test_a_download_goes_on_where_it_broke_off() -> None:
    data = b"0123456789" * 100
    script = Script(
        httpx2.Response(200, stream=Torn(data[:400])),
        lambda request: httpx2.Response(206, content=data[int(request.headers["range"][6:-1]) :]),
    )
    target, steps = io.BytesIO(), list[int]()
    size = http(script).download(Call("GET", "/v1/p"), target, hashlib.sha256(data).digest(), step=steps.append)
    assert size == len(data)
    assert target.getvalue() == data
    assert script.requests[1].headers["range"] == "bytes=400-"
    assert sum(steps) == len(data)


def test_what_came_before_is_not_fetched_again() -> None:
    data = b"0123456789" * 100
    digest = hashlib.sha256(data).digest()
    script = Script(lambda request: httpx2.Response(206, content=data[int(request.headers["range"][6:-1]) :]))
    target, steps = io.BytesIO(data[:300]), list[int]()
    http(script).download(Call("GET", "/v1/p"), target, digest, step=steps.append)
    assert target.getvalue() == data
    assert script.requests[0].headers["range"] == "bytes=300-"
    assert script.requests[0].headers["if-range"] == f'"{b64u(digest)}"'
    assert steps == [300, 700]
    assert http(Script()).download(Call("GET", "/v1/p"), target, digest, limit=len(data)) == len(data)


def test_a_beginning_that_is_another_payloads_is_thrown_away() -> None:
    data = b"0123456789" * 100
    script = Script(
        lambda request: httpx2.Response(206, content=data[int(request.headers["range"][6:-1]) :]),
        httpx2.Response(200, content=data),
    )
    target = io.BytesIO(b"x" * 300)
    http(script).download(Call("GET", "/v1/p"), target, hashlib.sha256(data).digest())
    assert target.getvalue() == data
    assert "range" not in script.requests[1].headers


def test_a_download_that_gets_on_is_tried_for_as_long_as_it_does() -> None:
    data = bytes(range(256)) * (8 * 4096)
    pieces = 8 * TRIES
    step = len(data) // pieces

    def next_piece(request: httpx2.Request) -> httpx2.Response:
        start = int(request.headers.get("range", "bytes=0-")[6:-1])
        rest = data[start : start + step]
        whole = start + step >= len(data)
        status = 206 if start else 200
        return httpx2.Response(status, content=rest) if whole else httpx2.Response(status, stream=Torn(rest))

    target = io.BytesIO()
    http(Script(*[next_piece] * pieces)).download(Call("GET", "/v1/p"), target, hashlib.sha256(data).digest())
    assert target.getvalue() == data
    stuck = Script(*[httpx2.Response(200, stream=Torn(b"1"))] * TRIES)
    with pytest.raises(Unavailable):
        http(stuck).download(Call("GET", "/v1/p"), io.BytesIO(), bytes(32))


def test_a_server_that_ignores_the_range_is_read_from_the_beginning() -> None:
    data = b"abc" * 100
    script = Script(httpx2.Response(200, stream=Torn(data[:50])), httpx2.Response(200, content=data))
    target = io.BytesIO()
    http(script).download(Call("GET", "/v1/p"), target, hashlib.sha256(data).digest())
    assert target.getvalue() == data


def test_a_download_that_is_not_what_its_name_says_is_refused() -> None:
    with pytest.raises(Untrusted) as caught:
        http(Script(httpx2.Response(200, content=b"other"))).download(Call("GET", "/v1/p"), io.BytesIO(), bytes(32))
    assert caught.value.code == "payload_digest"


def test_a_download_that_is_refused_says_why() -> None:
    with pytest.raises(Denied):
        http(Script(problem(404, "denied", "payload_unknown"))).download(Call("GET", "/v1/p"), io.BytesIO(), bytes(32))


def test_a_body_leaves_out_what_is_not_set() -> None:
    body = json_body(wire_verify.VerifyRequest(kind="grant", value="x"))
    assert json.loads(body) == {"kind": "grant", "value": "x"}


def test_a_key_that_the_caller_gave_is_kept() -> None:
    script = Script(answer(PAYLOAD))
    http(script).ask(Call("POST", "/v1/x", headers={"Idempotency-Key": "A" * 22}), wire.Payload)
    assert script.requests[0].headers["idempotency-key"] == "A" * 22
