"""What a client takes from a vault and believes only after the chain: scenarios, entries, evidence, verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from client import verification
from client.log_reading import checkpoint_of, consistency, entry_evidence, fetch_entry
from client.scenarios import find_scenario, good_scenarios, verified_scenario
from client.verdicts import draw_verdict, failed_codes, reason, verdict_json
from console import i18n
from protocol.encoding import b64u
from protocol.errors import Denied, Unavailable, Untrusted
from protocol.hashing import sha256
from protocol.verdict import Verdict, failed, not_reached, passed, skipped
from tests.reader_fixture import fresh_reader, reader, shared_reader
from tests.reader_stage import PDF, ReaderStage
from tests.vault_stage import raw_scenario

__all__ = ["fresh_reader", "reader", "shared_reader"]


@pytest.fixture
def english() -> Iterator[None]:
    before = i18n.language()
    i18n.set_language("en")
    yield
    i18n.set_language(before)


# --- scenarios ----------------------------------------------------------------------------------------------


def test_a_scenario_is_found_by_its_hash_the_beginning_of_it_and_its_id(reader: ReaderStage) -> None:
    ident, desk = b64u(sha256(reader.scenario.encode())), reader.desk()

    for name in (ident, ident[:6], "small-loan"):
        assert find_scenario(reader.session, desk, name).raw == reader.scenario


@pytest.mark.parametrize("name", ["", "no-such", "small-loan2"])
def test_a_scenario_that_is_not_there_is_not_found(reader: ReaderStage, name: str) -> None:
    with pytest.raises(Denied, match="there is no scenario"):
        find_scenario(reader.session, reader.desk(), name)


def test_an_id_means_its_newest_version(reader: ReaderStage) -> None:
    first = reader.post_scenario(scenario_id="versions")
    second = reader.post_scenario(scenario_id="versions", version=2, supersedes=sha256(first.encode()))

    assert find_scenario(reader.session, reader.desk(), "versions").raw == second
    assert find_scenario(reader.session, reader.desk(), b64u(sha256(first.encode()))).raw == first


def test_two_authorities_with_one_id_must_be_told_apart_by_hash(fresh_reader: ReaderStage) -> None:
    reader = fresh_reader
    other = reader.vault.agency("other authority", 4, division="x")
    raw = raw_scenario(reader.vault.a_scenario(other), other)
    assert reader.vault.post(other, "/v1/scenarios", {"scenario": raw}).status_code == 201

    with pytest.raises(Denied, match="2 scenarios are named small-loan"):
        find_scenario(reader.session, reader.desk(), "small-loan")


def test_a_scenario_of_an_authority_that_is_one_no_more_is_not_believed(fresh_reader: ReaderStage) -> None:
    reader = fresh_reader
    before = reader.clock.now()
    reader.pass_time(60)
    reader.chain.ledger(reader.vault.governor.address).end_role(reader.authority.address, 4)

    with pytest.raises(Denied) as caught:
        verified_scenario(reader.desk(), reader.scenario)
    assert caught.value.code == "scenario_authority"
    assert verified_scenario(reader.desk(), reader.scenario, at=before).raw == reader.scenario
    assert list(good_scenarios(reader.session, reader.desk())) == []


def test_a_scenario_by_a_stolen_key_is_not_believed(fresh_reader: ReaderStage) -> None:
    reader = fresh_reader
    reader.chain.ledger(reader.authority.address).set_compromised(1, reader.clock.now())

    with pytest.raises(Untrusted, match="reported compromised"):
        verified_scenario(reader.desk(), reader.scenario)


def test_good_scenarios_leave_out_the_bad_and_tell_when_nothing_is_known(reader: ReaderStage) -> None:
    def garble(body: dict[str, Any]) -> dict[str, Any]:
        return {**body, "rows": [{**row, "scenario": row["scenario"][:-4] + "AAAA"} for row in body["rows"]]}

    assert reader.scenario in [signed.raw for signed in good_scenarios(reader.session, reader.desk())]
    reader.lie("/v1/scenarios", garble)
    assert list(good_scenarios(reader.session, reader.desk())) == []
    reader.bridge.down = True
    with pytest.raises(Unavailable):
        list(good_scenarios(reader.session, reader.desk()))


# --- the log ------------------------------------------------------------------------------------------------------


def a_proof(reader: ReaderStage, index: int = 1) -> bytes:
    return reader.vault.get(None, f"/v1/log/proof/{index}").text.encode()


def test_an_entry_is_fetched_by_its_proof(fresh_reader: ReaderStage) -> None:
    reader = fresh_reader
    anchors = reader.desk().facts.anchors()
    proof = a_proof(reader, 2)

    entry = fetch_entry(reader.session, proof, anchors)

    evidence = entry_evidence(reader.session, entry, proof, anchors)
    assert (evidence.entry, evidence.consistency) == (entry, ())


def test_a_partial_bundle_that_is_gone_is_looked_for_in_the_full_one(reader: ReaderStage) -> None:
    reader.refuse(".p/", 404)

    with pytest.raises(Unavailable, match="tile"):
        fetch_entry(reader.session, a_proof(reader), reader.desk().facts.anchors())
    assert reader.posts("/log/tile/entries/000") == 2


def test_no_consistency_is_asked_for_where_the_chain_knows_the_head(fresh_reader: ReaderStage) -> None:
    reader, proof = fresh_reader, a_proof(fresh_reader)
    anchors = reader.desk().facts.anchors()
    assert consistency(reader.session, proof, anchors) == ()
    assert anchors.of_size(checkpoint_of(proof, anchors).size) is not None
    reader.issue()

    newer = a_proof(reader)
    assert len(consistency(reader.session, newer, anchors)) > 0
    assert reader.posts("/log/consistency") == 1


# --- evidence -----------------------------------------------------------------------------------------------------


def deposited(reader: ReaderStage, issued: Any) -> verification.Deposited:
    part = reader.parcel_item(issued, ("/months_paid",), "n")
    proof = part.proof.encode()
    entry = fetch_entry(reader.session, proof, reader.desk().facts.anchors())
    return verification.Deposited(part.slip, part.salt, part.leaf_salt, entry, proof)


def judge(reader: ReaderStage, issued: Any, **how: Any) -> Verdict:
    cards = [reader.alice.envelopes[-1]]
    return verification.judge_deposited(
        reader.desk(), issued.credential, deposited(reader, issued), own_cards=cards, **how
    )


def told(verdict: Verdict, name: str) -> tuple[str, str]:
    check = verdict.check(name)
    assert check is not None
    return check.status, check.code


def test_a_deposit_is_judged_from_vault_and_chain(reader: ReaderStage) -> None:
    assert judge(reader, reader.item).verdict == "accept"


def test_a_vault_that_cannot_tie_a_proof_to_the_chain_leaves_it_open_and_not_failed(fresh_reader: ReaderStage) -> None:
    reader = fresh_reader
    late = reader.issue(PDF)
    held = deposited(reader, late)
    reader.refuse("/log/consistency")

    verdict = verification.judge_deposited(
        reader.desk(), late.credential, held, own_cards=[reader.alice.envelopes[-1]]
    )

    assert told(verdict, "anchor_inclusion") == ("unknown", "log_facts_missing")
    assert verdict.verdict == "indeterminate"


def test_offline_nothing_is_fetched(fresh_reader: ReaderStage) -> None:
    reader = fresh_reader
    late = reader.issue(PDF)
    held, desk = deposited(reader, late), reader.desk()
    before = len(reader.bridge.requests)

    verdict = verification.judge_deposited(desk, late.credential, held, online=False)

    assert verdict.verdict == "indeterminate"
    assert told(verdict, "status")[0] == "unknown"
    fetched = {request.url.path for request in reader.bridge.requests[before:]}
    assert not any("consistency" in path or "status-lists" in path for path in fetched)


def test_a_proof_that_is_none_fails(reader: ReaderStage) -> None:
    held = deposited(reader, reader.item)
    forged = verification.Deposited(held.slip, held.salt, held.leaf_salt, held.entry, b"nothing")

    verdict = verification.judge_deposited(reader.desk(), reader.item.credential, forged)

    assert told(verdict, "anchor_inclusion") == ("fail", "tlog_proof")


def test_what_is_no_credential_is_judged_for_its_form(reader: ReaderStage) -> None:
    held = deposited(reader, reader.item)

    verdict = verification.judge_deposited(reader.desk(), "~", held)

    assert verdict.verdict == "reject"
    assert told(verdict, "format")[0] == "fail"


def test_what_the_chain_does_not_say_stays_open(reader: ReaderStage) -> None:
    desk = reader.desk()
    held = deposited(reader, reader.item)
    for method in ("log_state", "agency", "dossier_history"):
        reader.chain.faults.fail(method, times=4)

    verdict = verification.judge_deposited(desk, reader.item.credential, held)

    reader.chain.faults._queue.clear()
    assert verdict.verdict == "indeterminate"
    assert told(verdict, "issuer_signature")[0] == "unknown"
    assert told(verdict, "anchor_inclusion")[0] == "unknown"
    assert told(verdict, "holder_binding")[0] == "unknown"


def test_a_dossier_that_was_never_opened_binds_nobody(reader: ReaderStage) -> None:
    facts = verification.dossier_facts(reader.desk(), bytes(32))

    assert facts is not None
    assert (facts.cards, facts.controllers) == ((), ())
    assert verification.dossier_facts(reader.desk(), None) is None


def test_a_status_list_that_is_no_text_is_none(reader: ReaderStage) -> None:
    from protocol.credential import open_credential

    reader.lie("/status-lists/", lambda _raw: b"\xff")

    assert verification.fetch_status(reader.desk(), open_credential(reader.item.credential)) is None


def test_a_tie_that_cannot_be_had_is_empty(fresh_reader: ReaderStage) -> None:
    reader = fresh_reader
    late = reader.issue(PDF)
    held, desk = deposited(reader, late), reader.desk()
    anchors = verification.anchor_facts(desk)
    assert verification.consistency_for(desk, held.proof, anchors, online=True)
    assert verification.consistency_for(desk, held.proof, anchors, online=False) == ()
    assert verification.consistency_for(desk, b"nothing", anchors, online=True) == ()


# --- verdicts -------------------------------------------------------------------------------------------------------

VERDICT = Verdict(
    "reject",
    1_800_000_000,
    (
        passed("format"),
        failed("status", Denied("credential_expired", "the licence ended on {day}", day="2026-01-01")),
        failed("anchor_inclusion", Unavailable("not_anchored", "the chain knows no head of this log yet")),
        not_reached("anchor_finality"),
        skipped("mandate"),
    ),
)


@pytest.mark.usefixtures("english")
def test_a_verdict_is_drawn_with_its_reasons_and_without_what_has_no_meaning(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    draw_verdict(VERDICT)

    out = capsys.readouterr().out
    assert "rejected" in out.splitlines()[0]
    assert "the licence ended on 2026-01-01" in out
    assert "FAIL" in out
    assert "anchored on chain" in out
    assert "mandate" not in out


@pytest.mark.usefixtures("english")
def test_a_verdict_as_json_has_reasons_in_the_language_in_use() -> None:
    value = verdict_json(VERDICT)

    assert value["checks"][1]["detail"] == "the licence ended on 2026-01-01"
    assert failed_codes(VERDICT) == ["credential_expired"]
    with i18n.speaking("zh"):
        assert reason(VERDICT.checks[0]) == ""


def test_a_verdict_that_came_over_the_wire_keeps_its_own_words() -> None:
    foreign = Verdict.from_json(VERDICT.to_json())

    assert reason(foreign.checks[1]) == "the licence ended on 2026-01-01"
    assert reason(foreign.checks[0]) == ""

