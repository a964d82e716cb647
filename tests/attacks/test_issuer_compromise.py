"""An issuer's key is stolen: what was anchored before the date stays valid everywhere, everything else is rejected."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from client.api import VaultApi
from client.checks import open_desk
from client.http import Http
from client.scenarios import verified_scenario
from client.session import Session
from protocol import wire
from protocol.errors import Denied, Untrusted
from protocol.identifiers import agency_subject
from protocol.keycard import next_card, seal_card
from protocol.verdict import Check
from tests.unit.wallet_cli.conftest import World, make_world
from tests.wallet_stage import ORIGIN, Agency, Stage, card_of
from wallet_cli.services import claiming, rotating, syncing

DATE_AFTER_S = 1000


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    stage = Stage(tmp_path)
    yield make_world(stage)
    stage.close()


def stolen(world: World, agency: Agency) -> int:
    """The date: some time after the first item was anchored. Reported by the agency itself a while later."""
    world.stage.tick()
    world.stage.clock.time += DATE_AFTER_S
    since = world.stage.clock.now()
    world.stage.clock.time += DATE_AFTER_S
    return since


def report(world: World, agency: Agency, since: int) -> None:
    world.stage.clock.time += 60
    world.stage.chain.ledger(agency.account).set_compromised(1, since)
    world.stage.tick()


def new_keys(world: World, agency: Agency) -> None:
    """The agency's next card; everything that it signs from now on is with the new key."""
    stage, domain = world.stage, world.stage.domain("agency_registry")
    stage.clock.time += 60
    present, sealing = agency.keys.present(2), agency.keys.sealing(2).recipient().public
    now = stage.clock.now()
    card = next_card(agency.card.card, domain, present.public_jwk(), sealing, valid_from=now)
    signature = agency.keys.hot.sign_digest(card.digest(domain))
    agency.card = seal_card(card, domain, present, sealing, signature)
    assert card.subject == agency_subject(agency.account)
    stage.chain.ledger(agency.account).publish_agency_card(card, signature)
    agency.api.put_agency_card(agency.account, wire.Card(card=agency.card.to_json()), present)
    stage.tick()
    agency.present = present
    agency.api = VaultApi(Http(ORIGIN, clock=stage.clock, signer=present, transport=stage.transport))


def check_of(session: Session, item: str, name: str) -> Check:
    record = session.store.item(item)
    found = claiming.look(session, open_desk(session), record).verdict.check(name)
    assert found is not None
    return found


def test_what_was_anchored_before_the_date_stays_valid_and_what_came_after_is_rejected(world: World) -> None:
    stage, alice, hr = world.stage, world.alice, world.hr
    since = stolen(world, hr)
    forged = hr.issue(None, card_of(alice))  # with the stolen key, which nobody has reported yet
    stage.tick()
    syncing.sync(alice)
    later = next(record.id for record in alice.store.items() if record.item == forged)
    assert check_of(alice, later, "issuer_authority").status == "pass"
    report(world, hr, since)
    assert check_of(alice, world.item, "issuer_authority").status == "pass"
    refused = check_of(alice, later, "issuer_authority")
    assert (refused.status, refused.code) == ("fail", "agency_compromised")
    assert not claiming.claim(alice, [later])[0].accepted


def test_a_status_list_of_the_stolen_key_says_nothing_and_one_of_the_new_key_does(world: World) -> None:
    since = stolen(world, world.hr)
    report(world, world.hr, since)
    syncing.sync(world.alice)
    status = check_of(world.alice, world.item, "status")
    assert (status.status, status.code) == ("fail", "agency_compromised")
    new_keys(world, world.hr)
    world.hr.publish_statuses()
    world.stage.tick()
    accepted = claiming.claim(world.alice, [world.item])[0]
    assert (accepted.accepted, accepted.verdict.verdict) == (True, "accept")


def test_the_vault_takes_nothing_from_the_stolen_key_and_everything_from_the_new_one(world: World) -> None:
    report(world, world.hr, stolen(world, world.hr))
    with pytest.raises(Denied) as refused:
        world.hr.issue(None, card_of(world.alice))
    assert refused.value.code == "agency_compromised"
    new_keys(world, world.hr)
    item = world.hr.issue(None, card_of(world.alice), signer=world.hr.present)
    world.stage.tick()
    syncing.sync(world.alice)
    fresh = next(record.id for record in world.alice.store.items() if record.item == item)
    assert claiming.claim(world.alice, [fresh])[0].verdict.verdict == "accept"


def test_a_slip_that_the_thief_dates_back_is_as_late_as_its_anchor(world: World) -> None:
    since = stolen(world, world.hr)
    forged = world.hr.issue(None, card_of(world.alice))
    world.stage.tick()
    syncing.sync(world.alice)
    report(world, world.hr, since)
    record = next(record for record in world.alice.store.items() if record.item == forged)
    # Whatever ``iat`` says, the head that covers the entry is younger than the date: times come from the chain.
    assert check_of(world.alice, record.id, "issuer_authority").code == "agency_compromised"
    assert check_of(world.alice, record.id, "anchor_inclusion").status == "pass"


def test_a_scenario_of_a_stolen_key_is_rejected_whenever_it_was_signed(world: World) -> None:
    desk = open_desk(world.alice)
    assert verified_scenario(desk, world.scenario_raw).body.scenario_id == world.scenario.scenario_id
    report(world, world.authority, stolen(world, world.authority))
    with pytest.raises(Untrusted) as refused:
        verified_scenario(open_desk(world.alice), world.scenario_raw)
    assert refused.value.code == "scenario_key"


def test_the_holders_own_rotation_changes_nothing_of_this(world: World) -> None:
    rotating.rotate_root(world.alice)
    syncing.sync(world.alice)
    assert claiming.claim(world.alice, [world.item])[0].verdict.verdict == "accept"
