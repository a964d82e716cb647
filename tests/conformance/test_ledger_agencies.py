"""Agencies on every `Ledger`: who is one, since when it may do what, and its key cards."""

from __future__ import annotations

import pytest

from chain.ledger import (
    ROLE_ISSUER,
    ROLE_READER,
    ROLE_SCENARIO,
    ROLES,
    IssueSpan,
    RoleSpan,
)
from protocol.errors import Conflict, Denied, Malformed, Untrusted
from protocol.identifiers import agency_subject
from tests.chain_acts import refused
from tests.chain_stage import Actor, Stage, admitted, agency_card, first_card, next_card, signed

DAY = 86_400


class TestAgencies:
    def test_an_unknown_account_is_no_agency(self, stage: Stage) -> None:
        assert stage.ledger("alice").agency(Actor("nobody").account) is None
        assert stage.ledger("alice").agencies() == ()

    def test_an_admitted_agency_has_its_names_and_no_rights(self, stage: Stage) -> None:
        sent = stage.ledger("governor").admit_agency(Actor("bank").account, "威海银行", "371000")
        agency = stage.ledger("alice").agency(Actor("bank").account)
        assert agency is not None
        assert (agency.name, agency.division) == ("威海银行", "371000")
        assert agency.admitted_at == sent.block.time
        assert (agency.roles, agency.issues, agency.cards) == ((), (), ())
        assert agency.card is None

    def test_agencies_stand_in_the_order_of_their_admission(self, stage: Stage) -> None:
        governor = stage.ledger("governor")
        for name in ("one", "two", "three"):
            governor.admit_agency(Actor(name).account, name, "37")
        assert [agency.name for agency in governor.agencies()] == ["one", "two", "three"]

    def test_nobody_but_the_governor_admits(self, stage: Stage) -> None:
        with refused(Denied, "not_governor"):
            stage.ledger("alice").admit_agency(Actor("alice").account, "Alice", "37")
        assert stage.ledger("alice").agencies() == ()

    def test_an_agency_is_admitted_once(self, stage: Stage) -> None:
        governor = stage.ledger("governor")
        governor.admit_agency(Actor("bank").account, "Bank", "37")
        with refused(Conflict, "agency_exists"):
            governor.admit_agency(Actor("bank").account, "Other bank", "37")
        assert [agency.name for agency in governor.agencies()] == ["Bank"]

    @pytest.mark.parametrize(("name", "division"), [("", "37"), ("县" * 67, "37"), ("Bank", ""), ("Bank", "1" * 33)])
    def test_names_are_bounded_in_bytes(self, stage: Stage, name: str, division: str) -> None:
        with refused(Malformed, "text_length"):
            stage.ledger("governor").admit_agency(Actor("bank").account, name, division)

    def test_the_zero_account_is_no_agency(self, stage: Stage) -> None:
        with refused(Malformed, "account_zero"):
            stage.ledger("governor").admit_agency(bytes(20), "Nobody", "37")

    @pytest.mark.parametrize("role", sorted(ROLES))
    def test_a_role_holds_from_the_block_that_gives_it(self, stage: Stage, role: int) -> None:
        governor, bank = stage.ledger("governor"), Actor("bank").account
        governor.admit_agency(bank, "Bank", "37")
        stage.advance(100)
        since = governor.set_role(bank, role).block.time
        agency = governor.agency(bank)
        assert agency is not None
        assert agency.roles == (RoleSpan(role, since),)
        assert agency.has_role(role, since)
        assert not agency.has_role(role, since - 1)

    def test_an_ended_role_held_until_its_end(self, stage: Stage) -> None:
        governor, police = stage.ledger("governor"), admitted(stage)
        stage.advance(100)
        until = governor.end_role(police.account, ROLE_ISSUER).block.time
        agency = governor.agency(police.account)
        assert agency is not None
        assert agency.has_role(ROLE_ISSUER, until - 1)
        assert not agency.has_role(ROLE_ISSUER, until)
        assert not agency.may_issue("driving-licence", until)
        assert agency.may_issue("driving-licence", until - 1)

    def test_a_role_can_be_given_again(self, stage: Stage) -> None:
        governor, police = stage.ledger("governor"), admitted(stage)
        governor.end_role(police.account, ROLE_ISSUER)
        stage.advance(10)
        again = governor.set_role(police.account, ROLE_ISSUER).block.time
        agency = governor.agency(police.account)
        assert agency is not None
        assert [span.until is None for span in agency.roles] == [False, True]
        assert agency.has_role(ROLE_ISSUER, again)
        assert not agency.has_role(ROLE_ISSUER, again - 1)

    def test_roles_are_refused_by_name(self, stage: Stage) -> None:
        governor, bank = stage.ledger("governor"), Actor("bank").account
        with refused(Denied, "agency_unknown"):
            governor.set_role(bank, ROLE_READER)
        with refused(Conflict, "role_not_held"):
            governor.end_role(bank, ROLE_READER)
        governor.admit_agency(bank, "Bank", "37")
        with refused(Malformed, "role_unknown"):
            governor.set_role(bank, 8)
        governor.set_role(bank, ROLE_READER)
        with refused(Conflict, "role_held"):
            governor.set_role(bank, ROLE_READER)
        with refused(Conflict, "role_not_held"):
            governor.end_role(bank, ROLE_SCENARIO)
        with refused(Denied, "not_governor"):
            stage.ledger("alice").end_role(bank, ROLE_READER)
        with refused(Denied, "not_governor"):
            stage.ledger("alice").set_role(bank, ROLE_SCENARIO)
        agency = governor.agency(bank)
        assert agency is not None
        assert [span.role for span in agency.roles] == [ROLE_READER]

    def test_licence_types_are_given_and_ended_by_name(self, stage: Stage) -> None:
        governor, police = stage.ledger("governor"), admitted(stage, types=("driving-licence", "id"))
        stage.advance(50)
        until = governor.end_issue(police.account, "id").block.time
        agency = governor.agency(police.account)
        assert agency is not None
        assert [(span.licence_type, span.until) for span in agency.issues] == [("driving-licence", None), ("id", until)]
        assert agency.may_issue("driving-licence", until)
        assert not agency.may_issue("id", until)
        assert not agency.may_issue("diploma", until)
        assert isinstance(agency.issues[0], IssueSpan)

    def test_licence_types_are_refused_by_name(self, stage: Stage) -> None:
        governor, police = stage.ledger("governor"), admitted(stage)
        with refused(Conflict, "issue_allowed"):
            governor.allow_issue(police.account, "driving-licence")
        with refused(Conflict, "issue_not_allowed"):
            governor.end_issue(police.account, "diploma")
        with refused(Conflict, "issue_not_allowed"):
            governor.end_issue(Actor("bank").account, "diploma")
        with refused(Malformed, "text_length"):
            governor.allow_issue(police.account, "x" * 65)
        with refused(Denied, "agency_unknown"):
            governor.allow_issue(Actor("bank").account, "diploma")
        with refused(Denied, "not_governor"):
            stage.ledger("alice").allow_issue(police.account, "diploma")
        with refused(Denied, "not_governor"):
            stage.ledger("alice").end_issue(police.account, "driving-licence")

    def test_the_past_is_read_as_it_was(self, stage: Stage) -> None:
        governor, bank = stage.ledger("governor"), Actor("bank").account
        before = governor.head().number
        block = governor.admit_agency(bank, "Bank", "37").block.number
        governor.set_role(bank, ROLE_READER)
        assert governor.agency(bank, block=before) is None
        then = governor.agency(bank, block=block)
        assert then is not None
        assert then.roles == ()
        assert governor.agencies(block=before) == ()


class TestAgencyCards:
    def test_an_agency_publishes_cards_in_order(self, stage: Stage) -> None:
        police = admitted(stage)
        first = agency_card(stage, police)
        registry, ledger = stage.deployment.contracts.agency_registry, stage.ledger("relayer")
        second = next_card(first, registry, stage, ledger.head().time, revoked_below=2)
        ledger.publish_agency_card(second, signed(police, second, registry, stage))
        agency = ledger.agency(police.account)
        assert agency is not None
        assert [card.seq for card in agency.cards] == [1, 2]
        assert agency.card == agency.cards[1]
        assert second.previous == agency.cards[0].hash
        assert agency.cards[1].revoked_below == 2
        assert agency.cards[1].valid_from == second.valid_from
        assert agency.cards[1].published_at >= agency.cards[0].published_at

    def test_a_card_that_another_account_signed_is_refused(self, stage: Stage) -> None:
        police, registry = admitted(stage), stage.deployment.contracts.agency_registry
        card = first_card(agency_subject(police.account), stage.ledger("relayer").head().time)
        with refused(Untrusted, "message_signature"):
            stage.ledger("relayer").publish_agency_card(card, signed(Actor("thief"), card, registry, stage))
        agency = stage.ledger("relayer").agency(police.account)
        assert agency is not None
        assert agency.cards == ()

    def test_a_card_of_somebody_who_is_no_agency_is_refused(self, stage: Stage) -> None:
        alice, registry = Actor("alice"), stage.deployment.contracts.agency_registry
        card = first_card(agency_subject(alice.account), stage.ledger("relayer").head().time)
        with refused(Denied, "agency_unknown"):
            stage.ledger("relayer").publish_agency_card(card, signed(alice, card, registry, stage))

    def test_a_subject_with_more_than_an_account_is_refused(self, stage: Stage) -> None:
        police, registry = admitted(stage), stage.deployment.contracts.agency_registry
        card = first_card(b"\x01" + agency_subject(police.account)[1:], stage.ledger("relayer").head().time)
        with refused(Untrusted, "card_subject"):
            stage.ledger("relayer").publish_agency_card(card, signed(police, card, registry, stage))

    def test_a_compromise_is_dated_per_card_and_moves_only_earlier(self, stage: Stage) -> None:
        police = admitted(stage)
        agency_card(stage, police)
        own, now = stage.ledger("police"), stage.ledger("relayer").head().time
        own.set_compromised(1, now - 500)
        with refused(Conflict, "compromise_not_earlier"):
            own.set_compromised(1, now - 400)
        with refused(Denied, "compromise_time"):
            own.set_compromised(1, now + 1_000)
        with refused(Denied, "card_unknown"):
            own.set_compromised(2, now)
        agency = own.agency(police.account)
        assert agency is not None
        assert agency.cards[0].compromised_since == now - 500

    def test_the_governor_dates_a_compromise_at_most_ninety_days_back(self, stage: Stage) -> None:
        police = admitted(stage)
        agency_card(stage, police)
        governor, now = stage.ledger("governor"), stage.ledger("relayer").head().time
        with refused(Denied, "compromise_time"):
            governor.set_compromised_by_governor(police.account, 1, now - 91 * DAY)
        with refused(Denied, "not_governor"):
            stage.ledger("alice").set_compromised_by_governor(police.account, 1, now - DAY)
        with refused(Denied, "card_unknown"):
            governor.set_compromised_by_governor(Actor("bank").account, 1, now - DAY)
        governor.set_compromised_by_governor(police.account, 1, now - 89 * DAY)
        agency = governor.agency(police.account)
        assert agency is not None
        assert agency.cards[0].compromised_since == now - 89 * DAY
