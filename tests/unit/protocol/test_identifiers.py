from __future__ import annotations

from typing import Any

import pytest

from protocol.errors import Malformed
from protocol.hashing import keccak256
from protocol.identifiers import (
    AgencyRef,
    CertificateId,
    agency_subject,
    agency_urn,
    check_citizen_number,
    check_credit_code,
    checksum_address,
    dossier_id,
    dossier_urn,
    parse_address,
    parse_agency_urn,
    parse_certificate_id,
    parse_dossier_urn,
)

REGISTRY, ACCOUNT, SALT = b"\x0a" * 20, b"\x0b" * 20, b"\x0c" * 32

# Ids that public implementations printed; the check character is the last.
CERTIFICATES = [
    "1.2.156.3005.2.11100000000013338W011.11430000006122244L.20230000403.002.S",
    "1.2.156.3005.2.11100000000013338W011.11430000006122244L.20230000403.001.U",
    "1.2.156.3005.2.11100000000013338W087.11370800MB28559184.37080001202411010001.001.3",
    "1.2.156.3005.2.11100000000013338W032.11220000013544541J.2430599.001.F",
]


def test_a_dossier_id_is_the_hash_that_the_contract_computes() -> None:
    words = [keccak256(b"onefile/dossier/v1"), (31337).to_bytes(32, "big"), bytes(12) + REGISTRY, bytes(12) + ACCOUNT]
    assert dossier_id(31337, REGISTRY, ACCOUNT, SALT) == keccak256(b"".join(words) + SALT)


def test_a_dossier_id_depends_on_chain_registry_owner_and_salt() -> None:
    ids = {
        dossier_id(1, REGISTRY, ACCOUNT, SALT),
        dossier_id(2, REGISTRY, ACCOUNT, SALT),
        dossier_id(1, ACCOUNT, REGISTRY, SALT),
        dossier_id(1, REGISTRY, ACCOUNT, b"\x0d" * 32),
    }
    assert len(ids) == 4


@pytest.mark.parametrize(
    "parts", [(REGISTRY[:19], ACCOUNT, SALT), (REGISTRY, ACCOUNT + b"\x00", SALT), (REGISTRY, ACCOUNT, SALT[:31])]
)
def test_a_dossier_id_of_short_parts_is_refused(parts: tuple[bytes, bytes, bytes]) -> None:
    with pytest.raises(Malformed):
        dossier_id(1, *parts)


def test_urns_of_dossiers_and_agencies_come_back() -> None:
    assert parse_dossier_urn(dossier_urn(SALT)) == SALT
    assert parse_agency_urn(agency_urn(31337, REGISTRY, ACCOUNT)) == AgencyRef(31337, REGISTRY, ACCOUNT)
    assert agency_urn(31337, REGISTRY, ACCOUNT) == f"urn:onefile:agency:31337:0x{'0a' * 20}:0x{'0b' * 20}"


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "urn:onefile:dossier:" + "0c" * 32,
        "urn:onefile:dossier:0x" + "0C" * 32,
        "urn:onefile:dossier:0x" + "0c" * 31,
        dossier_urn(SALT) + "\n",
    ],
)
def test_another_spelling_of_a_dossier_urn_is_malformed(text: Any) -> None:
    with pytest.raises(Malformed):
        parse_dossier_urn(text)


@pytest.mark.parametrize(
    "text",
    [
        7,
        f"urn:onefile:agency:01:0x{'0a' * 20}:0x{'0b' * 20}",
        f"urn:onefile:agency:0:0x{'0a' * 20}:0x{'0b' * 20}",
        f"urn:onefile:agency:1:0x{'0A' * 20}:0x{'0b' * 20}",
        f"urn:onefile:agency:1:0x{'0a' * 20}",
    ],
)
def test_another_spelling_of_an_agency_urn_is_malformed(text: Any) -> None:
    with pytest.raises(Malformed):
        parse_agency_urn(text)


def test_an_agency_of_short_parts_is_refused() -> None:
    with pytest.raises(Malformed):
        AgencyRef(1, REGISTRY[:19], ACCOUNT)
    with pytest.raises(Malformed):
        AgencyRef(1, REGISTRY, ACCOUNT + b"\x00")


def test_the_subject_of_an_agencys_card_is_its_account_in_32_bytes() -> None:
    assert agency_subject(ACCOUNT) == bytes(12) + ACCOUNT


# The examples of EIP-55.
@pytest.mark.parametrize(
    "text",
    [
        "0x52908400098527886E0F7030069857D2E4169EE7",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xde709f2102306220921060314715629080e2fb77",
    ],
)
def test_addresses_are_shown_and_read_with_their_checksum(text: str) -> None:
    assert checksum_address(parse_address(text)) == text
    assert parse_address(text.lower()) == parse_address(text)


@pytest.mark.parametrize(
    "text", ["0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD", "0x12", "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", None]
)
def test_a_mistyped_address_is_refused(text: Any) -> None:
    with pytest.raises(Malformed):
        parse_address(text)


@pytest.mark.parametrize("number", ["110101199003077571", "440308199901101512", "810000199408230021", "11010119900307109X"])
def test_citizen_numbers_and_residence_permits_with_a_right_check_digit_pass(number: str) -> None:
    if number.endswith("X"):
        from stdnum.cn import ric

        number = number[:-1] + ric.calc_check_digit(number)
    assert check_citizen_number(number) == number


@pytest.mark.parametrize(
    "number",
    [
        "110101199003077572",
        "110101199013077571",
        "11010119900307757",
        "110101 199003077571",
        "11010119900307757x",
        None,
    ],
)
def test_a_wrong_citizen_number_is_refused_and_not_repeated(number: Any) -> None:
    with pytest.raises(Malformed) as caught:
        check_citizen_number(number)
    assert "1101011990" not in str(caught.value)


@pytest.mark.parametrize("code", ["91110000600037341L", "11430000006122244L", "11370800MB28559184"])
def test_credit_codes_with_a_right_check_character_pass(code: str) -> None:
    assert check_credit_code(code) == code


def test_a_registering_authority_may_be_a_letter() -> None:
    from stdnum.cn import uscc

    code = "N2110000600037341"
    assert check_credit_code(code + uscc.calc_check_digit(code)).startswith("N2")


@pytest.mark.parametrize("code", ["91110000600037341M", "91110000600037341", "9111000060003734IL", None])
def test_a_wrong_credit_code_is_refused(code: Any) -> None:
    with pytest.raises(Malformed):
        check_credit_code(code)


@pytest.mark.parametrize("text", CERTIFICATES)
def test_certificate_ids_of_public_implementations_pass_and_come_back(text: str) -> None:
    assert str(parse_certificate_id(text)) == text


@pytest.mark.parametrize("text", CERTIFICATES)
def test_any_mistyped_character_of_a_certificate_id_is_found(text: str) -> None:
    for i in range(len("1.2.156.3005.2."), len(text)):
        if text[i] == ".":
            continue
        wrong = text[:i] + ("1" if text[i] != "1" else "2") + text[i + 1 :]
        with pytest.raises(Malformed):
            parse_certificate_id(wrong)


def test_a_certificate_id_is_made_with_its_check_character() -> None:
    made = CertificateId("11100000000013338W011", "11430000006122244L", "20230000403", "002")
    assert made.check == "S"
    assert str(made) == CERTIFICATES[0]


@pytest.mark.parametrize("serial", ["", "a", "A.B", "A" * 65])
def test_a_certificate_id_of_another_form_is_refused(serial: str) -> None:
    with pytest.raises(Malformed):
        CertificateId("11100000000013338W011", "11430000006122244L", serial, "002")
