from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from protocol import canonical, grant_evidence
from protocol.errors import Denied, OneFileError, Unavailable, Untrusted
from protocol.facts import ControllerFact, NullifierFact
from protocol.grant import GrantEnvelope, nullifier_of
from protocol.grant_evidence import MandateEvidence
from protocol.hashing import ZERO32, keccak256
from protocol.mandate import Mandate, MandateEnvelope
from protocol.verdict import CHAIN_MAX_AGE_S, CHECKS, POLICIES
from protocol.verify_grant import grant_checks, judge_grant, verify_grant
from tests.grant_samples import (
    ALICE,
    BANK,
    BOB,
    DOMAIN,
    DOSSIER,
    ORIGIN,
    SCENARIO,
    SECRET,
    T0,
    WEEK,
    Account,
    a_grant,
    a_scenario,
    a_scope,
    b32,
    bank_facts,
    dossier_facts,
    signed,
)
from tests.grant_samples import grant_evidence as evidence

RELEASE = POLICIES["release"]
MADE = ("format", "grant_signature", "grant_scope", "grant_time", "grant_uses", "grant_revocation", "scenario_minimum")


def test_a_good_grant_comes_back_with_what_was_signed() -> None:
    found = verify_grant(signed(a_grant()), evidence())
    assert found.grant == a_grant()
    assert found.digest == a_grant().digest(DOMAIN)
    assert found.at == T0 + 60


def test_a_good_grants_verdict_names_every_check_in_order() -> None:
    verdict = judge_grant(signed(a_grant()).raw, evidence(), RELEASE)
    assert (verdict.verdict, verdict.at) == ("accept", T0 + 60)
    assert [check.name for check in verdict.checks] == list(CHECKS)
    assert {check.name for check in verdict.checks if check.status == "pass"} == set(MADE)
    assert {check.code for check in verdict.checks if check.status == "skipped"} == {"not_applicable"}


def test_the_checks_of_a_grant_bear_their_own_names_even_where_they_are_skipped() -> None:
    made = grant_checks(signed(a_grant()), evidence())
    assert sorted(check.name for check in made) == sorted({*MADE, "mandate"} - {"format"})
    assert {check.name for check in made if check.status == "skipped"} == {"mandate"}


HOUR_AGO = T0 + 60 - CHAIN_MAX_AGE_S


@pytest.mark.parametrize(
    "changes",
    [
        {"dossier": dossier_facts(known_at=HOUR_AGO)},
        {"agency": bank_facts(known_at=HOUR_AGO)},
        {"nullified": NullifierFact(nullifier_of(SECRET), None, HOUR_AGO)},
    ],
    ids=["dossier", "agency", "nullifier"],
)
def test_facts_from_the_chain_count_for_an_hour_and_no_second_longer(changes: dict[str, Any]) -> None:
    given = evidence(**changes)
    assert verify_grant(signed(a_grant()), given)
    with pytest.raises(Unavailable) as caught:
        verify_grant(signed(a_grant()), given._replace(now=T0 + 61))
    assert caught.value.code == "chain_stale"


def test_a_dossier_is_frozen_until_the_second_that_the_chain_names() -> None:
    frozen = dossier_facts(frozen_until=T0 + 60)
    assert verify_grant(signed(a_grant()), evidence(dossier=frozen))
    with pytest.raises(Denied) as caught:
        verify_grant(signed(a_grant()), evidence(dossier=frozen, now=T0 + 59))
    assert caught.value.code == "dossier_frozen"


def test_a_card_that_revokes_those_before_it_does_not_revoke_itself() -> None:
    card = replace(bank_facts().cards[0], seq=2, revoked_below=2)
    assert verify_grant(signed(a_grant()), evidence(agency=bank_facts(cards=(card,))))


def test_the_verdict_tells_how_old_the_facts_are() -> None:
    found = judge_grant(signed(a_grant()), evidence(dossier=dossier_facts(known_at=T0 - 40)), RELEASE)
    ages = {check.name: check.fact_age_s for check in found.checks}
    assert ages["grant_signature"] == ages["grant_revocation"] == 100
    assert ages["grant_scope"] == 60
    assert ages["grant_time"] is None


@pytest.mark.parametrize(
    "raw",
    [b"", b"{}", b"\xff", b"[" * 100, signed(a_grant()).raw[:-1], signed(a_grant()).raw + b" "],
)
def test_bytes_that_are_no_grant_are_rejected_and_nothing_else_is_checked(raw: bytes) -> None:
    verdict = judge_grant(raw, evidence(), RELEASE)
    assert verdict.verdict == "reject"
    assert [check.name for check in verdict.checks if check.status == "fail"] == ["format"]
    assert {check.code for check in verdict.checks if check.name in MADE[1:]} == {"not_reached"}


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("grantId", "0x" + "00" * 31 + "6a" + "00"),
        ("grantId", "0x" + "6a" * 31),
        ("agency", "0x" + "00" * 12 + BANK.address.hex()),
        ("nullifier", "0x" + "2e" * 16),
    ],
)
def test_a_padded_or_short_value_is_malformed_and_never_filled_up(member: str, value: str) -> None:
    body = signed(a_grant()).to_json()
    body["grant"][member] = value
    verdict = judge_grant(canonical.dumps(body), evidence(), RELEASE)
    assert verdict.verdict == "reject"
    assert verdict.checks[0].code == "length"


def test_times_are_compared_to_the_second() -> None:
    start = evidence(now=T0, last_use_at=None)
    assert verify_grant(signed(a_grant()), start).at == T0
    waited = evidence(now=T0 + 61)
    assert verify_grant(signed(a_grant(min_interval_s=31)), waited)


def test_a_grant_that_is_being_posted_is_judged_by_now() -> None:
    fresh = evidence(posted_at=None, uses=0, last_use_at=None)
    assert verify_grant(signed(a_grant()), fresh)
    late = dossier_facts(controllers=(ControllerFact(ALICE.address, 0, T0 + 30), ControllerFact(BOB.address, T0 + 30)))
    with pytest.raises(Untrusted) as caught:
        verify_grant(signed(a_grant()), fresh._replace(dossier=late))
    assert caught.value.code == "not_controller"
    # Posted before the controller changed, the grant lives on: only an epoch ends grants.
    assert verify_grant(signed(a_grant()), evidence(dossier=late))


def test_a_contract_accounts_grant_counts_by_its_attestation() -> None:
    envelope = GrantEnvelope.of(a_grant(), b"")
    attested = dossier_facts(attested={a_grant().digest(DOMAIN): T0})
    assert verify_grant(envelope, evidence(dossier=attested))


def test_a_reader_who_cannot_know_the_items_leaves_them_to_the_opening() -> None:
    assert verify_grant(signed(a_grant(scope=(a_scope(item=b32(0xBAD)),))), evidence(items=None))


def test_fewer_claims_than_the_scenario_asks_for_are_the_holders_choice() -> None:
    assert verify_grant(signed(a_grant(scope=(a_scope(claims=("/months_paid",), documents=()),))), evidence())


def test_the_memory_of_a_scenario_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grant_evidence, "MAX_TERMS", 2)
    scenario = a_scenario()
    for uses in (1, 2, 3):
        scenario.check_terms(a_grant(max_uses=uses), "bank")
    assert scenario._allowed == {("bank", a_grant(max_uses=3).terms)}
    with pytest.raises(Denied):
        scenario.check_terms(a_grant(max_uses=4), "bank")


def test_a_given_grant_outlives_a_newer_version_and_ends_with_one_that_is_withdrawn() -> None:
    now = evidence().now
    newer = replace(SCENARIO.scenario, version=SCENARIO.scenario.version + 1)
    assert verify_grant(signed(a_grant()), evidence(scenario=replace(SCENARIO, later=(newer,))))
    later = replace(SCENARIO, later=(replace(newer, withdrawn=now + 1),))
    assert verify_grant(signed(a_grant()), evidence(scenario=later))
    with pytest.raises(Denied) as caught:
        verify_grant(signed(a_grant()), evidence(scenario=later, now=now + 1))
    assert caught.value.code == "scenario_withdrawn"


LICENCE = a_scope(query="licence", claims=("/licence_class",), documents=())


@pytest.mark.parametrize(
    ("allowed", "refused"),
    [
        ({}, {"purpose": "anything at all"}),
        ({}, {"max_uses": 4}),
        ({}, {"not_before": T0 - 2, "not_after": T0 + WEEK + 2}),
        ({}, {"retention_days": 31}),
        ({}, {"scope": (a_scope(claims=("/name",)),)}),
        ({}, {"scope": (a_scope(query="payslip"),)}),
        ({}, {"scope": (a_scope(), a_scope(item=b32(2)))}),
        ({"scope": (LICENCE,)}, {"scope": (replace(LICENCE, documents=(b32(0xD0C),)),)}),
    ],
    ids=["purpose", "uses", "as much later as earlier", "retention", "claim", "query", "items", "documents"],
)
def test_what_a_scenario_allowed_once_lets_no_other_grant_through(
    allowed: dict[str, Any], refused: dict[str, Any]
) -> None:
    scenario = a_scenario()
    scenario.check_terms(a_grant(**allowed), "bank")
    with pytest.raises(Denied):
        scenario.check_terms(a_grant(**refused), "bank")
    with pytest.raises(Denied):
        scenario.check_terms(a_grant(**allowed), "insurer")


# Mandates

AGENT = Account(0xA6E27)


def a_mandate(**changes: Any) -> Mandate:
    mandate = Mandate(
        mandate_id=b32(0x3A),
        log=keccak256(ORIGIN.encode()),
        dossier=DOSSIER,
        grant_epoch=1,
        agent=AGENT.address,
        powers=2,
        scenarios=(SCENARIO.hash,),
        max_grants=2,
        not_before=T0 - 10,
        not_after=T0 + 20,
        parent=ZERO32,
        max_depth=0,
        nullifier=b32(0x3B),
    )
    return replace(mandate, **changes)


def under(
    mandate: Mandate, /, *, by: Account | None = ALICE, spent_at: int | None = None, before: int = 1, **grant: Any
) -> tuple[GrantEnvelope, MandateEvidence]:
    digest = mandate.digest(DOMAIN)
    envelope = MandateEnvelope.of(mandate, by.sign(digest) if by else b"")
    given = a_grant(**{"grantor": AGENT.address, "mandate": digest, **grant})
    proof = MandateEvidence(envelope, NullifierFact(mandate.nullifier, spent_at, T0), before, T0 - 10)
    return signed(given, by=AGENT), proof


def test_an_agent_grants_within_the_mandate() -> None:
    envelope, mandate = under(a_mandate())
    assert verify_grant(envelope, evidence(mandate=mandate)).grant.grantor == AGENT.address
    verdict = judge_grant(envelope, evidence(mandate=mandate), RELEASE)
    assert verdict.verdict == "accept"
    found = verdict.check("mandate")
    assert found is not None
    assert (found.status, found.fact_age_s) == ("pass", 60)


def test_a_mandate_without_a_list_is_for_any_scenario() -> None:
    envelope, mandate = under(a_mandate(scenarios=()))
    assert verify_grant(envelope, evidence(mandate=mandate))


def test_a_contract_accounts_mandate_counts_by_its_attestation() -> None:
    envelope, mandate = under(a_mandate(), by=None)
    attested = dossier_facts(attested={a_mandate().digest(DOMAIN): T0 - 10})
    assert verify_grant(envelope, evidence(mandate=mandate, dossier=attested))


def test_a_grant_outlives_a_mandate_that_ran_out() -> None:
    envelope, mandate = under(a_mandate())
    later = evidence(mandate=mandate, now=T0 + 300)
    assert verify_grant(envelope, later).at == T0 + 300


@pytest.mark.parametrize(
    ("built", "changes", "code"),
    [
        (under(a_mandate(), by=BOB), {}, "not_controller"),
        (under(a_mandate(), by=AGENT), {}, "not_controller"),
        (under(a_mandate(), by=None), {}, "not_attested"),
        (under(a_mandate(log=b32(1))), {}, "mandate_dossier"),
        (under(a_mandate(dossier=b32(1))), {}, "mandate_dossier"),
        (under(a_mandate(agent=BOB.address)), {}, "mandate_agent"),
        (under(a_mandate(powers=13)), {}, "mandate_power"),
        (under(a_mandate(scenarios=(b32(1),))), {}, "mandate_scenario"),
        (under(a_mandate(grant_epoch=0)), {}, "mandate_epoch"),
        (under(a_mandate(), spent_at=T0 + 5), {}, "mandate_revoked"),
        (under(a_mandate()), {"posted_at": T0 + 20}, "mandate_time"),
        (under(a_mandate()), {"posted_at": None}, "mandate_time"),
        (under(a_mandate(not_before=T0 + 2)), {}, "mandate_time"),
        (under(a_mandate(), before=2), {}, "mandate_used_up"),
        (under(a_mandate(), mandate=b32(1)), {}, "mandate_other"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_grant_beyond_its_mandate_is_refused(
    built: tuple[GrantEnvelope, MandateEvidence], changes: dict[str, Any], code: str
) -> None:
    envelope, mandate = built
    given = evidence(mandate=mandate, **changes)
    with pytest.raises(OneFileError) as caught:
        verify_grant(envelope, given)
    assert not isinstance(caught.value, Unavailable)
    assert caught.value.code == code
    verdict = judge_grant(envelope, given, RELEASE)
    assert verdict.verdict == "reject"
    assert [check.code for check in verdict.checks if check.status == "fail"] == [code]


def test_a_mandate_holds_from_its_very_first_second() -> None:
    envelope, mandate = under(a_mandate(not_before=T0 + 1))
    assert verify_grant(envelope, evidence(mandate=mandate, posted_at=T0 + 1))


@pytest.mark.parametrize("forger", [ALICE, BOB, BANK], ids=["the controller", "anybody", "the reader"])
def test_a_grant_under_a_mandate_is_signed_by_the_agent_and_nobody_else(forger: Account) -> None:
    envelope, mandate = under(a_mandate())
    with pytest.raises(Untrusted) as caught:
        verify_grant(signed(envelope.grant, by=forger), evidence(mandate=mandate))
    assert caught.value.code == "signature"


def test_the_verdict_on_a_mandate_is_as_old_as_what_is_known_of_its_revocation() -> None:
    envelope, mandate = under(a_mandate())
    old = replace(mandate, nullified=mandate.nullified._replace(known_at=T0 - 40))
    found = judge_grant(envelope, evidence(mandate=old), RELEASE).check("mandate")
    assert found is not None
    assert found.fact_age_s == 100


def test_an_agent_without_a_signature_of_its_own_grants_nothing() -> None:
    envelope, mandate = under(a_mandate())
    unsigned = GrantEnvelope.of(envelope.grant, b"")
    attested = dossier_facts(attested={envelope.grant.digest(DOMAIN): T0})
    with pytest.raises(Untrusted) as caught:
        verify_grant(unsigned, evidence(mandate=mandate, dossier=attested))
    assert caught.value.code == "not_attested"
