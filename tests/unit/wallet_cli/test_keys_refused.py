"""Changing keys by the command line where it is refused, asked about, or only looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from client.files import write_private
from protocol.errors import Conflict, Denied, Malformed, OneFileError
from protocol.keys import Mnemonic
from tests.unit.wallet_cli.conftest import Outcome, World
from tests.wallet_stage import PHRASES
from wallet_cli.services import devices, dropping, rings, rotating

Wallet = Callable[..., Outcome]


def test_nothing_is_changed_that_nobody_confirmed(world: World, wallet: Wallet, tmp_path: Path) -> None:
    request, answer = tmp_path / "request", tmp_path / "answer.age"
    drawn = wallet("--profile", "phone", "device", "join", "--name", "phone")
    assert (drawn.code, "OFJ1:" in drawn.out, "Match number" in drawn.out) == (0, True, True)
    request.write_text(next(word for word in drawn.out.split() if word.startswith("OFJ1:")))
    for argv in (
        ("keys", "rotate", "--root"),
        ("device", "remove", "phone"),
        ("device", "invite", str(request), "--answer", str(answer)),
    ):
        assert wallet(*argv, "--json").problem == "not_confirmed"
    assert not answer.exists()
    assert wallet("device", "join").code == 2
    assert "alone" in wallet("device", "list").out + wallet("device", "list").err
    assert "1" in wallet("keys", "rotate", "--owner", "--dry-run").out
    assert world.stage.session("alice").keys == world.alice.keys
    match = devices.ask(world.stage.session("phone"), "phone", world.alice.passphrase.get()).match
    assert wallet("device", "invite", str(request), "--answer", str(answer), "--match", match).code == 0
    joined = wallet("--profile", "phone", "device", "join", "--answer", str(answer))
    assert (joined.code, "joined" in joined.out) == (0, True)
    removed = wallet("device", "remove", "phone", "--yes", "--no-rewrap")
    assert (removed.code, "phone" in removed.out) == (0, True)


def test_a_profile_that_is_older_than_rings_is_asked_for_its_phrase_once(
    world: World, wallet: Wallet, tmp_path: Path
) -> None:
    (world.alice.profile.folder / rings.PAPER_FILE).unlink()
    world.alice.replace_keys(replace(world.alice.keys, member=None))
    assert wallet("keys", "rotate", "--root", "--yes", "--json").problem == "paper_member_missing"
    assert len(world.stage.session("alice").keys.roots) == 1
    with pytest.raises(Malformed):
        rings.first(world.stage.session("alice"))
    paper = tmp_path / "phrase"
    paper.write_text(PHRASES["alice"])
    done = wallet("keys", "rotate", "--root", "--yes", "--phrase-file", str(paper), "--no-rewrap")
    assert (done.code, "Roots" in done.out) == (0, True)
    assert rotating.generation_of(Mnemonic(PHRASES["bob"], "en"), 0, world.alice.party.controller) is None
    assert rings.open_with_root(
        (world.alice.profile.folder / rings.RING_FILE).read_bytes(), world.stage.session("alice").keys.root, 9
    ).n == 1


def test_a_new_owner_in_a_profile_without_a_ring_and_with_a_foreign_phrase(world: World) -> None:
    alice, own, other = world.alice, Mnemonic(PHRASES["alice"], "en"), Mnemonic(PHRASES["bob"], "en")
    (alice.profile.folder / rings.PAPER_FILE).unlink()
    for act in (lambda: rotating.rotate_owner(alice, other, own), lambda: rotating.rotate_controller(alice, other)):
        with pytest.raises(Denied) as refused:
            act()
        assert refused.value.code == "phrase_other"
    done = rotating.rotate_owner(alice, own, other)
    found = rings.fetch(alice)
    assert found is not None
    assert [member.name for member in found.ring.members] == ["paper", "device alice"]
    assert alice.party.owner == done.owner


def test_an_item_that_does_not_open_keeps_every_root(world: World, wallet: Wallet) -> None:
    rotating.rotate_root(world.alice)
    record = world.alice.store.item(world.item)
    write_private(world.alice.store.payload_path(_payload(record.slip)), b"x" * 500)
    needs = dropping.needs(world.alice)
    assert (needs.droppable, needs.reasons) == ((), ((world.item, "damaged"),))
    told = wallet("keys", "rewrap")
    assert told.code == 0, "a header is wrapped whatever its payload is"


def _payload(slip: str | None) -> bytes:
    from protocol.slips import parse_slip

    assert slip is not None
    return parse_slip(slip).body.objects[0].payload


def test_a_ring_that_always_changes_is_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    rotating.rotate_root(world.alice)
    session = world.stage.session("alice")

    def quicker(_ring: object) -> object:
        raise Conflict("ring_changed", "another")

    monkeypatch.setattr(session.api, "put_ring", quicker)
    with pytest.raises(OneFileError) as refused:
        rings.update(session, lambda ring: replace(ring, members=ring.members[:1]))
    assert refused.value.code == "ring_changed"

    def full(_ring: object) -> object:
        raise Conflict("other", "another")

    monkeypatch.setattr(session.api, "put_ring", full)
    with pytest.raises(OneFileError) as refused:
        rings.update(session, lambda ring: replace(ring, members=ring.members[:1]))
    assert refused.value.code == "other"
