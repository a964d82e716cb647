"""Key rings and headers that are wrapped anew, as the vault takes and refuses them."""

from __future__ import annotations

from typing import Any

import pytest

from protocol.encoding import b64u, unb64u
from protocol.envelope import header_for, open_bytes, seal_bytes, unwrap
from protocol.hashing import sha256
from protocol.keyring import RingMember, member_identity
from protocol.keys import Root, derive_present, derive_sealing
from protocol.recipients import X25519Identity
from protocol.rewraps import Rewrap, sign_rewrap
from tests.vault_stage import Holder, VaultStage, refused, seed, unchanged

PHONE, PAPER = Root(seed("phone")), Root(seed("paper"))


def ring_of(*members: Root, says: bytes = b"ring") -> bytes:
    return seal_bytes(says, [member_identity(member).recipient() for member in members]).file


def put(stage: VaultStage, party: Any, ring: bytes, previous: bytes | None, *members: Root) -> Any:
    keys = [RingMember.of("member", member).key.to_json() for member in members]
    body = {"ring": b64u(ring), "previous": previous and b64u(sha256(previous)), "keys": keys}
    return stage.put(party, "/v1/me/ring", body)


def ask(stage: VaultStage, party: Any, member: Root) -> Any:
    return stage.get(party, "/v1/ring", signer=derive_present(member, 0))


@pytest.fixture
def alice(stage: VaultStage) -> Any:
    return stage.holder()


def renewed(stage: VaultStage, holder: Holder) -> None:
    """The holder's next card, on chain and in the vault."""
    envelope = holder.make_card(holder.dossier, stage.vault.dossier_domain, stage.clock.now())
    stage.chain.ledger(stage.relayer.address).publish_dossier_card(envelope.card, envelope.account_signature)
    stage.follow()
    assert stage.put(holder, "/v1/me/card", {"card": envelope.to_json()}).status_code == 200


def wrapped(holder: Holder, deposit: Any, **changes: Any) -> dict[str, Any]:
    """New headers for a deposit, sealed to the newest card, with the word that names them."""
    identities = [derive_sealing(holder.root, seq) for seq in range(1, holder.seq + 1)]
    recipient = holder.sealing.recipient()
    headers = [header_for(unwrap(sealed.header, identities), [recipient]) for sealed in deposit.sealed]
    said: dict[str, Any] = {
        "iat": holder.stage.clock.now(),
        "iss": holder.urn,
        "aud": holder.stage.origin,
        "item": deposit.item,
        "card": holder.card_hash,
        "headers": tuple(sha256(header) for header in headers),
        **changes,
    }
    return {"rewrap": sign_rewrap(Rewrap(**said), holder.present), "headers": [b64u(header) for header in headers]}


def rewrap(stage: VaultStage, holder: Holder, *rows: dict[str, Any]) -> list[Any]:
    answer = stage.post(holder, "/v1/me/rewraps", {"rewraps": list(rows)})
    assert answer.status_code == 200, answer.text
    return [row["problem"] and row["problem"]["code"] for row in answer.json()["rows"]]


# --- the ring ---------------------------------------------------------------------------------------


def test_a_ring_is_given_to_its_holder_and_to_its_members_and_to_nobody_else(stage: VaultStage, alice: Any) -> None:
    refused(stage.get(alice, "/v1/me/ring"), 404, "ring_unknown")
    ring = ring_of(PHONE, PAPER)
    answer = put(stage, alice, ring, None, PHONE, PAPER)
    assert answer.json() == {"sha256": b64u(sha256(ring)), "at": stage.clock.now()}
    mine = stage.get(alice, "/v1/me/ring").json()
    assert unb64u(mine["ring"]) == ring
    assert mine["card"] == alice.envelopes[-1].to_json()
    assert ask(stage, alice, PAPER).json() == ask(stage, alice, PHONE).json() == mine
    refused(ask(stage, alice, Root(seed("stranger"))), 404, "ring_member_unknown")
    refused(stage.get(stage.holder("bob"), "/v1/me/ring"), 404, "ring_unknown")
    refused(stage.get(None, "/v1/ring"), 401, "signature_missing")


def test_only_who_names_the_ring_that_is_there_replaces_it(stage: VaultStage, alice: Any) -> None:
    first, second, third = (ring_of(PHONE, says=says) for says in (b"1", b"2", b"3"))
    assert put(stage, alice, first, None, PHONE).status_code == 200
    with unchanged(stage):
        refused(put(stage, alice, second, None, PHONE), 409, "ring_changed")
    assert put(stage, alice, second, first, PHONE).status_code == 200
    with unchanged(stage):
        refused(put(stage, alice, third, first, PHONE), 409, "ring_changed")
    assert put(stage, alice, second, first, PHONE).status_code == 200, "the same ring again is no conflict"
    assert unb64u(ask(stage, alice, PHONE).json()["ring"]) == second


def test_a_member_that_is_left_out_is_given_no_ring_any_more(stage: VaultStage, alice: Any) -> None:
    both, one = ring_of(PHONE, PAPER), ring_of(PAPER)
    put(stage, alice, both, None, PHONE, PAPER)
    put(stage, alice, one, both, PAPER)
    refused(ask(stage, alice, PHONE), 404, "ring_member_unknown")
    assert unb64u(ask(stage, alice, PAPER).json()["ring"]) == one


def test_who_names_another_dossiers_member_does_not_take_its_place(stage: VaultStage, alice: Any) -> None:
    put(stage, alice, ring_of(PHONE), None, PHONE)
    mallory = stage.holder("mallory")
    put(stage, mallory, ring_of(PHONE, says=b"false"), None, PHONE)
    put(stage, alice, ring_of(PHONE, PAPER, says=b"next"), ring := unb64u(_ring(stage, alice)), PHONE, PAPER)
    assert unb64u(ask(stage, alice, PHONE).json()["ring"]) == unb64u(_ring(stage, alice)) != ring


def _ring(stage: VaultStage, party: Any) -> str:
    found: str = stage.get(party, "/v1/me/ring").json()["ring"]
    return found


def test_what_is_no_ring_file_is_not_kept(stage: VaultStage, alice: Any) -> None:
    classic = seal_bytes(b"x", [X25519Identity(seed("x")).recipient()]).file
    whole = ring_of(PHONE)
    header_only = seal_bytes(b"", [member_identity(PHONE).recipient()]).header
    bank = stage.bank()
    with unchanged(stage):
        refused(put(stage, alice, classic, None, PHONE), 400, "ring_form")
        refused(put(stage, alice, header_only, None, PHONE), 400, "ring_form")
        refused(put(stage, alice, whole[3:], None, PHONE), 400, "age_header_version")
        assert put(stage, alice, whole, None).status_code == 400, "a ring without members"
        assert put(stage, bank, whole, None, PHONE).json()["code"] == "holder_only"


# --- headers ----------------------------------------------------------------------------------------


def test_new_headers_replace_the_old_ones_and_payloads_stay(stage: VaultStage, alice: Any) -> None:
    deposit = alice.deposited(stage.issuer(), b"credential", b"scan")
    renewed(stage, alice)
    before = stage.snapshot()
    row = wrapped(alice, deposit)
    assert rewrap(stage, alice, row) == [None]
    after, item = stage.snapshot(), stage.get(alice, "/v1/me/items").json()["rows"][0]
    assert (item["headers"], item["rewrap"]) == (row["headers"], row["rewrap"])
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"objects", "rewraps", "idempotency"}, "no entry, no payload, no item"
    opened = [
        open_bytes(unb64u(header), sealed.payload, [alice.sealing])
        for header, sealed in zip(item["headers"], deposit.sealed, strict=True)
    ]
    assert opened == [b"credential", b"scan"]
    assert deposit.sealed[0].header not in (stage.folder / "vault" / "vault.db").read_bytes()


def test_the_same_headers_again_change_nothing_and_later_ones_take_their_place(stage: VaultStage, alice: Any) -> None:
    deposit = alice.deposited(alice)
    row, later = wrapped(alice, deposit), wrapped(alice, deposit)
    assert rewrap(stage, alice, row) == rewrap(stage, alice, row) == [None]
    assert rewrap(stage, alice, later) == [None]
    assert stage.get(alice, "/v1/me/items").json()["rows"][0]["rewrap"] == later["rewrap"]


def test_each_row_is_refused_by_itself(stage: VaultStage, alice: Any) -> None:
    bob, good, gone = stage.holder("bob"), alice.deposited(alice), alice.deposited(alice)
    foreign = bob.deposited(bob)
    stage.post(
        alice, f"/v1/me/items/{b64u(gone.item)}/delete", {"statement": alice.statement("delete", item=gone.item)}
    )
    fine = wrapped(alice, good)
    several = alice.deposited(alice, b"one", b"two")
    cut = wrapped(alice, several)
    short = {"rewrap": _word(alice, several, cut["headers"][:1]), "headers": cut["headers"][:1]}
    rows = [
        {**fine, "headers": [b64u(b"no header")]},
        {**fine, "headers": wrapped(alice, good)["headers"]},
        wrapped(alice, good, aud=stage.origin.replace("/main", "/side").replace("/log", "/side")),
        wrapped(alice, good, iss=bob.urn),
        wrapped(alice, good, card=bob.card_hash),
        {**wrapped(bob, foreign), "rewrap": _word(alice, foreign, wrapped(bob, foreign)["headers"])},
        wrapped(alice, gone),
        short,
        {**fine, "rewrap": fine["rewrap"][:-4] + "AAAA"},
        fine,
    ]
    codes = rewrap(stage, alice, *rows)
    assert codes[-1] is None
    assert codes[1:2] + codes[3:5] + codes[6:8] == [
        "header_digest",
        "rewrap_foreign",
        "rewrap_card",
        "item_deleted",
        "header_count",
    ]
    assert codes[2] == "wrong_audience"
    assert all(code is not None for code in codes[:-1])


def _word(holder: Holder, deposit: Any, headers: list[str]) -> str:
    digests = tuple(sha256(unb64u(header)) for header in headers)
    said = Rewrap(
        holder.stage.clock.now(), holder.urn, holder.stage.origin, deposit.item, holder.card_hash, digests
    )
    return sign_rewrap(said, holder.present)


def test_an_item_of_another_dossier_is_not_told_apart_from_none(stage: VaultStage, alice: Any) -> None:
    bob = stage.holder("bob")
    foreign = bob.deposited(bob)
    headers = wrapped(bob, foreign)["headers"]
    row = {"rewrap": _word(alice, foreign, headers), "headers": headers}
    assert rewrap(stage, alice, row) == ["item_unknown"]


def test_a_word_for_an_older_card_comes_too_late(stage: VaultStage, alice: Any) -> None:
    deposit = alice.deposited(alice)
    late = wrapped(alice, deposit)
    renewed(stage, alice)
    assert rewrap(stage, alice, late) == ["jws_kid"]
    assert rewrap(stage, alice, wrapped(alice, deposit, card=alice.cards[0].digest(stage.vault.dossier_domain))) == [
        "rewrap_card"
    ]
    assert stage.get(alice, "/v1/me/items").json()["rows"][0]["rewrap"] is None


def test_a_deletion_destroys_the_new_headers_and_the_word_too(stage: VaultStage, alice: Any) -> None:
    deposit = alice.deposited(alice)
    row = wrapped(alice, deposit)
    rewrap(stage, alice, row)
    said = {"statement": alice.statement("delete", item=deposit.item)}
    assert stage.post(alice, f"/v1/me/items/{b64u(deposit.item)}/delete", said).status_code == 200
    assert stage.snapshot()["rewraps"] == []
    assert all(stored[-1] is None for stored in stage.snapshot()["objects"])


def test_a_grants_reader_still_gets_its_own_header_after_a_rewrap(stage: VaultStage, alice: Any) -> None:
    bank, authority = stage.bank(), stage.authority()
    scenario = stage.scenario(authority)
    from tests.vault_stage import raw_scenario

    deposit = alice.deposited(stage.issuer(), b"credential", b"scan")
    grant = alice.grant(bank, raw_scenario(scenario, authority), deposit)
    _scenario_hash(stage, grant)
    assert grant.send().status_code == 201
    renewed(stage, alice)
    assert rewrap(stage, alice, wrapped(alice, deposit)) == [None]
    released = grant.release()
    assert released.status_code == 200, released.text
    assert [unb64u(one["header"]) for one in released.json()["headers"]] == list(grant.headers.values())


def _scenario_hash(stage: VaultStage, grant: Any) -> None:
    from dataclasses import replace

    stored = unb64u(stage.get(None, "/v1/scenarios").json()["rows"][0]["hash"])
    grant.grant = replace(grant.grant, scenario=stored)
    grant.scenario_hash = stored
