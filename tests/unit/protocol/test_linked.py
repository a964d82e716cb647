"""Items of one case; and what later versions, and the time of keeping, end."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from protocol.credential import open_credential
from protocol.dcql import parse_query
from protocol.errors import Denied, Malformed
from protocol.licence_types import licence_type
from protocol.readiness import Candidate, readiness
from protocol.scenario import DAY_S, Scenario, check_current, check_linked, check_retention, scenario_from_json
from tests import credential_samples as samples
from tests.scenario_samples import NOW, SCENARIO

TYPES = ("birth-medical-certificate", "newborn-household-entry")
CASE: dict[str, Any] = {
    "child_name": "样例",
    "child_birth_date": "2026-09-01",
    "result": "办结",
    "decided_on": "2026-09-20",
}


def source(**changes: Any) -> dict[str, Any]:
    asked = [
        {
            "id": name,
            "format": "dc+sd-jwt",
            "meta": {"vct_values": [licence_type(name).vct]},
            "claims": [{"path": ["case_number"]}, {"path": ["result"]}],
        }
        for name in TYPES
    ]
    body = dataclasses.replace(SCENARIO, query=parse_query({"credentials": asked}), max_age=0).to_json()
    return {**body, "linked": [["case_number"]], **changes}


def birth() -> Scenario:
    return scenario_from_json(source())


def item(number: int, kind: str, case: str, **changes: Any) -> Candidate:
    raw = samples.credential(licence=licence_type(kind), fields={**CASE, "case_number": case}, files=(), **changes)
    return Candidate(bytes([number]) * 32, open_credential(raw))


def test_a_scenario_with_linked_claims_reads_as_it_was_written() -> None:
    scenario = birth()
    assert scenario.linked == (("case_number",),)
    assert scenario_from_json(scenario.to_json()) == scenario
    assert "linked" not in SCENARIO.to_json()


@pytest.mark.parametrize(
    "linked",
    [[], [["other"]], ["case_number"], [["case_number"], ["case_number"]], [["result", None]], [[]], [["result"]] * 5],
)
def test_what_can_not_be_compared_is_not_linked(linked: Any) -> None:
    with pytest.raises(Malformed):
        scenario_from_json(source(linked=linked))


def test_a_list_is_not_linked_even_where_every_credential_is_asked_for_it() -> None:
    body = source(linked=[["files", None]])
    for one in body["query"]["credentials"]:
        one["claims"].append({"path": ["files", None]})
    with pytest.raises(Malformed) as caught:
        scenario_from_json(body)
    assert caught.value.code == "scenario_linked"


def test_a_claim_that_may_be_left_out_is_not_linked() -> None:
    body = source()
    body["query"]["credentials"][0]["claims"][0]["optional"] = True
    with pytest.raises(Malformed) as caught:
        scenario_from_json(body)
    assert caught.value.code == "scenario_linked"


def test_items_of_one_case_make_ready_and_the_newest_case_goes_first() -> None:
    old = [item(1, TYPES[0], "A-1"), item(2, TYPES[1], "A-1")]
    new = [item(3, TYPES[0], "B-2", issued_at=samples.ISSUED + 9), item(4, TYPES[1], "B-2")]
    (found,) = readiness(birth(), [*old, *new], now=NOW)
    assert [pick.item[0] for pick in found.picks] == [3, 4]
    (found,) = readiness(birth(), [*old, new[0]], now=NOW)
    assert [pick.item[0] for pick in found.picks] == [1, 2]


def test_an_item_of_another_case_is_missing_for_that_reason() -> None:
    (found,) = readiness(birth(), [item(1, TYPES[0], "A-1"), item(2, TYPES[1], "B-2")], now=NOW)
    assert [(m.query, m.reason) for m in found.missing] == [(TYPES[1], "not_linked")]
    other = Candidate(bytes([9]) * 32, open_credential(samples.credential()))  # of no case at all
    (found,) = readiness(birth(), [other, item(1, TYPES[0], "A-1")], now=NOW)
    assert [(m.query, m.reason) for m in found.missing] == [(TYPES[1], "no_item")]
    (nothing,) = readiness(birth(), [], now=NOW)
    assert {m.reason for m in nothing.missing} == {"no_item"}


def test_items_that_show_two_cases_are_refused_by_name() -> None:
    one, other = item(1, TYPES[0], "A-1").credential, item(2, TYPES[1], "B-2").credential
    check_linked(birth(), [one.opened.values])
    check_linked(birth(), [one.opened.values, one.opened.values])
    for shown in ([one.opened.values, other.opened.values], [one.opened.values, {}]):
        with pytest.raises(Denied) as caught:
            check_linked(birth(), shown)
        assert (caught.value.code, caught.value.facts["claim"]) == ("not_linked", "/case_number")


def test_a_later_version_ends_what_begins_and_a_withdrawn_one_everything() -> None:
    later = dataclasses.replace(SCENARIO, version=2, effective=NOW)
    coming = dataclasses.replace(SCENARIO, version=3, effective=NOW + 1)
    gone = dataclasses.replace(SCENARIO, version=4, effective=NOW + 1, withdrawn=NOW)
    check_current(SCENARIO, (), NOW, given=False)
    check_current(SCENARIO, [coming], NOW, given=False)
    check_current(SCENARIO, [later, coming], NOW, given=True)
    for versions, given, code in (
        ([later, coming], False, "scenario_superseded"),
        ([gone], True, "scenario_withdrawn"),
        ([later, gone], False, "scenario_withdrawn"),
    ):
        with pytest.raises(Denied) as caught:
            check_current(SCENARIO, versions, NOW, given=given)
        assert caught.value.code == code


def test_a_show_is_kept_no_longer_than_the_scenario_says() -> None:
    most = NOW + SCENARIO.retention_days * DAY_S
    check_retention(SCENARIO, most, NOW)
    with pytest.raises(Denied) as caught:
        check_retention(SCENARIO, most + 1, NOW)
    assert (caught.value.code, caught.value.facts["most_until"]) == ("receipt_retention", most)
