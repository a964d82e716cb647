"""Phrases and what is derived from them. Golden values stand in tests/vectors/keys."""

from __future__ import annotations

import sys

import pytest

from protocol.errors import Malformed
from protocol.jose import verify_es256
from protocol.keys import (
    MAX_PHRASE_CHARS,
    WORD_COUNTS,
    AccountKey,
    Mnemonic,
    PresentKey,
    Root,
    cold_account,
    derive_present,
    derive_revoke_key,
    derive_sealing,
    derive_tag_key,
    hot_account,
    member_root,
    person_root,
    random_root,
)

ENGLISH = "legal winner thank year wave sausage worth useful legal winner thank yellow"
CHINESE = "枪 疫 霉 尝 俩 闹 饿 贤 枪 疫 霉 卿"
ROOT = Root(bytes(range(32)))
# The first account of the well-known test phrase of the Ethereum developers' chains.
TEST_PHRASE = "test test test test test test test test test test test junk"
TEST_ADDRESS = "f39fd6e51aad88f6f4ce6ab8827279cfffb92266"


def test_the_seed_of_the_first_vector_of_bip_39_without_passphrase() -> None:
    phrase = " ".join(["abandon"] * 11 + ["about"])
    assert (
        Mnemonic(phrase, "en")
        .unsafe_seed()
        .hex()
        .startswith("5eb00bbddcf069084889a8ab9155568165f5c453ccb85e70811aaed6")
    )


def test_the_hot_account_is_the_one_that_every_ethereum_wallet_shows() -> None:
    assert hot_account(TEST_PHRASE, "en").address.hex() == TEST_ADDRESS


def test_the_same_entropy_in_the_other_language_is_another_person() -> None:
    assert person_root(ENGLISH, "en") != person_root(CHINESE, "zh")


def test_hot_cold_and_further_accounts_differ() -> None:
    addresses = {make(CHINESE, "zh", index).address for make in (hot_account, cold_account) for index in (0, 1)}
    assert len(addresses) == 4


@pytest.mark.parametrize(
    ("typed", "language"),
    [
        (CHINESE.replace(" ", ""), "zh"),
        (CHINESE.replace(" ", "\N{IDEOGRAPHIC SPACE}"), "zh"),
        (f"  {CHINESE}\n", "zh"),
        (ENGLISH.upper(), "en"),
        (ENGLISH.replace(" ", "\n\t "), "en"),
    ],
)
def test_a_typists_liberties_do_not_change_the_phrase(typed: str, language: str) -> None:
    wanted = {"zh": CHINESE, "en": ENGLISH}[language]
    assert Mnemonic(typed, language).unsafe_phrase == wanted
    assert person_root(typed, language) == person_root(wanted, language)


@pytest.mark.parametrize(
    ("phrase", "language", "code"),
    [
        (ENGLISH, "zh", "phrase_words"),
        (CHINESE, "en", "phrase"),
        (ENGLISH.replace("yellow", "winner"), "en", "phrase"),
        (ENGLISH.replace("yellow", "yellowish"), "en", "phrase"),
        (ENGLISH + " legal", "en", "phrase_words"),
        ("", "en", "phrase_words"),
        ("x" * (MAX_PHRASE_CHARS + 1), "en", "too_large"),
        (ENGLISH, "fr", "phrase_language"),
    ],
)
def test_a_phrase_with_one_fault_is_refused_and_not_repeated(phrase: str, language: str, code: str) -> None:
    with pytest.raises(Malformed) as error:
        Mnemonic(phrase, language)
    assert error.value.code == code
    assert "winner" not in str(error.value)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("words", WORD_COUNTS)
def test_fresh_phrases_have_the_words_asked_for_and_read_back(language: str, words: int) -> None:
    fresh = Mnemonic.generate(language, words)
    assert len(fresh.unsafe_phrase.split(" ")) == words
    assert Mnemonic(fresh.unsafe_phrase, language).unsafe_seed() == fresh.unsafe_seed()


def test_a_phrase_of_another_length_is_not_made() -> None:
    with pytest.raises(Malformed, match="got 13"):
        Mnemonic.generate("en", 13)


def test_every_card_has_keys_of_its_own() -> None:
    assert derive_present(ROOT, 1) == derive_present(ROOT, 1)
    assert derive_present(ROOT, 1) != derive_present(ROOT, 2)
    assert derive_sealing(ROOT, 1) != derive_sealing(ROOT, 2)


def test_the_keys_of_one_root_have_nothing_in_common() -> None:
    keys = [derive_present(ROOT, 0), derive_sealing(ROOT, 0), derive_tag_key(ROOT), derive_revoke_key(ROOT), ROOT]
    assert len({key.unsafe_bytes for key in keys}) == len(keys)


def test_random_roots_differ() -> None:
    assert random_root() != random_root()


@pytest.mark.parametrize("seq", [-1, 2**32])
def test_a_card_sequence_beyond_four_bytes_is_refused(seq: int) -> None:
    with pytest.raises(Malformed) as error:
        derive_present(ROOT, seq)
    assert error.value.code == "key_index"


@pytest.mark.parametrize("index", [-1, 2**31])
def test_an_account_index_that_would_be_hardened_is_refused(index: int) -> None:
    with pytest.raises(Malformed) as error:
        hot_account(ENGLISH, "en", index)
    assert error.value.code == "key_index"


def test_the_present_key_signs_es256_under_its_own_thumbprint() -> None:
    key = derive_present(ROOT, 1)
    verify_es256(key.public_jwk(), b"data", key.sign(b"data"))
    assert key.thumbprint() == key.public_jwk().thumbprint()


def test_an_account_signs_digests_that_recover_to_its_address() -> None:
    from eth_keys.datatypes import Signature

    key = hot_account(TEST_PHRASE, "en")
    digest = bytes(range(32))
    signature = key.sign_digest(digest)
    assert signature[64] in {27, 28}
    vrs = (signature[64] - 27, int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big"))
    assert vrs[2] <= (0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141 // 2)
    assert Signature(vrs=vrs).recover_public_key_from_msg_hash(digest).to_canonical_address() == key.address


def test_only_a_digest_is_signed() -> None:
    with pytest.raises(Malformed, match="32 bytes, got 33"):
        hot_account(TEST_PHRASE, "en").sign_digest(bytes(33))


@pytest.mark.parametrize("make", [AccountKey, PresentKey])
@pytest.mark.parametrize("secret", [bytes(32), b"\xff" * 32])
def test_a_scalar_outside_the_curve_is_no_key(make: type[AccountKey | PresentKey], secret: bytes) -> None:
    with pytest.raises(Malformed):
        make(secret)


def test_what_a_phrase_imports_leaves_the_recursion_limit_as_it_was() -> None:
    # A library behind the word lists raises it beyond what the C stack holds: nested JSON would end the process.
    hot_account(Mnemonic.generate("en").unsafe_phrase, "en")
    assert sys.getrecursionlimit() == 1000


def test_a_changed_controller_and_the_members_secret_follow_from_the_phrase() -> None:
    phrase = "legal winner thank year wave sausage worth useful legal winner thank yellow"
    first, second = hot_account(phrase, "en"), hot_account(phrase, "en", 0, 1)
    assert first == hot_account(phrase, "en", 0, 0)
    others = (first, hot_account(phrase, "en", 1), cold_account(phrase, "en"))
    assert second.address not in {other.address for other in others}
    assert member_root(phrase, "en") not in [person_root(phrase, "en"), member_root(phrase, "en", 1)]
    with pytest.raises(Malformed):
        hot_account(phrase, "en", 0, -1)
