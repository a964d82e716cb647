"""Attacks on rotated keys: old and foreign rings, old headers, forged words, and a device that was shut out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from client.http import Call
from client.session import Session
from protocol.encoding import b64u, unb64u
from protocol.envelope import header_for, open_bytes
from protocol.errors import Denied, OneFileError, Untrusted
from protocol.hashing import sha256
from protocol.identifiers import dossier_urn
from protocol.keyring import KeyRing, RingMember, RingRoot, member_identity, seal_ring
from protocol.keys import Root, derive_present
from protocol.recipients import HybridRecipient, Passphrase
from protocol.rewraps import Rewrap, sign_rewrap
from protocol.stream import FileKey
from tests.unit.wallet_cli.conftest import Lying, Rule, World, make_world
from tests.wallet_stage import Stage, card_of
from wallet_cli.services import devices, opening, registration, rewrapping, rings, rotating, syncing

PASS = Passphrase("pass")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    stage = Stage(tmp_path)
    yield make_world(stage)
    stage.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world for attacks that come to nothing."""
    stage = Stage(tmp_path_factory.mktemp("shared"))
    yield make_world(stage)
    stage.close()


def again(world: World, lying: Lying | None = None) -> Session:
    """A new run of alice's wallet, through a vault that lies."""
    session = world.stage.session("alice")
    session.transport = lying or session.transport
    return session


def phone(world: World) -> Session:
    found = world.stage.session("phone")
    asked = devices.ask(found, "phone", PASS)
    devices.join(found, devices.invite(world.alice, asked.request), PASS)
    return found


def served(world: World, ring: KeyRing, *readers: HybridRecipient, card: Any = None) -> Lying:
    """A vault that gives this ring, sealed to ``readers``, as the newest one."""
    raw = seal_ring(ring, readers)
    lying = Lying(world.stage.transport)
    shown = card or card_of(world.alice)
    answer = {"ring": b64u(raw), "sha256": b64u(sha256(raw)), "at": 0, "card": shown.to_json()}
    lying.rules["/v1/me/ring"] = lambda _body: answer
    lying.rules["/v1/ring"] = lambda _body: answer
    return lying


def instead(answer: Any) -> Rule:
    """A rule that gives this answer, whatever the vault said."""
    return lambda _body: answer


# --- rings ------------------------------------------------------------------------------------------


def test_an_older_ring_is_found_whether_a_root_or_only_a_member_is_missing(world: World) -> None:
    rotating.rotate_root(world.alice)
    first = world.alice.api.my_ring().model_dump()
    phone(world)
    only_member = world.alice.api.my_ring().model_dump()
    lying = Lying(world.stage.transport)
    lying.rules["/v1/me/ring"] = lambda _body: {**first, "card": card_of(world.alice).to_json()}
    with pytest.raises(Untrusted) as refused:
        rings.fetch(again(world, lying))
    assert refused.value.code == "ring_rolled_back"
    rotating.rotate_root(world.alice)
    lying.rules["/v1/me/ring"] = lambda _body: {**only_member, "card": card_of(world.alice).to_json()}
    with pytest.raises(Untrusted) as refused:
        rings.fetch(again(world, lying))
    assert refused.value.code == "ring_old"


def test_a_device_that_was_left_behind_takes_no_ring_that_lacks_the_newest_root(world: World) -> None:
    left = phone(world)
    before = world.alice.api.my_ring().model_dump()
    rotating.rotate_root(world.alice)
    for card in (before["card"], card_of(world.alice).to_json()):
        lying = Lying(world.stage.transport)
        lying.rules["/v1/ring"] = instead({**before, "card": card})
        left.transport = lying
        left.forget_keys()
        left._public = None
        with pytest.raises(OneFileError) as refused:
            devices.refresh(left)
        assert refused.value.code in {"ring_old", "card_unrecorded", "card_signature"}
        assert len(left.keys.roots) == 1


def test_a_ring_that_the_vault_made_itself_is_not_believed(world: World) -> None:
    rotating.rotate_root(world.alice)
    keys = world.alice.keys
    # The vault knows the dossier, the tag key and every member's public key; a thief's device it would gladly add.
    thief = RingMember.of("phone", Root(b"t" * 32))
    assert keys.member is not None
    mine = member_identity(keys.member).recipient()
    true = keys.ring(world.alice.party.subject)
    other = Root(b"x" * 32)
    forged = replace(true, roots=(true.roots[0], RingRoot(2, other)), n=99, members=(thief,))
    cases = {
        "ring_old": forged,
        "ring_foreign": replace(true, dossier=world.stage.holder("bob").party.subject, n=99, members=(thief,)),
    }
    for code, ring in cases.items():
        with pytest.raises(Untrusted) as refused:
            rings.fetch(again(world, served(world, ring, mine)))
        assert refused.value.code == code
    with pytest.raises(Denied) as denied:
        rings.fetch(again(world, served(world, true, thief.recipient)))
    assert denied.value.code == "no_identity"
    assert thief.key not in {member.key for member in _ring(world.alice).members}


def test_another_tag_or_revoke_key_under_our_roots_is_refused(world: World) -> None:
    rotating.rotate_root(world.alice)
    true = _ring(world.alice)
    bob = world.stage.holder("bob").keys
    assert world.alice.keys.member is not None
    mine = member_identity(world.alice.keys.member).recipient()
    for ring in (replace(true, tag_key=bob.tag_key, n=50), replace(true, revoke_key=bob.revoke_key, n=50)):
        with pytest.raises(Untrusted) as refused:
            rings.fetch(again(world, served(world, ring, mine)))
        assert refused.value.code == "ring_foreign"


def _ring(session: Session) -> KeyRing:
    found = rings.fetch(session)
    assert found is not None
    return found.ring


def test_a_ring_that_vanished_or_was_exchanged_on_its_way_in_is_noticed(world: World) -> None:
    rotating.rotate_root(world.alice)
    lying = Lying(world.stage.transport)
    lying.rules["/v1/me/ring"] = lambda body: {**body, "sha256": b64u(b"\x01" * 32)}
    with pytest.raises(Untrusted):
        rings.fetch(again(world, lying))
    with pytest.raises(Untrusted):
        rotating.rotate_root(again(world, lying))
    with world.stage.vault.engine.begin() as conn:
        conn.exec_driver_sql("DELETE FROM rings")
    with pytest.raises(Untrusted) as refused:
        rings.fetch(again(world))
    assert refused.value.code == "ring_withheld"


def test_two_devices_that_write_the_ring_at_once_lose_nobody(world: World) -> None:
    rotating.rotate_root(world.alice)
    asked = [devices.ask(world.stage.session(name), name, PASS) for name in ("one", "two")]

    class Quicker(Lying):
        def handle_request(self, request: Any) -> Any:
            if request.method == "PUT" and request.url.path == "/v1/me/ring" and asked:
                devices.invite(world.stage.session("alice"), asked.pop().request)
            return super().handle_request(request)

    devices.invite(again(world, Quicker(world.stage.transport)), asked.pop(0).request)
    rings_file = world.alice.profile.folder / rings.SEEN_FILE
    assert rings_file.exists()
    assert [member.name for member in _ring(again(world)).members] == ["paper", "device alice", "two", "one"]


# --- headers ------------------------------------------------------------------------------------------


def test_older_headers_are_found_and_open_nothing_new(world: World) -> None:
    older = world.alice.api.item(world.alice.store.item(world.item).item)
    rotating.rotate_root(world.alice)
    rewrapping.rewrap(world.alice)
    lying = Lying(world.stage.transport)
    kept = {"headers": older.headers, "rewrap": older.rewrap}
    lying.rules["/v1/me/items"] = lambda body: {**body, "rows": [{**row, **kept} for row in body["rows"]]}
    with pytest.raises(Untrusted) as refused:
        syncing.sync(again(world, lying))
    assert refused.value.code == "headers_rolled_back"
    assert world.alice.store.item(world.item).rewrap is not None


@pytest.mark.parametrize("attack", ["another item's", "another header", "a stranger's word", "another dossier's"])
def test_headers_that_the_holder_never_named_are_refused(shared: World, attack: str) -> None:
    world, alice = shared, shared.alice
    record = alice.store.item(world.item)
    card = registration.newest_card(alice)
    header = header_for(FileKey.random(), [HybridRecipient(card.sealing_key)])
    headers = [header, *record.headers[1:]]
    word = Rewrap(
        world.stage.clock.now(),
        dossier_urn(alice.party.subject),
        alice.log.origin,
        record.item,
        card.hash,
        tuple(sha256(one) for one in headers),
    )
    signer: Any = alice.keys.present(1)
    if attack == "another item's":
        word = replace(word, item=b"\x07" * 32)
    elif attack == "another header":
        headers = [header_for(FileKey.random(), [HybridRecipient(card.sealing_key)]), *headers[1:]]
    elif attack == "a stranger's word":
        signer = derive_present(Root(b"s" * 32), 1)
    else:
        word = replace(word, iss=dossier_urn(world.stage.holder("bob").party.subject))
    shown = {"headers": [b64u(one) for one in headers], "rewrap": sign_rewrap(word, signer)}
    lying = Lying(world.stage.transport)
    lying.rules["/v1/me/items"] = lambda body: {**body, "rows": [{**row, **shown} for row in body["rows"]]}
    with pytest.raises(Untrusted):
        syncing.sync(again(world, lying))
    assert alice.store.item(world.item).headers == record.headers


def test_a_header_that_does_not_open_is_never_replaced(world: World) -> None:
    alice, record = world.alice, world.alice.store.item(world.item)
    rotating.rotate_root(alice)
    stranger = header_for(FileKey.random(), [member_identity(Root(b"s" * 32)).recipient()])
    alice.store.save_item(replace(record, headers=(stranger, *record.headers[1:])))
    report = rewrapping.rewrap(alice)
    assert (report.wrapped, report.refused) == (0, [(record.id, "no_identity")])
    assert unb64u(alice.api.item(record.item).headers[0]) == record.headers[0]


def test_a_vault_that_refuses_some_leaves_the_local_record_as_it_was(world: World) -> None:
    rotating.rotate_root(world.alice)
    before = world.alice.store.item(world.item)
    problem = {"type": "x", "title": "x", "status": 409, "detail": "x", "code": "rewrap_card", "fault": "conflict"}
    lying = Lying(world.stage.transport)
    lying.rules["/v1/me/rewraps"] = lambda body: {"rows": [{"problem": problem} for _ in body["rows"]]}
    session = again(world, lying)
    assert rewrapping.rewrap(session).refused == [(world.item, "rewrap_card")]
    assert session.store.item(world.item) == before
    lying.rules["/v1/me/rewraps"] = lambda _body: {"rows": []}
    with pytest.raises(Untrusted):
        rewrapping.rewrap(again(world, lying))


# --- a device that was shut out ---------------------------------------------------------------------------


def test_a_device_that_was_shut_out_is_refused_on_every_route_of_the_holder(world: World) -> None:
    thief = phone(world)
    syncing.sync(thief)
    devices.remove(world.alice, "phone")
    rewrapping.rewrap(world.alice)
    paths = world.stage.app.get("/v1/openapi.json").json()["paths"]
    tried = 0
    for path, methods in paths.items():
        if not path.startswith("/v1/me"):
            continue
        where = re.sub(r"\{[a-z0-9_]+\}", b64u(b"\x01" * 32), path)
        for method in methods:
            body = None if method == "get" else b"{}"
            with pytest.raises(OneFileError) as refused:
                thief.api.http.exchange(Call(method.upper(), where, body=body), limit=1 << 20)
            # A card may be brought by the key of the one before it; it must be the newest on chain, so that nothing is won.
            wanted = "request" if path == "/v1/me/card" else "signature_key_old"
            assert refused.value.code == wanted, (method, path)
            tried += 1
    assert tried > 15
    assert thief.keys.member is not None
    with pytest.raises(Denied) as gone:
        thief.public_api.members_ring(derive_present(thief.keys.member, 0))
    assert gone.value.code == "ring_member_unknown"
    # What it kept opens what it had, and none of the headers that are at the vault now.
    for header in world.alice.store.item(world.item).headers:
        with pytest.raises(Denied):
            open_bytes(header, b"x" * 48, thief.keys.identities(2))
    assert opening.open_item(thief, thief.store.item(world.item)).kind == "social-insurance-proof"
