from __future__ import annotations

from collections.abc import Callable

import pytest

from protocol.errors import Malformed
from protocol.facts import (
    ROLE_ISSUER,
    ROLE_READER,
    AgencyFacts,
    Anchor,
    AnchorFacts,
    CardFact,
    ControllerFact,
    DossierFacts,
    IssueFact,
    RoleFact,
    fact_age,
)

A20, B32 = b"\x01" * 20, b"\x02" * 32
CARDS = (CardFact(B32, 1, 10), CardFact(b"\x03" * 32, 2, 20, revoked_below=2))


def agency(*roles: RoleFact, issues: tuple[IssueFact, ...] = (), cards: tuple[CardFact, ...] = CARDS) -> AgencyFacts:
    return AgencyFacts(A20, "name", "bank", roles, issues, cards, 0)


def dossier(*controllers: ControllerFact, cards: tuple[CardFact, ...] = CARDS) -> DossierFacts:
    return DossierFacts(B32, controllers, cards, 1, 0)


@pytest.mark.parametrize(("at", "want"), [(9, False), (10, True), (19, True), (20, False)])
def test_a_right_holds_from_its_beginning_and_not_at_its_end(at: int, want: bool) -> None:
    assert RoleFact(ROLE_READER, 10, 20).covers(at) is want
    assert IssueFact(B32, 10, 20).covers(at) is want
    assert ControllerFact(A20, 10, 20).covers(at) is want
    assert agency(RoleFact(ROLE_READER, 10, 20)).has_role(ROLE_READER, at) is want
    assert dossier(ControllerFact(A20, 10, 20)).controlled_by(A20, at) is want


def test_a_right_without_an_end_goes_on() -> None:
    assert RoleFact(ROLE_READER, 10).covers(10**12)
    assert agency(RoleFact(ROLE_READER, 10)).has_role(ROLE_READER, 10**12)
    assert dossier(ControllerFact(A20)).controlled_by(A20, 10**12)


def test_a_role_that_was_given_again_counts_again() -> None:
    facts = agency(RoleFact(ROLE_READER, 10, 20), RoleFact(ROLE_ISSUER, 0), RoleFact(ROLE_READER, 30))
    assert [facts.has_role(ROLE_READER, at) for at in (15, 25, 35)] == [True, False, True]


def test_a_licence_type_is_worth_nothing_without_the_issuers_role() -> None:
    issues = (IssueFact(B32, 0),)
    assert agency(RoleFact(ROLE_ISSUER, 0, 50), issues=issues).may_issue(B32, 49)
    assert not agency(RoleFact(ROLE_ISSUER, 0, 50), issues=issues).may_issue(B32, 50)
    assert not agency(RoleFact(ROLE_ISSUER, 0), issues=issues).may_issue(b"\x09" * 32, 49)


def test_another_account_does_not_control() -> None:
    assert not dossier(ControllerFact(A20)).controlled_by(b"\x09" * 20, 5)


@pytest.mark.parametrize("facts", [agency(), dossier()], ids=["agency", "dossier"])
def test_cards_are_found_by_hash_and_the_newest_revokes(facts: AgencyFacts | DossierFacts) -> None:
    assert facts.card(B32) == CARDS[0]
    assert facts.card(b"\x09" * 32) is None
    assert facts.revoked_below == 2


def test_who_has_no_card_has_revoked_none() -> None:
    assert agency(cards=()).revoked_below == dossier(cards=()).revoked_below == 0


def test_an_entry_is_as_old_as_the_first_head_that_covers_it() -> None:
    heads = (Anchor(1, B32, 100, 9), Anchor(5, B32, 200, 5), Anchor(9, B32, 300, 1))
    facts = AnchorFacts("origin", "vkey", heads, 0)
    assert [facts.first_covering(i) for i in (0, 1, 4, 5, 9)] == [heads[0], heads[1], heads[1], heads[2], None]
    assert (facts.head, facts.of_size(5), facts.of_size(6)) == (heads[2], heads[1], None)
    assert AnchorFacts("origin", "vkey", (), 0).head is None


@pytest.mark.parametrize(
    "build",
    [
        lambda: CardFact(B32[1:], 1, 0),
        lambda: IssueFact(B32 + b"\x00", 0),
        lambda: ControllerFact(B32),
        lambda: Anchor(1, A20, 0, 0),
        lambda: AgencyFacts(B32, "", "", (), (), (), 0),
        lambda: DossierFacts(A20, (), (), 1, 0),
    ],
)
def test_a_fact_of_a_wrong_length_cannot_be_built(build: Callable[[], object]) -> None:
    with pytest.raises(Malformed) as caught:
        build()
    assert caught.value.code == "length"


def test_the_age_of_a_fact_from_the_future_is_zero() -> None:
    assert fact_age(100, 90, 80) == 20
    assert fact_age(100, 110) == 0
