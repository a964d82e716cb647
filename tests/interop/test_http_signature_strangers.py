"""npm's http-message-signatures (RFC 9421): it accepts our requests, and the vault accepts its."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from client.http import Call, Http
from protocol.encoding import b64u
from protocol.hashing import sha256
from protocol.jose import P256Signer
from protocol.keys import PresentKey
from tests.interop.programs import node_json
from tests.unit.agency_cli import signed_request as page
from tests.vault_stage import ORIGIN_URL, Holder, VaultStage, refused, unchanged, vault_stage

NOW = 1_800_000_000
BODY = '{"statement":"…"}'.encode()


def js(what: str, cases: list[dict[str, Any]]) -> list[Any]:
    answers: list[Any] = node_json(
        "http_signature.mjs", {"do": what, "cases": cases}, package="http-message-signatures"
    )
    return answers


def private_jwk(key: PresentKey | P256Signer, secret: bytes) -> dict[str, str]:
    return {**key.public_jwk().to_json(), "d": b64u(secret)}


# --- ours in theirs -------------------------------------------------------------------------------

CALLS = {
    "a read": Call("GET", "/v1/me"),
    "a read with a query": Call("GET", "/v1/me/log", {"page": "a/b c=", "limit": 5}),
    "a write": Call("POST", "/v1/me/statements", body=BODY),
    "a write without a body": Call("POST", "/v1/me/shows/AAECAwQFBgcICQoLDA0ODw/refuse"),
    "an upload": Call(
        "PUT", "/v1/payloads/x", stream=lambda: io.BytesIO(BODY), stream_size=len(BODY), stream_sha256=sha256(BODY)
    ),
}
ACT_FOR = "urn:onefile:dossier:0x" + "44" * 32
KEY = P256Signer.from_secret(bytes(range(1, 33)))


class Standing:
    """A clock that stands."""

    def now(self) -> int:
        return NOW

    def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)


def as_sent(call: Call, act_for: str | None = None) -> dict[str, Any]:
    """A request as our client signs it, for the other side to judge."""
    with Http("https://vault.example", clock=Standing(), signer=KEY, act_for=act_for) as http:
        keyed = http._with_key(call)
        headers = {name.lower(): value for name, value in http.signed_headers(keyed).items()}
    return {
        "jwk": KEY.public_jwk().to_json(),
        "method": call.method,
        "url": "https://vault.example" + call.url_path,
        "headers": headers,
        "body": base64.b64encode(call.body or (BODY if call.stream else b"")).decode(),
        "now": NOW + 60,
    }


@pytest.mark.parametrize("act_for", [None, ACT_FOR], ids=["for itself", "for another"])
def test_npm_verifies_every_kind_of_request_that_we_sign(act_for: str | None) -> None:
    found = js("verify", [as_sent(call, act_for) for call in CALLS.values()])
    assert {name: answer["ok"] for name, answer in zip(CALLS, found, strict=True)} == dict.fromkeys(CALLS, True), found


def test_npm_verifies_the_request_of_the_page_byte_for_byte() -> None:
    headers = page.headers() | {name.lower(): value for name, value in page.signed().items()}
    request = {
        "jwk": page.KEY.public_jwk().to_json(),
        "method": page.METHOD,
        "url": page.ORIGIN + page.PATH,
        "headers": headers,
        "body": base64.b64encode(page.BODY).decode(),
        "now": page.CREATED + 1,
    }
    assert js("verify", [request]) == [{"ok": True}]


def spoilt(**changes: Any) -> dict[str, Any]:
    sent = as_sent(CALLS["a write"], ACT_FOR)
    headers = {**sent["headers"], **changes.pop("headers", {})}
    return {**sent, **changes, "headers": headers}


SPOILT: dict[str, dict[str, Any]] = {
    "another method": {"method": "PUT"},
    "another path": {"url": "https://vault.example/v1/me/shows"},
    "another origin": {"url": "https://elsewhere.example/v1/me/statements"},
    "another body": {"body": base64.b64encode(b"{}").decode()},
    "another digest": {"headers": {"content-digest": page.headers()["content-digest"]}},
    "another idempotency key": {"headers": {"idempotency-key": b64u(bytes(16))}},
    "for somebody else": {"headers": {"onefile-act-for": ACT_FOR[:-1] + "5"}},
    "by another key": {"jwk": P256Signer.from_secret(b"x" * 32).public_jwk().to_json()},
}


def test_npm_refuses_our_request_when_anything_covered_is_changed() -> None:
    found = js("verify", [spoilt(), *(spoilt(**change) for change in SPOILT.values())])
    assert found[0] == {"ok": True}
    assert {name: answer["ok"] for name, answer in zip(SPOILT, found[1:], strict=True)} == dict.fromkeys(SPOILT, False)


# --- theirs in ours -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VaultStage]:
    with vault_stage(tmp_path_factory.mktemp("vault")) as made:
        yield made


@pytest.fixture(scope="module")
def alice(stage: VaultStage) -> Holder:
    return stage.holder()


def signed_by_npm(stage: VaultStage, who: Holder, method: str, path: str, body: bytes | None, **more: Any) -> Any:
    """The vault's answer to a request that npm's library signed with the holder's present key."""
    job = {
        "jwk": private_jwk(who.present, who.present.unsafe_bytes),
        "keyid": who.present.public_jwk().kid(),
        "created": stage.clock.now(),
        "method": method,
        "url": ORIGIN_URL + path,
        **({} if body is None else {"body": base64.b64encode(body).decode()}),
        **more,
    }
    (headers,) = js("sign", [job])
    return stage.client.request(method, ORIGIN_URL + path, content=body, headers=headers)


def statement(alice: Holder) -> bytes:
    return json.dumps({"statement": alice.statement("notice", text="a word")}).encode()


@pytest.mark.parametrize("path", ["/v1/me", "/v1/me/log?limit=5"])
def test_the_vault_takes_a_read_that_npm_signed(stage: VaultStage, alice: Holder, path: str) -> None:
    answer = signed_by_npm(stage, alice, "GET", path, None)
    assert answer.status_code == 200, answer.text


def test_the_vault_takes_a_write_that_npm_signed(stage: VaultStage, alice: Holder) -> None:
    answer = signed_by_npm(
        stage, alice, "POST", "/v1/me/statements", statement(alice),
        headers={"content-type": "application/json", "onefile-act-for": alice.urn},
    )  # fmt: skip
    assert answer.status_code == 201, answer.text


def test_the_vault_takes_an_upload_that_npm_signed(stage: VaultStage, alice: Holder) -> None:
    sealed = alice.deposit(alice, b"own document").sealed[0]
    path = f"/v1/payloads/{b64u(sha256(sealed.payload))}"
    answer = signed_by_npm(stage, alice, "PUT", path, sealed.payload)
    assert answer.status_code == 201, answer.text


def test_the_vault_refuses_what_npm_signed_too_early_or_leaves_uncovered(stage: VaultStage, alice: Holder) -> None:
    body = statement(alice)
    post = ("POST", "/v1/me/statements", body)
    with unchanged(stage):
        refused(signed_by_npm(stage, alice, *post, created=stage.clock.now() - 61), 401, "signature_stale")
        bare = ["@method", "@target-uri", "idempotency-key"]
        refused(signed_by_npm(stage, alice, *post, fields=bare), 401, "signature_components")
        other = {"jwk": private_jwk(KEY, bytes(range(1, 33)))}
        refused(signed_by_npm(stage, alice, *post, **other), 401, "signature_wrong")


def test_the_vault_refuses_a_nonce_of_npm_that_it_has_seen(stage: VaultStage, alice: Holder) -> None:
    nonce, path = b64u(b"n" * 16), "/v1/me/statements"
    typed = {"content-type": "application/json"}
    assert signed_by_npm(stage, alice, "POST", path, statement(alice), nonce=nonce, headers=typed).status_code == 201
    again = signed_by_npm(stage, alice, "POST", path, statement(alice), nonce=nonce, headers=typed)
    refused(again, 401, "signature_replayed")
