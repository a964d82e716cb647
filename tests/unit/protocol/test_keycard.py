from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from protocol import canonical
from protocol.eip712 import Domain
from protocol.encoding import b64u
from protocol.errors import Malformed, OneFileError, Untrusted
from protocol.hashing import ZERO32, sha256
from protocol.jose import P256Signer
from protocol.keycard import (
    KeyCard,
    KeyCardEnvelope,
    VerifiedKeyCard,
    first_card,
    next_card,
    seal_card,
    verify_key_card,
)
from tests.grant_samples import ALICE, BOB, DOSSIER, T0

REGISTRY = Domain(31337, bytes(19) + b"\xa2")
PRESENT = P256Signer.from_secret((0xF1).to_bytes(32, "big"))
OTHER = P256Signer.from_secret((0xF2).to_bytes(32, "big"))
SEALING = b"\x5e" * 1216
CARD = first_card(DOSSIER, PRESENT.public_jwk(), SEALING, valid_from=T0)


def envelope(card: KeyCard = CARD, domain: Domain = REGISTRY, signer: Any = ALICE) -> KeyCardEnvelope:
    return seal_card(card, domain, PRESENT, SEALING, signer.sign(card.digest(domain)))


def verify(found: KeyCardEnvelope, **changes: Any) -> VerifiedKeyCard:
    given: dict[str, Any] = {"subject": DOSSIER, "accounts": {ALICE.address}, **changes}
    return verify_key_card(found, changes.pop("domain", REGISTRY), **{k: v for k, v in given.items() if k != "domain"})


def test_a_card_that_its_account_signed_and_its_key_possesses_is_verified() -> None:
    found = verify(envelope())
    assert found.hash == CARD.digest(REGISTRY)
    assert found.thumbprint == PRESENT.public_jwk().thumbprint()
    assert found.sealing_key == SEALING
    assert found.present_key == PRESENT.public_jwk()


def test_an_envelope_comes_back_from_its_bytes_and_its_json() -> None:
    made = envelope()
    assert KeyCardEnvelope.parse(made.raw) == made
    assert KeyCardEnvelope.from_json(made.to_json()) == made


def test_the_next_card_names_the_one_before() -> None:
    after = next_card(CARD, REGISTRY, OTHER.public_jwk(), SEALING, valid_from=T0 + 5)
    assert (after.seq, after.previous, after.revoked_below) == (2, CARD.digest(REGISTRY), 0)
    assert next_card(CARD, REGISTRY, OTHER.public_jwk(), SEALING, valid_from=T0, revoked_below=2).revoked_below == 2


def test_a_card_that_the_registry_keeps_needs_no_account_any_more() -> None:
    # The owner may have rotated since; the contract checked the signature when the card was published.
    old = envelope(signer=BOB)
    assert verify(old, accounts=(), recorded={CARD.digest(REGISTRY)}).card == CARD


def test_a_contract_accounts_card_is_taken_only_from_the_registry() -> None:
    made = seal_card(CARD, REGISTRY, PRESENT, SEALING, b"")
    assert verify(made, recorded={CARD.digest(REGISTRY)}).card == CARD
    with pytest.raises(Untrusted) as caught:
        verify(made)
    assert caught.value.code == "card_unrecorded"


def test_another_partys_card_is_refused() -> None:
    with pytest.raises(Untrusted) as caught:
        verify(envelope(), subject=ZERO32)
    assert caught.value.code == "card_subject"


def swapped(**members: Any) -> KeyCardEnvelope:
    return KeyCardEnvelope.from_json({**envelope().to_json(), **members})


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (swapped(present_jwk=OTHER.public_jwk().to_json()), "card_present_key"),
        (swapped(sealing_key=b64u(b"\x5f" * 1216)), "card_sealing_key"),
        (swapped(possession=b64u(OTHER.sign(CARD.digest(REGISTRY)))), "card_possession"),
        (swapped(possession=b64u(bytes(64))), "card_possession"),
        (envelope(signer=BOB), "card_signature"),
        (swapped(card=replace(CARD, valid_from=T0 + 1).to_json()), "card_possession"),
    ],
    ids=["present key", "sealing key", "another key's possession", "no possession", "another account", "changed card"],
)
def test_a_swapped_part_of_a_key_card_is_found(found: KeyCardEnvelope, code: str) -> None:
    with pytest.raises(Untrusted) as caught:
        verify(found)
    assert caught.value.code == code


@pytest.mark.parametrize("domain", [Domain(1, REGISTRY.verifying_contract), Domain(31337, b"\xff" * 20)])
def test_a_card_for_another_chain_or_registry_is_refused(domain: Domain) -> None:
    with pytest.raises(Untrusted):
        verify_key_card(envelope(), domain, subject=DOSSIER, accounts={ALICE.address})


@pytest.mark.parametrize(
    "change",
    [
        {"seq": 0},
        {"revoked_below": 2},
        {"previous": b"\x01" * 32},
        {"seq": 2},
        {"valid_from": 2**40},
        {"subject": b"\x01" * 31},
    ],
    ids=["counts from 0", "revokes above itself", "first follows one", "second follows none", "time in ms", "short"],
)
def test_a_card_that_contradicts_itself_cannot_be_built(change: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        replace(CARD, **change)


@pytest.mark.parametrize(
    "members",
    [
        {"v": 2},
        {"v": True},
        {"more": 1},
        {"card": []},
        {"sealing_key": b64u(b"\x5e" * 1215)},
        {"account_signature": "0x00"},
        {"possession": b64u(bytes(63))},
        {"present_jwk": {**PRESENT.public_jwk().to_json(), "d": "AA"}},
    ],
)
def test_an_envelope_of_another_shape_is_malformed(members: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        swapped(**members)


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b"\xff", b'{"v":1}', b" " + envelope().raw, b"0" * 9000])
def test_bytes_that_are_no_canonical_envelope_are_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        KeyCardEnvelope.parse(raw)


def test_flipping_any_byte_of_an_envelope_is_found() -> None:
    raw = envelope().raw
    for i in range(0, len(raw), 7):
        broken = raw[:i] + bytes([raw[i] ^ 1]) + raw[i + 1 :]
        with pytest.raises(OneFileError):
            verify(KeyCardEnvelope.parse(broken))


def test_the_sealing_keys_hash_is_sha256_of_its_bytes() -> None:
    assert CARD.sealing_key_hash == sha256(SEALING)
    assert canonical.loads(envelope().raw)["v"] == 1
