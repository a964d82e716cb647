"""Request codes: who asks at a window, for which scenario, for one minute; one encoding each."""

from __future__ import annotations

from dataclasses import replace

import cbor2
import pytest
import qrcode

from protocol.encoding import base45, unbase45
from protocol.errors import Denied, Malformed, Untrusted
from protocol.hashing import sha256
from protocol.jose import P256Signer
from protocol.request_code import (
    MAX_DESK,
    RequestCode,
    answer_id,
    match_number,
    parse_request,
    sign_request,
    verify_request,
)

SIGNER = P256Signer.from_secret(bytes(31) + b"\x02")
OTHER = P256Signer.from_secret(bytes(31) + b"\x03")
ORIGIN = "onefile/31337/0x" + "44" * 20 + "/main"
NOW = 1_800_000_000
CODE = RequestCode(b"\xa1" * 20, 7, bytes(range(16)), NOW + 60, b"\x25" * 32, NOW, b"\x5c" * 32)
TEXT = sign_request(CODE, SIGNER, origin=ORIGIN)
PAYLOAD = {1: CODE.agency, 2: 7, 3: CODE.nonce, 4: NOW + 60, 5: CODE.sealing, 6: NOW, 7: CODE.scenario}


def resigned(payload: object, *, protected: bytes = b"\xa1\x01\x26", unprotected: object = None) -> str:
    body = payload if isinstance(payload, bytes) else cbor2.dumps(payload)
    signature = SIGNER.sign(cbor2.dumps(["Signature1", protected, ORIGIN.encode(), body]))
    return "OFR:" + base45(cbor2.dumps(cbor2.CBORTag(18, [protected, unprotected or {}, body, signature])))


@pytest.mark.parametrize("desk", [1, 23, 24, 255, 256, MAX_DESK])
def test_a_request_verifies_whatever_the_desk(desk: int) -> None:
    code = replace(CODE, desk=desk)
    found = parse_request(sign_request(code, SIGNER, origin=ORIGIN))
    assert verify_request(found, SIGNER.public_jwk(), origin=ORIGIN, now=NOW + 59) == code


def test_a_request_has_202_bytes_at_most_and_fits_version_10_at_level_m() -> None:
    text = sign_request(replace(CODE, desk=MAX_DESK), SIGNER, origin=ORIGIN)
    drawn = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M)
    drawn.add_data(text, optimize=0)
    drawn.make(fit=True)
    assert (len(unbase45(text[4:])), drawn.version) == (202, 10)


def test_a_general_cbor_writer_makes_a_request_that_we_read() -> None:
    found = parse_request(resigned(PAYLOAD))
    assert verify_request(found, SIGNER.public_jwk(), origin=ORIGIN, now=NOW) == CODE
    assert cbor2.loads(unbase45(TEXT[4:])).value[2] == cbor2.dumps(PAYLOAD)


@pytest.mark.parametrize(
    ("key", "origin", "now", "error", "code"),
    [
        (OTHER, ORIGIN, NOW, Untrusted, "request_signature"),
        (SIGNER, ORIGIN.replace("31337", "1"), NOW, Untrusted, "request_signature"),
        (SIGNER, ORIGIN.replace("main", "other"), NOW, Untrusted, "request_signature"),
        (SIGNER, ORIGIN, NOW + 60, Denied, "request_expired"),
        (SIGNER, ORIGIN, NOW - 6, Denied, "request_expired"),
    ],
)
def test_a_request_of_another_key_log_or_minute_is_refused(
    key: P256Signer, origin: str, now: int, error: type[Exception], code: str
) -> None:
    with pytest.raises(error) as caught:
        verify_request(parse_request(TEXT), key.public_jwk(), origin=origin, now=now)
    assert caught.value.code == code  # type: ignore[attr-defined]


def test_a_clock_a_little_ahead_is_borne() -> None:
    assert verify_request(parse_request(TEXT), SIGNER.public_jwk(), origin=ORIGIN, now=NOW - 5) == CODE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "OFR:",
        "OF1:" + TEXT[4:],
        TEXT + "0",
        TEXT[:-1],
        TEXT.lower(),
        TEXT + TEXT,
        "OFR:" + base45(unbase45(TEXT[4:])[:-1]),
        "OFR:" + base45(unbase45(TEXT[4:])[1:]),
        resigned(PAYLOAD, unprotected={4: b"k"}),
        resigned(PAYLOAD, protected=b"\xa1\x01\x27"),
        resigned({**PAYLOAD, 8: 1}),
        resigned({name: value for name, value in PAYLOAD.items() if name != 6}),
        resigned({**PAYLOAD, 2: -1}),
        resigned({**PAYLOAD, 2: 0}),
        resigned({**PAYLOAD, 2: MAX_DESK + 1}),
        resigned({**PAYLOAD, 3: bytes(15)}),
        resigned({**PAYLOAD, 3: "x" * 16}),
        resigned({**PAYLOAD, 4: NOW}),
        resigned({**PAYLOAD, 4: NOW + 61}),
        resigned({**PAYLOAD, 4: 2**32, 6: 2**32 - 1}),
        resigned(dict(reversed(PAYLOAD.items()))),
        resigned(cbor2.dumps(PAYLOAD) + b"\x00"),
        resigned(cbor2.dumps(PAYLOAD).replace(b"\x02\x07", b"\x02\x18\x07")),
        resigned(b"\xa7\x01\x54"),
    ],
)
def test_every_other_spelling_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        parse_request(text)


@pytest.mark.parametrize("changed", [{"agency": bytes(19)}, {"nonce": bytes(17)}, {"sealing": b""}, {"scenario": bytes(31)}])
def test_no_request_is_made_with_parts_of_another_length(changed: dict[str, bytes]) -> None:
    with pytest.raises(Malformed):
        replace(CODE, **changed)


def test_the_answers_id_belongs_to_one_request() -> None:
    assert answer_id(CODE.nonce) == sha256(b"onefile/request-grant/v1" + CODE.nonce)
    assert answer_id(CODE.nonce) != answer_id(bytes(16))


def test_the_match_number_has_four_digits_and_follows_the_grant() -> None:
    numbers = [match_number(CODE.nonce, bytes([n]) * 32) for n in range(200)]
    assert all(len(number) == 4 and number.isdigit() for number in numbers)
    assert len(set(numbers)) > 190
    assert numbers[0] != match_number(bytes(16), bytes(32))
