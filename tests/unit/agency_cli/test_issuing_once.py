"""A certificate is deposited once, whatever gets lost on the way; a refusal leaves nothing behind."""

from __future__ import annotations

import os

import httpx2
import pytest

from agency_cli.services.holders import Addressee
from agency_cli.services.issuing import ABANDONED_S, Desk, issue, open_desk
from agency_cli.services.registration import register
from protocol import wire
from protocol.encoding import b64u
from protocol.errors import Conflict, Denied, Unavailable, Untrusted
from protocol.hashing import sha256
from tests.unit.agency_cli.desk import nothing_left, order, to
from tests.unit.agency_cli.support import DRIVING, HolderKeys, World
from tests.unit.client.support import answer, problem


def test_the_same_certificate_is_issued_once(world: World, desk: Desk, alice: HolderKeys) -> None:
    record = issue(desk, order(desk), to(world, alice))
    with pytest.raises(Conflict) as caught:
        issue(desk, order(desk), Addressee(alice.id))
    assert (caught.value.code, caught.value.facts["item"]) == ("certificate_issued", record.id)
    with pytest.raises(Conflict) as caught:
        issue(desk, order(desk, body={**DRIVING, "vehicle_classes": "A1"}), Addressee(alice.id))
    assert caught.value.code == "certificate_changed"
    assert len(world.vault.deposits) == 1
    again = issue(desk, order(desk, revision=2, supersedes=record.certificate_id), Addressee(alice.id))
    assert again.certificate_id != record.certificate_id
    assert alice.credential(world.vault.deposits[1]).claims["supersedes"] == record.certificate_id


def test_a_deposit_whose_answer_was_lost_is_settled_by_the_same_order(
    world: World, desk: Desk, alice: HolderKeys
) -> None:
    world.vault.lost = ["/v1/deposits"] * 4
    with pytest.raises(Unavailable) as caught:
        issue(desk, order(desk), to(world, alice))
    assert caught.value.code == "deposit_unsure"
    [unsure] = desk.records.all()
    assert (unsure.state, unsure.index) == ("unsure", None)
    with pytest.raises(Conflict) as caught:
        issue(open_desk(world.again()), order(desk), to(world, alice))
    assert (caught.value.code, caught.value.facts["item"]) == ("certificate_issued", unsure.id)
    [settled] = desk.records.all()
    assert (settled.item, settled.state) == (unsure.item, "deposited")
    assert len(world.vault.deposits) == 1


def test_a_deposit_that_never_arrived_is_made_by_the_same_order(world: World, desk: Desk, alice: HolderKeys) -> None:
    world.vault.broken[("POST", "/v1/deposits")] = [httpx2.ConnectError("no")] * 4
    with pytest.raises(Unavailable):
        issue(desk, order(desk), to(world, alice))
    [unsure] = desk.records.all()
    record = issue(desk, order(desk), to(world, alice))
    assert record.item != unsure.item
    assert [kept.item for kept in desk.records.all()] == [record.item]
    assert desk.records.find(record.certificate_id) == record


def test_a_refused_repetition_keeps_the_unsure_record(world: World, desk: Desk, alice: HolderKeys) -> None:
    world.vault.broken[("POST", "/v1/deposits")] = [
        *[httpx2.ConnectError("no")] * 4,
        problem(409, "conflict", "card_superseded"),
    ]
    with pytest.raises(Unavailable):
        issue(desk, order(desk), to(world, alice))
    [unsure] = desk.records.all()
    with pytest.raises(Conflict) as caught:
        issue(desk, order(desk), to(world, alice))
    assert caught.value.code == "card_superseded"
    assert list(desk.records.all()) == [unsure]
    assert desk.records.find(unsure.certificate_id) == unsure


def test_a_certificate_that_only_the_vault_remembers_is_told(world: World, desk: Desk, alice: HolderKeys) -> None:
    record = issue(desk, order(desk), to(world, alice))
    desk.records.drop(record)
    with pytest.raises(Conflict) as caught:
        issue(desk, order(desk), to(world, alice))
    assert caught.value.code == "certificate_known"
    assert list(desk.records.all()) == []


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (("PUT", "/v1/payloads"), "payload_too_large"),
        (("PUT", "/v1/status-lists"), "not_an_issuer"),
        (("POST", "/v1/deposits"), "payload_missing"),
    ],
)
def test_a_refusal_on_the_way_leaves_no_record(
    world: World, desk: Desk, alice: HolderKeys, broken: tuple[str, str], code: str
) -> None:
    world.vault.broken[broken] = [problem(403, "denied", code)]
    large = world.write("large.pdf", bytes(wire.MAX_INLINE_BYTES + 1))  # goes ahead of its deposit
    with pytest.raises(Denied) as caught:
        issue(desk, order(desk, large), to(world, alice))
    assert caught.value.code == code
    nothing_left(world)


def test_a_vault_that_answers_for_another_item_is_not_believed(world: World, desk: Desk, alice: HolderKeys) -> None:
    world.vault.broken[("POST", "/v1/deposits")] = [answer({"item": b64u(bytes(32)), "index": 1, "at": 1}, 201)]
    with pytest.raises(Untrusted) as caught:
        issue(desk, order(desk), to(world, alice))
    assert caught.value.code == "deposit_answer"
    assert [record.state for record in desk.records.all()] == ["unsure"]


def test_the_slip_number_can_not_be_guessed_from_the_certificate(world: World, desk: Desk, alice: HolderKeys) -> None:
    record = issue(desk, order(desk), to(world, alice))
    assert record.jti not in {sha256(record.certificate_id.encode())[:16], sha256(b"371000-0001")[:16]}
    assert "王小明" not in str(record.to_json())


def test_what_broken_runs_left_for_a_day_is_removed(world: World, desk: Desk) -> None:
    folder = world.session.profile.folder / "tmp"
    for name in ("sealing-old", "sealing-new", "else"):
        (folder / name).mkdir(parents=True)
    old = folder.stat().st_mtime - ABANDONED_S - 10
    os.utime(folder / "sealing-old", (old, old))
    open_desk(world.session)
    assert {path.name for path in folder.iterdir()} == {"sealing-new", "else"}


def test_the_standing_is_asked_again_after_a_minute(world: World, desk: Desk, alice: HolderKeys) -> None:
    first = desk.standing()
    assert desk.standing() is first
    world.clock.sleep(60)
    assert desk.standing() is not first


def test_after_a_rotation_the_new_key_signs(world: World, alice: HolderKeys) -> None:
    world.issuer()
    register(world.session, rotate=True)
    desk = open_desk(world.session)
    issue(desk, order(desk), to(world, alice))
    credential = alice.credential(world.vault.deposits[0])
    assert credential.kid == world.session.keys.present(2).thumbprint()
