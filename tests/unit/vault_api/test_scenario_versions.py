"""Versions of a scenario at the vault: what a newer one ends, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from protocol.hashing import sha256
from protocol.scenario import parse_scenario
from tests.grant_world import World
from tests.unit.vault_api.test_shows import Window
from tests.vault_stage import DAY, HOUR, VaultStage, refused, unchanged


@pytest.fixture
def world(stage: VaultStage) -> World:
    return World(stage)


@pytest.fixture
def window(stage: VaultStage) -> Window:
    return Window(stage)


def test_a_new_grant_is_given_under_the_newest_version_and_an_old_one_goes_on(world: World) -> None:
    before = world.granted()
    made = world.grant()
    newer = world.posted(version=2, supersedes=parse_scenario(world.scenario).hash)
    with unchanged(world.stage):
        problem = refused(made.send(), 403, "scenario_superseded")
    assert "version 2" in problem["detail"]
    assert before.release().status_code == 200
    world.scenario = newer
    assert world.granted().release().status_code == 200


def test_a_version_that_begins_later_replaces_none_before(world: World) -> None:
    now = world.stage.clock.now()
    world.posted(version=2, supersedes=parse_scenario(world.scenario).hash, effective=now + HOUR)
    world.granted()
    waiting = world.grant(not_before=now + 2 * HOUR, not_after=now + 3 * HOUR)
    refused(waiting.send(), 403, "scenario_superseded")
    world.stage.clock.advance(HOUR)
    refused(world.grant().send(), 403, "scenario_superseded")


def test_a_withdrawal_ends_the_grants_of_every_earlier_version(world: World) -> None:
    grant, now = world.granted(), world.stage.clock.now()
    world.posted(version=2, supersedes=parse_scenario(world.scenario).hash, withdrawn=now + HOUR)
    assert grant.release().status_code == 200
    world.stage.clock.advance(HOUR)
    with unchanged(world.stage):
        refused(grant.release(), 403, "scenario_withdrawn")
    verdict = world.stage.post(world.bank, f"/v1/grants/{grant.name}/verify").json()
    failed = {check["name"]: check["code"] for check in verdict["checks"] if check["status"] == "fail"}
    assert failed == {"scenario_minimum": "scenario_withdrawn"}


def test_a_window_collects_by_the_newest_version_only(window: Window) -> None:
    old = window.receipt()
    window.stage.scenario(window.authority, version=2, supersedes=window.scenario)
    refused(window.collect(receipt=old), 403, "scenario_superseded")


def test_a_window_keeps_no_longer_than_the_scenario_allows(window: Window) -> None:
    now = window.stage.clock.now()
    refused(window.collect(receipt=window.receipt(retain_until=now + 181 * DAY)), 403, "receipt_retention")
    assert window.collect(receipt=window.receipt(retain_until=now + 180 * DAY)).status_code == 200


def test_a_refused_grant_is_told_which_claims_were_too_much(world: World) -> None:
    grant = world.grant()
    scope = world.scope(grant, claims=("/holder/identity_number", "/months_paid"))
    wrong = world.grant(scope=scope)
    wrong.grant = replace(wrong.grant, scope=(replace(scope[0], parcel=sha256(wrong.parcel)),))
    problem = refused(wrong.send(), 403, "over_asking")
    assert "insurance:/holder/identity_number" in problem["detail"]
    assert "/months_paid" not in problem["detail"]
