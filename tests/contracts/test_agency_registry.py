"""AgencyRegistry: rights that start and end now, cards, compromise dates; every refusal by name and arguments."""

from __future__ import annotations

from typing import Any

import pytest
from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.contract import Contract

from tests.contracts.evm import ACCEPTED, GENESIS, Chain, Refusal, actor, digest_of
from tests.contracts.messages import ZERO32, Card, Signing

GOVERNOR, AGENCY, STRANGER, RELAYER = actor("governor"), actor("agency"), actor("stranger"), actor("relayer")
ISSUER, READER, SCENARIO = 1, 2, 4
LICENCE = bytes(Web3.keccak(text="driving-licence"))
ZERO = "0x" + "0" * 40
NOW = GENESIS + 9_000_000
DAY = 86_400
SUBJECT = bytes(12) + bytes.fromhex(AGENCY.address[2:])


class Office:
    """Makes the calls about one agency."""

    def __init__(self, chain: Chain, registry: Contract, signing: Signing) -> None:
        self.chain = chain
        self.registry = registry
        self.f = registry.functions
        self.signing = signing

    def govern(self, call: Any, time: int) -> list[tuple[str, dict[str, Any]]]:
        return self.chain.events(self.chain.send(call, GOVERNOR, time), self.registry)

    def card_hash(self, card: Card) -> bytes:
        return self.signing.digest(self.registry.address, "KeyCard", card.values)

    def publish(self, card: Card, by: LocalAccount = AGENCY) -> Any:
        return self.f.publishCard(card.values, self.signing.sign(by, self.registry.address, "KeyCard", card.values))

    def publish_three(self) -> list[Card]:
        """Cards 1 to 3, valid from NOW + 10, 20 and 20."""
        cards: list[Card] = []
        for seq, valid_from in ((1, NOW + 10), (2, NOW + 20), (3, NOW + 20)):
            previous = self.card_hash(cards[-1]) if cards else ZERO32
            card = Card(SUBJECT, valid_from, seq, digest_of(f"thumbprint {seq}"), previous=previous)
            self.chain.send(self.publish(card), RELAYER, NOW + 10 * seq)
            cards.append(card)
        return cards

    def record(self, card: Card, compromised: int = 0) -> tuple[Any, ...]:
        return (self.card_hash(card), card.seq, card.valid_from, card.revoked_below, compromised)


@pytest.fixture
def empty(chain: Chain, agencies: Contract, signing: Signing) -> Office:
    return Office(chain, agencies, signing)


@pytest.fixture
def office(empty: Office) -> Office:
    """The registry with the agency admitted at NOW."""
    empty.govern(empty.f.admit(AGENCY.address, "某市公安局", "370600"), NOW)
    return empty


def test_admission_is_told_and_recorded(empty: Office) -> None:
    told = empty.govern(empty.f.admit(AGENCY.address, "某市公安局", "370600"), NOW)
    assert told == [("AgencyAdmitted", {"agency": AGENCY.address, "name": "某市公安局", "division": "370600"})]
    assert empty.f.getAgency(AGENCY.address).call() == (NOW, 0, "某市公安局", "370600")
    assert empty.f.isAdmitted(AGENCY.address).call() is True
    assert empty.f.isAdmitted(STRANGER.address).call() is False


def test_an_agency_is_admitted_once(chain: Chain, office: Office) -> None:
    again = office.f.admit(AGENCY.address, "another name", "370600")
    assert chain.refusal(again, GOVERNOR) == Refusal("AgencyExists", (AGENCY.address,))


def test_texts_are_bounded(chain: Chain, office: Office) -> None:
    def refused(name: str = "n", division: str = "d") -> Refusal:
        return chain.refusal(office.f.admit(STRANGER.address, name, division), GOVERNOR)

    assert refused(name="") == Refusal("TextInvalid", (200, 0))
    assert refused(name="n" * 201) == Refusal("TextInvalid", (200, 201))
    assert refused(name="局" * 67) == Refusal("TextInvalid", (200, 201))
    assert refused(division="") == Refusal("TextInvalid", (32, 0))
    assert refused(division="1" * 33) == Refusal("TextInvalid", (32, 33))
    assert refused(name="n" * 200, division="1" * 32) == ACCEPTED
    for text, expected in (("", Refusal("TextInvalid", (64, 0))), ("t" * 65, Refusal("TextInvalid", (64, 65)))):
        assert chain.refusal(office.f.allowIssue(AGENCY.address, text), GOVERNOR) == expected
    assert chain.refusal(office.f.allowIssue(AGENCY.address, "t" * 64), GOVERNOR) == ACCEPTED


def test_the_zero_account_is_no_agency(chain: Chain, empty: Office) -> None:
    assert chain.refusal(empty.f.admit(ZERO, "name", "1"), GOVERNOR) == Refusal("AccountMissing")


def test_only_the_governor_governs(chain: Chain, office: Office) -> None:
    calls = [
        office.f.admit(STRANGER.address, "name", "1"),
        office.f.setRole(AGENCY.address, ISSUER),
        office.f.endRole(AGENCY.address, ISSUER),
        office.f.allowIssue(AGENCY.address, "driving-licence"),
        office.f.endIssue(AGENCY.address, LICENCE),
        office.f.setCompromisedByGovernor(AGENCY.address, 1, NOW),
        office.f.transferOwnership(STRANGER.address),
        office.f.renounceOwnership(),
    ]
    for other in (AGENCY, STRANGER, actor("deployer")):
        refused = {chain.refusal(call, other) for call in calls}
        assert refused == {Refusal("OwnableUnauthorizedAccount", (other.address,))}


def test_the_governor_changes_in_two_steps_and_never_to_nobody(chain: Chain, office: Office) -> None:
    assert chain.refusal(office.f.renounceOwnership(), GOVERNOR) == Refusal("GovernorRequired")
    chain.send(office.f.transferOwnership(STRANGER.address), GOVERNOR)
    assert chain.refusal(office.f.setRole(AGENCY.address, ISSUER), GOVERNOR) == ACCEPTED
    unauthorized = Refusal("OwnableUnauthorizedAccount", (RELAYER.address,))
    assert chain.refusal(office.f.acceptOwnership(), RELAYER) == unauthorized
    chain.send(office.f.acceptOwnership(), STRANGER)
    assert office.f.owner().call() == STRANGER.address
    gone = Refusal("OwnableUnauthorizedAccount", (GOVERNOR.address,))
    assert chain.refusal(office.f.setRole(AGENCY.address, ISSUER), GOVERNOR) == gone


@pytest.mark.parametrize("role", [ISSUER, READER, SCENARIO])
def test_a_role_holds_from_its_block_until_its_end(office: Office, role: int) -> None:
    told = office.govern(office.f.setRole(AGENCY.address, role), NOW + 10)
    assert told == [("RoleSet", {"agency": AGENCY.address, "role": role, "from": NOW + 10})]
    has = office.f.hasRoleAt
    assert [has(AGENCY.address, role, t).call() for t in (0, NOW + 9, NOW + 10, NOW + 99, 2**64 - 1)] == [
        *(False, False, True, True, True)
    ]
    told = office.govern(office.f.endRole(AGENCY.address, role), NOW + 20)
    assert told == [("RoleEnded", {"agency": AGENCY.address, "role": role, "until": NOW + 20})]
    assert [has(AGENCY.address, role, t).call() for t in (NOW + 9, NOW + 10, NOW + 19, NOW + 20, 2**64 - 1)] == [
        *(False, True, True, False, False)
    ]
    for other in {ISSUER, READER, SCENARIO} - {role}:
        assert has(AGENCY.address, other, NOW + 15).call() is False


def test_a_role_given_again_opens_a_new_period_and_leaves_the_gap(office: Office) -> None:
    for start, end in ((10, 20), (30, 40), (50, 0)):
        office.govern(office.f.setRole(AGENCY.address, READER), NOW + start)
        if end:
            office.govern(office.f.endRole(AGENCY.address, READER), NOW + end)
    has = [office.f.hasRoleAt(AGENCY.address, READER, NOW + t).call() for t in range(5, 65, 10)]
    assert has == [False, True, False, True, False, True]
    periods = [(NOW + 10, NOW + 20), (NOW + 30, NOW + 40), (NOW + 50, 0)]
    assert office.f.rolePeriods(AGENCY.address, READER).call() == periods


def test_roles_are_given_and_ended_once_each(chain: Chain, office: Office) -> None:
    set_role, end_role = office.f.setRole(AGENCY.address, READER), office.f.endRole(AGENCY.address, READER)
    assert chain.refusal(end_role, GOVERNOR) == Refusal("RoleNotHeld", (AGENCY.address, READER))
    chain.send(set_role, GOVERNOR)
    assert chain.refusal(set_role, GOVERNOR) == Refusal("RoleAlreadyHeld", (AGENCY.address, READER))
    chain.send(end_role, GOVERNOR)
    assert chain.refusal(end_role, GOVERNOR) == Refusal("RoleNotHeld", (AGENCY.address, READER))


@pytest.mark.parametrize("role", [0, 3, 5, 6, 7, 8, 255])
def test_what_is_not_exactly_one_role_is_refused(chain: Chain, office: Office, role: int) -> None:
    assert chain.refusal(office.f.setRole(AGENCY.address, role), GOVERNOR) == Refusal("RoleUnknown", (role,))
    refused = chain.refusal(office.f.endRole(AGENCY.address, role), GOVERNOR)
    assert refused == Refusal("RoleNotHeld", (AGENCY.address, role))


def test_who_was_never_admitted_gets_no_right(chain: Chain, office: Office) -> None:
    unknown = Refusal("AgencyUnknown", (STRANGER.address,))
    card = Card(bytes(12) + bytes.fromhex(STRANGER.address[2:]), NOW)
    calls = [
        office.f.setRole(STRANGER.address, ISSUER),
        office.f.allowIssue(STRANGER.address, "driving-licence"),
        office.f.getAgency(STRANGER.address),
        office.publish(card, STRANGER),
    ]
    assert {chain.refusal(call, GOVERNOR, NOW + 5) for call in calls} == {unknown}
    refused = chain.refusal(office.f.endIssue(STRANGER.address, LICENCE), GOVERNOR)
    assert refused == Refusal("IssueNotAllowed", (STRANGER.address, LICENCE))


def test_a_licence_type_needs_the_issuers_role_beside_it(office: Office) -> None:
    told = office.govern(office.f.allowIssue(AGENCY.address, "driving-licence"), NOW + 10)
    values = {"agency": AGENCY.address, "licenceType": LICENCE, "name": "driving-licence", "from": NOW + 10}
    assert told == [("IssueAllowed", values)]
    may = office.f.mayIssue
    assert may(AGENCY.address, LICENCE, NOW + 15).call() is False
    office.govern(office.f.setRole(AGENCY.address, ISSUER), NOW + 20)
    office.govern(office.f.endRole(AGENCY.address, ISSUER), NOW + 30)
    assert [may(AGENCY.address, LICENCE, NOW + t).call() for t in (19, 20, 29, 30)] == [False, True, True, False]
    assert may(AGENCY.address, digest_of("other type"), NOW + 25).call() is False
    assert may(STRANGER.address, LICENCE, NOW + 25).call() is False


def test_a_licence_type_ends_from_now_on_and_can_return(office: Office) -> None:
    office.govern(office.f.setRole(AGENCY.address, ISSUER), NOW + 1)
    office.govern(office.f.allowIssue(AGENCY.address, "driving-licence"), NOW + 10)
    told = office.govern(office.f.endIssue(AGENCY.address, LICENCE), NOW + 20)
    assert told == [("IssueEnded", {"agency": AGENCY.address, "licenceType": LICENCE, "until": NOW + 20})]
    office.govern(office.f.allowIssue(AGENCY.address, "driving-licence"), NOW + 30)
    may = [office.f.mayIssue(AGENCY.address, LICENCE, NOW + t).call() for t in (9, 10, 19, 20, 29, 30, 99)]
    assert may == [False, True, True, False, False, True, True]
    assert office.f.issuePeriods(AGENCY.address, LICENCE).call() == [(NOW + 10, NOW + 20), (NOW + 30, 0)]


def test_licence_types_are_allowed_and_ended_once_each(chain: Chain, office: Office) -> None:
    allow, end = office.f.allowIssue(AGENCY.address, "driving-licence"), office.f.endIssue(AGENCY.address, LICENCE)
    assert chain.refusal(end, GOVERNOR) == Refusal("IssueNotAllowed", (AGENCY.address, LICENCE))
    chain.send(allow, GOVERNOR)
    assert chain.refusal(allow, GOVERNOR) == Refusal("IssueAlreadyAllowed", (AGENCY.address, LICENCE))
    chain.send(end, GOVERNOR)
    assert chain.refusal(end, GOVERNOR) == Refusal("IssueNotAllowed", (AGENCY.address, LICENCE))


def test_anyone_brings_a_card_that_the_agency_signed(chain: Chain, office: Office) -> None:
    card = Card(SUBJECT, NOW + 1)
    name, values = chain.events(chain.send(office.publish(card), RELAYER, NOW + 1), office.registry)[0]
    assert (name, values["subject"], values["seq"]) == ("KeyCardPublished", SUBJECT, 1)
    assert values["cardHash"] == office.card_hash(card) == bytes(office.f.hashKeyCard(card.values).call())
    assert tuple(values["card"].values()) == card.values
    assert office.f.currentCard(AGENCY.address).call() == office.record(card)
    assert office.f.getAgency(AGENCY.address).call()[1] == 1


def test_nobody_else_signs_an_agencys_card(chain: Chain, office: Office) -> None:
    card = Card(SUBJECT, NOW + 1)
    for other in (GOVERNOR, STRANGER):
        refused = chain.refusal(office.publish(card, other), RELAYER, NOW + 1)
        assert refused == Refusal("SignatureInvalid", (office.card_hash(card),))


def test_a_subject_with_more_than_an_account_is_refused(chain: Chain, office: Office) -> None:
    for subject in (b"\1" + SUBJECT[1:], SUBJECT[:11] + b"\1" + SUBJECT[12:]):
        refused = chain.refusal(office.publish(Card(subject, NOW + 1)), RELAYER, NOW + 1)
        assert refused == Refusal("CardSubjectInvalid", (subject,))


def test_cards_follow_one_another(chain: Chain, office: Office) -> None:
    cards = office.publish_three()
    right = Card(SUBJECT, NOW + 20, 4, revoked_below=3, previous=office.card_hash(cards[2]))
    rules = {
        right: ACCEPTED,
        right.but(seq=3): Refusal("CardSequenceInvalid", (4, 3)),
        right.but(previous=office.card_hash(cards[1])): Refusal(
            "CardPreviousInvalid", (office.card_hash(cards[2]), office.card_hash(cards[1]))
        ),
        right.but(revoked_below=5): Refusal("CardRevokedBelowInvalid", (0, 4, 5)),
        right.but(valid_from=NOW + 19): Refusal("CardValidFromInvalid", (NOW + 20, NOW + 3640, NOW + 19)),
        right.but(valid_from=NOW + 3641): Refusal("CardValidFromInvalid", (NOW + 20, NOW + 3640, NOW + 3641)),
        right.but(thumbprint=ZERO32): Refusal("CardKeyMissing"),
    }
    assert {card: chain.refusal(office.publish(card), RELAYER, NOW + 40) for card in rules} == rules


def test_a_card_is_found_by_time_and_by_number(chain: Chain, office: Office) -> None:
    first, second, third = office.publish_three()
    at, by = office.f.cardAt, office.f.cardBySeq
    assert chain.refusal(at(AGENCY.address, NOW + 9), RELAYER) == Refusal("CardUnknown", (AGENCY.address, 0))
    assert at(AGENCY.address, NOW + 10).call() == office.record(first)
    assert at(AGENCY.address, NOW + 19).call() == office.record(first)
    assert at(AGENCY.address, NOW + 20).call() == office.record(third)
    assert office.f.currentCard(AGENCY.address).call() == office.record(third)
    assert [by(AGENCY.address, seq).call() for seq in (1, 2, 3)] == [office.record(c) for c in (first, second, third)]
    for seq in (0, 4, 2**64 - 1):
        assert chain.refusal(by(AGENCY.address, seq), RELAYER) == Refusal("CardUnknown", (AGENCY.address, seq))
    none = chain.refusal(office.f.currentCard(STRANGER.address), RELAYER)
    assert none == Refusal("CardUnknown", (STRANGER.address, 0))


def test_an_agency_reports_its_card_compromised_by_its_own_transaction(chain: Chain, office: Office) -> None:
    first, second, _ = office.publish_three()
    receipt = chain.send(office.f.setCompromised(2, NOW + 25), AGENCY, NOW + 40)
    values = {"agency": AGENCY.address, "seq": 2, "since": NOW + 25, "reporter": AGENCY.address}
    assert chain.events(receipt, office.registry) == [("CardCompromised", values)]
    assert office.f.cardBySeq(AGENCY.address, 2).call() == office.record(second, NOW + 25)
    assert office.f.cardBySeq(AGENCY.address, 1).call() == office.record(first)
    other = chain.refusal(office.f.setCompromised(1, NOW + 25), STRANGER, NOW + 41)
    assert other == Refusal("CardUnknown", (STRANGER.address, 1))


def test_a_compromise_date_is_in_the_past_and_moves_only_earlier(chain: Chain, office: Office) -> None:
    office.publish_three()
    future = chain.refusal(office.f.setCompromised(1, NOW + 41), AGENCY, NOW + 40)
    assert future == Refusal("CompromiseTimeInvalid", (1, NOW + 40, NOW + 41))
    never = chain.refusal(office.f.setCompromised(1, 0), AGENCY, NOW + 40)
    assert never == Refusal("CompromiseTimeInvalid", (1, NOW + 40, 0))
    assert chain.refusal(office.f.setCompromised(1, 1), AGENCY, NOW + 40) == ACCEPTED
    chain.send(office.f.setCompromised(1, NOW + 30), AGENCY, NOW + 40)
    for since in (NOW + 30, NOW + 31):
        refused = chain.refusal(office.f.setCompromised(1, since), AGENCY, NOW + 41)
        assert refused == Refusal("CompromiseNotEarlier", (NOW + 30, since))
    chain.send(office.f.setCompromised(1, NOW + 29), AGENCY, NOW + 41)
    assert office.f.cardBySeq(AGENCY.address, 1).call()[4] == NOW + 29


def test_the_governor_reaches_ninety_days_back(chain: Chain, office: Office) -> None:
    office.publish_three()
    time = NOW + 50
    report = office.f.setCompromisedByGovernor
    early = chain.refusal(report(AGENCY.address, 1, time - 90 * DAY - 1), GOVERNOR, time)
    assert early == Refusal("CompromiseTimeInvalid", (time - 90 * DAY, time, time - 90 * DAY - 1))
    assert chain.refusal(report(AGENCY.address, 1, time - 90 * DAY), GOVERNOR, time) == ACCEPTED
    late = chain.refusal(report(AGENCY.address, 1, time + 1), GOVERNOR, time)
    assert late == Refusal("CompromiseTimeInvalid", (time - 90 * DAY, time, time + 1))
    unknown = chain.refusal(report(AGENCY.address, 4, time), GOVERNOR, time)
    assert unknown == Refusal("CardUnknown", (AGENCY.address, 4))
    told = office.govern(report(AGENCY.address, 3, time), time)
    values = {"agency": AGENCY.address, "seq": 3, "since": time, "reporter": GOVERNOR.address}
    assert told == [("CardCompromised", values)]


def test_the_governor_cannot_undo_what_an_agency_reported(chain: Chain, office: Office) -> None:
    office.publish_three()
    chain.send(office.f.setCompromised(1, NOW + 5), AGENCY, NOW + 40)
    refused = chain.refusal(office.f.setCompromisedByGovernor(AGENCY.address, 1, NOW + 41), GOVERNOR, NOW + 41)
    assert refused == Refusal("CompromiseNotEarlier", (NOW + 5, NOW + 41))


def test_an_agency_without_any_role_still_keeps_its_cards(chain: Chain, office: Office) -> None:
    """Its past statements must stay checkable, and it must be able to report a compromise."""
    office.publish_three()
    office.govern(office.f.setRole(AGENCY.address, ISSUER), NOW + 40)
    office.govern(office.f.endRole(AGENCY.address, ISSUER), NOW + 41)
    assert chain.refusal(office.f.setCompromised(3, NOW + 30), AGENCY, NOW + 42) == ACCEPTED
    assert office.f.cardAt(AGENCY.address, NOW + 15).call()[1] == 1
