"""Readiness: which items meet a scenario, what is missing, and who issues it."""

from __future__ import annotations

from datetime import date
from typing import Any

from protocol.credential import open_credential
from protocol.dcql import parse_query
from protocol.licence_types import licence_type
from protocol.readiness import Candidate, Pick, match, readiness
from tests.credential_samples import INSURANCE, ISSUED, certificate, credential
from tests.scenario_samples import DIPLOMA_VCT, NOW, SCENARIO, scenario

DIPLOMA = {
    "school": "山东大学",
    "major": "计算机",
    "level": "本科",
    "study_mode": "全日制",
    "enrolment_date": "2008-09-01",
    "graduation_date": "2012-07-01",
    "graduation_status": "毕业",
}


def candidate(item: int = 1, **changes: Any) -> Candidate:
    return Candidate(bytes([item]) * 32, open_credential(credential(**changes)))


def diploma(item: int = 2, **changes: Any) -> Candidate:
    return candidate(item, licence=licence_type("diploma"), fields=DIPLOMA, files=(), **changes)


def test_an_item_that_meets_a_query_is_picked_with_the_claims_to_name() -> None:
    (ready, other) = readiness(SCENARIO, [candidate()], now=NOW)
    assert ready.ready
    assert ready.picks == (
        Pick(
            "insurance",
            b"\x01" * 32,
            ("/files/0", "/files/1", "/holder/name", "/insured_region", "/months_paid"),
            ("/files/0", "/files/1", "/holder/name"),
        ),
    )
    assert not other.ready
    assert other.missing[0].reason == "no_item"


def test_what_is_missing_is_named_with_who_issues_it() -> None:
    (first, second) = readiness(SCENARIO, [], now=NOW)
    assert [m.query for m in (*first.missing, *second.missing)] == ["insurance", "education"]
    assert first.missing[0].titles[0].zh == "社会保险参保证明"
    assert first.missing[0].issuers[0].en == "Human resources and social security"
    assert first.missing[0].vct_values == ("urn:onefile:licence:social-insurance-proof:1",)


def test_a_type_that_is_not_catalogued_is_missing_without_a_title() -> None:
    query = parse_query(
        {
            "credentials": [
                {
                    "id": "x",
                    "format": "dc+sd-jwt",
                    "meta": {"vct_values": ["urn:onefile:licence:unheard-of:1"]},
                    "claims": [{"path": ["a"]}],
                }
            ]
        }
    )
    (only,) = readiness(scenario(query=query), [candidate()], now=NOW)
    assert (only.missing[0].titles, only.missing[0].issuers) == ((), ())


def test_the_ready_alternative_comes_first() -> None:
    (first, second) = readiness(SCENARIO, [diploma()], now=NOW)
    assert first.picks[0].query == "education"
    assert second.missing[0].query == "insurance"


def test_the_newest_item_that_meets_the_query_is_picked() -> None:
    older, newer = candidate(1, issued_at=ISSUED - 50), candidate(2)
    (first, _) = readiness(SCENARIO, [older, newer], now=NOW)
    assert first.picks[0].item == newer.item


def test_an_ended_licence_is_passed_over_for_one_that_holds() -> None:
    ended = candidate(1, certificate=certificate(expiring_date=date(2026, 9, 21)), issued_at=ISSUED + 1)
    holds = candidate(2)
    later = ISSUED + 5 * 86_400
    assert readiness(SCENARIO, [ended, holds], now=later)[0].picks[0].item == holds.item
    reason = readiness(SCENARIO, [ended], now=later)[0].missing[0].reason
    assert reason == "credential_expired"


def test_an_item_issued_too_long_ago_is_missing_for_its_age() -> None:
    found = readiness(SCENARIO, [candidate(issued_at=NOW - 91 * 86_400)], now=NOW)
    assert found[0].missing[0].reason == "credential_too_old"


def test_an_item_without_the_claims_tells_which_are_missing() -> None:
    query = parse_query(
        {
            "credentials": [
                {
                    "id": "d",
                    "format": "dc+sd-jwt",
                    "meta": {"vct_values": [DIPLOMA_VCT]},
                    "claims": [{"path": ["school"]}, {"path": ["files", None]}, {"path": ["degree"], "optional": True}],
                }
            ]
        }
    )
    (only,) = readiness(scenario(query=query), [diploma(2), diploma(3)], now=NOW)
    assert (only.missing[0].reason, only.missing[0].detail) == ("claims_missing", ("/files/*",))


def test_a_value_that_was_not_asked_for_does_not_meet_the_query() -> None:
    wanted = {
        "id": "i",
        "format": "dc+sd-jwt",
        "meta": {"vct_values": ["urn:onefile:licence:social-insurance-proof:1"]},
        "claims": [{"path": ["paid_last_12_months"], "values": [True]}],
    }
    (query,) = parse_query({"credentials": [wanted]}).credentials
    assert isinstance(match(query, candidate()), Pick)
    unpaid = candidate(fields={**INSURANCE, "paid_last_12_months": False})
    assert match(query, unpaid) == ("/paid_last_12_months",)


def test_another_type_lacks_every_claim() -> None:
    assert match(SCENARIO.query.credentials[1], candidate()) == ("/school",)
