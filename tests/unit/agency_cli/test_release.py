"""Using a grant: what is signed, handed over and counted, and what is refused before."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from agency_cli.services import release
from protocol.errors import Conflict, Denied, OneFileError, Unavailable
from tests.reader_stage import CLAIMS, DAY, PDF, ReaderStage
from tests.unit.agency_cli.reading import two_proofs


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
