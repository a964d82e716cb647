"""DossierRegistry: who may change what, by which signature, until when; every refusal by name and arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from eth_abi import encode
from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.contract import Contract

from tests.contracts.evm import ACCEPTED, GENESIS, Chain, Refusal, actor, digest_of
from tests.contracts.messages import ZERO32, Card, Signing, sign_digest

OWNER, CONTROLLER, STRANGER, RELAYER = actor("owner"), actor("controller"), actor("stranger"), actor("relayer")
SALT = digest_of("salt")
ZERO = "0x" + "0" * 40
NOW = GENESIS + 10_000
DAY = 86_400


def dossier_id(chain: Chain, registry: Contract, owner: str = OWNER.address, salt: bytes = SALT) -> bytes:
    kinds = ["bytes32", "uint256", "address", "address", "bytes32"]
    values = [Web3.keccak(text="onefile/dossier/v1"), chain.w3.eth.chain_id, registry.address, owner, salt]
    return bytes(Web3.keccak(encode(kinds, values)))


class Desk:
    """Makes the calls of one dossier, rightly signed unless told otherwise."""

    def __init__(self, registry: Contract, signing: Signing, dossier: bytes) -> None:
        self.registry = registry
        self.signing = signing
        self.dossier = dossier

    def sign(self, by: LocalAccount, primary: str, values: tuple[Any, ...], **changes: Any) -> bytes:
        return self.signing.sign(by, self.registry.address, primary, values, **changes)

    def card_hash(self, card: Card) -> bytes:
        return self.signing.digest(self.registry.address, "KeyCard", card.values)

    def open(
        self,
        *,
        owner: str = OWNER.address,
        controller: str = CONTROLLER.address,
        deadline: int = NOW,
        card: Card | None = None,
        owner_key: LocalAccount = OWNER,
        card_key: LocalAccount = CONTROLLER,
    ) -> Any:
        message = (owner, controller, SALT, deadline)
        card = card or Card(self.dossier, NOW)
        signed, card_signed = self.sign(owner_key, "OpenDossier", message), self.sign(card_key, "KeyCard", card.values)
        return self.registry.functions.open(message, signed, card.values, card_signed)

    def rotate(self, *, nonce: int = 0, deadline: int = NOW, by: LocalAccount = OWNER, **changes: Any) -> Any:
        dossier = changes.get("dossier", self.dossier)
        owner, controller = changes.get("owner", RELAYER.address), changes.get("controller", STRANGER.address)
        message = (dossier, owner, controller, nonce, deadline)
        return self.registry.functions.rotate(message, self.sign(by, "RotateDossier", message))

    def bump(self, *, nonce: int = 0, deadline: int = NOW, by: LocalAccount = CONTROLLER, **changes: Any) -> Any:
        message = (changes.get("dossier", self.dossier), nonce, deadline)
        return self.registry.functions.bumpEpoch(message, self.sign(by, "BumpEpoch", message))

    def publish(self, card: Card, by: LocalAccount = CONTROLLER) -> Any:
        return self.registry.functions.publishCard(card.values, self.sign(by, "KeyCard", card.values))

    def attest(self, digest: bytes, by: LocalAccount = CONTROLLER) -> Any:
        return self.registry.functions.attest(self.dossier, digest, sign_digest(by, digest))

    def state(self) -> list[Any]:
        *state, frozen_until = self.registry.functions.getDossier(self.dossier).call()
        assert frozen_until == 0  # what a freeze does: test_access.py and the conformance suite
        return state


@pytest.fixture
def desk(chain: Chain, dossiers: Contract, signing: Signing) -> Desk:
    return Desk(dossiers, signing, dossier_id(chain, dossiers))


@pytest.fixture
def opened(chain: Chain, desk: Desk) -> Desk:
    chain.send(desk.open(), RELAYER, NOW)
    return desk


@pytest.fixture
def first(opened: Desk) -> Card:
    return Card(opened.dossier, NOW)


def test_anyone_brings_the_opening_and_everything_is_told(chain: Chain, desk: Desk) -> None:
    card = Card(desk.dossier, NOW)
    told = chain.events(chain.send(desk.open(), RELAYER, NOW), desk.registry)
    assert told[0] == (
        "DossierOpened",
        {"dossier": desk.dossier, "owner": OWNER.address, "controller": CONTROLLER.address, "salt": SALT},
    )
    name, values = told[1]
    assert (name, values["subject"], values["seq"], values["cardHash"]) == (
        *("KeyCardPublished", desk.dossier, 1, desk.card_hash(card)),
    )
    assert tuple(values["card"].values()) == card.values
    assert desk.state() == [OWNER.address, 0, CONTROLLER.address, 1, desk.card_hash(card), 1, NOW, 0]


def test_the_id_certifies_chain_registry_owner_and_salt(chain: Chain, dossiers: Contract) -> None:
    for owner, salt in ((OWNER.address, SALT), (CONTROLLER.address, SALT), (OWNER.address, ZERO32)):
        assert dossiers.functions.dossierId(owner, salt).call() == dossier_id(chain, dossiers, owner, salt)


def test_a_card_hash_is_its_eip712_digest(desk: Desk) -> None:
    card = Card(desk.dossier, NOW, 7, revoked_below=3, previous=digest_of("previous"))
    assert desk.registry.functions.hashKeyCard(card.values).call() == desk.card_hash(card)


def test_the_owner_may_sign_the_first_card_too(chain: Chain, desk: Desk) -> None:
    assert chain.refusal(desk.open(card_key=OWNER), RELAYER, NOW) == ACCEPTED


def test_a_dossier_opens_once(chain: Chain, opened: Desk) -> None:
    assert chain.refusal(opened.open(), RELAYER, NOW) == Refusal("DossierExists", (opened.dossier,))


def test_a_rotated_dossier_cannot_be_opened_again_by_its_first_owner(chain: Chain, opened: Desk) -> None:
    chain.send(opened.rotate(deadline=NOW + 9), RELAYER, NOW + 1)
    again = opened.open(deadline=NOW + 9)
    assert chain.refusal(again, RELAYER, NOW + 2) == Refusal("DossierExists", (opened.dossier,))


@pytest.mark.parametrize("what", ["open", "rotate", "bump"])
def test_a_deadline_is_the_last_second(chain: Chain, opened: Desk, what: str) -> None:
    call = getattr(opened, what)(deadline=NOW + 5)
    late = Refusal("DeadlinePassed", (NOW + 5, NOW + 6))
    assert chain.refusal(call, RELAYER, NOW + 6) == late
    in_time = chain.refusal(call, RELAYER, NOW + 5)
    assert in_time == (Refusal("DossierExists", (opened.dossier,)) if what == "open" else ACCEPTED)


def test_zero_accounts_are_refused(chain: Chain, opened: Desk) -> None:
    calls = [
        *(opened.open(owner=ZERO), opened.open(controller=ZERO)),
        *(opened.rotate(owner=ZERO), opened.rotate(controller=ZERO)),
    ]
    assert {chain.refusal(call, RELAYER, NOW) for call in calls} == {Refusal("AccountMissing")}


def test_opening_needs_the_owner_and_nobody_else(chain: Chain, desk: Desk) -> None:
    message = (OWNER.address, CONTROLLER.address, SALT, NOW)
    digest = desk.signing.digest(desk.registry.address, "OpenDossier", message)
    for other in (CONTROLLER, STRANGER, RELAYER):
        assert chain.refusal(desk.open(owner_key=other), RELAYER, NOW) == Refusal("SignatureInvalid", (digest,))


def test_a_first_card_of_a_stranger_is_refused(chain: Chain, desk: Desk) -> None:
    wrong = Refusal("SignatureInvalid", (desk.card_hash(Card(desk.dossier, NOW)),))
    assert chain.refusal(desk.open(card_key=STRANGER), RELAYER, NOW) == wrong


def test_a_first_card_of_another_subject_is_refused(chain: Chain, desk: Desk) -> None:
    other = digest_of("another dossier")
    wrong = Refusal("CardSubjectInvalid", (desk.dossier, other))
    assert chain.refusal(desk.open(card=Card(other, NOW)), RELAYER, NOW) == wrong


def test_another_owner_with_the_same_salt_gets_another_dossier(chain: Chain, desk: Desk) -> None:
    message = (STRANGER.address, CONTROLLER.address, SALT, NOW)
    theirs = dossier_id(chain, desk.registry, STRANGER.address)
    card = Card(theirs, NOW)
    signed = desk.sign(STRANGER, "OpenDossier", message), desk.sign(CONTROLLER, "KeyCard", card.values)
    call = desk.registry.functions.open(message, signed[0], card.values, signed[1])
    assert chain.refusal(call, RELAYER, NOW) == ACCEPTED
    assert theirs != desk.dossier


CardRule = tuple[dict[str, Any], Callable[[Card], Refusal]]
NEXT_CARD_RULES: list[CardRule] = [
    ({"seq": 1}, lambda c: Refusal("CardSequenceInvalid", (2, 1))),
    ({"seq": 3}, lambda c: Refusal("CardSequenceInvalid", (2, 3))),
    ({"previous": ZERO32}, lambda c: Refusal("CardPreviousInvalid", (c.previous, ZERO32))),
    ({"thumbprint": ZERO32}, lambda c: Refusal("CardKeyMissing")),
    ({"sealing": ZERO32}, lambda c: Refusal("CardKeyMissing")),
    ({"revoked_below": 3}, lambda c: Refusal("CardRevokedBelowInvalid", (0, 2, 3))),
    ({"revoked_below": 2}, lambda c: ACCEPTED),
    ({"valid_from": NOW - 1}, lambda c: Refusal("CardValidFromInvalid", (NOW, NOW + 3700, NOW - 1))),
    ({"valid_from": NOW}, lambda c: ACCEPTED),
    ({"valid_from": NOW + 3700}, lambda c: ACCEPTED),
    ({"valid_from": NOW + 3701}, lambda c: Refusal("CardValidFromInvalid", (NOW, NOW + 3700, NOW + 3701))),
]


@pytest.mark.parametrize(("change", "expected"), NEXT_CARD_RULES)
def test_the_next_card_follows_the_current_one(
    chain: Chain, opened: Desk, first: Card, change: dict[str, Any], expected: Callable[[Card], Refusal]
) -> None:
    right = first.but(seq=2, previous=opened.card_hash(first), thumbprint=digest_of("second"))
    assert chain.refusal(opened.publish(right.but(**change)), RELAYER, NOW + 100) == expected(right)


def test_a_card_that_nobody_brings_within_a_day_is_void(chain: Chain, opened: Desk, first: Card) -> None:
    late = first.but(seq=2, previous=opened.card_hash(first), valid_from=NOW + 5)
    assert chain.refusal(opened.publish(late), RELAYER, NOW + 5 + DAY) == ACCEPTED
    void = Refusal("CardValidFromInvalid", (NOW + 6, NOW + 6 + DAY + 3600, NOW + 5))
    assert chain.refusal(opened.publish(late), RELAYER, NOW + 6 + DAY) == void


def test_revoked_below_never_falls(chain: Chain, opened: Desk, first: Card) -> None:
    second = first.but(seq=2, previous=opened.card_hash(first), revoked_below=2)
    chain.send(opened.publish(second), RELAYER, NOW + 1)
    third = first.but(seq=3, previous=opened.card_hash(second), revoked_below=1)
    falling = Refusal("CardRevokedBelowInvalid", (2, 3, 1))
    assert chain.refusal(opened.publish(third), RELAYER, NOW + 2) == falling
    assert opened.state()[4:] == [opened.card_hash(second), 2, NOW, 2]


def test_controller_and_owner_publish_cards_and_nobody_else(chain: Chain, opened: Desk, first: Card) -> None:
    card = first.but(seq=2, previous=opened.card_hash(first))
    for by in (CONTROLLER, OWNER):
        assert chain.refusal(opened.publish(card, by), RELAYER, NOW + 1) == ACCEPTED
    wrong = Refusal("SignatureInvalid", (opened.card_hash(card),))
    assert chain.refusal(opened.publish(card, STRANGER), RELAYER, NOW + 1) == wrong


def test_a_card_is_not_recorded_twice(chain: Chain, opened: Desk, first: Card) -> None:
    card = first.but(seq=2, previous=opened.card_hash(first))
    chain.send(opened.publish(card), RELAYER, NOW + 1)
    assert chain.refusal(opened.publish(card), RELAYER, NOW + 2) == Refusal("CardSequenceInvalid", (3, 2))


def test_the_owner_gives_the_dossier_to_other_accounts(chain: Chain, opened: Desk) -> None:
    told = chain.events(chain.send(opened.rotate(deadline=NOW + 1), RELAYER, NOW + 1), opened.registry)
    values = {"dossier": opened.dossier, "owner": RELAYER.address, "controller": STRANGER.address}
    assert told == [("DossierRotated", values)]
    assert opened.state()[:4] == [RELAYER.address, 1, STRANGER.address, 1]
    digest = opened.signing.digest(opened.registry.address, "BumpEpoch", (opened.dossier, 1, NOW + 9))
    for gone in (OWNER, CONTROLLER):
        refused = chain.refusal(opened.bump(nonce=1, deadline=NOW + 9, by=gone), RELAYER, NOW + 2)
        assert refused == Refusal("SignatureInvalid", (digest,))
    assert chain.refusal(opened.bump(nonce=1, deadline=NOW + 9, by=STRANGER), RELAYER, NOW + 2) == ACCEPTED


def test_the_controller_cannot_take_the_dossier(chain: Chain, opened: Desk) -> None:
    message = (opened.dossier, RELAYER.address, STRANGER.address, 0, NOW)
    digest = opened.signing.digest(opened.registry.address, "RotateDossier", message)
    for other in (CONTROLLER, STRANGER, RELAYER):
        assert chain.refusal(opened.rotate(by=other), RELAYER, NOW) == Refusal("SignatureInvalid", (digest,))
    assert opened.state()[:3] == [OWNER.address, 0, CONTROLLER.address]


def test_controller_and_owner_end_all_grants(chain: Chain, opened: Desk) -> None:
    told = chain.events(chain.send(opened.bump(deadline=NOW + 9), RELAYER, NOW + 1), opened.registry)
    assert told == [("EpochBumped", {"dossier": opened.dossier, "grantEpoch": 2})]
    chain.send(opened.bump(nonce=1, deadline=NOW + 9, by=OWNER), RELAYER, NOW + 2)
    assert opened.state()[:4] == [OWNER.address, 2, CONTROLLER.address, 3]


@pytest.mark.parametrize("what", ["rotate", "bump"])
def test_a_message_is_used_once(chain: Chain, opened: Desk, what: str) -> None:
    chain.send(opened.bump(deadline=NOW + 9), RELAYER, NOW + 1)
    for nonce in (0, 2, 2**64 - 1):
        call = getattr(opened, what)(nonce=nonce, deadline=NOW + 9)
        assert chain.refusal(call, RELAYER, NOW + 2) == Refusal("NonceInvalid", (opened.dossier, 1, nonce))
    assert chain.refusal(getattr(opened, what)(nonce=1, deadline=NOW + 9), RELAYER, NOW + 2) == ACCEPTED


def test_an_unknown_dossier_is_refused_everywhere(chain: Chain, opened: Desk) -> None:
    nowhere = digest_of("no dossier")
    calls = [
        opened.rotate(dossier=nowhere),
        opened.bump(dossier=nowhere),
        opened.publish(Card(nowhere, NOW)),
        opened.registry.functions.attest(nowhere, digest_of("grant"), b""),
        opened.registry.functions.getDossier(nowhere),
    ]
    assert {chain.refusal(call, RELAYER, NOW) for call in calls} == {Refusal("DossierUnknown", (nowhere,))}


def test_a_signature_for_another_chain_or_contract_is_refused(chain: Chain, opened: Desk, agencies: Contract) -> None:
    message = (opened.dossier, 0, NOW)
    digest = opened.signing.digest(opened.registry.address, "BumpEpoch", message)
    elsewhere = [
        opened.sign(CONTROLLER, "BumpEpoch", message, chain_id=1),
        opened.signing.sign(CONTROLLER, agencies.address, "BumpEpoch", message),
    ]
    for signature in elsewhere:
        call = opened.registry.functions.bumpEpoch(message, signature)
        assert chain.refusal(call, RELAYER, NOW) == Refusal("SignatureInvalid", (digest,))


def test_a_bent_signature_is_refused(chain: Chain, opened: Desk) -> None:
    message = (opened.dossier, 0, NOW)
    good = opened.sign(CONTROLLER, "BumpEpoch", message)
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    high = good[:32] + (order - int.from_bytes(good[32:64])).to_bytes(32) + bytes([55 - good[64]])
    low_v = good[:64] + bytes([good[64] - 27])
    wrong = Refusal("SignatureInvalid", (opened.signing.digest(opened.registry.address, "BumpEpoch", message),))
    for bad in (b"", good[:64], good + b"\0", high, low_v, bytes(65), bytes([good[0] ^ 1]) + good[1:]):
        assert chain.refusal(opened.registry.functions.bumpEpoch(message, bad), RELAYER, NOW) == wrong


def test_an_attestation_records_its_time_once(chain: Chain, opened: Desk) -> None:
    digest = digest_of("grant")
    assert opened.registry.functions.attestedAt(opened.dossier, digest).call() == 0
    told = chain.events(chain.send(opened.attest(digest), RELAYER, NOW + 7), opened.registry)
    assert told == [("Attested", {"dossier": opened.dossier, "digest": digest, "controller": CONTROLLER.address})]
    assert opened.registry.functions.attestedAt(opened.dossier, digest).call() == NOW + 7
    again = Refusal("AlreadyAttested", (opened.dossier, digest, NOW + 7))
    assert chain.refusal(opened.attest(digest), RELAYER, NOW + 8) == again


def test_only_the_controller_of_the_moment_attests(chain: Chain, opened: Desk) -> None:
    digest = digest_of("grant")
    for other in (OWNER, STRANGER):
        assert chain.refusal(opened.attest(digest, other), RELAYER) == Refusal("SignatureInvalid", (digest,))
    chain.send(opened.rotate(deadline=NOW + 1), RELAYER, NOW + 1)
    assert chain.refusal(opened.attest(digest, CONTROLLER), RELAYER) == Refusal("SignatureInvalid", (digest,))
    assert chain.refusal(opened.attest(digest, STRANGER), RELAYER) == ACCEPTED


Deploy = Callable[..., Contract]


@pytest.fixture
def enterprise(chain: Chain, desk: Desk, deploy: Deploy) -> tuple[Desk, Contract]:
    """A dossier whose controller is a contract account of two keys out of two."""
    quorum = deploy("TwoOfTwo", CONTROLLER.address, STRANGER.address)
    chain.send(desk.open(controller=quorum.address, card_key=OWNER), RELAYER, NOW)
    return desk, quorum


def both(digest: bytes, first: LocalAccount = CONTROLLER, second: LocalAccount = STRANGER) -> bytes:
    return sign_digest(first, digest) + sign_digest(second, digest)


def test_a_quorum_attests_and_the_fact_outlives_its_members(chain: Chain, enterprise: tuple[Desk, Contract]) -> None:
    desk, quorum = enterprise
    digest = digest_of("grant")
    attest = desk.registry.functions.attest
    half = attest(desk.dossier, digest, sign_digest(CONTROLLER, digest))
    assert chain.refusal(half, RELAYER) == Refusal("SignatureInvalid", (digest,))
    chain.send(attest(desk.dossier, digest, both(digest)), RELAYER, NOW + 5)
    chain.send(quorum.functions.setSigners(OWNER.address, RELAYER.address), RELAYER)
    assert desk.registry.functions.attestedAt(desk.dossier, digest).call() == NOW + 5
    later = attest(desk.dossier, digest_of("later"), both(digest_of("later")))
    assert chain.refusal(later, RELAYER) == Refusal("SignatureInvalid", (digest_of("later"),))


def test_a_quorum_publishes_cards_and_ends_grants(chain: Chain, enterprise: tuple[Desk, Contract]) -> None:
    desk, _ = enterprise
    message = (desk.dossier, 0, NOW + 9)
    digest = desk.signing.digest(desk.registry.address, "BumpEpoch", message)
    bump = desk.registry.functions.bumpEpoch
    assert chain.refusal(bump(message, both(digest)), RELAYER, NOW + 1) == ACCEPTED
    assert chain.refusal(bump(message, both(digest)[:65]), RELAYER, NOW + 1) == Refusal("SignatureInvalid", (digest,))
    card = Card(desk.dossier, NOW, 2, previous=desk.card_hash(Card(desk.dossier, NOW)))
    publish = desk.registry.functions.publishCard(card.values, both(desk.card_hash(card)))
    assert chain.refusal(publish, RELAYER, NOW + 1) == ACCEPTED


MAGIC = bytes.fromhex("1626ba7e")
ODD_ANSWERS = [
    (MAGIC + bytes(28), False, True),
    (MAGIC + bytes(60), False, True),
    (MAGIC, False, False),
    (bytes(28) + MAGIC, False, False),
    (MAGIC + bytes(27) + b"\1", False, False),
    ((1).to_bytes(32), False, False),
    (b"", False, False),
    (MAGIC + bytes(28), True, False),
]


@pytest.mark.parametrize(("answer", "reverts", "accepted"), ODD_ANSWERS)
def test_only_the_exact_answer_of_erc1271_counts(
    chain: Chain, desk: Desk, deploy: Deploy, answer: bytes, reverts: bool, accepted: bool
) -> None:
    odd = deploy("OddAccount", answer, reverts)
    chain.send(desk.open(controller=odd.address, card_key=OWNER), RELAYER, NOW)
    refused = chain.refusal(desk.registry.functions.attest(desk.dossier, digest_of("grant"), b""), RELAYER)
    assert refused == (ACCEPTED if accepted else Refusal("SignatureInvalid", (digest_of("grant"),)))
