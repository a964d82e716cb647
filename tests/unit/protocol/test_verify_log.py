from __future__ import annotations

from dataclasses import replace

import pytest

from protocol.errors import Malformed, OneFileError, Unavailable, Untrusted
from protocol.facts import AnchorFacts
from protocol.note import FormerKey, verify_checkpoint
from protocol.note_signer import Ed25519NoteSigner
from protocol.verdict import POLICIES
from protocol.verify_log import (
    EntryEvidence,
    entry_checks,
    judge_checkpoint,
    judge_entry,
    verify_commitment,
    verify_entry,
    verify_finality,
)
from tests.log_samples import ORIGIN, SIGNER, Log, an_entry

T0 = 1_800_000_000
NOW = T0 + 600
SALT = b"\x05" * 32
LOG = Log([an_entry("issue", SALT, f"object {i}".encode(), i) for i in range(12)])
OTHER = Log([an_entry("issue", SALT, f"other {i}".encode(), i) for i in range(12)])  # same key, another history
WINDOW, EVIDENCE = POLICIES["window"], POLICIES["evidence"]


def anchors(*sizes: int, confirmations: int = 12) -> AnchorFacts:
    return LOG.anchors(*sizes, known_at=NOW - 10, first_time=T0, confirmations=confirmations)


@pytest.mark.parametrize(
    ("size", "anchored", "tie"),
    [(8, (3, 8), None), (3, (3, 8), None), (5, (3, 8), (5, 8)), (11, (3, 8), (8, 11))],
    ids=["the anchored head", "an older anchored head", "between two anchored heads", "beyond the anchored head"],
)
def test_an_entry_in_a_head_of_the_anchored_history_is_in_the_log(
    size: int, anchored: tuple[int, ...], tie: tuple[int, int] | None
) -> None:
    found = verify_entry(LOG.evidence(2, size, tie=tie), anchors(*anchored))
    assert (found.index, found.checkpoint.size) == (2, size)
    assert found.time == T0  # the first anchored head that covers it


def test_an_entry_beyond_every_anchored_head_has_no_time_yet() -> None:
    found = verify_entry(LOG.evidence(9, 11, tie=(8, 11)), anchors(3, 8))
    assert (found.anchor, found.time) == (None, None)
    assert verify_entry(LOG.evidence(5, 8), anchors(3, 8)).time == T0 + 60


@pytest.mark.parametrize(
    ("evidence", "code"),
    [
        (LOG.evidence(2, 8, entry=LOG.entries[3]), "inclusion_proof"),
        (OTHER.evidence(2, 8), "equivocation"),
        (OTHER.evidence(2, 3), "equivocation"),
        (OTHER.evidence(2, 11, tie=(8, 11)), "consistency_proof"),
        (LOG.evidence(2, 11, tie=(7, 11)), "consistency_proof"),
        (Log(LOG.entries, Ed25519NoteSigner(ORIGIN, b"\x08" * 32)).evidence(2, 8), "note_unsigned"),
        (Log(LOG.entries, Ed25519NoteSigner("onefile/1/other", b"\x09" * 32)).evidence(2, 8), "note_unsigned"),
    ],
    ids=["another entry", "two heads of one size", "two older heads of one size", "a fork", "a wrong proof", "another key", "another log"],
)
def test_an_entry_that_is_not_in_the_anchored_history_is_untrusted(evidence: EntryEvidence, code: str) -> None:
    with pytest.raises(Untrusted) as caught:
        verify_entry(evidence, anchors(3, 8))
    assert caught.value.code == code


def test_a_log_that_the_chain_does_not_know_yet_is_unavailable() -> None:
    with pytest.raises(Unavailable) as caught:
        verify_entry(LOG.evidence(2, 8), replace(anchors(), anchors=()))
    assert caught.value.code == "not_anchored"


def test_bytes_that_are_no_entry_or_no_proof_are_malformed() -> None:
    for evidence in (LOG.evidence(2, 8, entry=b"{}"), LOG.evidence(2, 8, proof=b"")):
        with pytest.raises(Malformed):
            verify_entry(evidence, anchors(8))


def test_an_entry_commits_to_its_object_and_kind_only() -> None:
    entry = verify_entry(LOG.evidence(2, 8), anchors(8)).entry
    verify_commitment(entry, t="issue", salt=SALT, object_bytes=b"object 2")
    for changes, code in (
        ({"t": "grant"}, "entry_kind"),
        ({"salt": bytes(32)}, "entry_commitment"),
        ({"object_bytes": b"object 3"}, "entry_commitment"),
    ):
        with pytest.raises(Untrusted) as caught:
            verify_commitment(entry, **{"t": "issue", "salt": SALT, "object_bytes": b"object 2", **changes})  # type: ignore[arg-type]  # a stand-in of the same shape, or bad input on purpose
        assert caught.value.code == code


def test_an_anchor_is_final_with_enough_blocks_on_top() -> None:
    assert verify_finality(2, anchors(3, 8, confirmations=2), 2).size == 3
    for facts, index, code in ((anchors(3, 8, confirmations=1), 2, "anchor_unconfirmed"), (anchors(3), 3, "anchor_pending")):
        with pytest.raises(Unavailable) as caught:
            verify_finality(index, facts, 2)
        assert caught.value.code == code


def test_the_verdict_on_a_final_entry_is_accept_by_every_policy() -> None:
    for policy in (WINDOW, EVIDENCE):
        verdict = judge_entry(LOG.evidence(2, 8), anchors(3, 8), policy, now=NOW)
        assert (verdict.verdict, verdict.at) == ("accept", NOW)
        ages = {check.name: check.fact_age_s for check in verdict.checks if check.status == "pass"}
        assert ages == {"format": None, "anchor_inclusion": 10, "anchor_finality": 10, "log_consistency": 10}


@pytest.mark.parametrize(("now", "want"), [(T0 + 60 + 900, "accept"), (T0 + 60 + 901, "indeterminate")])
def test_an_entry_may_wait_900_seconds_for_its_anchor_at_a_window(now: int, want: str) -> None:
    facts = replace(anchors(3, 8), known_at=now)
    pending = LOG.evidence(9, 11, tie=(8, 11))
    assert judge_entry(pending, facts, WINDOW, now=now).verdict == want
    assert judge_entry(pending, facts, EVIDENCE, now=now).verdict == "indeterminate"


def test_an_unconfirmed_anchor_is_as_young_as_its_block() -> None:
    facts = anchors(3, 8, confirmations=1)
    found = judge_entry(LOG.evidence(5, 8), facts, WINDOW, now=NOW, confirmations=2).check("anchor_finality")
    assert found is not None
    assert (found.status, found.code, found.fact_age_s) == ("unknown", "anchor_unconfirmed", NOW - T0 - 60)


@pytest.mark.parametrize(
    ("evidence", "want"),
    [
        (OTHER.evidence(2, 8), "reject"),
        (LOG.evidence(2, 8, entry=LOG.entries[3]), "reject"),
        (LOG.evidence(2, 8, proof=b"no proof"), "reject"),
    ],
)
def test_a_false_proof_is_rejected_and_finality_is_not_reached(evidence: EntryEvidence, want: str) -> None:
    verdict = judge_entry(evidence, anchors(3, 8), WINDOW, now=NOW)
    assert verdict.verdict == want
    found = {check.name: check for check in verdict.checks}
    assert found["anchor_finality"].code == "not_reached"
    assert found["anchor_inclusion"].fact_age_s == found["log_consistency"].fact_age_s == 10


def test_without_any_anchor_finality_is_unknown_and_has_no_age() -> None:
    _, made = entry_checks(LOG.evidence(2, 8), replace(anchors(), anchors=()), now=NOW, confirmations=2)
    assert {check.status for check in made} == {"unknown", "skipped"}
    from protocol.verify_log import check_finality

    assert check_finality(2, replace(anchors(), anchors=()), 2, NOW).fact_age_s is None


@pytest.mark.parametrize(
    ("raw", "consistency", "want", "code"),
    [
        (LOG.checkpoint(8), (), "accept", "ok"),
        (LOG.checkpoint(5), LOG.consistency(5, 8), "accept", "ok"),
        (LOG.checkpoint(11), LOG.consistency(8, 11), "accept", "ok"),
        (OTHER.checkpoint(8), (), "reject", "equivocation"),
        (OTHER.checkpoint(11), OTHER.consistency(8, 11), "reject", "consistency_proof"),
        (LOG.checkpoint(11), (), "reject", "consistency_proof"),
    ],
    ids=["anchored", "older", "newer", "two heads of one size", "a fork", "no proof"],
)
def test_a_kept_checkpoint_must_be_of_the_anchored_history(
    raw: bytes, consistency: tuple[bytes, ...], want: str, code: str
) -> None:
    for policy in (WINDOW, EVIDENCE):
        verdict = judge_checkpoint(raw, anchors(3, 8), policy, now=NOW, consistency=consistency)
        for name in ("log_consistency", "anchor_inclusion"):
            found = verdict.check(name)
            assert found is not None
            assert (verdict.verdict, verdict.at, found.code, found.fact_age_s) == (want, NOW, code, 10)


@pytest.mark.parametrize("raw", [b"", b"\xff", SIGNER.name.encode() + b"\n8\n\n\n", LOG.checkpoint(8)[:-9]])
def test_bytes_that_the_log_never_signed_are_rejected_as_a_checkpoint(raw: bytes) -> None:
    verdict = judge_checkpoint(raw, anchors(8), EVIDENCE, now=NOW)
    assert (verdict.verdict, verdict.checks[0].status) == ("reject", "fail")


def test_every_flipped_byte_of_a_proof_gives_one_of_our_errors() -> None:
    proof = LOG.proof(2, 8)
    verify_checkpoint(LOG.checkpoint(8), ORIGIN, SIGNER.vkey)
    for i in range(0, len(proof), 3):
        broken = proof[:i] + bytes([proof[i] ^ 4]) + proof[i + 1 :]
        with pytest.raises(OneFileError):
            verify_entry(LOG.evidence(2, 8, proof=broken), anchors(3, 8))


def test_an_entry_stays_proven_by_a_key_that_was_replaced_since() -> None:
    fresh = Ed25519NoteSigner(ORIGIN, b"\x0a" * 32)
    facts = replace(anchors(3, 8), vkey=str(fresh.vkey), former=(FormerKey(SIGNER.vkey, 8),))
    assert verify_entry(LOG.evidence(2, 8), facts).index == 2
    assert judge_checkpoint(LOG.checkpoint(3), facts, EVIDENCE, now=NOW).verdict == "accept"
    with pytest.raises(Untrusted) as caught:
        verify_entry(LOG.evidence(9, 11, tie=(8, 11)), facts)
    assert caught.value.code == "checkpoint_key_former"
    again = Log(LOG.entries, fresh)
    assert verify_entry(again.evidence(9, 11, tie=(8, 11)), facts).index == 9
