"""Compact JWS: what parses, what verifies, and every way in which a header is refused."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from protocol import canonical
from protocol.encoding import b64u
from protocol.errors import Malformed, Untrusted
from protocol.jose import (
    MAX_HEADER_CHARS,
    MAX_JWS_CHARS,
    P256Signer,
    PublicJwk,
    kid_of,
    parse_jws,
    sign_jws,
    sign_typed,
    verify_es256,
    verify_jws,
)

SIGNER = P256Signer.from_secret(bytes(31) + b"\x07")
OTHER = P256Signer.from_secret(bytes(31) + b"\x08")
TYP = "onefile-test+jwt"
# NIST SP 800-186 §3.2.1.3: the field, the order and the coefficient b of P-256.
P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B


def raw_jws(header: dict[str, object], payload: bytes = b"{}") -> str:
    signing_input = b64u(canonical.dumps(header)) + "." + b64u(payload)
    return signing_input + "." + b64u(SIGNER.sign(signing_input.encode()))


def good_header(**changes: object) -> dict[str, object]:
    return {"alg": "ES256", "typ": TYP, "kid": SIGNER.public_jwk().kid(), **changes}


def test_a_signed_jws_parses_and_verifies() -> None:
    raw = sign_typed(TYP, {"b": 1, "a": "信"}, SIGNER)
    jws = verify_jws(parse_jws(raw, typ=TYP), SIGNER.public_jwk())
    assert jws.claims() == {"a": "信", "b": 1}
    assert jws.kid == SIGNER.public_jwk().thumbprint()
    assert jws.raw == raw
    assert len(jws.digest()) == 32


def test_bytes_and_text_of_a_jws_parse_alike() -> None:
    raw = sign_typed(TYP, {}, SIGNER)
    assert parse_jws(raw.encode(), typ=TYP) == parse_jws(raw, typ=TYP)


def test_a_jws_without_kid_is_for_formats_that_have_none() -> None:
    raw = sign_jws({"typ": "kb+jwt"}, b"[]", SIGNER)
    jws = verify_jws(parse_jws(raw, typ="kb+jwt", kid=False), SIGNER.public_jwk())
    assert jws.kid == b""
    with pytest.raises(Malformed, match="expected a JSON object"):
        jws.claims()
    with pytest.raises(Malformed, match="exactly alg, kid, typ"):
        parse_jws(raw, typ="kb+jwt")


def test_another_key_does_not_verify() -> None:
    jws = parse_jws(sign_jws({"typ": TYP}, {}, SIGNER), typ=TYP, kid=False)
    with pytest.raises(Untrusted) as caught:
        verify_jws(jws, OTHER.public_jwk())
    assert caught.value.code == "jws_signature"


def test_a_kid_that_names_another_key_is_untrusted_before_any_arithmetic() -> None:
    jws = parse_jws(raw_jws(good_header(kid=OTHER.public_jwk().kid())), typ=TYP)
    with pytest.raises(Untrusted) as caught:
        verify_jws(jws, SIGNER.public_jwk())
    assert caught.value.code == "jws_kid"


def test_the_caller_cannot_choose_the_algorithm() -> None:
    with pytest.raises(ValueError, match="caller"):
        sign_jws({"alg": "none", "typ": TYP}, {}, SIGNER)


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (good_header(alg="none"), "jws_alg"),
        (good_header(alg="HS256"), "jws_alg"),
        (good_header(typ="JWT"), "jws_typ"),
        (good_header(crit=["exp"]), "jws_header"),
        (good_header(jwk=SIGNER.public_jwk().to_json()), "jws_header"),
        (good_header(jku="https://example.org"), "jws_header"),
        (good_header(x5u="https://example.org"), "jws_header"),
        ({"alg": "ES256", "typ": TYP}, "jws_header"),
        (good_header(kid="short"), "base64url"),
        (good_header(kid=b64u(bytes(31))), "length"),
        (good_header(kid=7), "base64url"),
        (good_header(kid="A" * MAX_HEADER_CHARS), "jws_header"),
    ],
)
def test_a_header_with_anything_else_is_malformed(header: dict[str, object], code: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse_jws(raw_jws(header), typ=TYP)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("", "jws"),
        ("a.b", "jws"),
        ("a.b.c.d", "jws"),
        ("é..", "jws"),
        (b"\xff..", "jws"),
        ("A" * 4096, "jws"),
        ("=.e30.AA", "base64url"),
        ("e30.e30.AA", "jws_header"),
        ("W10.e30.AA", "json_object"),
    ],
)
def test_what_is_no_jws_is_malformed(raw: str | bytes, code: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse_jws(raw, typ=TYP)
    assert caught.value.code == code


@pytest.mark.parametrize("raw", [b"hello", b"", b"PK\x03\x04", b"A" * MAX_HEADER_CHARS])
def test_what_is_no_jws_at_all_is_told_what_it_should_be(raw: bytes) -> None:
    for read in (kid_of, parse_jws):
        with pytest.raises(Malformed, match="expected onefile-slip, a JWS of three parts, got 1") as error:
            read(raw, typ="onefile-slip")
        assert error.value.code == "jws"


def test_a_jws_over_the_limit_is_not_even_split() -> None:
    with pytest.raises(Malformed) as caught:
        parse_jws("a" * 100, typ=TYP, limit=99)
    assert caught.value.code == "too_large"


def test_a_jws_of_exactly_the_limit_is_read() -> None:
    raw = raw_jws(good_header())
    assert parse_jws(raw, typ=TYP, limit=len(raw)).raw == raw
    with pytest.raises(Malformed, match="at most"):
        parse_jws(raw, typ=TYP, limit=len(raw) - 1)


def test_claims_are_never_longer_than_a_jws_usually_is() -> None:
    raw = sign_typed(TYP, {"a": "x" * MAX_JWS_CHARS}, SIGNER)
    with pytest.raises(Malformed) as caught:
        parse_jws(raw, typ=TYP, limit=len(raw)).claims()
    assert caught.value.code == "too_large"


def test_a_header_of_exactly_its_limit_is_read() -> None:
    for size, refused in ((MAX_HEADER_CHARS * 3 // 4, False), (MAX_HEADER_CHARS * 3 // 4 + 1, True)):
        header = canonical.dumps(good_header())
        raw = b64u(header + b" " * (size - len(header))).encode() + b".e30." + b64u(bytes(64)).encode()
        if not refused:
            assert kid_of(raw, typ=TYP) == parse_jws(raw, typ=TYP).kid == SIGNER.public_jwk().thumbprint()
            continue
        for read in (kid_of, parse_jws):
            with pytest.raises(Malformed) as caught:
                read(raw, typ=TYP)
            assert caught.value.code == "jws_header"


def test_a_long_header_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(Malformed, match="more than 1024 characters"):
        parse_jws("A" * (MAX_HEADER_CHARS + 4) + ".e30.AA", typ=TYP)


def test_a_short_signature_is_malformed_in_a_jws_and_untrusted_alone() -> None:
    raw = raw_jws(good_header())
    with pytest.raises(Malformed, match="expected 64 bytes"):
        parse_jws(raw.rpartition(".")[0] + "." + b64u(bytes(63)), typ=TYP)
    for code in ({}, {"code": "possession"}):
        with pytest.raises(Untrusted, match="64 bytes, got 63") as caught:
            verify_es256(SIGNER.public_jwk(), b"", bytes(63), **code)
        assert caught.value.code == code.get("code", "es256_signature")


def test_a_zero_signature_is_untrusted() -> None:
    with pytest.raises(Untrusted) as caught:
        verify_es256(SIGNER.public_jwk(), b"data", bytes(64), code="possession")
    assert caught.value.code == "possession"


def test_the_thumbprint_is_that_of_rfc_7638() -> None:
    # The members in lexicographic order without spaces, as in RFC 7638 §3.2 for an EC key.
    jwk = SIGNER.public_jwk()
    text = f'{{"crv":"P-256","kty":"EC","x":"{b64u(jwk.x)}","y":"{b64u(jwk.y)}"}}'
    assert jwk.thumbprint() == hashlib.sha256(text.encode()).digest()
    assert jwk.kid() == b64u(jwk.thumbprint())


def test_a_jwk_reads_back() -> None:
    jwk = SIGNER.public_jwk()
    assert PublicJwk.from_json(jwk.to_json()) == jwk


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"kty": "OKP"}, "jwk"),
        ({"crv": "P-384"}, "jwk"),
        ({"d": "AA"}, "jwk"),
        ({"x": b64u(bytes(31))}, "length"),
        ({"y": b64u(bytes(31))}, "length"),
        ({"y": 5}, "base64url"),
        ({"x": b64u(bytes(32))}, "jwk_point"),
        ({"x": b64u(b"\xff" * 32)}, "jwk_point"),
        ({"y": b64u(b"\xff" * 32)}, "jwk_point"),
    ],
)
def test_a_jwk_of_another_form_is_malformed(changes: dict[str, object], code: str) -> None:
    with pytest.raises(Malformed) as caught:
        PublicJwk.from_json({**SIGNER.public_jwk().to_json(), **changes})
    assert caught.value.code == code


@pytest.mark.parametrize("value", [None, [], "x", {}])
def test_what_is_no_jwk_is_malformed(value: object) -> None:
    with pytest.raises(Malformed, match="exactly kty"):
        PublicJwk.from_json(value)


def test_coordinates_of_another_length_are_refused_not_padded() -> None:
    for x, y in ((b"\x01", bytes(32)), (bytes(32), b"\x01")):
        with pytest.raises(Malformed, match="32 bytes") as caught:
            PublicJwk(x, y)
        assert caught.value.code == "jwk"


def _points() -> list[tuple[int, int]]:
    """The points of P-256 with the smallest x: x plus the field's size fits into 32 bytes, too."""
    found = []
    for x in range(20):
        square = (x**3 - 3 * x + B) % P
        y = pow(square, (P + 1) // 4, P)
        if y * y % P == square:
            found.append((x, y))
    return found


def test_a_point_has_one_spelling() -> None:
    assert [x for x, _ in _points()][:2] == [0, 5]
    for x, y in _points():
        assert PublicJwk(x.to_bytes(32, "big"), y.to_bytes(32, "big")).y == y.to_bytes(32, "big")
        with pytest.raises(Malformed) as caught:
            PublicJwk((x + P).to_bytes(32, "big"), y.to_bytes(32, "big"))
        assert caught.value.code == "jwk_point"


@pytest.mark.parametrize("secret", [bytes(32), N.to_bytes(32, "big"), b"\xff" * 32, b"\x01", bytes(33)])
def test_a_scalar_out_of_range_is_no_key(secret: bytes) -> None:
    with pytest.raises(Malformed, match="scalar") as caught:
        P256Signer.from_secret(secret)
    assert caught.value.code == "jwk_secret"


@pytest.mark.parametrize("scalar", [1, N - 1])
def test_the_first_and_the_last_scalar_are_keys(scalar: int) -> None:
    key = P256Signer.from_secret(scalar.to_bytes(32, "big"))
    assert key.public_jwk().x.hex().startswith("6b17d1f2e12c4247")  # of the generator and of its negative


def test_a_key_of_another_curve_is_refused() -> None:
    stranger = ec.generate_private_key(ec.SECP384R1())
    for take in (lambda: P256Signer(stranger), lambda: PublicJwk.of(stranger.public_key())):
        with pytest.raises(Malformed, match="P-256") as caught:
            take()
        assert caught.value.code == "jwk"


def test_signing_again_gives_the_same_bytes() -> None:
    assert sign_typed(TYP, {"a": 1}, SIGNER) == sign_typed(TYP, {"a": 1}, SIGNER)


def test_a_signer_never_prints_its_key() -> None:
    assert repr(SIGNER) == "P256Signer(****)"


def test_the_signer_that_a_jws_names_is_told_from_its_header_alone() -> None:
    raw = sign_typed("t", {"a": 1}, SIGNER).encode("ascii")
    assert kid_of(raw, typ="t") == kid_of(raw.split(b".")[0] + b".garbage", typ="t") == SIGNER.public_jwk().thumbprint()
    for wrong in (b"", b"x" * 5000, raw[1:], sign_typed("u", {}, SIGNER).encode("ascii")):
        with pytest.raises(Malformed):
            kid_of(wrong, typ="t")
