"""SD-JWT at its limits: what is just small enough is read, and one more is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from protocol.encoding import b64u
from protocol.errors import Malformed, Untrusted
from protocol.hashing import sha256
from protocol.jose import sign_jws
from protocol.pointers import MAX_POINTER_CHARS
from protocol.sdjwt import (
    MAX_DEPTH,
    MAX_DISCLOSURE_CHARS,
    MAX_DISCLOSURES,
    MAX_SDJWT_CHARS,
    open_claims,
    parse_disclosure,
    parse_sdjwt,
    verify_key_binding,
)
from tests.unit.protocol.test_sdjwt import HOLDER, PRESENTED, RAW, code_of, digest, disclosure, opened, signed

Wrap = Callable[[Any], Any]
CHAIN = 20  # disclosures in a row: JSON itself may not nest as deep as claims


def refused(read: Callable[[], object]) -> str:
    with pytest.raises(Malformed) as caught:
        read()
    return caught.value.code


def test_bytes_and_text_read_alike_and_are_kept() -> None:
    assert parse_sdjwt(RAW.encode()) == parse_sdjwt(RAW)
    assert parse_sdjwt(RAW).raw == RAW


def test_as_many_disclosures_are_read_as_there_may_be() -> None:
    most = [disclosure(f"salt {n}", "a", n) for n in range(MAX_DISCLOSURES)]
    assert len(parse_sdjwt(signed({}, *most)).disclosures) == MAX_DISCLOSURES
    assert refused(lambda: parse_sdjwt(signed({}, *most, disclosure("salt", "a", 1)))) == "sdjwt_disclosures"


def test_a_disclosure_of_exactly_its_length_is_read() -> None:
    frame = len(b'["s","a",""]')
    raw = disclosure("s", "a", "x" * (MAX_DISCLOSURE_CHARS * 3 // 4 - frame))
    assert len(raw) == MAX_DISCLOSURE_CHARS
    assert parse_disclosure(raw).name == "a"
    assert refused(lambda: parse_disclosure(raw + "A")) == "sdjwt_disclosure"


def test_a_credential_of_exactly_its_length_is_read() -> None:
    parts = [disclosure(f"salt {n}", "a", "x" * 48_000) for n in range(16)]
    raw = signed({}, *parts)
    exact = raw + "A" * (MAX_SDJWT_CHARS - len(raw))  # as a key binding, which is looked at after the length
    assert len(exact) == MAX_SDJWT_CHARS
    assert refused(lambda: parse_sdjwt(exact)) == "jws"
    assert refused(lambda: parse_sdjwt(exact + "A")) == "too_large"


@pytest.mark.parametrize(("salt", "name"), [(1, 0), (256, 1), (1, 256)])
def test_salts_and_names_have_a_length(salt: int, name: int) -> None:
    found = parse_disclosure(disclosure("s" * salt, "n" * name, 1))
    assert (len(found.salt), len(found.name or "")) == (salt, name)
    for long in ((257, name), (salt, 257)):
        assert (
            refused(lambda long=long: parse_disclosure(disclosure("s" * long[0], "n" * long[1], 1))) == "field_length"
        )


def test_a_digest_has_32_bytes() -> None:
    assert code_of(signed({"_sd": [b64u(bytes(31))]})) == "length"
    assert opened(signed({"_sd": [b64u(bytes(32))]})).claims == {}


def test_a_pointer_of_exactly_its_length_is_given() -> None:
    name = "a" * (MAX_POINTER_CHARS - 1)
    assert opened(signed({name: 1})).values["/" + name] == 1
    assert code_of(signed({name + "a": 1})) == "sdjwt_name"


@pytest.mark.parametrize("wrap", [lambda inner: {"b": inner}, lambda inner: [inner]])
def test_claims_are_nested_so_deep_and_no_deeper(wrap: Wrap) -> None:
    assert open_claims(parse_sdjwt(nested(wrap, MAX_DEPTH - CHAIN))).claims["a"]
    assert code_of(nested(wrap, MAX_DEPTH - CHAIN + 1)) == "sdjwt_depth"


def nested(wrap: Wrap, count: int) -> str:
    """A value below so many disclosures, one in the other, wrapped ``count`` times more."""
    value: Any = 1
    for _ in range(count):
        value = wrap(value)
    chain = [disclosure("salt", "a", value)]
    for _ in range(CHAIN - 1):
        chain.append(disclosure("salt", "a", {"_sd": [digest(chain[-1])]}))
    return signed({"_sd": [digest(chain[-1])]}, *chain)


def bound(aud: str, nonce: str) -> str:
    body = {"iat": 1, "aud": aud, "nonce": nonce, "sd_hash": b64u(sha256(PRESENTED.encode()))}
    return PRESENTED + sign_jws({"typ": "kb+jwt"}, body, HOLDER)


@pytest.mark.parametrize(("aud", "nonce"), [("a" * 512, "n"), ("a", "n" * 512)])
def test_audience_and_nonce_have_a_length(aud: str, nonce: str) -> None:
    def verified(aud: str, nonce: str) -> object:
        return verify_key_binding(parse_sdjwt(bound(aud, nonce)), key=HOLDER.public_jwk(), aud=aud, nonce=nonce)

    assert verified(aud, nonce)
    longer = (aud + "a", nonce) if len(aud) > 1 else (aud, nonce + "n")
    assert refused(lambda: verified(*longer)) == "field_length"


def test_a_nonce_that_is_no_text_is_another_one() -> None:
    with pytest.raises(Untrusted) as caught:
        verify_key_binding(parse_sdjwt(bound("a", "n")), key=HOLDER.public_jwk(), aud="a", nonce="\ud800")
    assert caught.value.code == "key_binding_nonce"
