"""An agency's keys are made once, admitted by the governor, and published; what breaks off is taken up again."""

from __future__ import annotations

import httpx2
import pytest

from agency_cli.services import enrolment, registration
from agency_cli.services.office import Office, load_office
from agency_cli.services.standing import standing
from agency_cli.services.view import view
from client.keystore import read_keys
from protocol.encoding import hex0x
from protocol.errors import Conflict, Denied, Malformed, Unavailable, Untrusted
from protocol.identifiers import agency_subject
from protocol.recipients import Passphrase
from tests.unit.agency_cli.support import CODE, VAULT, World, mode
from tests.unit.client.support import problem


def test_init_makes_private_keys_and_ties_the_profile_to_the_chain(world: World) -> None:
    world.enrol()
    party, profile = world.session.party, world.session.profile
    keys = read_keys(profile.key_file, Passphrase("correct horse"))
    assert mode(profile.key_file) == 0o600
    assert (party.kind, party.subject) == ("agency", agency_subject(keys.hot.address))
    assert party.owner == party.controller == keys.hot.address
    assert world.session.deployment == world.chain.deployment
    assert load_office(profile) == Office("威海市公安局", CODE)


def test_a_new_run_opens_the_keys_with_the_passphrase(world: World) -> None:
    world.enrol().admit().register()
    made = world.session.keys
    assert world.again(locked=True).keys == made
    world.passphrase.write_text("wrong")
    with pytest.raises(Denied) as caught:
        registration.register(world.again(locked=True))
    assert caught.value.code == "wrong_passphrase"


def test_two_agencies_get_different_keys(world: World) -> None:
    world.enrol()
    first = world.session.party.controller
    world.again("other")
    world.enrol()
    assert world.session.party.controller != first


def test_init_never_replaces_keys(world: World) -> None:
    world.enrol()
    before = world.session.profile.key_file.read_bytes()
    with pytest.raises(Conflict) as caught:
        world.enrol()
    assert caught.value.code == "file_exists"
    assert world.session.profile.key_file.read_bytes() == before


@pytest.mark.parametrize(("name", "code"), [("", CODE), ("x" * 201, CODE), ("局", "11370000MB2849999A")])
def test_an_office_without_a_name_or_with_a_wrong_code_is_refused(name: str, code: str) -> None:
    with pytest.raises(Malformed):
        Office(name, code)


def test_nobody_registers_before_the_governor_admits(world: World) -> None:
    world.enrol()
    with pytest.raises(Denied) as caught:
        registration.register(world.session)
    assert caught.value.code == "agency_not_admitted"
    assert caught.value.facts["account"] == hex0x(world.session.party.controller)
    assert not world.session.party.opened
    assert ("POST", "/v1/relay") not in world.vault.requests


def test_registering_publishes_the_card_on_chain_and_at_the_vault(world: World) -> None:
    world.enrol().admit("driving-licence")
    done = registration.register(world.session)
    state = world.ledger("x").agency(world.session.party.controller)
    assert done.done == "registered"
    assert state.card.seq == 1
    assert world.vault.cards[world.session.party.subject].raw == done.card.raw
    assert world.session.party.opened


def test_registering_again_changes_nothing(world: World) -> None:
    world.enrol().admit().register()
    done = registration.register(world.session)
    assert done.done == "unchanged"
    assert len(done.state.cards) == 1
    assert world.vault.requests.count(("POST", "/v1/relay")) == 1


def test_rotating_publishes_the_next_card_with_other_keys(world: World) -> None:
    world.enrol().admit().register()
    before = world.vault.cards[world.session.party.subject]
    done = registration.register(world.session, rotate=True)
    assert (done.done, done.card.card.seq) == ("rotated", 2)
    assert done.card.present_key != before.present_key
    assert done.card.sealing_key != before.sealing_key
    assert world.session.party.card_seq == 2
    assert standing(world.session).card.seq == 2


@pytest.mark.parametrize("lost", ["/v1/relay", "/v1/agencies"])
def test_a_registration_whose_answer_was_lost_is_taken_up_again(world: World, lost: str) -> None:
    world.enrol().admit()
    world.vault.lost = [lost] * 4
    with pytest.raises(Unavailable):
        registration.register(world.session)
    assert not world.session.party.opened
    done = registration.register(world.again())
    assert done.done == "unchanged"
    assert world.session.party.opened
    assert len(done.state.cards) == 1
    assert world.session.party.subject in world.vault.cards


def test_a_vault_that_only_says_that_it_published_is_not_believed(world: World) -> None:
    world.enrol().admit()
    lie = httpx2.Response(200, json={"transaction": "0x" + "0" * 64, "block": 5})
    world.vault.broken[("POST", "/v1/relay")] = [lie]
    with pytest.raises(Untrusted) as caught:
        registration.register(world.session)
    assert caught.value.code == "card_not_published"
    assert not world.session.party.opened


def test_another_refusal_of_the_vault_is_told(world: World) -> None:
    world.enrol().admit()
    world.vault.broken[("PUT", "/v1/agencies")] = [problem(409, "conflict", "card_superseded")]
    with pytest.raises(Conflict) as caught:
        registration.register(world.session)
    assert caught.value.code == "card_superseded"


def test_keys_that_are_not_in_the_registered_card_are_named(world: World) -> None:
    world.enrol().admit().register()
    party = world.session.party
    world.again("thief")
    world.enrol()
    world.session.save_party(
        world.session.party.with_changes(
            subject=party.subject, controller=party.controller, owner=party.owner, opened=True
        )
    )
    with pytest.raises(Untrusted) as caught:
        standing(world.session)
    assert caught.value.code == "card_foreign_keys"


def test_standing_is_refused_without_a_card_behind_it_or_with_a_compromised_one(world: World) -> None:
    world.enrol().admit("driving-licence")
    with pytest.raises(Denied) as caught:
        standing(world.session)
    assert caught.value.code == "agency_not_registered"
    world.register()
    registration.register(world.session, rotate=True)
    world.session.save_party(world.session.party.with_changes(card_seq=1))
    with pytest.raises(Denied) as caught:
        standing(world.session)
    assert caught.value.code == "agency_card_behind"
    registration.register(world.session)
    world.ledger("governor").set_compromised_by_governor(world.session.party.controller, 2, world.clock.now())
    with pytest.raises(Denied) as caught:
        standing(world.session)
    assert caught.value.code == "agency_compromised"


def test_a_chain_whose_clock_is_a_little_ahead_is_followed_and_one_far_ahead_is_not(world: World) -> None:
    world.issuer()
    now = world.clock.now()
    world.chain.advance(30)
    world.chain.mine()
    assert (standing(world.session).at, standing(world.session).ahead_s) == (now + 30, 30)
    world.chain.advance(1000)
    world.chain.mine()
    assert (standing(world.session).at, standing(world.session).ahead_s) == (now, 0)


def test_the_view_tells_roles_types_and_keys(world: World) -> None:
    world.enrol().admit("driving-licence", "diploma", scenario=True)
    seen = view(world.session)
    assert (seen.card_seq, seen.card_hash) == (0, "")
    world.register()
    seen = view(world.session)
    assert seen.roles == ("issuer", "scenario-authority")
    assert seen.licence_types == ("diploma", "driving-licence")
    assert seen.card_seq == 1
    assert seen.recipient.startswith("age1pq1")
    assert seen.compromised_since is None
    assert VAULT in world.session.vault_url
    assert enrolment.Order(Office("x"), world.chain.deployment, VAULT).office.code == ""
