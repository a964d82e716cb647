"""Any request can be signed and seen; the page that shows one byte for byte is what our client sends."""

from __future__ import annotations

import subprocess
from pathlib import Path

import httpx2
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from agency_cli.services import calls
from client.http import Reply
from protocol.encoding import b64u, unb64, unb64u
from protocol.errors import Malformed, Unavailable
from tests.strangers import need
from tests.unit.agency_cli import signed_request
from tests.unit.agency_cli.support import World
from tests.unit.client.support import problem
from vault_api.http_auth import RequestHead, check_body, read_signature


def test_the_page_is_what_our_client_signs() -> None:
    assert signed_request.PAGE.read_text(encoding="utf-8") == signed_request.page()


def test_the_vault_takes_the_request_of_the_page() -> None:
    found = {**signed_request.headers(), **{k.lower(): v for k, v in signed_request.signed().items()}}
    head = RequestHead(signed_request.METHOD, signed_request.ORIGIN + signed_request.PATH, found)
    signature = read_signature(head, now=signed_request.CREATED + 60, has_body=True)
    signature.verify(signed_request.KEY.public_jwk())
    check_body(signature, signed_request.BODY)
    assert signature.idempotency_key == unb64u(signed_request.IDEMPOTENCY)


def test_openssl_verifies_the_signature_of_the_page(tmp_path: Path) -> None:
    openssl = need("openssl")
    raw = unb64(signed_request.signed()["Signature"].removeprefix("onefile=:").removesuffix(":"), length=64)
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    key = ec.derive_private_key(int.from_bytes(signed_request.SECRET, "big"), ec.SECP256R1()).public_key()
    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    for name, data in (("pub.pem", pem), ("sig.der", der), ("base.txt", signed_request.base().encode())):
        (tmp_path / name).write_bytes(data)
    command = [openssl, "dgst", "-sha256", "-verify", "pub.pem", "-signature", "sig.der", "base.txt"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "Verified OK")


def test_a_request_is_shown_as_it_would_be_sent(world: World) -> None:
    world.issuer()
    call = calls.make_call("POST", "/v1/shows/collect?a=%20b", b"{}", "application/json", b64u(bytes(16)))
    shown = calls.prepared(world.session, call)
    assert shown.head().startswith("POST /v1/shows/collect?a=%20b HTTP/1.1\nHost: 127.0.0.1:8440\n")
    assert f"idempotency-key: {b64u(bytes(16))}\n" in shown.head()
    assert shown.body == b"{}"
    found = {k.lower(): v for k, v in shown.headers}
    head = RequestHead("POST", shown.url, found)
    signature = read_signature(head, now=world.clock.now(), has_body=True)
    signature.verify(world.session.keys.present(1).public_jwk())
    assert not any(path.startswith("/v1/shows") for _method, path in world.vault.requests)


def test_an_answer_is_given_whatever_it_says_and_tried_once(world: World) -> None:
    world.issuer()
    world.vault.broken[("GET", "/v1/x")] = [problem(503, "unavailable", "clock_behind"), httpx2.ConnectError("no")]
    call = calls.make_call("GET", "/v1/x", None, "application/json")
    reply = calls.send(world.session, call)
    assert (reply.status, calls.exit_code(reply)) == (503, 7)
    with pytest.raises(Unavailable):
        calls.send(world.session, call)
    assert calls.send(world.session, call).status == 404
    assert calls.exit_code(Reply(204, "", b"")) == 0
    assert calls.exit_code(Reply(404, "text/html", b"no")) == 6


def test_each_write_gets_a_key_of_its_own_and_a_read_none() -> None:
    made = [calls.make_call("PUT", "/v1/x", b"", "text/plain").headers for _ in range(2)]
    assert made[0]["idempotency-key"] != made[1]["idempotency-key"]
    assert made[0]["content-type"] == "text/plain"
    assert calls.make_call("GET", "/v1/x", None, "text/plain").headers == {}


@pytest.mark.parametrize("path", ["v1/info", "http://else/v1", "//else/v1", "/v1/x#part", "/v1/名"])
def test_only_a_path_of_the_vault_is_called(path: str) -> None:
    with pytest.raises(Malformed) as caught:
        calls.make_call("GET", path, None, "application/json")
    assert caught.value.code == "call_path"


def test_a_key_of_another_form_is_refused() -> None:
    with pytest.raises(Malformed):
        calls.make_call("POST", "/v1/x", b"", "text/plain", "1234")
