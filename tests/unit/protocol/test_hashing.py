"""Hashes, MACs and key derivation give the published values."""

from __future__ import annotations

from protocol.hashing import hkdf256, hmac256, keccak256, same, sha256, sm3


def test_sha256_of_parts_is_sha256_of_their_concatenation() -> None:
    # FIPS 180-4, "abc"
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256(b"abc").hex() == sha256(b"a", b"", b"bc").hex() == expected


def test_keccak_is_ethereums_and_not_sha3() -> None:
    assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


def test_sm3_gives_the_example_of_its_standard() -> None:
    # GB/T 32905 appendix A.1, "abc"
    assert sm3(b"abc").hex() == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"


def test_hmac_gives_case_2_of_rfc_4231() -> None:
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert hmac256(b"Jefe", b"what do ya want ", b"for nothing?").hex() == expected


def test_hkdf_gives_case_1_of_rfc_5869() -> None:
    okm = hkdf256(b"\x0b" * 22, salt=bytes(range(13)), info=bytes(range(0xF0, 0xFA)), length=42)
    expected = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    assert okm.hex() == expected


def test_comparison_is_of_bytes() -> None:
    assert same(b"ab", b"ab")
    assert not same(b"ab", b"ac")
