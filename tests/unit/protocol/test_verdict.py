from __future__ import annotations

from typing import Any

import pytest

from protocol.errors import Denied, Malformed, OneFileError, Unavailable, Untrusted
from protocol.verdict import (
    CHECKS,
    FINALITY_GRACE_S,
    POLICIES,
    STATUS_MAX_AGE_S,
    Check,
    Policy,
    Verdict,
    accepted,
    attempt,
    conclude,
    failed,
    in_order,
    not_reached,
    passed,
    skipped,
)

NOW = 1_800_000_000
RELEASE, WINDOW, EVIDENCE = POLICIES["release"], POLICIES["window"], POLICIES["evidence"]
PENDING = Unavailable("anchor_pending", "not yet anchored")


def verdict(policy: Policy, **changed: Check | None) -> Verdict:
    """Every check passes, but for those that are given; None leaves one out."""
    made = {name: passed(name, age=0) for name in CHECKS} | changed
    return conclude(policy, [check for check in made.values() if check is not None], NOW)


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_all_checks_passing_is_accepted(policy: Policy) -> None:
    assert (verdict(policy).verdict, verdict(policy).at) == ("accept", NOW)


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
@pytest.mark.parametrize("name", CHECKS)
def test_a_failed_check_rejects_where_it_is_required_and_only_there(policy: Policy, name: str) -> None:
    found = verdict(policy, **{name: failed(name, Untrusted("bad", "bad"))})
    assert found.verdict == ("reject" if name in policy.required else "accept")


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
@pytest.mark.parametrize("name", CHECKS)
def test_a_required_check_that_nobody_made_is_no_check_that_holds(policy: Policy, name: str) -> None:
    assert verdict(policy, **{name: None}).verdict == ("indeterminate" if name in policy.required else "accept")


@pytest.mark.parametrize("name", CHECKS)
def test_an_unreached_check_never_counts_as_held(name: str) -> None:
    assert verdict(EVIDENCE, **{name: not_reached(name)}).verdict == "indeterminate"


def test_a_check_without_meaning_is_neutral_except_the_form() -> None:
    for name in CHECKS:
        want = "indeterminate" if name == "format" else "accept"
        assert verdict(EVIDENCE, **{name: skipped(name)}).verdict == want


def test_skipping_every_check_is_no_way_to_be_accepted() -> None:
    assert conclude(WINDOW, [skipped(name) for name in CHECKS], NOW).verdict == "indeterminate"
    assert conclude(WINDOW, [], NOW).verdict == "indeterminate"


@pytest.mark.parametrize(
    ("policy", "age", "want"),
    [
        (WINDOW, FINALITY_GRACE_S, "accept"),
        (WINDOW, FINALITY_GRACE_S + 1, "indeterminate"),
        (WINDOW, None, "indeterminate"),
        (EVIDENCE, 0, "indeterminate"),
        (RELEASE, None, "accept"),
    ],
)
def test_finality_may_be_unknown_for_900_seconds_at_a_window_only(policy: Policy, age: int | None, want: str) -> None:
    found = verdict(policy, anchor_finality=failed("anchor_finality", PENDING, age=age))
    assert found.verdict == want
    assert found.check("anchor_finality") == failed("anchor_finality", PENDING, age=age)  # and it is shown


def test_an_old_status_is_unknown_and_not_bad() -> None:
    assert verdict(WINDOW, status=passed("status", age=STATUS_MAX_AGE_S)).verdict == "accept"
    found = verdict(WINDOW, status=passed("status", age=STATUS_MAX_AGE_S + 1))
    assert found.verdict == "indeterminate"
    stale = found.check("status")
    assert stale is not None
    assert (stale.status, stale.code, stale.fact_age_s) == ("unknown", "facts_stale", STATUS_MAX_AGE_S + 1)
    assert "3601 s old" in stale.detail


@pytest.mark.parametrize("name", ["grant_signature", "grant_scope", "grant_revocation"])
def test_facts_from_the_chain_count_for_an_hour(name: str) -> None:
    assert verdict(RELEASE, **{name: passed(name, age=3600)}).verdict == "accept"
    assert verdict(RELEASE, **{name: passed(name, age=3601)}).verdict == "indeterminate"


def test_a_failure_beats_every_unknown() -> None:
    unknown = failed("status", PENDING)
    assert verdict(WINDOW, status=unknown, grant_time=failed("grant_time", Denied("x", "x"))).verdict == "reject"


def test_two_checks_of_one_name_must_both_hold() -> None:
    made = [passed(name, age=0) for name in CHECKS]
    assert conclude(WINDOW, [*made, failed("status", Denied("x", "x"))], NOW).verdict == "reject"
    assert conclude(WINDOW, [*made, failed("status", PENDING)], NOW).verdict == "indeterminate"


def test_a_check_without_a_fault_has_its_word_and_says_nothing_more() -> None:
    for made, status, code, age in (
        (passed("status", age=3), "pass", "ok", 3),
        (skipped("status"), "skipped", "not_applicable", None),
        (not_reached("status"), "skipped", "not_reached", None),
    ):
        want = {"name": "status", "status": status, "code": code, "detail": "", "fact_age_s": age}
        assert made.to_json() == want


def test_an_error_says_what_became_of_a_check() -> None:
    def refuse(error: OneFileError) -> Any:
        raise error

    assert attempt("format", lambda: None, age=3) == passed("format", age=3)
    down = attempt("status", lambda: refuse(Unavailable("down", "no answer")))
    assert down.status == "unknown"
    for error in (Malformed("a", "b"), Untrusted("a", "b"), Denied("a", "b {n}", n=1)):
        found = attempt("status", lambda e=error: refuse(e), age=7)  # type: ignore[misc]  # the default binds the loop's value
        assert (found.name, found.status, found.code, found.detail) == ("status", "fail", "a", str(error))
        assert found.fact_age_s == 7


def test_a_foreign_exception_is_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError):
        attempt("status", lambda: 1 // 0)


def test_acceptance_raises_what_failed_before_what_is_unknown() -> None:
    found = verdict(
        WINDOW, status=failed("status", PENDING), holder_binding=failed("holder_binding", Untrusted("x", "y"))
    )
    with pytest.raises(Untrusted):
        accepted(found, WINDOW)
    with pytest.raises(Unavailable) as caught:
        accepted(verdict(WINDOW, status=failed("status", PENDING)), WINDOW)
    assert caught.value.code == "anchor_pending"
    with pytest.raises(Unavailable) as caught:
        accepted(verdict(WINDOW, status=None), WINDOW)
    assert caught.value.code == "verdict_incomplete"
    unreached = verdict(WINDOW, issuer_signature=not_reached("issuer_signature"), status=failed("status", PENDING))
    with pytest.raises(Unavailable) as caught:
        accepted(unreached, WINDOW)
    assert caught.value.code == "anchor_pending"
    borne = verdict(WINDOW, anchor_finality=failed("anchor_finality", PENDING, age=0), status=None)
    with pytest.raises(Unavailable) as caught:
        accepted(borne, WINDOW)
    assert caught.value.code == "verdict_incomplete"  # what a policy bears stands against nothing
    assert accepted(verdict(WINDOW), WINDOW).verdict == "accept"


def test_checks_stand_in_their_order_and_the_others_have_no_meaning() -> None:
    found = in_order([passed("status"), passed("format")])
    assert [check.name for check in found] == list(CHECKS)
    assert [check.status for check in found].count("skipped") == len(CHECKS) - 2


def test_a_verdict_comes_back_from_its_json() -> None:
    odd = failed("status", Denied("odd", "braces {here} and {{there}}", here="{0}"), age=5)
    found = verdict(WINDOW, status=odd)
    value = found.to_json()
    assert set(value) == {"verdict", "at", "checks"}
    assert set(value["checks"][0]) == {"name", "status", "code", "detail", "fact_age_s"}
    again = Verdict.from_json(value)
    assert again.to_json() == value
    assert again.check("nothing") is None


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": "maybe"},
        {"at": -1},
        {"checks": [{}]},
        {"checks": [{**passed("format").to_json(), "status": "good"}]},
        {"checks": [{**passed("format").to_json(), "fact_age_s": "0"}]},
        {"checks": [{**passed("format").to_json(), "more": 1}]},
        {"more": 1},
    ],
)
def test_a_verdict_of_another_shape_is_malformed(change: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        Verdict.from_json({**verdict(RELEASE).to_json(), **change})


@pytest.mark.parametrize(("member", "most"), [("name", 64), ("code", 64), ("detail", 4096)])
def test_the_texts_of_a_strange_verdict_are_bounded(member: str, most: int) -> None:
    value, check = verdict(RELEASE).to_json(), passed("format").to_json()
    longest = {**value, "checks": [{**check, member: "x" * most}]}
    assert Verdict.from_json(longest).to_json() == longest
    with pytest.raises(Malformed):
        Verdict.from_json({**value, "checks": [{**check, member: "x" * (most + 1)}]})


def test_only_names_of_the_list_stand_in_policies() -> None:
    for policy in POLICIES.values():
        assert policy.required | set(policy.fresh) | set(policy.bears) <= set(CHECKS)
        assert set(policy.bears) <= policy.required
