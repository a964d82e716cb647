from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from protocol.entries import AccessRecord
from protocol.facts import ROLE_READER, AgencyFacts, RoleFact
from protocol.identifiers import agency_subject
from protocol.jose import P256Signer
from protocol.keycard import first_card
from protocol.receipts import Officer, Receipt, ReceiptItem, parse_receipt, sign_receipt
from protocol.verdict import POLICIES
from protocol.verify_receipt import ReceiptEvidence, UseEvidence, judge_receipt
from tests import credential_samples as cs
from tests.log_samples import ORIGIN, Log, an_entry
from tests.verified_samples import BANK, GRANT_ID, ITEM, NAMED, NOW, REGISTRIES, SEALING, a_card, a_fact

READER = P256Signer.from_secret(bytes(31) + b"\x0c")
CARD = first_card(agency_subject(BANK), READER.public_jwk(), SEALING, valid_from=NOW - 9000)
SALT = b"\x21" * 32
USED = NOW - 1000


def a_receipt(signer: P256Signer = READER, **changes: Any) -> str:
    receipt = Receipt(
        jti="B" * 21 + "A",
        iat=USED,
        iss=cs.BANK_URN,
        aud=ORIGIN,
        grant=GRANT_ID,
        show=None,
        scenario=b"\x5c" * 32,
        officer=Officer("loan-officer", "0042"),
        items=(ReceiptItem(ITEM, NAMED, ()),),
        retain_until=USED + 86_400,
        nonce=None,
        card=CARD.digest(REGISTRIES.agency),
    )
    return sign_receipt(replace(receipt, **changes), signer)


RECEIPT = a_receipt()


def a_use(t: str = "access", **changes: Any) -> tuple[UseEvidence, Log]:
    record = AccessRecord(parse_receipt(RECEIPT).hash, GRANT_ID, None, 1, (), USED + 2)
    raw = replace(record, **changes).serialise()
    log = Log([*[an_entry("issue", bytes(32), bytes([i]), i) for i in range(4)], an_entry(t, SALT, raw, 9)])
    return UseEvidence(raw, SALT, log.evidence(4, 5)), log


def bank(**changes: Any) -> AgencyFacts:
    facts = AgencyFacts(
        account=BANK,
        name="示范银行",
        division="bank",
        roles=(RoleFact(ROLE_READER, NOW - 9000),),
        issues=(),
        cards=(a_fact(CARD, REGISTRIES.agency),),
        known_at=NOW - 3,
    )
    return replace(facts, **changes)


def evidence(logged: tuple[UseEvidence, Log] | None = None, **changes: Any) -> ReceiptEvidence:
    found, log = logged or a_use()
    facts = ReceiptEvidence(
        now=NOW,
        log=ORIGIN,
        registries=REGISTRIES,
        reader=bank(),
        reader_cards=(a_card(CARD, REGISTRIES.agency, READER),),
        use=found,
        anchors=log.anchors(2, 5, known_at=NOW - 4, first_time=USED),
    )
    return replace(facts, **changes)


def test_a_registered_readers_receipt_in_the_log_is_accepted() -> None:
    for policy in ("window", "evidence"):
        verdict = judge_receipt(RECEIPT, evidence(), POLICIES[policy])
        assert (verdict.verdict, verdict.at) == ("accept", NOW)
        # How old what each rests on is: the registry's facts of the reader, and those of the log.
        assert {check.name: check.fact_age_s for check in verdict.checks if check.status == "pass"} == {
            "format": None,
            "issuer_signature": 3,
            "issuer_authority": 3,
            "anchor_inclusion": 4,
            "anchor_finality": 4,
            "log_consistency": 4,
        }


CARD_FACT = a_fact(CARD, REGISTRIES.agency)
THIEF = P256Signer.from_secret(bytes(31) + b"\x0d")


@pytest.mark.parametrize(
    ("raw", "facts", "check", "status", "code"),
    [
        ("", {}, "format", "fail", "jws"),
        (a_receipt(THIEF), {}, "issuer_signature", "unknown", "card_missing"),
        (a_receipt(card=b"\x01" * 32), {}, "issuer_signature", "fail", "receipt_card"),
        (a_receipt(aud="onefile/1/0x" + "a4" * 20 + "/main"), {}, "issuer_signature", "fail", "wrong_audience"),
        (a_receipt(iss=cs.ISSUER_URN), {}, "issuer_signature", "fail", "agency_other"),
        (RECEIPT[:-4] + "AAAA", {}, "issuer_signature", "fail", "jws_signature"),
        (RECEIPT, {"reader": None}, "issuer_signature", "unknown", "agency_facts_missing"),
        (RECEIPT, {"reader_cards": ()}, "issuer_signature", "unknown", "card_missing"),
        (RECEIPT, {"reader": bank(roles=())}, "issuer_authority", "fail", "not_reader_then"),
        (RECEIPT, {"reader": bank(roles=(RoleFact(ROLE_READER, 0, USED),))}, "issuer_authority", "fail", "not_reader_then"),
        (RECEIPT, {"reader": bank(cards=(replace(CARD_FACT, compromised_since=USED),))}, "issuer_authority", "fail", "agency_compromised"),
        (RECEIPT, {"use": None}, "anchor_inclusion", "unknown", "log_facts_missing"),
        (RECEIPT, {"anchors": None}, "anchor_inclusion", "unknown", "log_facts_missing"),
        (a_receipt(jti="C" * 21 + "A"), {}, "anchor_inclusion", "fail", "record_other"),
    ],
)  # fmt: skip
def test_a_receipt_with_something_wrong_is_not_accepted(
    raw: str, facts: dict[str, Any], check: str, status: str, code: str
) -> None:
    verdict = judge_receipt(raw, evidence(**facts), POLICIES["window"])
    found = verdict.check(check)
    assert found is not None
    assert (found.status, found.code, verdict.at) == (status, code, NOW)
    failing = any(check.status == "fail" for check in verdict.checks)
    assert verdict.verdict == ("reject" if failing else "indeterminate")


@pytest.mark.parametrize(
    ("use", "code"),
    [
        (a_use(t="note"), "entry_kind"),
        (a_use(grant=b"\x01" * 32), "record_other"),
        (a_use(grant=None, show=b"\x01" * 16), "record_other"),
        (a_use(at=USED + 121), "record_time"),
        (a_use(at=USED - 121), "record_time"),
        ((replace(a_use()[0], record=a_use(use_no=2)[0].record), a_use()[1]), "entry_commitment"),
        ((replace(a_use()[0], leaf_salt=bytes(32)), a_use()[1]), "entry_commitment"),
        ((replace(a_use()[0], entry=replace(a_use()[0].entry, proof=b"")), a_use()[1]), "tlog_proof"),
    ],
    ids=["a note", "another grant", "a show", "later", "earlier", "another record", "another salt", "no proof"],
)
def test_a_use_that_the_log_does_not_record_so_is_rejected(use: tuple[UseEvidence, Log], code: str) -> None:
    verdict = judge_receipt(RECEIPT, evidence(use), POLICIES["evidence"])
    found = verdict.check("anchor_inclusion")
    assert found is not None
    assert (verdict.verdict, found.code) == ("reject", code)
    if code != "tlog_proof":  # the entry is in the log all the same: only what it says is of something else
        names = [check.name for check in verdict.checks if check.status == "pass"]
        assert {"log_consistency", "anchor_finality"} <= set(names)


@pytest.mark.parametrize("at", [USED - 120, USED + 120])
def test_a_use_may_be_recorded_two_minutes_off_the_receipts_time(at: int) -> None:
    assert judge_receipt(RECEIPT, evidence(a_use(at=at)), POLICIES["evidence"]).verdict == "accept"


@pytest.mark.parametrize("missing", ["use", "anchors"])
def test_without_the_log_all_that_the_log_says_is_unknown(missing: str) -> None:
    verdict = judge_receipt(RECEIPT, evidence(**{missing: None}), POLICIES["window"])
    unknown = {check.name: check.code for check in verdict.checks if check.status == "unknown"}
    assert unknown == dict.fromkeys(("anchor_inclusion", "log_consistency", "anchor_finality"), "log_facts_missing")
