"""The doctor tells each thing as it is, from the inside out, and changes nothing."""

from __future__ import annotations

import httpx2
import pytest

from agency_cli.services.doctor import examine, worst
from agency_cli.services.issuing import issue, open_desk
from agency_cli.services.registration import register
from agency_cli.services.statuses import set_status
from tests.unit.agency_cli.desk import order, to
from tests.unit.agency_cli.support import HolderKeys, World


def states(world: World) -> dict[str, str]:
    return {finding.name: finding.state for finding in examine(world.session)}


def test_an_agency_in_order_has_nothing_but_good_findings(world: World) -> None:
    world.issuer()
    desk = open_desk(world.session)
    issue(desk, order(desk), to(world, HolderKeys(world).open()))
    found = list(examine(world.session))
    assert {finding.state for finding in found} == {"ok"}
    assert [finding.name for finding in found] == [
        "profile",
        "vault",
        "chain",
        "registry",
        "key card",
        "status list 0",
    ]
    assert worst(found) == "ok"


def test_a_profile_that_is_not_there_is_the_only_finding(world: World) -> None:
    [finding] = examine(world.session)
    assert (finding.state, finding.code) == ("fault", "profile_not_found")
    assert worst([finding]) == "fault"


def test_a_key_store_that_others_can_read_is_a_fault(world: World) -> None:
    world.issuer()
    world.session.profile.key_file.chmod(0o644)
    assert states(world)["profile"] == "fault"


def test_an_account_that_was_not_admitted_is_a_fault(world: World) -> None:
    world.enrol()
    found = list(examine(world.session))
    assert [finding.code for finding in found if finding.name == "registry"] == ["agency_not_admitted"]
    assert all(finding.name != "key card" for finding in found)


def test_an_agency_without_a_role_is_looked_at(world: World) -> None:
    world.enrol().admit().register()
    assert states(world)["registry"] == "warning"


@pytest.mark.parametrize("how", ["unregistered", "behind", "compromised", "vault"])
def test_each_way_a_key_card_can_be_wrong_is_a_fault(world: World, how: str) -> None:
    world.enrol().admit("driving-licence")
    if how != "unregistered":
        world.register()
    if how == "behind":
        register(world.session, rotate=True)
        world.session.save_party(world.session.party.with_changes(card_seq=1))
    if how == "compromised":
        world.ledger("governor").set_compromised_by_governor(world.session.party.controller, 1, world.clock.now())
    if how == "vault":
        world.vault.cards.clear()
    assert states(world)["key card"] == "fault"


def test_a_vault_or_chain_that_is_away_is_a_fault_and_the_rest_is_told(world: World) -> None:
    world.issuer()
    world.vault.broken[("GET", "/v1/info")] = [httpx2.ConnectError("no")] * 4
    found = states(world)
    assert (found["vault"], found["chain"], found["registry"]) == ("fault", "ok", "ok")
    world.chain.faults.fail("head")
    world.chain.faults.fail("agency")
    found = states(world)
    assert (found["vault"], found["chain"], found["registry"]) == ("ok", "fault", "fault")


def test_another_chain_behind_the_address_is_a_fault(world: World) -> None:
    world.issuer()
    world.chain.reorganise(len(world.chain._blocks) - 1)
    assert states(world)["chain"] == "fault"


def test_a_log_that_was_learnt_is_compared_with_the_chain(world: World) -> None:
    world.issuer()
    assert world.session.log.origin == world.log.name
    assert states(world)["chain"] == "ok"


def test_a_clock_that_is_away_is_looked_at(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.issuer()
    info = world.vault.info

    def late(body: bytes) -> httpx2.Response:
        world.clock.time -= 100
        answer = info(body)
        world.clock.time += 100
        return answer

    monkeypatch.setattr(world.vault, "info", late)
    assert states(world)["vault"] == "warning"


def test_status_lists_are_told_by_their_age_and_changes(world: World) -> None:
    world.issuer()
    desk = open_desk(world.session)
    desk.lists.allocate()
    assert states(world)["status list 0"] == "warning"
    record = issue(desk, order(desk), to(world, HolderKeys(world).open()))
    assert states(world)["status list 0"] == "ok"
    set_status(world.session, record.id, "revoked", published=False)
    assert states(world)["status list 0"] == "warning"
    set_status(world.session, record.id, "revoked")
    world.clock.sleep(86_400 - 1800)
    assert states(world)["status list 0"] == "warning"
    world.clock.sleep(3600)
    assert states(world)["status list 0"] == "fault"
