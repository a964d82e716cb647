"""What both sides must agree on before a signed request means anything."""

from __future__ import annotations

import hashlib

import pytest

from protocol import http_sig
from protocol.encoding import b64u
from protocol.errors import Denied, Malformed

KEYID, NONCE = b64u(b"k" * 32), b64u(b"n" * 16)
GOOD = {"created": 1_700_000_000, "keyid": KEYID, "alg": http_sig.ALG, "nonce": NONCE, "tag": http_sig.TAG}


def test_a_request_covers_what_is_always_there_and_our_headers_where_present() -> None:
    assert http_sig.components(["Host", "Accept"]) == ("@method", "@target-uri")
    assert http_sig.components(["Idempotency-Key", "Content-Digest"]) == (
        "@method",
        "@target-uri",
        "content-digest",
        "idempotency-key",
    )


def test_a_covered_read_passes() -> None:
    http_sig.check_components(["@method", "@target-uri"], ["accept"], method="GET", body=False)


@pytest.mark.parametrize(
    ("covered", "names", "method", "body", "missing"),
    [
        (["@method"], [], "GET", False, "@target-uri"),
        (["@method", "@target-uri"], ["Onefile-Act-For"], "GET", False, "onefile-act-for"),
        (["@method", "@target-uri"], [], "post", False, "idempotency-key"),
        (["@method", "@target-uri", "idempotency-key"], ["idempotency-key"], "PUT", True, "content-digest"),
    ],
)
def test_a_signature_that_leaves_something_open_is_refused(
    covered: list[str], names: list[str], method: str, body: bool, missing: str
) -> None:
    with pytest.raises(Denied) as caught:
        http_sig.check_components(covered, names, method=method, body=body)
    assert (caught.value.code, caught.value.facts["missing"]) == ("signature_components", missing)


def test_exactly_our_parameters_are_read() -> None:
    assert http_sig.parameters(GOOD) == http_sig.SignatureParameters(1_700_000_000, KEYID, NONCE)


@pytest.mark.parametrize(
    "change",
    [
        {"alg": "ed25519"},
        {"tag": "other"},
        {"created": "1700000000"},
        {"created": True},
        {"created": -1},
        {"keyid": "short"},
        {"nonce": b64u(b"n" * 15)},
        {"nonce": 7},
        {"expires": 1_700_000_060},
    ],
)
def test_any_other_parameters_are_malformed(change: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        http_sig.parameters({**GOOD, **change})


def test_a_missing_parameter_is_malformed() -> None:
    with pytest.raises(Malformed, match="expected the parameters"):
        http_sig.parameters({k: v for k, v in GOOD.items() if k != "nonce"})


def test_a_minute_of_age_passes_and_a_second_more_does_not() -> None:
    http_sig.check_age(1000, 1060)
    http_sig.check_age(1060, 1000)
    for created, now in ((1000, 1061), (1061, 1000)):
        with pytest.raises(Denied) as caught:
            http_sig.check_age(created, now)
        assert caught.value.code == "signature_stale"


def test_a_token_is_sixteen_bytes_and_comes_back_as_an_idempotency_key() -> None:
    assert http_sig.check_idempotency_key(http_sig.token(bytes(16))) == "A" * 22
    with pytest.raises(Malformed):
        http_sig.token(bytes(15))
    with pytest.raises(Malformed):
        http_sig.check_idempotency_key(None)


def test_a_content_digest_comes_back_as_its_bytes() -> None:
    digest = hashlib.sha256(b"hello").digest()
    written = http_sig.content_digest(digest)
    assert written == "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:"
    assert http_sig.parse_content_digest(written) == digest


@pytest.mark.parametrize(
    "value",
    [None, "", "sha-256=:AA==:", "sha-512=:AA==:", "sha-256=:x:", "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:, a=1"],
)
def test_a_garbled_content_digest_is_malformed(value: object) -> None:
    with pytest.raises(Malformed):
        http_sig.parse_content_digest(value)


def test_the_target_is_built_from_the_public_origin() -> None:
    assert http_sig.target_uri("https://vault.example/", "/v1/me") == "https://vault.example/v1/me"
    assert http_sig.target_uri("http://a", "/v1/me/log", "page=x") == "http://a/v1/me/log?page=x"
