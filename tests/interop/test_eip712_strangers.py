"""Every EIP-712 message: one digest and one signature here and in eth-account, eth-sig-util, ethers, cast."""

from __future__ import annotations

import json
from typing import Any

import pytest

from protocol.eip712 import Domain, Typed, typed_data
from protocol.encoding import hex0x, unhex0x
from protocol.hashing import keccak256
from protocol.signatures import recover, verify_account
from tests.grant_samples import ALICE
from tests.interop.eip712_programs import cast_sign, metamask
from tests.interop.programs import cast
from tests.interop.typed_samples import NAMES, SAMPLES, classes, solidity_type_strings

DOMAIN = Domain(31337, bytes(19) + b"\xa3")
each = pytest.mark.parametrize("number", range(len(SAMPLES)), ids=NAMES)


def test_every_message_that_protocol_defines_has_samples() -> None:
    assert {type(message) for message in SAMPLES} == classes()


def test_the_contracts_hash_the_type_strings_of_protocol_and_no_other() -> None:
    assert solidity_type_strings() == {cls.TYPE.type_string for cls in classes()}


@pytest.mark.parametrize("cls", sorted(classes(), key=lambda cls: cls.__name__))
def test_cast_hashes_the_type_strings_to_our_type_hashes(cls: type[Typed]) -> None:
    assert cast("keccak", cls.TYPE.type_string) == hex0x(cls.TYPE.type_hash)


@pytest.fixture(scope="module")
def answers() -> list[dict[str, Any]]:
    return metamask([(message, DOMAIN, ALICE) for message in SAMPLES])


@each
def test_eth_account_hashes_our_json_to_our_digest_and_takes_our_signature(number: int) -> None:
    from eth_account import Account as EthAccount
    from eth_account.messages import encode_typed_data

    digest = SAMPLES[number].digest(DOMAIN)
    signable = encode_typed_data(full_message=typed_data(SAMPLES[number], DOMAIN))
    assert keccak256(b"\x19" + signable.version + signable.header + signable.body) == digest
    assert EthAccount.recover_message(signable, signature=ALICE.sign(digest)).lower() == hex0x(ALICE.address)
    theirs = EthAccount.sign_message(signable, ALICE.key.secret)
    verify_account(digest, bytes(theirs.signature), ALICE.address)


@each
def test_metamask_hashes_our_json_to_our_digest_and_signs_to_our_bytes(
    answers: list[dict[str, Any]], number: int
) -> None:
    digest = SAMPLES[number].digest(DOMAIN)
    theirs = answers[number]["metamask"]
    assert theirs["digest"] == hex0x(digest)
    assert theirs["signer"] == hex0x(ALICE.address)
    assert unhex0x(theirs["signature"]) == ALICE.sign(digest)  # RFC 6979 on both sides
    assert recover(digest, unhex0x(theirs["signature"])) == ALICE.address


@each
def test_ethers_hashes_our_json_to_our_digest_and_recovers_our_signer(
    answers: list[dict[str, Any]], number: int
) -> None:
    digest = hex0x(SAMPLES[number].digest(DOMAIN))
    assert answers[number]["ethers"] == {"digest": digest, "signer": hex0x(ALICE.address)}


@each
def test_cast_signs_our_json_to_our_bytes_and_verifies_ours(number: int) -> None:
    message = SAMPLES[number]
    signature = ALICE.sign(message.digest(DOMAIN))
    assert cast_sign(message, DOMAIN, ALICE) == signature
    data, by = json.dumps(typed_data(message, DOMAIN)), hex0x(ALICE.address)
    assert "Validation succeeded" in cast("wallet", "verify", "--data", "--address", by, data, hex0x(signature))
