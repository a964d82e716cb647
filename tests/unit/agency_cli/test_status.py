"""Statuses are set on this disk, told by a signed list, and never given to two credentials."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from agency_cli.services import statuses
from agency_cli.services.issuing import issue, open_desk
from agency_cli.services.publishing import publish
from agency_cli.services.records import Issued, Records
from agency_cli.services.standing import standing
from agency_cli.services.status_lists import Lists, _packed
from protocol.credential import StatusRef
from protocol.errors import Conflict, Denied, Malformed, Unavailable, Untrusted
from protocol.status_list import MIN_ENTRIES, parse_status_token, status_uri, verify_status_token
from tests.unit.agency_cli.desk import order, to
from tests.unit.agency_cli.support import HolderKeys, World
from tests.unit.client.support import problem

ACCOUNT = b"\x22" * 20


@pytest.fixture
def lists(tmp_path: Path) -> Lists:
    return Lists(tmp_path, ACCOUNT)


@pytest.fixture
def issued(world: World) -> Issued:
    world.issuer()
    desk = open_desk(world.session)
    return issue(desk, order(desk), to(world, HolderKeys(world).open()))


def token(world: World, n: str = "0") -> Any:
    return parse_status_token(world.vault.tokens[n]).body


def test_an_index_is_on_disk_before_it_is_given(lists: Lists, tmp_path: Path) -> None:
    (ref,) = lists.allocate()
    assert ref.uri == status_uri(ACCOUNT, 0)
    assert Lists(tmp_path, ACCOUNT).load(0).bits.used_count == 1
    assert lists.set(ref, 1).bits.get(ref.idx) == 1
    assert (tmp_path / "status" / "0.json").stat().st_mode & 0o777 == 0o600


def test_two_at_once_never_get_one_index(tmp_path: Path) -> None:
    def some(_worker: int) -> list[int]:
        return [Lists(tmp_path, ACCOUNT).allocate()[0].idx for _ in range(10)]

    with ThreadPoolExecutor(4) as pool:
        found = [idx for part in pool.map(some, range(4)) for idx in part]
    assert len(set(found)) == 40
    assert Lists(tmp_path, ACCOUNT).load(0).bits.used_count == 40


def test_a_half_used_list_is_followed_by_the_next(lists: Lists, tmp_path: Path) -> None:
    lists.allocate()
    path = tmp_path / "status" / "0.json"
    value = json.loads(path.read_text())
    value["used"] = _packed(b"\xff" * (MIN_ENTRIES // 16) + bytes(MIN_ENTRIES // 16))
    path.write_text(json.dumps(value))
    assert lists.allocate()[0].uri == status_uri(ACCOUNT, 1)
    assert lists.numbers() == [0, 1]


def test_the_counts_tell_each_status(lists: Lists) -> None:
    refs = [lists.allocate()[0] for _ in range(9)]
    for ref, status in zip(refs, [1, 1, 2, 3, 3, 3, 0, 1, 2], strict=True):
        lists.set(ref, status)
    assert lists.load(0).counts() == (3, 2, 3)


def test_a_list_of_another_issuer_or_never_begun_is_not_here(lists: Lists) -> None:
    for ref in (StatusRef(status_uri(b"\x01" * 20, 0), 0), StatusRef(status_uri(ACCOUNT, 4), 0)):
        with pytest.raises(Denied) as caught:
            lists.of(ref)
        assert caught.value.code == "status_list_missing"


@pytest.mark.parametrize(
    ("member", "value"),
    [("v", 2), ("lst", "AAAA"), ("lst", 5), ("used", "!"), ("published", 3), ("more", 1)],
)
def test_a_garbled_list_is_refused(lists: Lists, tmp_path: Path, member: str, value: Any) -> None:
    lists.allocate()
    path = tmp_path / "status" / "0.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), member: value}))
    with pytest.raises(Malformed):
        lists.load(0)


def test_revoking_publishes_a_list_that_says_so(world: World, issued: Issued) -> None:
    before = token(world)
    world.clock.sleep(5)
    change = statuses.set_status(world.session, issued.id, "revoked")
    assert (change.before, change.after, change.published) == ("valid", "revoked", True)
    after = token(world)
    assert (before.status(issued.status.idx), after.status(issued.status.idx)) == (0, 1)
    key = world.session.keys.present(1).public_jwk()
    verify_status_token(world.vault.tokens["0"], key, uri=issued.status.uri, now=world.clock.now())


@pytest.mark.parametrize(("name", "value"), [("valid", 0), ("suspended", 2), ("correction", 3)])
def test_every_status_has_its_number(world: World, issued: Issued, name: str, value: int) -> None:
    statuses.set_status(world.session, issued.certificate_id, name)
    assert token(world).status(issued.status.idx) == value
    assert statuses.status_of(world.session, issued.id[:10])[1] == name


def test_a_status_may_be_set_now_and_published_later(world: World, issued: Issued) -> None:
    change = statuses.set_status(world.session, issued.id, "suspended", published=False)
    assert not change.published
    assert token(world).status(issued.status.idx) == 0
    assert statuses.all_lists(world.session)[0].changed
    [state] = statuses.publish_lists(world.session, only_due=True)
    assert not state.changed
    assert token(world).status(issued.status.idx) == 2
    assert statuses.publish_lists(world.session, only_due=True) == []


def test_what_was_set_stays_set_when_publishing_fails(world: World, issued: Issued) -> None:
    world.vault.broken[("PUT", "/v1/status-lists")] = [httpx2.ConnectError("no")] * 4
    with pytest.raises(Unavailable):
        statuses.set_status(world.session, issued.id, "revoked")
    record, name, state = statuses.status_of(world.session, issued.id)
    assert (record, name, state.changed) == (issued, "revoked", True)


def test_an_agency_whose_key_is_not_good_sets_nothing(world: World, issued: Issued) -> None:
    world.ledger("governor").set_compromised_by_governor(world.session.party.controller, 1, world.clock.now())
    with pytest.raises(Denied) as caught:
        statuses.set_status(world.session, issued.id, "revoked")
    assert caught.value.code == "agency_compromised"
    assert statuses.status_of(world.session, issued.id)[1] == "valid"


def test_two_tokens_of_one_second_are_a_second_apart(world: World, issued: Issued) -> None:
    first = token(world).iat
    statuses.publish_lists(world.session)
    statuses.publish_lists(world.session, lifetime_s=3600)
    assert token(world).iat == first + 2
    assert token(world).exp == first + 2 + 3600


def test_what_is_set_while_a_list_is_on_its_way_stays_to_be_published(
    world: World, issued: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = Lists(world.session.profile.folder, world.session.party.controller)
    real = type(world.session.api).put_status_list

    def slow(api: Any, *args: Any) -> Any:
        lists.set(issued.status, 1)
        return real(api, *args)

    monkeypatch.setattr(type(world.session.api), "put_status_list", slow)
    assert publish(world.session, standing(world.session), lists, 0).changed


def test_two_programs_that_publish_at_once_give_tokens_of_rising_times(world: World, issued: Issued) -> None:
    sessions = [world.again() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        states = list(pool.map(lambda one: statuses.publish_lists(one)[0], sessions))
    times = [state.published.iat for state in states if state.published is not None]
    assert len(set(times)) == 4
    assert token(world).iat == max(times)


def test_a_refused_list_is_not_taken_for_published(world: World, issued: Issued) -> None:
    world.vault.broken[("PUT", "/v1/status-lists")] = [problem(409, "conflict", "status_older")]
    statuses.set_status(world.session, issued.id, "revoked", published=False)
    with pytest.raises(Conflict):
        statuses.publish_lists(world.session)
    assert statuses.all_lists(world.session)[0].changed


def test_a_list_that_nobody_else_is_given_is_not_taken_for_published(world: World, issued: Issued) -> None:
    before = world.vault.tokens["0"]
    statuses.set_status(world.session, issued.id, "revoked", published=False)
    world.vault.broken[("GET", "/v1/status-lists")] = [httpx2.Response(200, content=before.encode())]
    with pytest.raises(Untrusted) as caught:
        statuses.publish_lists(world.session)
    assert caught.value.code == "status_not_published"
    assert statuses.all_lists(world.session)[0].changed


class EnoughError(Exception):
    """Ends a loop that has no end."""


def test_lists_are_kept_published_until_somebody_stops_it(
    world: World, issued: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        world.clock.time += seconds
        world.chain.faults.fail("agency", times=1 if len(naps) == 1 else 0)
        if len(naps) == 3:
            raise EnoughError

    monkeypatch.setattr(world.clock, "sleep", nap)
    with pytest.raises(EnoughError):
        statuses.keep_published(world.session, 600, 86_400, told.append)
    assert naps == [600, 600, 600]
    assert [type(one).__name__ for one in told] == ["list", "Unavailable", "list"]


# --- records ---------------------------------------------------------------------------------------


def test_a_record_is_found_by_item_beginning_or_certificate(world: World, issued: Issued) -> None:
    records = Records(world.session.profile.folder)
    assert records.find(issued.id) == records.find(issued.id[:5]) == records.find(issued.certificate_id) == issued
    assert records.of_certificate("1.2") is None
    assert records.of_item(bytes(32)) is None
    for text in ("", "nothing"):
        with pytest.raises(Denied) as caught:
            records.find(text)
        assert caught.value.code == "issued_not_found"


def test_a_garbled_record_is_refused(world: World, issued: Issued) -> None:
    for change in ({"state": "lost"}, {"v": 2}, {"more": 1}, {"item": "AA"}, {"status": {"uri": "x"}}):
        with pytest.raises(Malformed):
            Issued.from_json({**issued.to_json(), **change})
    assert Issued.from_json(issued.to_json()) == issued
