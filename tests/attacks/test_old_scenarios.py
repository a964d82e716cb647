"""A vault that serves an old scenario for the newest one, or one that nobody logged, is found out by what the log holds."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from client.checks import open_desk
from client.facts import LedgerFacts
from client.scenario_leaves import Leaves, Line, check_newest, later_versions, load_leaves, newest_leaves, save_leaves
from client.scenarios import find_scenario
from protocol.encoding import b64u
from protocol.entries import public_entry, public_tag
from protocol.errors import Denied, Untrusted
from protocol.facts import AnchorFacts
from protocol.hashing import ZERO32
from protocol.merkle import Frontier
from protocol.scenario import parse_scenario, sign_scenario
from tests.unit.wallet_cli.conftest import BANK, Lying, World, make_world, small_loan
from tests.wallet_stage import Stage

FOLDERS = Callable[[str], Any]


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    stage = Stage(tmp_path_factory.mktemp("scenarios"))
    yield make_world(stage)
    stage.close()


def posted(world: World, version: int, **changes: Any) -> str:
    before = parse_scenario(world.scenario_raw).hash
    scenario = dataclasses.replace(world.scenario, version=version, supersedes=before, **changes)
    raw = sign_scenario(scenario, world.authority.present)
    world.authority.api.post_scenario(raw)
    world.stage.tick()
    return raw


def only(*raws: str) -> Callable[[Any], Any]:
    """The list of scenarios with these alone in it."""

    def shown(body: Any) -> Any:
        return {**body, "rows": [row for row in body["rows"] if row["scenario"] in raws]}

    return shown


def lied_to(world: World, rules: dict[str, Any]) -> Any:
    session = world.stage.session("alice")
    lying = Lying(world.stage.transport)
    lying.rules.update(rules)
    session.transport = lying
    return session


def granting(session: Any) -> None:
    from wallet_cli.services import granting as service
    from wallet_cli.services import tokens

    order = service.GrantOrder(agency=tokens.agency_account(session, BANK[1]), scenario="small-loan")
    service.plan(session, open_desk(session), order)


def test_an_old_version_that_is_served_for_the_newest_is_found_out(world: World) -> None:
    posted(world, 2)
    with pytest.raises(Untrusted) as caught:
        granting(lied_to(world, {"/v1/scenarios": only(world.scenario_raw)}))
    assert caught.value.code == "scenario_hidden"
    granting(world.stage.session("alice"))  # an honest vault shows the second version, and that is granted


def test_an_old_version_that_is_asked_for_by_name_is_refused(world: World) -> None:
    posted(world, 2)
    session = world.stage.session("alice")
    with pytest.raises(Denied) as caught:
        check_newest(session, open_desk(session), parse_scenario(world.scenario_raw))
    assert caught.value.code == "scenario_superseded"
    check_newest(session, open_desk(session), parse_scenario(world.scenario_raw), given=True)


def test_a_withdrawal_is_heard_through_a_vault_that_hides_nothing(world: World) -> None:
    posted(world, 2, withdrawn=world.stage.clock.now() + 5)
    session = world.stage.session("alice")
    check_newest(session, open_desk(session), parse_scenario(world.scenario_raw), given=True)
    world.stage.clock.sleep(10)
    with pytest.raises(Denied) as caught:
        check_newest(session, open_desk(session), parse_scenario(world.scenario_raw), given=True)
    assert caught.value.code == "scenario_withdrawn"


def test_a_scenario_that_never_came_into_the_log_is_no_scenario(world: World) -> None:
    """The authority signed it, perhaps long ago, and published it nowhere."""
    raw = sign_scenario(small_loan(world.authority, scenario_id="draft"), world.authority.present)
    session = world.stage.session("alice")
    with pytest.raises(Untrusted) as caught:
        check_newest(session, open_desk(session), parse_scenario(raw))
    assert caught.value.code == "scenario_not_logged"


def test_a_log_with_the_leaf_cut_out_is_not_the_log(world: World) -> None:
    session = lied_to(world, {"/v1/log/tile/entries": lambda raw: raw.replace(b'"t":"scenario"', b'"t":"scenarix"')})
    with pytest.raises(Untrusted) as caught:
        granting(session)
    assert caught.value.code in {"log_forked", "entries_other"}
    assert not (session.profile.folder / "scenarios.json").exists()


def test_a_head_that_the_chain_is_past_is_a_rolled_back_log(world: World) -> None:
    old = world.stage.session("alice").public_api.checkpoint()
    posted(world, 2)
    session = lied_to(world, {"/v1/log/checkpoint": lambda _raw: old})
    with pytest.raises(Untrusted) as caught:
        granting(session)
    assert caught.value.code == "rolled_back"


def test_a_log_that_grows_and_is_anchored_between_two_reads_is_not_rolled_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, grown = world.stage.session("alice"), list[str]()
    desk = open_desk(session)
    honest = desk.facts.anchors

    def meanwhile(_facts: LedgerFacts) -> AnchorFacts:
        if not grown:
            grown.append(posted(world, 2))
        return honest()

    monkeypatch.setattr(LedgerFacts, "anchors", meanwhile)
    leaves = newest_leaves(session, desk)
    monkeypatch.undo()
    anchored = honest().head
    assert len(grown) == 1
    assert anchored is not None
    assert leaves.frontier.size == anchored.size


def test_an_old_head_takes_nothing_back_of_what_was_read(world: World) -> None:
    old = world.stage.session("alice").public_api.checkpoint()
    posted(world, 2)
    honest = world.stage.session("alice")
    size = newest_leaves(honest, open_desk(honest)).frontier.size
    session = lied_to(world, {"/v1/log/checkpoint": lambda _raw: old})
    assert newest_leaves(session, open_desk(session)).frontier.size == size


def test_the_log_is_read_once_and_then_only_what_is_new(world: World) -> None:
    session = lied_to(world, {})
    desk = open_desk(session)
    scenario = find_scenario(session, desk, "small-loan")
    assert later_versions(session, desk, scenario) == ()
    session.transport.seen.clear()
    assert later_versions(session, desk, scenario) == ()
    assert [path for path in session.transport.seen if "/tile/" in path] == []
    newer = posted(world, 2)
    assert [one.version for one in later_versions(session, desk, scenario)] == [2]
    assert later_versions(session, desk, parse_scenario(newer)) == ()


def test_what_was_kept_and_is_garbled_or_foreign_is_read_anew(world: World) -> None:
    session = world.stage.session("alice")
    leaves = newest_leaves(session, open_desk(session))
    path = session.profile.folder / "scenarios.json"
    assert load_leaves(path, session.log.origin) == leaves
    assert load_leaves(path, "another log") == Leaves()
    body = json.loads(path.read_text(encoding="utf-8"))
    for garbled in (
        {**body, "v": 2},
        {**body, "frontier": "AAAA"},
        {**body, "lines": [{}]},
        {**body, "lines": [{**body["lines"][0], "versions": ["x"]}]},
        [],
    ):
        path.write_text(json.dumps(garbled), encoding="utf-8")
        assert load_leaves(path, session.log.origin) == Leaves()
    assert newest_leaves(session, open_desk(session)) == leaves


def test_a_line_whose_entries_do_not_follow_on_each_other_is_broken(world: World) -> None:
    uri, kept = world.scenario.uri, Leaves()
    raw = world.scenario_raw.encode()
    first = public_entry("scenario", uri=uri, prev_entry_hash=ZERO32, object_bytes=raw).serialise()
    other = public_entry("status", uri=uri, prev_entry_hash=ZERO32, object_bytes=raw).serialise()
    kept.visit(0, [first, other, b"not an entry"])
    assert kept.lines[b64u(public_tag(uri))].broken is False
    kept.visit(3, [first])
    assert kept.lines[b64u(public_tag(uri))].broken is True

    session = world.stage.session("alice")
    desk = open_desk(session)
    honest = newest_leaves(session, desk)
    tag = b64u(public_tag(uri))
    broken = Leaves(Frontier.parse(honest.frontier.serialise()), {tag: Line(honest.lines[tag].versions, broken=True)})
    save_leaves(session.profile.folder / "scenarios.json", session.log.origin, broken)
    with pytest.raises(Untrusted) as caught:
        check_newest(session, desk, parse_scenario(world.scenario_raw))
    assert caught.value.code == "scenario_line"
