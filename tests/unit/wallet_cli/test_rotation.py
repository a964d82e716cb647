"""Keys change and everything stays: items open, grants are used, the phrase brings it all back."""

from __future__ import annotations

from typing import Any

import pytest

from client.session import Session
from protocol.encoding import b64u
from protocol.envelope import unwrap
from protocol.errors import Denied, OneFileError
from protocol.hashing import sha256
from protocol.keys import Mnemonic, hot_account
from protocol.recipients import Passphrase
from tests.unit.wallet_cli.conftest import World
from tests.wallet_stage import ORIGIN, PDF, PHRASES, Stage, card_of
from wallet_cli.services import enrolment, opening, registration, rewrapping, rings, rotating, syncing, tokens

OTHER = "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong"


def phrase(text: str = PHRASES["alice"]) -> Mnemonic:
    return Mnemonic(text, "en")


def restored(stage: Stage, name: str, text: str = PHRASES["alice"]) -> Session:
    session = stage.session(name)
    order = enrolment.Order(kind="person", index=0, vault_url=ORIGIN, restoring=True)
    assert enrolment.enrol(session, phrase(text), Passphrase("pass"), order).state == "restored"
    return session


def opened(session: Session) -> list[str]:
    """The kinds of all items, each of them opened with its documents."""
    found = []
    for item in opening.open_all(session):
        assert isinstance(item, opening.OpenedItem), item
        for document in item.documents:
            opening.check_document(session, item, document)
        found.append(item.kind)
    return sorted(found)


def issued(world: World, session: Session, **more: Any) -> bytes:
    token = tokens.card_token(session, world.hr.account)
    item = world.hr.issue(token, card_of(session), **more)
    world.stage.tick()
    return item


def test_a_new_root_keeps_every_item_open_before_and_after_headers_are_wrapped(world: World) -> None:
    alice = world.alice
    old = alice.keys
    card = rotating.rotate_root(alice)
    assert card.card.seq == alice.party.card_seq == 2
    assert alice.keys.root != old.root
    assert (alice.keys.tag_key, alice.keys.revoke_key) == (old.tag_key, old.revoke_key)
    syncing.sync(alice)
    before = opened(alice)
    payloads = {name: sha256(data) for name, data in world.stage.blobs.objects.items()}
    report = rewrapping.rewrap(alice)
    assert (report.wrapped, report.refused) == (len(before), [])
    after = {name: sha256(data) for name, data in world.stage.blobs.objects.items()}
    assert payloads.items() <= after.items()
    again = rewrapping.rewrap(alice)
    assert (again.wrapped, again.already) == (0, len(before))
    syncing.sync(alice)
    assert opened(world.stage.session("alice")) == before
    # The old root opens none of the headers any more.
    for header in (header for record in alice.store.items() for header in record.headers):
        with pytest.raises(Denied):
            unwrap(header, old.identities(2))


def test_the_phrase_alone_brings_back_what_was_sealed_to_roots_that_it_does_not_make(world: World) -> None:
    rotating.rotate_root(world.alice)
    rewrapping.rewrap(world.alice)
    issued(world, world.alice)
    again = restored(world.stage, "again")
    assert again.keys.roots == world.alice.keys.roots
    assert again.party.card_seq == 2
    syncing.sync(again)
    syncing.sync(world.alice)
    assert opened(again) == opened(world.alice)
    rotating.rotate_root(again)
    assert [member.name for member in _ring(again).members] == ["paper", "device alice", "device again"]


def _ring(session: Session) -> Any:
    found = rings.fetch(session)
    assert found is not None
    return found.ring


def test_a_new_controller_signs_and_the_old_one_does_not(world: World) -> None:
    old = world.alice.keys.hot
    done = rotating.rotate_controller(world.alice, phrase())
    assert done.controller == hot_account(PHRASES["alice"], "en", 0, 1).address
    assert world.stage.session("alice").keys.hot.address == done.controller
    registration.renew_card(world.alice, revoke_older=False)
    registration.end_all_grants(world.alice)
    world.alice.use_keys(world.alice.keys.with_hot(old))
    with pytest.raises(OneFileError):
        registration.end_all_grants(world.alice)
    world.alice.forget_keys()
    twice = rotating.rotate_controller(world.alice, phrase())
    assert twice.controller == hot_account(PHRASES["alice"], "en", 0, 2).address
    assert restored(world.stage, "again").keys.hot.address == twice.controller


def test_a_change_of_the_controller_that_broke_off_is_taken_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Gone(Exception):
        pass

    def die(_session: Session, _keys: Any) -> None:
        raise Gone

    with monkeypatch.context() as patch:
        patch.setattr(Session, "replace_keys", die)
        with pytest.raises(Gone):
            rotating.rotate_controller(world.stage.session("alice"), phrase())
    again = world.stage.session("alice")
    done = rotating.rotate_controller(again, phrase())
    assert done.finished
    assert done.controller == hot_account(PHRASES["alice"], "en", 0, 1).address == again.keys.hot.address
    registration.end_all_grants(again)


def test_a_new_owner_makes_the_old_phrase_worth_nothing(world: World) -> None:
    before = _synced_kinds(world.alice)
    done = rotating.rotate_owner(world.alice, phrase(), phrase(OTHER))
    rewrapping.rewrap(world.alice)
    assert (done.card_seq, world.alice.party.owner) == (2, done.owner)
    with pytest.raises(Denied) as refused:
        rotating.rotate_controller(world.alice, phrase())
    assert refused.value.code == "phrase_other"
    again = restored(world.stage, "again", OTHER)
    assert again.party.subject == world.alice.party.subject
    assert _synced_kinds(again) == before
    registration.end_all_grants(again)
    with pytest.raises(OneFileError):
        restored(world.stage, "thief")
    rotating.rotate_controller(again, phrase(OTHER))


def _synced_kinds(session: Session) -> list[str]:
    syncing.sync(session)
    return opened(session)


@pytest.mark.parametrize("order", [("root", "card", "controller"), ("controller", "root", "root")])
def test_rotations_in_any_order_keep_every_item_openable(world: World, order: tuple[str, ...]) -> None:
    alice = world.alice
    acts = {
        "root": lambda: rotating.rotate_root(alice),
        "card": lambda: registration.renew_card(alice, revoke_older=False),
        "controller": lambda: rotating.rotate_controller(alice, phrase()),
    }
    for number, name in enumerate(order):
        acts[name]()
        issued(world, alice)
        assert len(_synced_kinds(alice)) == number + 2
        if number == 1:
            assert rewrapping.rewrap(alice).refused == []
    assert len(_synced_kinds(alice)) == len(order) + 1
    assert rewrapping.rewrap(alice).refused == []
    assert len(_synced_kinds(restored(world.stage, "again"))) == len(order) + 1


def test_the_ring_file_here_is_the_one_at_the_vault(world: World) -> None:
    rotating.rotate_root(world.alice)
    kept = (world.alice.profile.folder / rings.RING_FILE).read_bytes()
    assert b64u(kept) == world.alice.api.my_ring().ring
    assert PDF not in kept
