"""Statements on paper copies, and stamps: forms, times, links and codes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from protocol import packed
from protocol.credential import StatusRef
from protocol.encoding import b64u, base45
from protocol.errors import Denied, Malformed, OneFileError, Untrusted
from protocol.jose import P256Signer, sign_typed
from protocol.paper import (
    MAX_DIGITS,
    MAX_LIFETIME_S,
    PAPER_TYP,
    Paper,
    paper_in_link,
    paper_link,
    parse_paper,
    sign_paper,
    verify_paper,
)
from protocol.stamp import MAX_CODE_CHARS, Particulars, Stamp, parse_stamp, stamp_code
from protocol.statements import Statement, parse_statement, sign_statement
from tests.credential_samples import BANK_URN, ISSUER_URN
from tests.log_samples import ORIGIN

KEY = P256Signer.from_secret(bytes(31) + b"\x21")
NOW = 1_790_001_000
ACCOUNT = ISSUER_URN.rpartition(":")[2]
PAPER = Paper(
    iss=ISSUER_URN,
    log=ORIGIN,
    iat=NOW,
    exp=NOW + 1000,
    vct="urn:onefile:licence:driving-licence:1",
    status=StatusRef(f"urn:onefile:status:{ACCOUNT}:0", 7),
    claims={"/holder/name": "示例", "/penalty_points": 3, "/valid": True},
)


def code_of(caught: pytest.ExceptionInfo[OneFileError]) -> str:
    return caught.value.code


# --- the statement --------------------------------------------------------------------------------


def test_a_paper_is_read_as_it_was_signed() -> None:
    raw = sign_paper(PAPER, KEY)
    assert verify_paper(raw, KEY.public_jwk(), log=ORIGIN, now=NOW).body == PAPER
    assert parse_paper(raw).raw == raw


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"aud": "window"}, "field_form"),
        ({"exp": NOW}, "paper_time"),
        ({"exp": NOW + MAX_LIFETIME_S + 1}, "paper_time"),
        ({"claims": {}}, "paper_claims"),
        ({"claims": {f"/c{n}": "x" for n in range(25)}}, "paper_claims"),
        ({"claims": {"name": "x"}}, "field_form"),
        ({"claims": {"/name": ""}}, "field_length"),
        ({"claims": {"/name": "x" * 201}}, "field_length"),
        ({"claims": {"/name": 1.5}}, "json"),
        ({"claims": {"/name": None}}, "field_type"),
        ({"claims": {"/name": ["x"]}}, "field_type"),
        ({"claims": ["/name"]}, "field_type"),
        ({"vct": "licence"}, "field_form"),
        ({"more": 1}, "field_unknown"),
        ({"status": {"idx": 1, "uri": f"urn:onefile:status:{ACCOUNT}:0", "x": 1}}, "field_unknown"),
    ],
)
def test_a_paper_of_another_form_is_malformed(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse_paper(sign_typed(PAPER_TYP, {**PAPER.to_json(), **changes}, KEY))
    assert code in {code_of(caught), "json"}


def test_an_integer_beyond_what_browsers_count_is_malformed() -> None:
    with pytest.raises(Malformed):
        sign_paper(replace(PAPER, claims={"/n": 2**53}), KEY)


def test_a_status_list_of_another_agency_is_malformed() -> None:
    with pytest.raises(Malformed) as caught:
        sign_paper(replace(PAPER, status=StatusRef(f"urn:onefile:status:0x{'9' * 40}:0", 7)), KEY)
    assert code_of(caught) == "paper_status"


def test_a_paper_of_another_key_log_or_time_is_refused() -> None:
    raw, jwk = sign_paper(PAPER, KEY), KEY.public_jwk()
    with pytest.raises(Untrusted) as caught:
        verify_paper(raw, P256Signer.from_secret(bytes(31) + b"\x22").public_jwk(), log=ORIGIN, now=NOW)
    assert code_of(caught) == "jws_kid"
    with pytest.raises(Untrusted) as caught:
        verify_paper(raw, jwk, log=ORIGIN + "x", now=NOW)
    assert code_of(caught) == "paper_log"
    for now in (NOW - 121, NOW + 1000):
        with pytest.raises(Denied) as denied:
            verify_paper(raw, jwk, log=ORIGIN, now=now)
        assert denied.value.code == "paper_expired"


# --- the link -------------------------------------------------------------------------------------


def test_a_link_carries_the_statement_in_digits() -> None:
    raw = sign_paper(PAPER, KEY)
    link = paper_link("https://vault.example/", raw)
    origin, _, digits = link.partition("#")
    assert origin == "https://vault.example/paper"
    assert digits.isdigit()
    assert paper_in_link(link) == paper_in_link(digits) == raw


@pytest.mark.parametrize(
    "link",
    [
        *("", "x", "12a", "０１２", "0123", "9" * (MAX_DIGITS + 1), "258", "2", "https://vault.example/paper#"),
        str(int.from_bytes(b"\x01" + packed.pack([b"a", b"b"]), "big")),
        str(int.from_bytes(b"\x01" + packed.pack([b"a", b"b", b"c", b"d"]), "big")),
        str(int.from_bytes(b"\x01" + b"\xff" * 9, "big")),
    ],
)
def test_what_is_no_link_of_ours_is_malformed(link: str) -> None:
    with pytest.raises(Malformed):
        paper_in_link(link)


def test_the_largest_statement_with_room_has_a_link_that_is_read() -> None:
    noise = "".join(b64u(KEY.sign(bytes([n]))) for n in range(9))
    links = []
    for size in range(400, len(noise), 2):
        claims = {f"/c{start}": noise[start : min(size, start + 190)] for start in range(0, size, 190)}
        raw = sign_paper(replace(PAPER, claims=claims), KEY)
        try:
            links.append((raw, paper_link("https://vault.example", raw)))
        except Malformed:
            break
    raw, link = links[-1]
    assert MAX_DIGITS - 40 < len(link.partition("#")[2]) <= MAX_DIGITS
    assert paper_in_link(link) == raw


def test_a_statement_without_room_in_a_code_is_refused() -> None:
    noise = {f"/claim_{n}": b64u(KEY.sign(bytes([n]))) for n in range(24)}
    with pytest.raises(Malformed) as caught:
        paper_link("https://vault.example", sign_paper(replace(PAPER, claims=noise), KEY))
    assert code_of(caught) == "code_too_large"


# --- packing --------------------------------------------------------------------------------------


def test_parts_come_back_as_they_were_packed() -> None:
    parts = (b"", b"one", b"\x00" * 300)
    assert packed.unpack(packed.pack(parts), 3) == parts


@pytest.mark.parametrize("parts", [[b"x" * 0x1_0000], [b"x" * 5000] * 2])
def test_parts_that_are_too_large_are_not_packed(parts: list[bytes]) -> None:
    with pytest.raises(Malformed) as caught:
        packed.pack(parts)
    assert code_of(caught) == "code_too_large"


def deflated(raw: bytes) -> bytes:
    import zlib

    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return packer.compress(raw) + packer.flush()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff",
        deflated(b"\x00"),
        deflated(b"\x00\x05abc"),
        deflated(b"\x00\x01a\x00\x01b"),
        deflated(b"\x00\x01a") + b"more",
        deflated(b"\x00\x01a")[:-1],
        deflated(b"\x00" * 9000),
    ],
)
def test_what_does_not_unpack_to_its_parts_is_malformed_and_bounded(raw: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        packed.unpack(raw, 1)
    assert code_of(caught) == "code_packed"


# --- stamps ---------------------------------------------------------------------------------------

PARTICULARS = Particulars(bytes(16), "贷款审查", NOW + 1000, b"\x07" * 32, 1234, 2)


def a_statement(**changes: Any) -> Statement:
    given = {"kind": "stamp", "about": b"\x05" * 32, "text": PARTICULARS.text(), **changes}
    return Statement(b64u(bytes(16)), NOW, BANK_URN, ORIGIN, **given)


def a_stamp(**changes: Any) -> Stamp:
    return Stamp(parse_statement(sign_statement(a_statement(**changes), KEY)), PARTICULARS, b"\x09" * 32, 41)


def test_a_stamp_is_read_as_it_was_drawn() -> None:
    made = a_stamp()
    text = stamp_code(made)
    assert text.startswith("OFS:")
    assert parse_stamp(text) == made


def test_the_statement_tells_nothing_that_could_be_guessed() -> None:
    other = replace(PARTICULARS, salt=b"\x01" * 16)
    assert PARTICULARS.text() != other.text()
    assert "贷款" not in PARTICULARS.text()


@pytest.mark.parametrize("changes", [{"kind": "review"}, {"text": "stamp:x"}, {"text": None}])
def test_parts_of_two_stamps_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Untrusted) as caught:
        parse_stamp(stamp_code(a_stamp(**changes)))
    assert code_of(caught) == "stamp_other"


def test_what_is_no_stamp_is_malformed() -> None:
    made = a_stamp()
    short = packed.pack((*packed.jws_parts(made.statement.raw), PARTICULARS.serialise(), b"tail"))
    for text in ("", "OF1:X", "OFS:", "OFS:" + "A" * MAX_CODE_CHARS, "OFS:" + base45(short)):
        with pytest.raises(Malformed):
            parse_stamp(text)


def test_a_stamp_without_room_in_a_code_is_refused() -> None:
    noise = "".join(chr(0x4E00 + (n * n * 7919) % 20_000) for n in range(450))
    with pytest.raises(Malformed) as caught:
        stamp_code(a_stamp(text=noise))
    assert code_of(caught) == "code_too_large"


@pytest.mark.parametrize(
    "changes",
    [
        {"purpose": ""},
        {"purpose": "长" * 81},
        {"size": 0},
        {"pages": 501},
        {"until": -1},
        {"salt": b"short"},
        {"sha256": b"short"},
    ],
)
def test_particulars_of_another_form_are_malformed(changes: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        replace(PARTICULARS, **changes).serialise()


def test_another_spelling_of_particulars_is_malformed() -> None:
    with pytest.raises(Malformed) as caught:
        Particulars.parse(PARTICULARS.serialise().replace(b'"v":1', b'"v": 1'))
    assert code_of(caught) == "stamp_spelling"


@pytest.mark.parametrize("place", ["stamp", "document"])
def test_an_unknown_member_of_particulars_is_malformed(place: str) -> None:
    raw = PARTICULARS.serialise()
    more = raw.replace(b'"v":1', b'"v":1,"w":1') if place == "stamp" else raw.replace(b'"size"', b'"more":1,"size"')
    with pytest.raises(Malformed) as caught:
        Particulars.parse(more)
    assert code_of(caught) == "field_unknown"
