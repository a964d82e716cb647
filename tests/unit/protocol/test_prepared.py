"""An issuer prepares what says less: yes and no, masks, bands and regions, by the rules beside the licence type."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from protocol.credential import open_credential
from protocol.credential_issue import digest_counts, issue_credential, with_prepared
from protocol.errors import Malformed
from protocol.licence_forms import BusinessField, PreparedClaim, Title
from protocol.licence_types import CATALOGUE, licence_type
from protocol.prepared import RULES, make, prepare
from tests import credential_samples as samples

DAY = date(2026, 9, 21)


def rule(name: str, *numbers: int) -> PreparedClaim:
    return PreparedClaim(BusinessField("claim", Title("项", "claim"), "text", 1, required=False), "x", name, numbers)


@pytest.mark.parametrize(
    ("claim", "source", "made"),
    [
        (rule("at_least", 500), 500, True),
        (rule("at_least", 500), 499, False),
        (rule("at_least", 500), "500", None),
        (rule("below", 9), 9, False),
        (rule("below", 9), 8, True),
        (rule("below", 9), True, None),
        (rule("band", 10, 20, 30), 9, "<10"),
        (rule("band", 10, 20, 30), 10, "10-20"),
        (rule("band", 10, 20, 30), 29, "20-30"),
        (rule("band", 10, 20, 30), 30, ">=30"),
        (rule("band", 10), "x", None),
        (rule("years", 18), "2008-09-21", True),
        (rule("years", 18), "2008-09-22", False),
        (rule("years", 18), "2008-02-29", True),
        (rule("year"), "2008-09-22", 2008),
        (rule("mask", 0, 4), "110101199003074514", "**************4514"),
        (rule("mask", 3, 4), "ABC4567890", "********" + "**"),
        (rule("mask", 1, 1), "ABC456", "A****6"),
        (rule("mask", 0, 4), "1234567", "*******"),
        (rule("mask", 0, 4), 7, None),
        (rule("surname"), "王小明", "王**"),
        (rule("surname"), "王明", "王**"),
        (rule("surname"), "欧阳小明", "欧阳**"),
        (rule("surname"), "", None),
        (rule("region"), "山东省威海市环翠区文化路1号", "山东省威海市"),
        (rule("region"), "北京市朝阳区建国路1号", "北京市"),
        (rule("region"), "广西壮族自治区农垦", "广西壮族自治区"),
        (rule("region"), "某路1号", None),
        (rule("region"), 1, None),
        (rule("given"), None, False),
        (rule("given"), "x", True),
        (rule("year"), None, None),
    ],
)
def test_a_rule_says_what_it_says_and_nothing_where_it_cannot(claim: PreparedClaim, source: Any, made: Any) -> None:
    found = make(claim, source, DAY)
    assert (found, type(found)) == (made, type(made))


def test_a_leap_days_child_is_a_year_older_on_the_first_of_march() -> None:
    assert make(rule("years", 18), "2008-02-29", date(2026, 2, 28)) is False
    assert make(rule("years", 18), "2008-02-29", date(2026, 3, 1)) is True


@pytest.mark.parametrize("licence", CATALOGUE.values(), ids=lambda t: t.type)
def test_every_private_claim_of_the_catalogue_has_a_form_that_says_less(licence: Any) -> None:
    # A person's own words about origin have no less telling form: they are asked for whole or not at all.
    whole = {"/ethnicity"}
    graded = licence.graded()
    for pointer, field in graded.items():
        forms = licence.less_telling(pointer)
        if (
            field.sensitivity >= 4
            and pointer not in whole
            and licence.subject == "person"
            and not prepared(licence, pointer)
        ):
            assert forms, (licence.type, pointer)
        assert all(graded[form].sensitivity < field.sensitivity for form in forms), (licence.type, pointer)


def prepared(licence: Any, pointer: str) -> bool:
    return pointer[1:] in {p.name for p in licence.prepared}


@pytest.mark.parametrize("licence", CATALOGUE.values(), ids=lambda t: t.type)
def test_every_rule_of_the_catalogue_is_known_and_speaks_of_a_field_of_its_type(licence: Any) -> None:
    names = {field.name for field in licence.fields}
    holder = {field.name for field in licence.holder_claims}
    assert all(p.rule in RULES and p.source in names for p in licence.prepared)
    assert all(p.rule in RULES and p.source in holder for p in licence.holder_prepared)
    assert len({c.name for c in licence.claims}) == len(licence.claims)


def test_what_is_prepared_stands_in_the_credential_as_claims_of_its_own() -> None:
    request = with_prepared(samples.request())
    credential = open_credential(issue_credential(request, samples.ISSUER, even=True))
    shown = credential.opened.values
    assert shown["/base_at_least_5000"] is True
    assert shown["/contribution_base_band"] == "800000-1200000"
    assert shown["/holder/name_masked"] == "王**"
    assert shown["/holder/identity_number_masked"] == "**************4514"


def test_a_prepared_claim_that_contradicts_its_rule_is_refused() -> None:
    licence = licence_type("resident-identity")
    with pytest.raises(Malformed) as caught:
        prepare(licence, {"birth_date": "2020-01-01", "age_over_18": True}, DAY)
    assert caught.value.code == "prepared_other"
    assert prepare(licence, {"birth_date": "1990-03-07"}, DAY)["age_over_18"] is True


def test_a_credential_of_a_type_has_as_many_digests_whatever_it_says() -> None:
    licence = licence_type("social-insurance-proof")
    full = with_prepared(samples.request())
    fields = {name: value for name, value in samples.INSURANCE.items() if name != "employer_name"}
    counts = set()
    for request in (full, samples.request(fields=fields)):
        payload = open_credential(issue_credential(request, samples.ISSUER, even=True)).sdjwt.issuer.claims()
        assert isinstance(payload, dict)
        counts.add(len(payload["_sd"]))
    assert counts == {digest_counts(licence)[()]}


def test_a_claim_that_the_type_has_not_is_refused_by_name() -> None:
    with pytest.raises(Malformed) as caught:
        issue_credential(samples.request(fields={**samples.INSURANCE, "salary": 1}), samples.ISSUER)
    assert caught.value.code == "field_unknown"


def test_the_catalogue_finds_prepared_claims_by_name_and_by_what_they_come_from() -> None:
    licence = licence_type("wage-record")
    assert licence.field("income_at_least_5000").sensitivity == 2
    assert licence.less_telling("/monthly_income") == (
        "/income_at_least_3000",
        "/income_at_least_5000",
        "/income_below_2000",
        "/income_band",
    )
    assert licence.less_telling("/holder/identity_number") == ("/holder/identity_number_masked",)
