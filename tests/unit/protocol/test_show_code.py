"""Show codes: small, one encoding each, gone after a minute."""

from __future__ import annotations

import secrets

import cbor2
import pytest
import qrcode

from protocol.encoding import base45, unbase45
from protocol.errors import Denied, Malformed, OneFileError
from protocol.jose import P256Signer, verify_es256
from protocol.show_code import (
    MAX_COUNTER,
    ShowCode,
    log_prefix,
    new_show_code,
    parse_show_code,
    sign_show_code,
    verify_show_code,
)

SIGNER = P256Signer.from_secret(bytes(31) + b"\x02")
OTHER = P256Signer.from_secret(bytes(31) + b"\x03")
ORIGIN = "onefile/31337/0x" + "44" * 20 + "/main"
NOW = 1_800_000_000
SESSION = bytes(range(16))
CODE = new_show_code(SESSION, 3, origin=ORIGIN, now=NOW)
TEXT = sign_show_code(CODE, SIGNER)
COSE = unbase45(TEXT[4:])


def text_of(cose: bytes) -> str:
    return "OF1:" + base45(cose)


def resigned(payload: object, *, protected: bytes = b"\xa1\x01\x26", unprotected: object = None) -> str:
    body = payload if isinstance(payload, bytes) else cbor2.dumps(payload)
    signature = SIGNER.sign(cbor2.dumps(["Signature1", protected, b"", body]))
    return text_of(cbor2.dumps(cbor2.CBORTag(18, [protected, unprotected or {}, body, signature])))


def fields(**changes: object) -> dict[object, object]:
    base: dict[object, object] = {1: SESSION, 2: 3, 4: NOW + 60, 6: NOW, 7: log_prefix(ORIGIN)}
    return {k: changes.get(f"k{k}", v) for k, v in base.items()}


@pytest.mark.parametrize("counter", [0, 23, 24, 255, 256, MAX_COUNTER])
def test_a_code_verifies_whatever_its_counter(counter: int) -> None:
    code = new_show_code(SESSION, counter, origin=ORIGIN, now=NOW)
    text = sign_show_code(code, SIGNER)
    assert verify_show_code(text, SIGNER.public_jwk(), origin=ORIGIN, now=NOW + 59) == code
    assert len(unbase45(text[4:])) <= 120


def test_a_code_has_118_bytes_and_fits_version_8_at_level_m() -> None:
    assert len(COSE) == 118
    assert len(TEXT) == 181
    for _ in range(20):
        code = new_show_code(secrets.token_bytes(16), MAX_COUNTER, origin=ORIGIN, now=NOW)
        drawn = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M)
        drawn.add_data(sign_show_code(code, SIGNER), optimize=0)
        drawn.make(fit=True)
        assert drawn.version == 8


def test_a_general_cbor_reader_finds_a_cose_sign1() -> None:
    tagged = cbor2.loads(COSE)
    protected, unprotected, payload, signature = tagged.value
    assert tagged.tag == 18
    assert cbor2.loads(protected) == {1: -7}
    assert unprotected == {}
    assert cbor2.loads(payload) == {1: SESSION, 2: 3, 4: NOW + 60, 6: NOW, 7: log_prefix(ORIGIN)}
    verify_es256(SIGNER.public_jwk(), cbor2.dumps(["Signature1", protected, b"", payload]), signature)


def test_a_general_cbor_writer_makes_a_code_that_we_read() -> None:
    assert verify_show_code(resigned(fields()), SIGNER.public_jwk(), origin=ORIGIN, now=NOW) == CODE


def test_no_key_and_no_name_stands_in_a_code() -> None:
    jwk = SIGNER.public_jwk()
    for secret in (jwk.x, jwk.y, jwk.thumbprint(), jwk.thumbprint()[:8]):
        assert secret not in COSE


@pytest.mark.parametrize(
    ("key", "origin", "now", "code"),
    [
        (OTHER, ORIGIN, NOW, "show_code_signature"),
        (SIGNER, ORIGIN + "2", NOW, "show_code_log"),
        (SIGNER, ORIGIN, NOW + 60, "show_code_expired"),
        (SIGNER, ORIGIN, NOW - 6, "show_code_expired"),
    ],
)
def test_a_code_of_another_key_log_or_minute_is_refused(key: P256Signer, origin: str, now: int, code: str) -> None:
    with pytest.raises(OneFileError) as caught:
        verify_show_code(TEXT, key.public_jwk(), origin=origin, now=now)
    assert caught.value.code == code


def test_a_late_scan_is_denied() -> None:
    with pytest.raises(Denied):
        verify_show_code(TEXT, SIGNER.public_jwk(), origin=ORIGIN, now=NOW + 61)


PAYLOAD = COSE[9:52]
LONG_UINT = PAYLOAD[:20] + b"\x18" + PAYLOAD[20:]  # counter 3 in two bytes


@pytest.mark.parametrize(
    "text",
    [
        "",
        "OF1:",
        "OF2:" + TEXT[4:],
        TEXT.lower(),
        TEXT + "0",
        TEXT + "000",
        TEXT[:-3],
        TEXT + "0" * 30,
        text_of(COSE[1:]),
        text_of(COSE[:9]),
        text_of(COSE[:60]),
        resigned(fields(), unprotected={4: b"kid"}),
        resigned(fields(), protected=b"\xa1\x01\x27"),
        resigned(LONG_UINT),
        resigned(PAYLOAD + b"\x00"),
        resigned(PAYLOAD[:-1]),
        resigned(fields(k2=-1)),
        resigned(fields(k2=2**64)),
        resigned(fields(k2=MAX_COUNTER + 1)),
        resigned(fields(k4=NOW + 61)),
        resigned(fields(k4=NOW)),
        resigned(fields(k4=2**63, k6=2**63 - 60)),
        resigned(fields(k1=bytes(15))),
        resigned(fields(k7=bytes(9))),
        resigned({**fields(), 8: 1}),
        resigned(dict(reversed(fields().items()))),
        resigned(b"\xbf" + bytes(43)),
    ],
)
def test_every_other_spelling_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        parse_show_code(text)


def test_lengths_are_checked_when_a_code_is_built() -> None:
    with pytest.raises(Malformed):
        ShowCode(bytes(15), 0, NOW + 60, NOW, bytes(8))
    with pytest.raises(Malformed):
        ShowCode(bytes(16), 0, NOW + 60, NOW, bytes(7))
    with pytest.raises(Malformed):
        new_show_code(SESSION, MAX_COUNTER + 1, origin=ORIGIN, now=NOW)
    with pytest.raises(Malformed):
        new_show_code(SESSION, 0, origin=ORIGIN, now=2**32)
