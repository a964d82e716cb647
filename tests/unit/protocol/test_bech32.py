"""Bech32 as age uses it: BIP-173's own vectors, and each way to be wrong."""

from __future__ import annotations

import pytest

from protocol import bech32
from protocol.errors import Malformed

ZERO = bech32.encode("age", bytes(32))


def decode(text: str, hrp: str = "age", length: int = 32) -> bytes:
    return bech32.decode(text, hrp=hrp, length=length, what="key")


@pytest.mark.parametrize(
    "text",
    [
        "A12UEL5L",
        "a12uel5l",
        "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
        "?1ezyfcl",
    ],
)
def test_the_empty_strings_of_bip_173_are_read(text: str) -> None:
    hrp = text[: text.rindex("1")].lower()
    assert decode(text, hrp, 0) == b""
    assert bech32.encode(hrp, b"") == text.lower()


def test_a_long_string_of_bip_173_is_read() -> None:
    text = "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw"
    assert decode(text, "abcdef", 20).hex() == "00443214c74254b635cf84653a56d7c675be77df"
    assert bech32.encode("abcdef", bytes.fromhex("00443214c74254b635cf84653a56d7c675be77df")) == text


@pytest.mark.parametrize("text", ["A1G7SGD8", "pzry9x0s0muk", "1pzry9x0s0muk", "x1b4n0q5v", "li1dgmt3", "10a06t8"])
def test_the_wrong_strings_of_bip_173_are_refused(text: str) -> None:
    with pytest.raises(Malformed):
        decode(text, text.rpartition("1")[0].lower() or "a", 0)


def test_upper_case_reads_as_lower_case_does() -> None:
    assert decode(ZERO.upper()) == bytes(32)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (ZERO[:10].upper() + ZERO[10:], "bech32_case"),
        (ZERO + "\N{KELVIN SIGN}", "bech32_case"),
        ("q" * 4097, "too_large"),
        ("agf" + ZERO[3:], "bech32_prefix"),
        ("", "bech32_prefix"),
        ("age", "bech32_prefix"),
        (ZERO[:-1] + "1", "bech32_prefix"),
        (ZERO[:-1] + "b", "bech32_character"),
        (ZERO[:-1] + ("p" if ZERO[-1] != "p" else "q"), "bech32_checksum"),
        ("age1qqqqq", "bech32_checksum"),
    ],
)
def test_a_string_with_one_fault_is_refused_by_its_name(text: str, code: str) -> None:
    with pytest.raises(Malformed) as error:
        decode(text)
    assert error.value.code == code


def test_data_of_another_length_is_refused() -> None:
    with pytest.raises(Malformed, match="expected 32 bytes, got 31"):
        decode(bech32.encode("age", bytes(31)))


@pytest.mark.parametrize("values", [[0] * 51 + [1], [0] * 51 + [8], [0] * 49])
def test_padding_has_one_spelling(values: list[int]) -> None:
    text = "age1" + "".join(bech32._CHARSET[v] for v in values + bech32._checksum("age", values))
    with pytest.raises(Malformed) as error:
        decode(text)
    assert error.value.code == "bech32_padding"


def test_a_refusal_does_not_repeat_a_secret() -> None:
    text = "AGE-SECRET-KEY-1" + "Q" * 58
    with pytest.raises(Malformed) as error:
        decode(text, "age-secret-key-")
    assert "QQQ" not in str(error.value).upper()
