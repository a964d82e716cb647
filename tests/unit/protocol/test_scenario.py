"""Scenarios: read strictly, named by their bytes, and the measure of what may be asked."""

from __future__ import annotations

from typing import Any

import pytest

from protocol.errors import Denied, Malformed, Untrusted
from protocol.grant import ScopeItem
from protocol.hashing import sha256
from protocol.jose import sign_typed
from protocol.scenario import (
    SCENARIO_TYP,
    check_grantee,
    check_in_force,
    check_limits,
    check_over_asking,
    parse_scenario,
    scenario_from_json,
    sign_scenario,
    verify_scenario,
)
from tests.credential_samples import HOLDER
from tests.grant_samples import a_grant
from tests.scenario_samples import AUTHORITY, NOW, QUERY, SCENARIO, scenario

H1, H2 = b"\x01" * 32, b"\x02" * 32


def part(query: str = "insurance", claims: tuple[str, ...] = ("/insured_region",), *documents: bytes) -> ScopeItem:
    return ScopeItem(H1 if query == "insurance" else H2, query, H1, claims, documents)


def test_a_scenario_reads_back_verified_and_is_named_by_its_bytes() -> None:
    raw = sign_scenario(SCENARIO, AUTHORITY)
    signed = verify_scenario(raw, AUTHORITY.public_jwk())
    assert signed.body == SCENARIO
    assert signed.hash == sha256(raw.encode())
    assert SCENARIO.uri == "urn:onefile:scenario:0x" + "66" * 20 + ":small-loan"


def test_a_scenario_by_another_key_is_untrusted() -> None:
    raw = sign_scenario(SCENARIO, AUTHORITY)
    with pytest.raises(Untrusted):
        verify_scenario(raw, HOLDER.public_jwk())


def test_a_new_version_is_another_scenario_that_names_the_last() -> None:
    first = sign_scenario(SCENARIO, AUTHORITY)
    second = scenario(version=2, withdrawn=NOW + 5, supersedes=sha256(first.encode()))
    signed = parse_scenario(sign_scenario(second, AUTHORITY))
    assert signed.body == second
    assert signed.hash != sha256(first.encode())


GOOD = SCENARIO.to_json()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"scenario_id": "Small Loan"}, "field_form"),
        ({"version": 0}, "field_range"),
        ({"title": {"zh": "小额贷款"}}, "field_missing"),
        ({"title": {"zh": "x", "en": "x", "fr": "x"}}, "field_unknown"),
        ({"authority": "urn:onefile:dossier:0x00"}, "field_form"),
        ({"legal_basis": []}, "field_count"),
        ({"query": {"credentials": []}}, "field_count"),
        ({"alternatives": [["insurance"]]}, "scenario_alternatives"),
        ({"alternatives": [["education"], ["insurance"]]}, "scenario_alternatives"),
        ({"alternatives": []}, "field_count"),
        ({"sensitivity": 6}, "field_range"),
        ({"max_age": -1}, "field_range"),
        ({"max_uses": 0}, "field_range"),
        ({"max_validity_days": 0}, "field_range"),
        ({"grantee_classes": []}, "field_count"),
        ({"expires": GOOD["effective"]}, "scenario_time"),
        ({"withdrawn": "yes"}, "field_type"),
        ({"supersedes": "AAAA"}, "length"),
        ({"url": "https://x"}, "field_unknown"),
    ],
)
def test_a_scenario_of_another_form_is_malformed(changes: dict[str, Any], code: str) -> None:
    raw = sign_typed(SCENARIO_TYP, {**GOOD, **changes}, AUTHORITY)
    with pytest.raises(Malformed) as caught:
        parse_scenario(raw)
    assert caught.value.code == code


def test_a_member_that_is_missing_is_malformed_even_where_null_is_allowed() -> None:
    for name in GOOD:
        with pytest.raises(Malformed):
            scenario_from_json({k: v for k, v in GOOD.items() if k != name})


@pytest.mark.parametrize(
    "scope",
    [
        (part(),),
        (part(claims=("/insured_region", "/months_paid")),),
        (part("insurance", ("/files/0", "/insured_region"), H1),),
        (part("insurance", ("/holder/name", "/sub")),),
        (part("education", ("/school",)),),
        (),
    ],
)
def test_what_the_scenario_asks_for_or_less_may_be_granted(scope: tuple[ScopeItem, ...]) -> None:
    check_over_asking(SCENARIO, scope)
    assert SCENARIO.query.to_json() == QUERY


@pytest.mark.parametrize(
    ("scope", "named"),
    [
        ((part(claims=("/contribution_base", "/insured_region")),), "insurance:/contribution_base"),
        ((part(claims=("/holder",)),), "insurance:/holder"),
        ((part(claims=("/holder/identity_number",)),), "insurance:/holder/identity_number"),
        ((part("education", ("/school",), H2),), "education:documents"),
        ((part("salary", ("/school",)),), "salary"),
        ((part(), part("education", ("/school",))), "education, insurance"),
        ((part(), part()), "insurance"),
    ],
)
def test_over_asking_is_denied_and_names_what_is_too_much(scope: tuple[ScopeItem, ...], named: str) -> None:
    with pytest.raises(Denied) as caught:
        check_over_asking(SCENARIO, scope)
    assert caught.value.code == "over_asking"
    assert caught.value.facts["excess"] == named


@pytest.mark.parametrize(
    ("changes", "now", "code"),
    [
        ({}, NOW - 1001, "scenario_not_in_force"),
        ({}, SCENARIO.expires, "scenario_not_in_force"),
        ({"withdrawn": NOW}, NOW, "scenario_withdrawn"),
    ],
)
def test_a_scenario_out_of_force_is_denied(changes: dict[str, Any], now: int, code: str) -> None:
    with pytest.raises(Denied) as caught:
        check_in_force(scenario(**changes), now)
    assert caught.value.code == code


def test_a_scenario_in_force_serves_the_classes_that_it_names() -> None:
    check_in_force(scenario(withdrawn=NOW + 1), NOW)
    check_grantee(SCENARIO, "bank")
    with pytest.raises(Denied) as caught:
        check_grantee(SCENARIO, "landlord")
    assert caught.value.code == "scenario_grantee"


DAY = 86_400


@pytest.mark.parametrize(
    ("changes", "limit", "got"),
    [
        ({"max_uses": 4}, "max_uses", 4),
        ({"not_before": NOW, "not_after": NOW + 30 * DAY + 1}, "max_validity_days", 31),
        ({"not_before": NOW, "not_after": NOW + 400 * DAY}, "max_validity_days", 400),
        ({"retention_days": 181}, "retention_days", 181),
    ],
)
def test_a_grant_beyond_a_limit_of_the_scenario_is_denied(changes: dict[str, Any], limit: str, got: int) -> None:
    within = {"max_uses": 3, "not_before": NOW, "not_after": NOW + 30 * DAY, "retention_days": 180}
    check_limits(SCENARIO, a_grant(**within))
    with pytest.raises(Denied) as caught:
        check_limits(SCENARIO, a_grant(**{**within, **changes}))
    assert caught.value.code == "grant_exceeds_scenario"
    assert (caught.value.facts["limit"], caught.value.facts["got"]) == (limit, got)
    assert caught.value.facts["most"] == got - 1 or got == 400
