"""A second device joins, reads and shows, and is shut out; roots that nothing needs are dropped when told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from client.session import Session
from protocol import wire
from protocol.errors import Denied, Malformed, OneFileError, Unavailable
from protocol.joining import Answer, match_number, open_answer, parse_request, seal_answer, write_request
from protocol.keyring import RingMember, member_identity
from protocol.keys import Root
from protocol.recipients import Passphrase
from tests.unit.wallet_cli.conftest import Outcome, World
from tests.wallet_stage import PHRASES, card_of
from wallet_cli.services import devices, dropping, registration, rewrapping, rings, rotating, syncing, tokens

Wallet = Callable[..., Outcome]
PASS = Passphrase("pass")


def joined(world: World, name: str = "phone") -> Session:
    phone = world.stage.session(name)
    asked = devices.ask(phone, name, PASS)
    devices.join(phone, devices.invite(world.alice, asked.request), PASS)
    return phone


def test_a_second_device_joins_by_the_command_line_reads_and_is_shut_out(
    world: World, wallet: Wallet, tmp_path: Path
) -> None:
    request, answer = tmp_path / "request", tmp_path / "answer.age"
    asked = wallet("--profile", "phone", "device", "join", "--name", "phone", "--request", str(request), "--json")
    assert asked.code == 0, asked.err
    match = asked.json["match"]
    wrong = match[:-1] + ("0" if match[-1] != "0" else "1")
    refused = wallet("device", "invite", str(request), "--answer", str(answer), "--match", wrong, "--json")
    assert (refused.problem, answer.exists()) == ("match_number", False)
    invited = wallet("device", "invite", str(request), "--answer", str(answer), "--match", match, "--json")
    assert invited.code == 0, invited.err
    assert (answer.stat().st_mode & 0o777, invited.json["match"]) == (0o600, match)
    done = wallet("--profile", "phone", "device", "join", "--answer", str(answer), "--json")
    assert done.code == 0, done.err
    assert wallet("--profile", "phone", "sync", "--json").json["new_items"] == [world.item]
    target = tmp_path / "out.pdf"
    assert wallet("--profile", "phone", "open", world.item, "--to", str(target)).code == 0
    assert target.read_bytes().startswith(b"%PDF")
    listed = wallet("device", "list", "--json").json["devices"]
    assert [(row["name"], row["kind"]) for row in listed] == [
        ("paper", "paper"),
        ("device alice", "this"),
        ("phone", "device"),
    ]
    assert "phone" in wallet("device", "list").out
    grant = wallet("--profile", "phone", "card", "--renew", "--json")
    assert grant.problem == "device_reads_only"
    removed = wallet("device", "remove", "phone", "--yes", "--json")
    assert removed.code == 0, removed.err
    assert removed.json == {"removed": "phone", "card_seq": 2, "wrapped": 1}
    assert wallet("--profile", "phone", "sync", "--json").problem == "signature_key_old"
    assert wallet("--profile", "phone", "keys", "fetch", "--json").problem == "ring_member_unknown"
    assert wallet("device", "remove", "phone", "--yes", "--json").problem == "device_not_found"
    assert wallet("device", "remove", "paper", "--yes", "--json").problem == "device_needed"


def test_keys_change_and_wrap_by_the_command_line(world: World, wallet: Wallet, tmp_path: Path) -> None:
    paper = tmp_path / "phrase"

    paper.write_text(PHRASES["alice"])
    assert wallet("keys", "rotate", "--yes").code == 2
    plan = wallet("keys", "rotate", "--root", "--dry-run", "--json").json
    assert (plan["card_seq"], plan["roots"], plan["unfinished"]) == (1, 1, False)
    changed = wallet("keys", "rotate", "--root", "--yes", "--json")
    assert changed.code == 0, changed.err
    assert (changed.json["card_seq"], changed.json["roots"], changed.json["rewrapped"]["wrapped"]) == (2, 2, 1)
    controller = wallet("keys", "rotate", "--controller", "--phrase-file", str(paper), "--yes", "--json")
    assert controller.json["controller"] != changed.json["controller"]
    told = wallet("keys", "rotate", "--root", "--no-rewrap", "--yes").out
    assert "Roots" in told
    again = wallet("keys", "rewrap")
    assert (again.code, "1" in again.out) == (0, True)
    fresh = tmp_path / "fresh"
    owner = ("keys", "rotate", "--owner", "--phrase-file", str(paper), "--new-phrase-file", str(fresh), "--yes")
    done = wallet(*owner, "--json")
    assert done.code == 0, done.err
    assert done.json["owner"] != changed.json["owner"]
    assert len(fresh.read_text().split()) == 24
    assert wallet("keys", "rotate", "--controller", "--phrase-file", str(paper), "--yes", "--json").problem == "phrase_other"
    kept = wallet("keys", "drop", "--dry-run", "--json").json
    assert (kept["droppable"], {row["reason"] for row in kept["kept_for"]}) == (0, {"binding"})
    assert "binding" in wallet("keys", "drop", "--yes").err
    assert wallet("keys", "--json").json["card_seq"] == 4
    assert wallet("keys", "fetch").code == 0


def test_a_device_takes_a_new_root_from_the_ring_after_it_was_left_behind(world: World) -> None:
    phone = joined(world)
    rotating.rotate_root(world.alice)
    rewrapping.rewrap(world.alice)
    with pytest.raises(Denied) as refused:
        syncing.sync(phone)
    assert refused.value.code == "signature_key_old"
    assert devices.refresh(phone) == 2
    assert phone.keys.roots == world.alice.keys.roots
    assert phone.keys.hot.address != phone.party.controller
    assert syncing.sync(phone).new_items == [world.item]
    assert devices.refresh(phone) == 2, "again it changes nothing"


def test_an_item_that_one_device_wrapped_anew_is_taken_by_the_other(world: World) -> None:
    phone = joined(world)
    syncing.sync(phone)
    registration.renew_card(world.alice, revoke_older=False)
    rewrapping.rewrap(world.alice)
    devices.refresh(phone)
    before = phone.store.item(world.item)
    syncing.sync(phone)
    after = phone.store.item(world.item)
    assert (before.rewrap, after.headers) == (None, world.alice.store.item(world.item).headers)
    assert rewrapping.rewrap(phone).already == 1


def test_a_request_is_asked_once_and_for_a_new_profile_only(world: World) -> None:
    phone = world.stage.session("phone")
    asked = devices.ask(phone, "phone", PASS)
    assert devices.ask(phone, "phone", PASS) == asked
    for name, secret, code in (("other", PASS, "device_asked"), ("phone", Passphrase("no"), "wrong_passphrase")):
        with pytest.raises(OneFileError) as refused:
            devices.ask(phone, name, secret)
        assert refused.value.code == code
    with pytest.raises(OneFileError) as refused:
        devices.ask(world.alice, "alice", PASS)
    assert refused.value.code == "file_exists"
    with pytest.raises(OneFileError) as refused:
        devices.join(world.stage.session("nobody"), b"", PASS)
    assert refused.value.code == "device_not_asked"
    raw = devices.invite(world.alice, asked.request)
    assert devices.invite(world.alice, asked.request) != raw, "another file, the same member"
    twin = write_request(RingMember.of("phone", Root(b"t" * 32)))
    with pytest.raises(OneFileError) as refused:
        devices.invite(world.alice, twin)
    assert refused.value.code == "device_exists"


def test_an_answer_that_does_not_fit_is_refused(world: World) -> None:
    phone = world.stage.session("phone")
    asked = devices.ask(phone, "phone", PASS)
    member = parse_request(asked.request)
    _name, secret = devices._kept(phone, PASS)
    good = open_answer(devices.invite(world.alice, asked.request), [member_identity(secret)])
    record = json.loads(good.deployment)
    other_chain = json.dumps({**record, "deploy_block_hash": "0x" + "11" * 32})
    foreign = {**json.loads(good.party), "subject": "0x" + "22" * 32}
    for answer, code in (
        (Answer(good.ring, good.party, other_chain), "trust_other_chain"),
        (Answer(good.ring, json.dumps(foreign), good.deployment), "ring_foreign"),
        (Answer(good.ring, "{}", good.deployment), "field_missing"),
    ):
        with pytest.raises(OneFileError) as refused:
            devices.join(phone, seal_answer(answer, member), PASS)
        assert refused.value.code == code
        assert not phone.profile.key_file.exists()


def test_a_match_number_is_of_the_whole_request() -> None:
    request = write_request(RingMember.of("phone", Root(b"t" * 32)))
    assert [len(group) for group in match_number(request).split(" ")] == [4] * 5
    assert match_number(request) != match_number(write_request(RingMember.of("Phone", Root(b"t" * 32))))
    for text in ("", "OFJ1:", "OFJ2:" + request[5:], request + "=", request[:-9], "OFJ1:" + "A" * 9000):
        with pytest.raises(Malformed):
            parse_request(text)


def test_a_removal_that_broke_off_is_finished_by_the_same_call(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    phone = joined(world)
    with monkeypatch.context() as patch:

        def gone(*_args: Any, **_more: Any) -> None:
            raise Unavailable("vault_unreachable", "gone")

        patch.setattr(registration, "renew_card", gone)
        with pytest.raises(Unavailable):
            devices.remove(world.alice, "phone")
    assert rotating.waits_for_card(world.alice)
    root = world.alice.keys.root
    alice = world.stage.session("alice")
    assert devices.remove(alice, "phone").card.seq == 2
    assert (alice.keys.root, len(alice.keys.roots)) == (root, 2)
    with pytest.raises(OneFileError):
        devices.refresh(phone)


def test_a_root_is_dropped_only_when_nothing_needs_it(world: World) -> None:
    alice = world.alice
    rotating.rotate_root(alice)
    assert {reason for _item, reason in dropping.needs(alice).reasons} == {"header", "binding"}
    rewrapping.rewrap(alice)
    # The one credential is bound to the first card: the holder deletes it, and nothing needs the first root any more.
    found = dropping.needs(alice)
    assert (found.droppable, {reason for _item, reason in found.reasons}) == ((), {"binding"})

    statement = tokens.statement(alice, "delete", item=alice.store.item(world.item).item)
    alice.api.delete_item(alice.store.item(world.item).item, wire.Statement(statement=statement))
    world.hr.issue(tokens.card_token(alice, world.hr.account), card_of(alice))
    world.stage.tick()
    syncing.sync(alice)
    found = dropping.needs(alice)
    assert (len(found.droppable), found.reasons) == (1, ())
    dropping.drop(alice, found)
    assert (len(alice.keys.roots), alice.keys.oldest) == (1, 2)
    again = world.stage.session("alice")
    assert syncing.sync(again, deep=True).damaged == []
    fetched = rings.fetch(again)
    assert fetched is not None
    assert fetched.ring.roots == again.keys.roots
    rotating.rotate_root(again)
    assert rewrapping.rewrap(again).wrapped == 1
