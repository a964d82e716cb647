"""A use that was broken off: what a lost answer, a late vault or a crash leaves, and how it is finished."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx2
import pytest

from agency_cli.services import folders
from protocol.errors import Conflict, Denied, OneFileError, Unavailable
from tests.reader_stage import ReaderStage
from tests.unit.agency_cli.reading import two_proofs


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
    reader.bridge.handle_request = stop  # type: ignore[method-assign]  # the test puts its own in the place
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

    Earlier.body = body  # type: ignore[attr-defined]  # the test adds what the class does not declare
    anchors = reader.desk().facts.anchors()
    key = done.outcome.items[0].handed.parcel.grant_tag_key
    with pytest.raises(OneFileError) as caught:
        verify_own_use(reader.session, files.logged, anchors, tag_key=key, receipt=Earlier)  # type: ignore[arg-type]  # a stand-in of the same shape, or bad input on purpose
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


def test_a_large_document_that_broke_off_goes_on_from_what_has_arrived(
    reader: ReaderStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agency_cli.services.documents.SEGMENT_BYTES", 10)
    given = reader.give(reader.item)
    reader.refuse("/payloads/")
    with pytest.raises(Unavailable):
        reader.release(given)
    arrivals = reader.session.profile.folder / "tmp" / "arriving"
    assert [path.name[-9:] for path in arrivals.iterdir()] == [".arriving"]
    reader.bridge.lies.clear()

    assert reader.release(given).use.use_no == 1
    assert list(arrivals.iterdir()) == []
