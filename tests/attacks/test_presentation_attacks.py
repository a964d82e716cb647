"""What may be wrong with a credential and a presentation of it, one row each: which check says so, and by what code.

``fail`` rejects; ``unknown`` leaves it undecided. The raising path must raise the same code.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from protocol.credential_issue import issue_credential
from protocol.errors import OneFileError, Unavailable
from protocol.facts import ROLE_ISSUER, IssueFact, NullifierFact, RoleFact, StatusFact
from protocol.grant import GrantEnvelope
from protocol.identifiers import agency_urn
from protocol.jose import P256Signer
from protocol.licence_types import type_id
from protocol.sdjwt_present import bind_key
from protocol.status_list import status_uri
from protocol.verdict import CHAIN_MAX_AGE_S, CHECKS, POLICIES, STATUS_MAX_AGE_S
from protocol.verify_credential import judge_credential, verify_credential
from tests import credential_samples as cs
from tests import grant_samples as gs
from tests import scenario_samples as ss
from tests.log_samples import Log
from tests.verified_samples import (
    CREDENTIAL,
    HOLDER_CARD,
    HOLDER_ENVELOPE,
    ISSUER_CARD,
    ISSUER_ENVELOPE,
    LOG,
    LOGGED,
    NAMED,
    NEXT_ISSUER,
    NEXT_ISSUER_CARD,
    NOW,
    PRESENTATION,
    REGISTRIES,
    a_card,
    a_deposit,
    a_fact,
    a_grant,
    a_presentation,
    a_slip,
    a_status,
    asked,
    dossier_facts,
    evidence,
    grant_evidence,
    issuer_facts,
    scenario,
)

THIEF = P256Signer.from_secret(bytes(31) + b"\x66")
FORGED = issue_credential(cs.request(), THIEF)
CARD = a_fact(ISSUER_CARD, REGISTRIES.agency)
NAMELESS = bind_key(CREDENTIAL.split("~")[0] + "~", cs.HOLDER, aud=cs.BANK_URN, nonce=asked().nonce, iat=NOW)


@dataclass(frozen=True)
class Row:
    name: str
    check: str
    status: str
    code: str
    raw: str = PRESENTATION
    evidence: dict[str, Any] = field(default_factory=dict)
    asked: dict[str, Any] = field(default_factory=dict)


def issuer(**changes: Any) -> dict[str, Any]:
    return {"issuer": issuer_facts(**changes)}


def deposit(slip: str | None = None, **changes: Any) -> dict[str, Any]:
    """The log with another slip in the place of the deposit's."""
    found, log = a_deposit(slip, **changes)
    return {"deposit": found, "anchors": log.anchors(2, 6, known_at=NOW - 20, first_time=LOGGED - 60)}


def anchored(*sizes: int, **changes: Any) -> dict[str, Any]:
    return {"anchors": LOG.anchors(*sizes, **{"known_at": NOW - 20, "first_time": LOGGED - 60, **changes})}


def holder(**changes: Any) -> dict[str, Any]:
    return {"dossier": dossier_facts(**changes)}


ROWS = [
    # format
    Row("without a tilde", "format", "fail", "sdjwt", raw="a.b.c"),
    Row("with a disclosure of another credential", "format", "fail", "disclosure_unknown", raw=CREDENTIAL + cs.credential().split("~")[1] + "~"),
    # issuer
    Row("signed by a thief's key", "issuer_signature", "unknown", "card_missing", raw=a_presentation(FORGED)),
    Row("signed by a key on a card that no registry keeps", "issuer_signature", "fail", "card_signature", raw=a_presentation(FORGED), evidence={"issuer_cards": (a_card(replace(ISSUER_CARD, present_key_thumbprint=THIEF.public_jwk().thumbprint()), REGISTRIES.agency, THIEF),)}),
    Row("of an issuer of another registry", "issuer_signature", "fail", "agency_other", raw=a_presentation(cs.credential(issuer=agency_urn(31337, b"\x99" * 20, cs.ACCOUNT)))),
    Row("of an issuer on another chain", "issuer_signature", "fail", "agency_other", raw=a_presentation(cs.credential(issuer=agency_urn(1, cs.REGISTRY, cs.ACCOUNT)))),
    Row("of another issuer than the facts", "issuer_signature", "fail", "agency_other", evidence=issuer(account=b"\x23" * 20)),
    Row("with nothing known of the issuer", "issuer_signature", "unknown", "agency_facts_missing", evidence={"issuer": None}),
    Row("with a signature bent", "issuer_signature", "fail", "jws_signature", raw=a_presentation(CREDENTIAL.replace(CREDENTIAL.split("~")[0], CREDENTIAL.split("~")[0][:-4] + "AAAA"))),
    Row("by an issuer without this type", "issuer_authority", "fail", "issuer_not_allowed", evidence=issuer(issues=(IssueFact(type_id("diploma"), 0),))),
    Row("by an agency that is no issuer", "issuer_authority", "fail", "issuer_not_allowed", evidence=issuer(roles=(RoleFact(2, 0),))),
    Row("by an issuer whose right had ended", "issuer_authority", "fail", "issuer_not_allowed", evidence=issuer(issues=(IssueFact(type_id("social-insurance-proof"), 0, LOGGED),))),
    Row("by an issuer whose right came later", "issuer_authority", "fail", "issuer_not_allowed", evidence=issuer(roles=(RoleFact(ROLE_ISSUER, LOGGED + 1),))),
    Row("by a key compromised before", "issuer_authority", "fail", "agency_compromised", evidence=issuer(cards=(replace(CARD, compromised_since=LOGGED),))),
    Row("by a key revoked before", "issuer_authority", "fail", "agency_card_revoked", evidence=issuer(cards=(CARD, replace(a_fact(NEXT_ISSUER_CARD, REGISTRIES.agency), since=LOGGED)))),
    Row("by a key published later", "issuer_authority", "fail", "agency_card_later", evidence=issuer(cards=(replace(CARD, since=LOGGED + 1),))),
    Row("with an issuer's card known an hour ago", "issuer_signature", "unknown", "facts_stale", evidence=issuer(known_at=NOW - CHAIN_MAX_AGE_S - 1)),
    Row("with an issuer's rights known an hour ago", "issuer_authority", "unknown", "facts_stale", evidence=issuer(known_at=NOW - CHAIN_MAX_AGE_S - 1)),
    # log
    Row("without a deposit", "anchor_inclusion", "unknown", "log_facts_missing", evidence={"deposit": None}),
    Row("without heads", "anchor_inclusion", "unknown", "log_facts_missing", evidence={"anchors": None}),
    Row("with the deposit of another entry", "anchor_inclusion", "fail", "entry_commitment", evidence=deposit(leaf_salt=bytes(32))),
    Row("with an entry of another kind", "anchor_inclusion", "fail", "entry_kind", evidence=deposit(t="note")),
    Row("with a proof of nothing", "anchor_inclusion", "fail", "tlog_proof", evidence=deposit(entry=replace(LOG.evidence(3, 6), proof=b"x"))),
    Row("with a log of another history", "log_consistency", "fail", "equivocation", evidence={"anchors": Log(LOG.entries[::-1]).anchors(6, known_at=NOW, first_time=LOGGED)}),
    Row("with another credential's slip", "anchor_inclusion", "fail", "item_commitment", evidence=deposit(a_slip(item_commitment=b"\x07" * 32))),
    Row("with a wrong item salt", "anchor_inclusion", "fail", "item_commitment", evidence=deposit(salt=b"\x07" * 32)),
    Row("with a slip for another dossier", "anchor_inclusion", "fail", "slip_other", evidence=deposit(a_slip(dossier=b"\x07" * 32))),
    Row("with a slip of another issuer", "anchor_inclusion", "fail", "slip_other", evidence=deposit(a_slip(iss=cs.BANK_URN))),
    Row("with a slip for another log", "anchor_inclusion", "fail", "wrong_audience", evidence=deposit(a_slip(aud="onefile/1/0x" + "a4" * 20 + "/main"))),
    Row("with a slip by a thief's key", "anchor_inclusion", "unknown", "card_missing", evidence=deposit(a_slip(THIEF))),
    Row("with another item than the grant opens", "anchor_inclusion", "fail", "item_other", asked={"item": b"\x07" * 32}),
    Row("with a document of another item", "anchor_inclusion", "fail", "document_other", asked={"documents": (b"\x07" * 32,)}),
    # status
    Row("without a status", "status", "unknown", "status_missing", evidence={"status": None}),
    Row("with a status that is no token", "status", "fail", "jws", evidence={"status": StatusFact("x", NOW)}),
    Row("revoked by its issuer", "status", "fail", "credential_invalid", evidence={"status": a_status(1)}),
    Row("suspended by its issuer", "status", "fail", "credential_suspended", evidence={"status": a_status(2)}),
    Row("under correction", "status", "unknown", "credential_correcting", evidence={"status": a_status(3)}),
    Row("with a list of another name", "status", "fail", "status_uri", evidence={"status": a_status(sub=status_uri(cs.ACCOUNT, 1))}),
    Row("with an expired list", "status", "unknown", "status_stale", evidence={"status": a_status(age=7300)}),
    Row("with a list of an hour ago", "status", "unknown", "facts_stale", evidence={"status": a_status(age=STATUS_MAX_AGE_S + 1)}),
    Row("with a list by a thief's key", "status", "unknown", "card_missing", evidence={"status": a_status(signer=THIEF)}),
    Row("with a list by a key compromised since", "status", "fail", "agency_compromised", evidence=issuer(cards=(replace(CARD, compromised_since=NOW),))),
    Row("after its last day", "status", "fail", "credential_expired", evidence={"now": 1_830_000_000, **holder(known_at=1_830_000_000)}),
    # holder
    Row("bound to a key that the holder revoked", "holder_binding", "fail", "holder_key_revoked", evidence=holder(cards=(a_fact(HOLDER_CARD, REGISTRIES.dossier), replace(CARD, seq=2, revoked_below=2)))),
    Row("bound to a key of no card at hand", "holder_binding", "unknown", "card_missing", evidence={"dossier_cards": ()}),
    Row("bound to a key on a card that no registry keeps", "holder_binding", "fail", "card_signature", evidence=holder(cards=())),
    Row("about another dossier than the facts", "holder_binding", "fail", "subject_other", evidence=holder(dossier=b"\x07" * 32)),
    Row("with a dossier's cards known an hour ago", "holder_binding", "unknown", "facts_stale", evidence=holder(known_at=NOW - CHAIN_MAX_AGE_S - 1)),
    Row("with nothing known of the dossier", "holder_binding", "unknown", "dossier_facts_missing", evidence={"dossier": None}),
    Row("shown to another reader", "holder_binding", "fail", "key_binding_aud", asked={"aud": cs.ISSUER_URN}),
    Row("replayed under another nonce", "holder_binding", "fail", "key_binding_nonce", asked={"nonce": "x"}),
    Row("without a key binding", "holder_binding", "fail", "key_binding_missing", raw=CREDENTIAL),
    Row("with a claim too many", "holder_binding", "fail", "claims_unnamed", raw=a_presentation(named=(*NAMED, "/holder/name"))),
    Row("with a claim too few", "holder_binding", "fail", "claims_missing", raw=a_presentation(named=NAMED[:2])),
    Row("with the disclosures of another presentation", "holder_binding", "fail", "key_binding_hash", raw=a_presentation().rpartition("~")[0] + "~" + a_presentation(named=NAMED[:2]).rpartition("~")[2]),
    Row("without saying whose it is", "holder_binding", "fail", "subject_hidden", raw=NAMELESS, asked={"named": ()}),
    # scenario
    Row("for a query that the scenario does not have", "scenario_minimum", "fail", "scenario_type", asked={"query": "other"}),
    Row("of another type than the query asks for", "scenario_minimum", "fail", "scenario_type", asked={"query": "education"}),
    Row("with a claim that the scenario does not ask for", "scenario_minimum", "fail", "over_asking", raw=a_presentation(named=(*NAMED, "/employer_name")), asked={"named": (*NAMED, "/employer_name")}),
    Row("too old for the scenario", "scenario_minimum", "fail", "credential_too_old", asked={"scenario": scenario(max_age=60)}),
    Row("for a scenario that is over", "scenario_minimum", "fail", "scenario_not_in_force", asked={"scenario": scenario(expires=NOW)}),
    Row("without a value that the scenario asks for", "scenario_minimum", "fail", "scenario_value", asked={"scenario": scenario(query=ss.parse_query({"credentials": [{**ss.QUERY["credentials"][0], "claims": [{"path": ["insured_region"], "values": ["济南市"]}, {"path": ["months_paid"]}, {"path": ["files", None]}]}]}))}),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name.replace(" ", "-"))
def test_a_presentation_is_not_accepted(row: Row) -> None:
    facts, question = evidence(**row.evidence), asked(**row.asked)
    verdict = judge_credential(row.raw, facts, POLICIES["evidence"], asked=question)
    found = verdict.check(row.check)
    assert found is not None
    assert (found.status, found.code, verdict.at) == (row.status, row.code, facts.now)
    failing = any(check.status == "fail" for check in verdict.checks)
    assert verdict.verdict == ("reject" if failing else "indeterminate")
    with pytest.raises(OneFileError) as caught:
        verify_credential(row.raw, facts, POLICIES["evidence"], asked=question)
    assert isinstance(caught.value, Unavailable) != failing


def test_no_two_rows_share_a_name() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)


def test_what_every_row_bends_is_itself_good() -> None:
    for policy in ("window", "evidence"):
        found = verify_credential(PRESENTATION, evidence(), POLICIES[policy], asked=asked())
        assert found.credential.named == NAMED
        assert found.entry is not None
        assert found.entry.time == LOGGED
        assert found.verdict.verdict == "accept"


def test_every_check_of_a_presentation_is_as_old_as_what_it_rests_on() -> None:
    grant = (GRANTED, grant_evidence(agency=replace(grant_evidence().agency, known_at=NOW - 11)))
    verdict = judge_credential(PRESENTATION, evidence(), POLICIES["evidence"], asked=asked(), grant=grant)
    assert {check.name: check.fact_age_s for check in verdict.checks if check.status == "pass"} == {
        "format": None,
        "issuer_signature": 5,
        "issuer_authority": 5,
        "anchor_inclusion": 20,
        "anchor_finality": 20,
        "status": 300,
        "holder_binding": 7,
        "grant_signature": 7,
        "grant_scope": 11,
        "grant_time": None,
        "grant_uses": None,
        "grant_revocation": 7,
        "scenario_minimum": None,
        "log_consistency": 20,
    }
    missing = judge_credential(PRESENTATION, evidence(status=None), POLICIES["evidence"], asked=asked()).check("status")
    assert missing is not None
    assert missing.fact_age_s is None


def test_a_wrong_deposit_leaves_the_log_what_it_is() -> None:
    verdict = judge_credential(PRESENTATION, evidence(**deposit(leaf_salt=bytes(32))), POLICIES["evidence"], asked=asked())
    found = {check.name: check.status for check in verdict.checks}
    assert (found["anchor_inclusion"], found["log_consistency"], found["anchor_finality"]) == ("fail", "pass", "pass")


def test_a_card_that_revokes_those_before_it_leaves_its_own_key_good() -> None:
    card = replace(a_fact(HOLDER_CARD, REGISTRIES.dossier), revoked_below=HOLDER_CARD.seq)
    facts = evidence(**holder(cards=(card,)))
    assert judge_credential(PRESENTATION, facts, POLICIES["evidence"], asked=asked()).verdict == "accept"


def test_to_name_the_subject_is_to_ask_for_nothing_more() -> None:
    named = (*NAMED, "/sub")
    verdict = judge_credential(a_presentation(named=named), evidence(), POLICIES["evidence"], asked=asked(named=named))
    assert verdict.verdict == "accept"


def test_a_flood_of_facts_about_others_changes_nothing() -> None:
    """Facts of other issuers' keys at hand neither help nor hurt."""
    more = evidence(issuer_cards=(HOLDER_ENVELOPE, a_card(NEXT_ISSUER_CARD, REGISTRIES.agency, NEXT_ISSUER), ISSUER_ENVELOPE))
    assert judge_credential(PRESENTATION, more, POLICIES["evidence"], asked=asked()).verdict == "accept"


@pytest.mark.parametrize(
    ("changes", "want"),
    [
        (issuer(cards=(replace(CARD, compromised_since=LOGGED + 1),)), ("pass", "fail")),
        (issuer(issues=(IssueFact(type_id("social-insurance-proof"), 0, LOGGED + 1),)), ("pass", "pass")),
        (issuer(cards=(CARD, a_fact(NEXT_ISSUER_CARD, REGISTRIES.agency))), ("pass", "fail")),
    ],
    ids=["compromised after the deposit", "right ended after the deposit", "key revoked after the deposit"],
)
def test_what_ends_later_leaves_the_deposit_true_and_the_key_useless_for_statuses(
    changes: dict[str, Any], want: tuple[str, str]
) -> None:
    verdict = judge_credential(PRESENTATION, evidence(**changes), POLICIES["evidence"], asked=asked())
    found = {check.name: check.status for check in verdict.checks}
    assert (found["issuer_authority"], found["status"]) == want


def test_a_successor_key_signs_statuses_for_what_the_key_before_issued() -> None:
    cards = (CARD, a_fact(NEXT_ISSUER_CARD, REGISTRIES.agency))
    envelopes = (ISSUER_ENVELOPE, a_card(NEXT_ISSUER_CARD, REGISTRIES.agency, NEXT_ISSUER))
    facts = evidence(
        issuer=issuer_facts(cards=cards), issuer_cards=envelopes, status=a_status(signer=NEXT_ISSUER)
    )
    assert judge_credential(PRESENTATION, facts, POLICIES["evidence"], asked=asked()).verdict == "accept"


def test_an_unanchored_deposit_is_judged_by_the_issuers_present_rights() -> None:
    ended = issuer(issues=(IssueFact(type_id("social-insurance-proof"), 0, NOW),))
    young = {**anchored(2, first_time=NOW - 100), "deposit": replace(a_deposit()[0], entry=LOG.evidence(3, 6, tie=(2, 6)))}
    good = judge_credential(PRESENTATION, evidence(**young), POLICIES["window"], asked=asked())
    assert good.verdict == "accept"
    assert judge_credential(PRESENTATION, evidence(**young), POLICIES["evidence"], asked=asked()).verdict == "indeterminate"
    late = judge_credential(PRESENTATION, evidence(**young, **ended), POLICIES["window"], asked=asked())
    assert late.verdict == "reject"


def test_the_holders_own_check_asks_for_no_presentation() -> None:
    verdict = judge_credential(CREDENTIAL, evidence(), POLICIES["evidence"])
    assert verdict.verdict == "accept"
    skipped = {check.name for check in verdict.checks if check.status == "skipped"}
    assert skipped == {name for name in CHECKS if name.startswith("grant_")} | {"mandate", "scenario_minimum"}


GRANTED = a_grant()
PART = GRANTED.grant.scope[0]


@pytest.mark.parametrize(
    ("envelope", "facts", "check", "code"),
    [
        (GRANTED, {"nullified": NullifierFact(GRANTED.grant.nullifier, NOW - 1, NOW)}, "grant_revocation", "grant_revoked"),
        (a_grant(max_uses=4), {}, "scenario_minimum", "grant_exceeds_scenario"),
        (GRANTED, {"agency": gs.bank_facts(known_at=NOW)}, "grant_scope", "grant_agency"),
        (a_grant(grant_id=b"\x01" * 32), {}, "grant_scope", "grant_other"),
        (a_grant(scope=(replace(PART, item=b"\x01" * 32),)), {}, "grant_scope", "grant_other_item"),
        (a_grant(scope=(replace(PART, claims=NAMED[:2]),)), {}, "grant_scope", "grant_other_item"),
        (a_grant(scope=(replace(PART, documents=()),)), {}, "grant_scope", "grant_other_item"),
    ],
    ids=["revoked", "beyond the scenario", "of another agency", "another", "for another item", "for fewer claims", "for no document"],
)
def test_a_presentation_is_no_better_than_its_grant(
    envelope: GrantEnvelope, facts: dict[str, Any], check: str, code: str
) -> None:
    grant = (envelope, grant_evidence(**facts))
    verdict = judge_credential(PRESENTATION, evidence(), POLICIES["window"], asked=asked(), grant=grant)
    found = verdict.check(check)
    assert found is not None
    assert (verdict.verdict, found.status, found.code) == ("reject", "fail", code)


def test_a_presentation_under_its_own_grant_is_accepted() -> None:
    grant = (GRANTED, grant_evidence())
    for policy in ("window", "evidence"):
        found = verify_credential(PRESENTATION, evidence(), POLICIES[policy], asked=asked(), grant=grant)
        named = {check.name for check in found.verdict.checks if check.status == "pass"}
        assert named == set(CHECKS) - {"mandate"}


def test_a_grant_without_a_presentation_is_judged_for_itself() -> None:
    verdict = judge_credential(CREDENTIAL, evidence(), POLICIES["evidence"], grant=(GRANTED, grant_evidence()))
    assert verdict.verdict == "accept"
