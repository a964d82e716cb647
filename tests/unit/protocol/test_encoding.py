"""Text encodings: one spelling for each value."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.encoding import b64, b64u, base45, hex0x, u32, u64, unb64, unb64u, unbase45, unhex0x
from protocol.errors import Malformed

PAIRS: list[tuple[Callable[[bytes], str], Callable[..., bytes]]] = [(b64u, unb64u), (b64, unb64), (hex0x, unhex0x)]


@given(st.binary(max_size=70))
def test_every_encoding_reads_back(data: bytes) -> None:
    for write, read in [*PAIRS, (base45, unbase45)]:
        assert read(write(data)) == data


@given(st.text(max_size=12))
def test_any_text_reads_back_to_itself_or_is_malformed(text: str) -> None:
    for write, read in [*PAIRS, (base45, unbase45)]:
        try:
            data = read(text)
        except Malformed:
            continue
        assert write(data) == text


@pytest.mark.parametrize("text", ["QUJD=", "QUI=", "Q", "QUK", "QU J", "QU+D", "QU/D", "Ａ", 7, None, b"QUJD"])
def test_base64url_has_one_spelling(text: object) -> None:
    with pytest.raises(Malformed) as caught:
        unb64u(text)
    assert caught.value.code == "base64url"


@pytest.mark.parametrize("text", ["QUI", "QUK=", "QU-D", "Q", "QUJD\n", "Ａ", 7, None])
def test_base64_has_one_spelling(text: object) -> None:
    with pytest.raises(Malformed) as caught:
        unb64(text)
    assert caught.value.code == "base64"


@pytest.mark.parametrize("text", ["", "00", "0x0", "0xAB", "0Xab", "0xzz", "0x0١", 5])
def test_hex_has_one_spelling(text: object) -> None:
    with pytest.raises(Malformed) as caught:
        unhex0x(text)
    assert caught.value.code == "hex"


@pytest.mark.parametrize(
    ("data", "text"), [(b"AB", "BB8"), (b"Hello!!", "%69 VD92EX0"), (b"base-45", "UJCLQE7W581"), (b"ietf!", "QED8WEX0")]
)
def test_base45_gives_the_examples_of_rfc_9285(data: bytes, text: str) -> None:
    assert base45(data) == text
    assert unbase45(text) == data


@pytest.mark.parametrize("text", ["A", "AAAA", "aa", "GGW", ":::", "::", "V5", "A,", 5])
def test_base45_out_of_range_or_alphabet_is_malformed(text: object) -> None:
    with pytest.raises(Malformed) as caught:
        unbase45(text)
    assert caught.value.code == "base45"


@pytest.mark.parametrize(("write", "read"), PAIRS)
def test_a_wrong_length_is_refused_with_both_numbers(
    write: Callable[[bytes], str], read: Callable[..., bytes]
) -> None:
    assert read(write(bytes(32)), length=32) == bytes(32)
    with pytest.raises(Malformed, match="thing: expected 32 bytes, got 31"):
        read(write(bytes(31)), length=32, what="thing")


@pytest.mark.parametrize("read", [unb64u, unb64, unhex0x, unbase45])
def test_what_has_no_name_is_called_a_value(read: Callable[..., bytes]) -> None:
    with pytest.raises(Malformed, match=r"^value: expected "):
        read(7)


def test_only_the_padding_is_left_out() -> None:
    assert (b64u(b"\x00\x00\x17"), b64u(b"\x05\xdf"), b64u(b"\x5d")) == ("AAAX", "Bd8", "XQ")


def test_integers_are_big_endian() -> None:
    assert u32(258) == b"\x00\x00\x01\x02"
    assert u64(258) == b"\x00" * 6 + b"\x01\x02"
