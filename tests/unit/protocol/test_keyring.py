"""The key ring: who is in it, which root is whose, and what a former member can't open."""

from __future__ import annotations

import json
from typing import Any

import pytest

from protocol import canonical
from protocol.age_format import parse_header
from protocol.envelope import seal_bytes
from protocol.errors import Denied, Malformed
from protocol.keyring import (
    MAX_MEMBERS,
    MAX_ROOTS,
    KeyRing,
    RingMember,
    RingRoot,
    member_identity,
    open_ring,
    seal_ring,
)
from protocol.keys import RevokeKey, Root, TagKey, derive_present
from protocol.recipients import HybridIdentity

OLD, NEW = Root(b"o" * 32), Root(b"n" * 32)
RING = KeyRing(bytes(range(32)), (RingRoot(1, OLD),), TagKey(b"t" * 32), RevokeKey(b"r" * 32))
OFFICER, GUARDIAN = HybridIdentity(b"1" * 32), HybridIdentity(b"2" * 32)


def changed(**members: Any) -> bytes:
    body = {**json.loads(RING.serialise()), **members}
    return canonical.dumps({name: value for name, value in body.items() if value is not None})


def test_the_plaintext_is_what_the_format_says() -> None:
    assert json.loads(RING.serialise()) == {
        "v": 1,
        "dossier": "0x" + bytes(range(32)).hex(),
        "roots": [{"seq": 1, "root": "b29vb29vb29vb29vb29vb29vb29vb29vb29vb29vb28"}],
        "tagKey": "dHR0dHR0dHR0dHR0dHR0dHR0dHR0dHR0dHR0dHR0dHQ",
        "revokeKey": "cnJycnJycnJycnJycnJycnJycnJycnJycnJycnJycnI",
    }
    assert KeyRing.parse(RING.serialise()) == RING


def test_each_member_opens_the_ring_with_a_stanza_of_their_own() -> None:
    raw = seal_ring(RING, [OFFICER.recipient(), GUARDIAN.recipient()])
    assert [s.tag for s in parse_header(raw)[0].stanzas] == ["mlkem768x25519"] * 2
    assert open_ring(raw, [OFFICER]) == open_ring(raw, [GUARDIAN]) == RING


def test_a_member_who_left_does_not_open_the_new_ring() -> None:
    raw = seal_ring(RING.with_root(2, NEW), [GUARDIAN.recipient()])
    with pytest.raises(Denied):
        open_ring(raw, [OFFICER])
    assert open_ring(raw, [GUARDIAN]).root_for(2) == NEW


def test_an_old_card_keeps_its_old_root() -> None:
    ring = RING.with_root(4, NEW)
    assert [ring.root_for(seq) for seq in (1, 3, 4, 9)] == [OLD, OLD, NEW, NEW]
    with pytest.raises(Malformed, match="begins after key card 0"):
        ring.root_for(0)


def test_no_secret_shows_when_a_ring_is_printed() -> None:
    assert "Root(****)" in repr(RING)
    assert "ooo" not in repr(RING)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "json"),
        (b"[]", "json_object"),
        (RING.serialise() + b" ", "not_canonical"),
        (changed(v=3), "field_range"),
        (changed(v=None), "field_missing"),
        (changed(extra=1), "field_unknown"),
        (changed(dossier="0x00"), "length"),
        (changed(roots=[]), "ring_roots"),
        (changed(roots=[{"seq": 1}]), "field_missing"),
        (changed(roots=[{"seq": 1, "root": "AA"}]), "length"),
        (changed(roots=[{"seq": -1, "root": "A" * 43}]), "field_range"),
        (changed(roots=[{"seq": s, "root": "A" * 43} for s in (2, 1)]), "ring_order"),
        (changed(roots=[{"seq": s, "root": "A" * 43} for s in (1, 1)]), "ring_order"),
        (changed(roots=[{"seq": s, "root": "A" * 43} for s in range(MAX_ROOTS + 1)]), "field_count"),
        (changed(roots=[{"seq": 1, "root": "A" * 43, "x": 1}]), "field_unknown"),
        (changed(tagKey="A" * 41), "base64url"),
        (changed(revokeKey=None), "field_missing"),
    ],
)
def test_a_ring_with_one_fault_is_refused_by_its_name(raw: bytes, code: str) -> None:
    with pytest.raises(Malformed) as error:
        KeyRing.parse(raw)
    assert error.value.code == code


def test_a_ring_with_members_is_of_version_2_and_names_whom_the_next_one_is_sealed_to() -> None:
    phone, paper = RingMember.of("Phone", Root(b"p" * 32)), RingMember.of("纸", Root(b"q" * 32))
    ring = KeyRing(RING.dossier, RING.roots, RING.tag_key, RING.revoke_key, 3, (phone, paper))
    raw = seal_ring(ring, [member.recipient for member in ring.members])
    assert open_ring(raw, [member_identity(Root(b"q" * 32))]) == ring
    assert json.loads(ring.serialise())["v"] == 2
    assert [member["name"] for member in json.loads(ring.serialise())["members"]] == ["Phone", "纸"]
    assert RingMember.from_json(phone.to_json()) == phone
    assert phone.key == derive_present(Root(b"p" * 32), 0).public_jwk()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"n": 0}, "field_range"),
        ({"n": None}, "field_missing"),
        ({"members": []}, "ring_members"),
        ({"members": [1]}, "field_type"),
        ({"v": 1}, "field_unknown"),
        ({"members": "twice"}, "ring_member_twice"),
        ({"members": "many"}, "field_count"),
        ({"members": "control"}, "member_name"),
        ({"members": "more"}, "field_unknown"),
    ],
)
def test_a_ring_with_members_and_one_fault_is_refused_by_its_name(changes: dict[str, Any], code: str) -> None:
    phone = RingMember.of("Phone", Root(b"p" * 32))
    shapes: dict[str, list[Any]] = {
        "twice": [phone.to_json(), phone.to_json()],
        "many": [phone.to_json()] * (MAX_MEMBERS + 1),
        "control": [{**phone.to_json(), "name": "a\u202eb"}],
        "more": [{**phone.to_json(), "root": "x"}],
    }
    ring = KeyRing(RING.dossier, RING.roots, RING.tag_key, RING.revoke_key, 3, (phone,))
    body = {**json.loads(ring.serialise()), **changes}
    if isinstance(body["members"], str):
        body["members"] = shapes[body["members"]]
    with pytest.raises(Malformed) as error:
        KeyRing.parse(canonical.dumps({name: value for name, value in body.items() if value is not None}))
    assert error.value.code == code


def test_a_number_without_members_is_no_ring() -> None:
    with pytest.raises(Malformed) as error:
        KeyRing(RING.dossier, RING.roots, RING.tag_key, RING.revoke_key, 3)
    assert error.value.code == "ring_members"


def test_what_is_sealed_well_and_is_no_ring_is_refused() -> None:
    with pytest.raises(Malformed):
        open_ring(seal_bytes(b"{}", [OFFICER.recipient()]).file, [OFFICER])


@pytest.mark.parametrize("roots", [(), tuple(RingRoot(s, OLD) for s in range(MAX_ROOTS + 1))])
def test_a_ring_has_at_least_one_root_and_a_bounded_number(roots: tuple[RingRoot, ...]) -> None:
    with pytest.raises(Malformed) as error:
        KeyRing(RING.dossier, roots, RING.tag_key, RING.revoke_key)
    assert error.value.code == "ring_roots"


def test_a_ring_is_for_a_dossier_id_of_32_bytes() -> None:
    with pytest.raises(Malformed, match="got 31"):
        KeyRing(bytes(31), RING.roots, RING.tag_key, RING.revoke_key)
