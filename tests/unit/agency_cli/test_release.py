"""Using a grant: what is signed, kept and counted, and what a broken connection or a crash leaves."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from agency_cli.services import folders, release
from protocol.dcql import parse_query
from protocol.errors import Conflict, Denied, OneFileError, Unavailable
from tests.reader_stage import CLAIMS, DAY, PDF, ReaderStage
from tests.scenario_samples import QUERY


def files_of(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_use_hands_over_claims_documents_and_proofs(reader: ReaderStage) -> None:
    given = reader.give(reader.item)

    done = reader.release(given)

    assert done.outcome.verdict == "accept"
    (item,) = json.loads((reader.out / "claims.json").read_text())["items"]
    assert item["claims"]["/months_paid"] == 160
    assert set(item["claims"]) == set(CLAIMS)
    assert (reader.out / "documents/1/证明.pdf").read_bytes() == b"%PDF a proof"
    assert files_of(reader.out) == [
        "cards.json",
        "checkpoint",
        "claims.json",
        "documents/1/证明.pdf",
        "entry.json",
        "grant.json",
        "items/1/entry.json",
        "items/1/presentation.sd-jwt",
        "items/1/proof.tlog-proof",
        "items/1/slip.jws",
        "items/1/status.jwt",
        "opening.json",
        "parcel-1.age",
        "proof.tlog-proof",
        "receipt.jws",
        "record.json",
        "scenario.jws",
        "use.json",
        "verdict.json",
    ]


def test_the_folder_is_for_its_owner_alone(reader: ReaderStage) -> None:
    reader.release(reader.give(reader.item))

    modes = {path.stat().st_mode & 0o777 for path in reader.out.rglob("*")}
    assert modes == {0o600, 0o700}
    assert reader.out.stat().st_mode & 0o777 == 0o700


def test_the_receipt_names_exactly_what_was_asked_for(reader: ReaderStage) -> None:
    given = reader.give(reader.item)

    receipt = reader.release(given, retain_days=10).use.receipt.body

    part = given.envelope.grant.scope[0]
    assert [(i.item, i.claims, i.documents) for i in receipt.items] == [(part.item, part.claims, part.documents)]
    assert (receipt.grant, receipt.show, receipt.nonce) == (given.envelope.grant.grant_id, None, None)
    assert receipt.officer.ref == "desk 4"
    # Two minutes less, since the vault counts the days from its own clock.
    assert receipt.retain_until == receipt.iat + 10 * DAY - 120


def test_a_receipt_is_on_disk_before_it_is_sent(reader: ReaderStage) -> None:
    given, seen = reader.give(reader.item), []

    def look(request: httpx2.Request, answer: httpx2.Response) -> httpx2.Response:
        if request.url.path.endswith("/release"):
            seen.extend(reader.uses())
        return answer

    reader.bridge.lies.append(look)
    reader.release(given)
    assert [use.state for use in seen] == ["pending"]
    assert [use.state for use in reader.uses()] == ["done"]


def two_proofs(reader: ReaderStage) -> Any:
    """A grant over two items, for a scenario that asks for both."""
    query = parse_query({"credentials": QUERY["credentials"]})
    scenario = reader.post_scenario(scenario_id="two-proofs", query=query)
    diploma = reader.issue_diploma()
    reader.anchor()
    parts = ((reader.item, "insurance", CLAIMS), (diploma, "education", ("/school",)))
    return reader.give(parts=parts, scenario=scenario), diploma


def test_two_items_are_handed_over_in_the_order_of_the_scope(fresh_reader: ReaderStage) -> None:
    given, diploma = two_proofs(fresh_reader)

    done = fresh_reader.release(given)

    assert [judged.handed.id for judged in done.outcome.items] == [fresh_reader.item.id, diploma.id]
    assert done.outcome.verdict == "accept"
    assert (fresh_reader.out / "parcel-2.age").exists()


def test_only_the_items_named_are_asked_for(fresh_reader: ReaderStage) -> None:
    given, diploma = two_proofs(fresh_reader)

    done = fresh_reader.release(given, items=(diploma.id[:10],))

    assert [item.item for item in done.use.receipt.body.items] == [diploma.item]
    (claims,) = json.loads((fresh_reader.out / "claims.json").read_text())["items"]
    assert claims["claims"] == {"/school": "山东大学"}


def test_two_parts_about_one_item_are_one_item_of_the_receipt(reader: ReaderStage) -> None:
    part = reader.give(reader.item).envelope.grant.scope[0]

    (item,) = release._items((part, replace(part, query="other", claims=("/a",), documents=())))

    assert item.claims == ("/a", *part.claims)


def test_the_items_of_a_grant_are_named_by_their_beginning(reader: ReaderStage) -> None:
    grant = reader.give(reader.item).envelope.grant

    assert release.choose(grant, ()) == grant.scope
    assert release.choose(grant, (reader.item.id[:8],)) == grant.scope
    for wrong in ("", "ab", "_" * 10):
        with pytest.raises(Denied, match="0 items of the grant"):
            release.choose(grant, (wrong,))


def test_a_folder_that_is_there_is_refused_before_anything_is_signed(reader: ReaderStage) -> None:
    reader.out.mkdir()

    with pytest.raises(Conflict, match="exists already"):
        reader.release(reader.give(reader.item))
    assert reader.uses() == []
    assert reader.posts("/release") == 0


def test_keeping_longer_than_granted_is_refused_before_anything_is_sent(reader: ReaderStage) -> None:
    with pytest.raises(Denied, match="allows keeping for 30 days, asked for 31"):
        reader.release(reader.give(reader.item), retain_days=31)
    assert reader.posts("/release") == 0


def test_a_grant_that_asks_too_much_is_refused_by_the_reader_itself(reader: ReaderStage) -> None:
    given = reader.give(reader.item)
    other = reader.post_scenario(scenario_id="other", max_validity_days=1)
    name = given.envelope.grant.scenario
    # A vault that shows another scenario under the grant's hash is caught; one that dropped its own check as well.
    reader.lie("/scenarios/", lambda body: {**body, "scenario": other})

    with pytest.raises(OneFileError) as caught:
        reader.release(given)
    assert caught.value.code == "scenario_hash"
    assert reader.posts("/release") == 0, name


def test_a_grant_that_was_revoked_on_chain_alone_is_not_used(fresh_reader: ReaderStage) -> None:
    given = fresh_reader.give(fresh_reader.item)
    fresh_reader.chain.ledger(fresh_reader.alice.address).revoke(given.secret)

    with pytest.raises(Denied) as caught:
        fresh_reader.release(given)
    assert caught.value.code == "grant_revoked"
    assert fresh_reader.posts("/release") == 0


def test_a_fourth_use_is_refused(fresh_reader: ReaderStage) -> None:
    given = fresh_reader.give(fresh_reader.item)
    for number in (1, 2, 3):
        done = fresh_reader.release(given, out=fresh_reader.folder / str(number))
        assert done.use.use_no == number

    with pytest.raises(Denied) as caught:
        fresh_reader.release(given)
    assert caught.value.code == "grant_used_up"


# --- broken off ------------------------------------------------------------------------------------


def interrupted(reader: ReaderStage) -> Any:
    """A grant whose first use was counted, and whose answer was lost."""
    given = reader.give(reader.item)
    reader.refuse("/release")
    with pytest.raises(Unavailable):
        reader.release(given)
    reader.bridge.lies.clear()
    return given


def test_a_use_whose_answer_was_lost_is_finished_with_the_same_receipt_and_counted_once(reader: ReaderStage) -> None:
    given = interrupted(reader)
    (pending,) = reader.uses()

    done = reader.release(given)

    assert done.use.use_no == 1
    assert done.use.receipt.raw == pending.receipt.raw
    assert [use.state for use in reader.uses()] == ["done"]


def test_the_last_use_whose_answer_was_lost_is_not_lost(fresh_reader: ReaderStage) -> None:
    given = fresh_reader.give(fresh_reader.item, max_uses=1)
    fresh_reader.refuse("/release")
    with pytest.raises(Unavailable):
        fresh_reader.release(given)
    fresh_reader.bridge.lies.clear()

    assert fresh_reader.release(given).use.use_no == 1


def test_a_broken_download_leaves_no_folder_and_burns_no_use(reader: ReaderStage) -> None:
    given = reader.give(reader.item)
    reader.refuse("/payloads/")
    with pytest.raises(Unavailable):
        reader.release(given)
    assert list(reader.out.parent.iterdir()) == []
    reader.bridge.lies.clear()

    assert reader.release(given).use.use_no == 1


def test_a_vault_that_is_late_is_asked_again_with_the_same_bytes(reader: ReaderStage) -> None:
    given, late = reader.give(reader.item), [2]

    def be_late(request: httpx2.Request, answer: httpx2.Response) -> httpx2.Response:
        if request.url.path.endswith("/release") and late[0]:
            late[0] -= 1
            return httpx2.Response(202, json={"state": "pending", "retry_after_s": 3})
        return answer

    reader.bridge.lies.append(be_late)
    done = reader.release(given)
    sent = {request.read() for request in reader.bridge.requests if request.url.path.endswith("/release")}
    assert len(sent) == 1
    assert done.use.use_no == 1


def test_a_vault_that_stays_late_leaves_a_use_to_be_finished(fresh_reader: ReaderStage) -> None:
    given = fresh_reader.give(fresh_reader.item)
    fresh_reader.bridge.lies.append(
        lambda request, answer: httpx2.Response(202, json={"state": "pending", "retry_after_s": 10})
        if request.url.path.endswith("/release")
        else answer
    )
    with pytest.raises(Unavailable, match="counts once"):
        fresh_reader.release(given)
    fresh_reader.bridge.lies.clear()

    # The vault had counted it all the same: the same receipt an hour later is still the same use.
    fresh_reader.vault.clock.advance(3000)
    assert fresh_reader.release(given).use.use_no == 1


def test_a_receipt_that_never_arrived_is_replaced_once_it_is_too_old(fresh_reader: ReaderStage) -> None:
    reader = fresh_reader
    given = reader.give(reader.item)
    stop = reader.bridge.handle_request
    reader.bridge.handle_request = lambda request: (  # type: ignore[method-assign]  # a cable that is pulled
        httpx2.Response(503) if request.url.path.endswith("/release") else stop(request)
    )
    with pytest.raises(Unavailable):
        reader.release(given)
    reader.bridge.handle_request = stop  # type: ignore[method-assign]
    (before,) = reader.uses()
    reader.vault.clock.advance(600)
    reader.publish_status()

    done = reader.release(given)

    assert done.use.use_no == 1
    assert done.use.jti != before.jti
    assert [use.jti for use in reader.uses()] == [done.use.jti]


def test_a_receipt_that_the_vault_refuses_is_not_kept(reader: ReaderStage) -> None:
    from protocol.grant import officer_class_hash

    given = reader.give(reader.item, officer_class=officer_class_hash("manager"))

    with pytest.raises(Denied) as caught:
        reader.release(given)
    assert caught.value.code == "officer_class"
    assert reader.uses() == []


def test_an_unfinished_use_is_not_changed_to_other_items(fresh_reader: ReaderStage) -> None:
    given, diploma = two_proofs(fresh_reader)
    fresh_reader.refuse("/release")
    with pytest.raises(Unavailable):
        fresh_reader.release(given, items=(diploma.id,))
    fresh_reader.bridge.lies.clear()

    with pytest.raises(Conflict, match="for other items: finish it first"):
        fresh_reader.release(given, items=(fresh_reader.item.id,))

    assert len(fresh_reader.release(given, items=(diploma.id,)).outcome.items) == 1


def test_an_unfinished_use_whose_grant_was_revoked_meanwhile_stays_unfinished(fresh_reader: ReaderStage) -> None:
    """It was counted: the agency signed for it, and keeps the receipt."""
    reader = fresh_reader
    given = interrupted(reader)
    reader.revoke(given)

    with pytest.raises(Denied) as caught:
        reader.release(given)
    assert caught.value.code == "grant_revoked"
    assert [use.state for use in reader.uses()] == ["pending"]


def test_a_record_of_another_hour_is_not_believed(reader: ReaderStage) -> None:
    """By its time the use is judged later."""
    from agency_cli.services.release import verify_own_use

    done = reader.release(reader.give(reader.item))
    files = folders.read_use(reader.out)
    receipt = done.use.receipt
    body = replace(receipt.body, iat=receipt.body.iat - 121)

    class Earlier:
        """The same receipt, as if it had been signed two minutes before."""

        hash = receipt.hash

    Earlier.body = body  # type: ignore[attr-defined]
    anchors = reader.desk().facts.anchors()
    key = done.outcome.items[0].handed.parcel.grant_tag_key
    with pytest.raises(OneFileError) as caught:
        verify_own_use(reader.session, files.logged, anchors, tag_key=key, receipt=Earlier)  # type: ignore[arg-type]
    assert caught.value.code == "record_time"


def test_an_unfinished_use_may_be_left_alone(reader: ReaderStage) -> None:
    given = interrupted(reader)

    done = reader.release(given, new=True)

    assert done.use.use_no == 2
    assert sorted(use.state for use in reader.uses()) == ["done", "pending"]


def test_a_use_that_was_broken_off_after_its_last_step_is_recognised(reader: ReaderStage) -> None:
    given = reader.give(reader.item)
    done = reader.release(given)
    from agency_cli.services.uses import Use, Uses

    Uses(reader.session.profile.folder).save(Use(done.use.receipt))

    with pytest.raises(Conflict, match="finished before"):
        reader.release(given)
    assert [use.state for use in reader.uses()] == ["done"]


# --- what stays open, and what does not ---------------------------------------------------------------


def test_what_only_lacks_a_status_list_is_kept_and_called_indeterminate(reader: ReaderStage) -> None:
    reader.refuse("/status-lists/", 404)

    done = reader.release(reader.give(reader.item))

    assert done.outcome.verdict == "indeterminate"
    assert json.loads((reader.out / "verdict.json").read_text())["verdict"] == "indeterminate"
    assert not (reader.out / "items/1/status.jwt").exists()


def test_an_item_that_is_not_anchored_yet_is_accepted_for_a_quarter_of_an_hour(fresh_reader: ReaderStage) -> None:
    reader = fresh_reader
    late = reader.issue(PDF)
    given = reader.give(late)

    assert reader.release(given).outcome.verdict == "accept"
    reader.vault.clock.advance(901)
    assert reader.release(given, out=reader.folder / "later").outcome.verdict == "indeterminate"


def test_a_revoked_credential_is_refused_and_nothing_is_kept(fresh_reader: ReaderStage) -> None:
    reader = fresh_reader
    given = reader.give(reader.item)
    reader.lists.set(reader.item.status_index, 1)
    reader.publish_status()

    with pytest.raises(Denied) as caught:
        reader.release(given)
    assert caught.value.code == "credential_invalid"
    assert not reader.out.exists()
    assert [use.state for use in reader.uses()] == ["pending"]


def test_without_the_chain_nothing_is_used(reader: ReaderStage) -> None:
    given = reader.give(reader.item)
    desk = reader.desk()
    reader.chain.faults.fail("dossier_history", times=9)

    with pytest.raises(Unavailable):
        release.release(reader.session, desk, reader.order(given))
    reader.chain.faults._queue.clear()
    assert reader.posts("/release") == 0


def test_an_agency_without_a_reader_role_signs_nothing(fresh_reader: ReaderStage) -> None:
    given = fresh_reader.give(fresh_reader.item)
    fresh_reader.chain.ledger(fresh_reader.vault.governor.address).end_role(fresh_reader.bank.address, 2)

    with pytest.raises(Denied) as caught:
        fresh_reader.release(given)
    assert caught.value.code == "not_reader"
    assert fresh_reader.uses() == []


def test_progress_is_counted_in_sealed_bytes(reader: ReaderStage) -> None:
    from contextlib import contextmanager

    totals, counted = [], []

    @contextmanager
    def meter(total: int) -> Any:
        totals.append(total)
        yield counted.append

    release.release(reader.session, reader.desk(), reader.order(reader.give(reader.item)), meter)
    assert totals == [sum(counted)]


def test_a_folder_that_is_being_built_is_gone_after_a_failure(tmp_path: Path) -> None:
    def fail() -> None:
        with folders.building(tmp_path / "use") as part:
            (part / "half").write_text("x")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_somebody_made_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(Conflict), folders.building(tmp_path / "use"):
        (tmp_path / "use").mkdir()
    assert [path.name for path in tmp_path.iterdir()] == ["use"]


# --- names and memory ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "fits"),
    [("证明.pdf", True), ("x" * 196 + ".pdf", True), ("证" * 190 + ".pdf", False), ("证" * 70, False)],
)
def test_a_long_name_is_shortened_to_what_a_file_may_be_called(tmp_path: Path, name: str, fits: bool) -> None:
    path = folders.document_path(tmp_path, 1, name)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")

    assert (path.name == name) == fits
    assert path.suffix == Path(name).suffix
    assert folders.document_path(tmp_path, 1, name) == path


def test_two_long_names_with_one_beginning_stay_apart(tmp_path: Path) -> None:
    one, other = ("证" * 100 + end + ".pdf" for end in "甲乙")

    assert folders.document_path(tmp_path, 1, one) != folders.document_path(tmp_path, 1, other)


def test_a_document_with_a_name_of_200_characters_is_kept(fresh_reader: ReaderStage) -> None:
    from tests import credential_samples as samples

    reader, name = fresh_reader, "证" * 196 + ".pdf"
    issued = reader.issue(b"%PDF", files=(samples.file_entry(name, b"%PDF"),))
    reader.anchor()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.reader_stage.samples_name", lambda _number: name)
        given = reader.give(issued)

    done = reader.release(given)

    assert done.outcome.verdict == "accept"
    (kept,) = (reader.out / "documents/1").iterdir()
    assert kept.read_bytes() == b"%PDF"


def test_what_the_chain_said_is_remembered_for_a_day(fresh_reader: ReaderStage) -> None:
    reader = fresh_reader
    given = reader.give(reader.item)
    assert not reader.session.profile.trust_file.exists()
    reader.release(given)
    first = reader.session.profile.trust_file.read_bytes()
    reader.pass_time(3000)
    reader.release(given, out=reader.folder / "two")
    assert reader.session.profile.trust_file.read_bytes() == first
    reader.pass_time(86_400)
    reader.publish_status()
    reader.release(given, out=reader.folder / "three")
    assert reader.session.profile.trust_file.read_bytes() != first


def test_a_use_is_no_failure_because_its_memory_can_not_be_written(fresh_reader: ReaderStage) -> None:
    fresh_reader.refuse("/v1/agencies", 503)
    desk = fresh_reader.desk()
    fresh_reader.bridge.lies.clear()
    given = fresh_reader.give(fresh_reader.item)

    def fail_at_the_end(request: httpx2.Request, answer: httpx2.Response) -> httpx2.Response:
        return httpx2.Response(503) if request.url.path == "/v1/agencies" else answer

    fresh_reader.bridge.lies.append(fail_at_the_end)
    done = release.release(fresh_reader.session, desk, fresh_reader.order(given))
    assert done.outcome.verdict == "accept"
    assert not fresh_reader.session.profile.trust_file.exists()


def test_without_the_chain_nothing_is_remembered(fresh_reader: ReaderStage) -> None:
    from agency_cli.services.trusting import keep_trust

    desk = fresh_reader.desk()
    desk.live = False
    keep_trust(fresh_reader.session, desk)

    assert not fresh_reader.session.profile.trust_file.exists()
