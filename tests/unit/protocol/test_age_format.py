"""The header of an age file: its grammar, its limits, and what is refused before any key is tried."""

from __future__ import annotations

import io

import pytest

from protocol import age_format
from protocol.age_format import (
    MAX_HEADER_BYTES,
    MAX_STANZAS,
    Header,
    Stanza,
    parse_header,
    parse_whole_header,
    raw_b64,
    raw_unb64,
    read_header,
    signed_bytes,
    signed_part,
)
from protocol.errors import Malformed

MAC = bytes(range(32))
WRAPPED = bytes(32)
X25519 = Stanza("X25519", (raw_b64(bytes(32)),), WRAPPED)
SCRYPT = Stanza("scrypt", (raw_b64(bytes(16)), "16"), WRAPPED)
HEADER = Header((X25519,), MAC)
RAW = HEADER.serialise()


def refused(raw: bytes) -> str:
    with pytest.raises(Malformed) as error:
        parse_header(raw)
    return error.value.code


def with_lines(*lines: str) -> bytes:
    return "\n".join(("age-encryption.org/v1", *lines, "--- " + raw_b64(MAC), "")).encode("latin-1")


def test_a_header_reads_as_the_specification_shows_it() -> None:
    raw = (
        b"age-encryption.org/v1\n-> X25519 XEl0dJ6y3C7KZkgmgWUicg63EyXJiwBJW8PdYJ/cYBE\n"
        b"qRS0AMjdjPvZ/WT08U2KL4G+PIooA3hy38SvLpvaC1E\n--- HK2NmOBN9Dpq0Gw6xMCuhFcQlQLvZ/wQUi/2scLG75s\n"
    )
    header, length = parse_header(raw + b"payload")
    assert length == len(raw)
    assert header.stanzas[0].tag == "X25519"
    assert header.stanzas[0].args == ("XEl0dJ6y3C7KZkgmgWUicg63EyXJiwBJW8PdYJ/cYBE",)
    assert header.serialise() == raw


def test_what_the_mac_covers_ends_with_the_three_dashes() -> None:
    assert signed_part(RAW) == signed_bytes((X25519,)) == RAW[: RAW.index(b"\n---") + 4]


@pytest.mark.parametrize("size", [0, 1, 47, 48, 49, 96, 4096])
def test_a_body_ends_with_a_short_line_whatever_its_size(size: int) -> None:
    stanza = Stanza("grease", (), bytes(size))
    lines = stanza.serialise().decode().split("\n")
    assert lines[-1] == ""
    assert len(lines[-2]) < 64
    assert all(len(line) == 64 for line in lines[1:-2])
    assert parse_whole_header(Header((stanza,), MAC).serialise()).stanzas == (stanza,)


def test_the_stored_header_may_have_nothing_behind_it() -> None:
    assert parse_whole_header(RAW) == HEADER
    with pytest.raises(Malformed, match="1 bytes follow the age header") as error:
        parse_whole_header(RAW + b"\n")
    assert error.value.code == "age_header_trailing"


def test_reading_a_header_leaves_the_stream_at_the_payload() -> None:
    stream = io.BytesIO(RAW + b"payload\n---\n")
    assert read_header(stream) == RAW
    assert stream.read() == b"payload\n---\n"


@pytest.mark.parametrize(
    "raw",
    [b"", b"age-encryption.org/v1\n", RAW[:-1], b"x" * (MAX_HEADER_BYTES + 9), b"-> a\n" * (MAX_HEADER_BYTES // 3)],
    ids=["nothing", "a version", "no end", "one endless line", "endless lines"],
)
def test_reading_a_header_from_a_stream_that_has_none_ends_soon(raw: bytes) -> None:
    stream = io.BytesIO(raw)
    with pytest.raises(Malformed):
        read_header(stream)
    assert stream.tell() <= MAX_HEADER_BYTES


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "age_header_truncated"),
        (b"\n" * (MAX_HEADER_BYTES + 1), "age_header_version"),
        (b"x" * (MAX_HEADER_BYTES + 1), "age_header_limit"),
        (b"x" * MAX_HEADER_BYTES, "age_header_limit"),
        (Header((Stanza("a", ("x" * 4000,), b""),) * 66, MAC).serialise(), "age_header_limit"),
        (b"-----BEGIN AGE ENCRYPTED FILE-----\n", "age_armored"),
        (b"age-encryption.org/v2\n" + RAW[22:], "age_header_version"),
        (RAW.replace(b"\n", b"\r\n"), "age_header_version"),
        (RAW[:-1], "age_header_truncated"),
        (RAW[:30], "age_header_truncated"),
        (RAW.replace(b"--- ", b"---"), "age_header_end"),
        (RAW[:-2] + b"\n", "age_header_end"),
        (RAW[:-2] + b"=\n", "age_base64"),
        (RAW[:-2] + b"9\n", "age_base64"),
        (with_lines(), "age_stanza_count"),
        (with_lines("-> ", ""), "age_stanza_argument"),
        (with_lines("-> a  b", ""), "age_stanza_argument"),
        (with_lines("-> a \x7f", ""), "age_stanza_argument"),
        (with_lines("-> a \xe9", ""), "age_stanza_argument"),
        (with_lines("-> a " + "x" * 4097, ""), "age_stanza_argument"),
        (with_lines("-> a" + " x" * 16, ""), "age_stanza_limit"),
        (with_lines("-> a", "A" * 65), "age_stanza_limit"),
        (with_lines("-> a", *["A" * 64] * 200, ""), "age_stanza_limit"),
        (with_lines("-> a", *["A" * 64] * 86, ""), "age_stanza_limit"),
        (with_lines("-> a", "é"), "age_stanza_body"),
        (with_lines("-> a", "AAAA="), "age_stanza_body"),
        (with_lines("-> a", "A"), "age_base64"),
        (with_lines("-> a", "AB"), "age_base64"),
        (with_lines(*["-> a", ""] * (MAX_STANZAS + 1)), "age_stanza_limit"),
    ],
)
def test_a_header_with_one_fault_is_refused_by_its_name(raw: bytes, code: str) -> None:
    assert refused(raw) == code


@pytest.mark.parametrize(
    ("stanzas", "code"),
    [
        ((Stanza("X25519", (), WRAPPED),), "age_stanza_form"),
        ((Stanza("X25519", X25519.args * 2, WRAPPED),), "age_stanza_form"),
        ((Stanza("X25519", (raw_b64(bytes(31)),), WRAPPED),), "length"),
        ((Stanza("X25519", X25519.args, bytes(33)),), "age_stanza_form"),
        ((Stanza("mlkem768x25519", X25519.args, WRAPPED),), "length"),
        ((Stanza("mlkem768x25519", (raw_b64(bytes(1120)),), bytes(31)),), "age_stanza_form"),
        ((Stanza("scrypt", SCRYPT.args[:1], WRAPPED),), "age_stanza_form"),
        ((Stanza("scrypt", (raw_b64(bytes(15)), "16"), WRAPPED),), "length"),
        ((Stanza("scrypt", (SCRYPT.args[0], "23"), WRAPPED),), "age_scrypt_work"),
        ((Stanza("scrypt", (SCRYPT.args[0], "016"), WRAPPED),), "age_scrypt_work"),
        ((Stanza("scrypt", SCRYPT.args, bytes(48)),), "age_stanza_form"),
        ((SCRYPT, X25519), "age_scrypt_alone"),
        ((X25519, SCRYPT), "age_scrypt_alone"),
        ((), "age_stanza_count"),
    ],
)
def test_a_native_stanza_of_another_shape_spoils_the_header_for_every_reader(
    stanzas: tuple[Stanza, ...], code: str
) -> None:
    with pytest.raises(Malformed) as error:
        Header(stanzas, MAC)
    assert error.value.code == code


def test_a_stanza_cannot_be_built_with_an_argument_that_would_break_its_line() -> None:
    for bad in ("a b", "a\n", "", "\N{ARABIC-INDIC DIGIT ONE}"):
        with pytest.raises(Malformed, match="bad argument"):
            Stanza("grease", (bad,), b"")


@pytest.mark.parametrize(
    "stanza",
    [Stanza("a", ("x" * 4096,) + ("x",) * 14, b""), Stanza("a", (), bytes(4096)), Stanza("scrypt", (SCRYPT.args[0], "22"), WRAPPED)],
    ids=["arguments", "body", "work factor"],
)  # fmt: skip
def test_a_stanza_at_its_bounds_is_read(stanza: Stanza) -> None:
    assert parse_whole_header(Header((stanza,), MAC).serialise()).stanzas == (stanza,)


def test_unknown_stanzas_pass_untouched() -> None:
    stanzas = (Stanza("p256tag", ("CXBuUw", "x"), b"?" * 32), Stanza("ssh-ed25519", ("abc",), b""), X25519)
    assert parse_whole_header(Header(stanzas, MAC).serialise()).stanzas == stanzas


def test_a_mac_of_another_length_is_refused() -> None:
    with pytest.raises(Malformed, match="MAC of 32 bytes") as error:
        Header((X25519,), bytes(31))
    assert error.value.code == "age_header_end"


def test_as_many_members_as_a_key_ring_may_have_fit_into_one_header() -> None:
    hybrid = Stanza("mlkem768x25519", (raw_b64(bytes(1120)),), WRAPPED)
    raw = Header((hybrid,) * MAX_STANZAS, MAC).serialise()
    assert len(raw) <= MAX_HEADER_BYTES
    assert len(parse_whole_header(raw).stanzas) == MAX_STANZAS


@pytest.mark.parametrize("value", range(64))
def test_base64_is_read_back_whatever_its_last_character(value: int) -> None:
    assert raw_unb64(raw_b64(bytes([0, 0, value])), what="x") == bytes([0, 0, value])


def test_base64_of_any_length_is_read_if_none_is_asked_for() -> None:
    assert raw_unb64("AAA", what="x") == bytes(2)
    assert age_format.raw_b64(b"") == ""


@pytest.mark.parametrize("text", ["A", "AAAAA", "A!", "AA A", "AA==", "AA-_", "AB", "AAB"])
def test_what_is_no_canonical_base64_is_malformed(text: str) -> None:
    with pytest.raises(Malformed) as caught:
        raw_unb64(text, what="x")
    assert caught.value.code == "age_base64"
