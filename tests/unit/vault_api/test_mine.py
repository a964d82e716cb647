"""A holder's own view: items, deletion, statements, history."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from protocol.encoding import b64u, unb64u
from protocol.entries import Opening
from protocol.history import Logged, verify_history
from tests.vault_stage import Party, VaultStage, refused, unchanged


@pytest.fixture
def alice(stage: VaultStage) -> Any:
    return stage.holder()


def history_of(stage: VaultStage, alice: Any) -> list[Logged]:
    found = []
    for row in stage.get(alice, "/v1/me/log").json()["rows"]:
        logged = row["logged"]
        opening = Opening.from_json(logged["opening"]) if logged["opening"] is not None else None
        said = unb64u(logged["object"]) if logged["object"] is not None else None
        found.append(Logged(logged["index"], unb64u(logged["entry"]), opening, said))
    return found


def delete(stage: VaultStage, alice: Any, item: bytes, statement: str | None = None) -> Any:
    said = statement or alice.statement("delete", item=item)
    return stage.post(alice, f"/v1/me/items/{b64u(item)}/delete", {"statement": said})


def test_me_tells_the_dossier_at_a_glance(stage: VaultStage, alice: Any) -> None:
    deposit = alice.deposited(stage.issuer())
    alice.deposited(alice)
    delete(stage, alice, deposit.item)
    me = stage.get(alice, "/v1/me").json()
    assert (me["items"], me["next_n"], me["grant_epoch"]) == (1, 4, 1)
    assert me["card"] == alice.envelopes[-1].to_json()


def test_items_come_in_pages_in_their_order(stage: VaultStage, alice: Any) -> None:
    items = [b64u(alice.deposited(alice).item) for _ in range(5)]
    bob = stage.holder("bob")
    bob.deposited(bob)
    seen: list[str] = []
    path = "/v1/me/items?limit=2"
    for _ in range(3):
        page = stage.get(alice, path).json()
        seen += [row["item"] for row in page["rows"]]
        path = f"/v1/me/items?limit=2&page={page['next']}"
    assert (seen, page["next"]) == (items, None)


def test_the_log_comes_in_pages_in_the_order_of_n(stage: VaultStage, alice: Any) -> None:
    for _ in range(3):
        alice.deposited(alice)
    first = stage.get(alice, "/v1/me/log?limit=3").json()
    rest = stage.get(alice, f"/v1/me/log?limit=3&page={first['next']}").json()
    rows = first["rows"] + rest["rows"]
    assert [row["logged"]["opening"]["n"] for row in rows] == [0, 1, 2, 3]
    assert rest["next"] is None


@pytest.mark.parametrize(
    "query", ["page=AAAA", "page=!", "limit=0", "limit=101", "page=gAAAAAAAAAA", "limit=x"]
)
def test_a_page_that_nobody_gave_is_refused(stage: VaultStage, alice: Any, query: str) -> None:
    answer = stage.get(alice, f"/v1/me/items?{query}")
    assert answer.status_code == 400
    assert answer.json()["fault"] == "malformed"


def test_the_history_of_a_dossier_verifies_from_the_first_entry(stage: VaultStage, alice: Any) -> None:
    alice.deposited(stage.issuer())
    stage.post(alice, "/v1/me/statements", {"statement": alice.statement("notice", text="a word")})
    head = verify_history(alice.tag_key, history_of(stage, alice))
    assert head.n == 3


def test_a_deletion_destroys_everything_but_the_entry(stage: VaultStage, alice: Any) -> None:
    issuer = stage.issuer()
    deposit, kept = alice.deposited(issuer, b"credential", b"scan"), alice.deposited(issuer)
    stage.get(alice, "/v1/me/log")
    answer = delete(stage, alice, deposit.item)
    assert answer.status_code == 200, answer.text
    assert answer.json()["opening"]["t"] == "note"
    row = stage.get(alice, f"/v1/me/items/{b64u(deposit.item)}").json()
    assert (row["state"], row["slip"], row["item_salt"], row["headers"], row["opening"]) == (
        "deleted", None, None, [], None,
    )  # fmt: skip
    path = f"/v1/me/payloads/{b64u(deposit.slip.objects[1].payload)}"
    refused(stage.get(alice, path), 404, "payload_unknown")
    history = history_of(stage, alice)
    assert [step.opening is None for step in history] == [False, True, False, False]
    assert verify_history(alice.tag_key, history).n == 4
    stage.sweep()
    left = [name for name in stage.snapshot()["blobs"] if name.startswith("payloads")]
    assert len(left) == 1
    assert kept.slip.objects[0].payload.hex() in left[0]
    # Housekeeping has settled the database: nothing of it is left in any of its files.
    raw = b"".join(path.read_bytes() for path in (stage.folder / "vault").glob("vault.db*"))
    for secret in (deposit.salt, deposit.sealed[0].header, deposit.sealed[1].header):
        assert secret not in raw


def test_the_answer_to_an_own_deposit_is_forgotten_with_its_opening(stage: VaultStage, alice: Any) -> None:
    deposit = alice.deposit(alice)
    answer = deposit.send()
    delete(stage, alice, deposit.item)
    assert answer.json()["opening"]["salt"].encode() not in repr(stage.snapshot()["idempotency"]).encode()


def test_a_payload_that_another_item_names_stays(stage: VaultStage, alice: Any) -> None:
    first = alice.deposited(alice)
    second = alice.deposit(alice)
    second.sealed, second.slip = first.sealed, second.slip.__class__(
        **{**{f: getattr(second.slip, f) for f in second.slip.__slots__}, "objects": first.slip.objects}
    )  # fmt: skip
    assert second.send().status_code == 201
    delete(stage, alice, first.item)
    stage.sweep()
    path = f"/v1/me/payloads/{b64u(first.slip.objects[0].payload)}"
    assert stage.get(alice, path).status_code == 200


def test_wrong_deletions_are_refused(stage: VaultStage, alice: Any) -> None:
    deposit, other = alice.deposited(alice), alice.deposited(alice)
    bob = stage.holder("bob")
    with unchanged(stage):
        for party, item, said, status, code in (
            (alice, deposit.item, alice.statement("delete", item=other.item), 400, "delete_statement"),
            (alice, deposit.item, alice.statement("claim", item=deposit.item), 400, "delete_statement"),
            (alice, deposit.item, bob.statement("delete", item=deposit.item), 422, "jws_kid"),
            (bob, deposit.item, bob.statement("delete", item=deposit.item), 404, "item_unknown"),
            (alice, bytes(32), alice.statement("delete", item=bytes(32)), 404, "item_unknown"),
        ):
            refused(delete(stage, party, item, said), status, code)
    assert delete(stage, alice, deposit.item).status_code == 200
    with unchanged(stage):
        refused(delete(stage, alice, deposit.item), 409, "item_deleted")


def test_statements_are_logged_as_what_they_are(stage: VaultStage, alice: Any) -> None:
    deposit = alice.deposited(stage.issuer())
    for kind, members, logged_as in (
        ("claim", {"item": deposit.item}, "note"),
        ("complaint", {"about": bytes(32), "text": "not asked for"}, "note"),
        ("correction", {"item": deposit.item, "text": "months_paid is too low"}, "correct"),
    ):
        answer = stage.post(alice, "/v1/me/statements", {"statement": alice.statement(kind, **members)})
        assert answer.status_code == 201, answer.text
        assert answer.json()["opening"]["t"] == logged_as


def test_wrong_statements_are_refused(stage: VaultStage, alice: Any) -> None:
    bob = stage.holder("bob")
    theirs = bob.deposited(bob)
    stale = alice.statement("notice", text="old")
    stage.clock.advance(121)
    with unchanged(stage):
        for said, status, code in (
            (stale, 403, "iat_off"),
            (alice.statement("claim", item=theirs.item), 404, "item_unknown"),
            (alice.statement("review", about=bytes(32), grant=secrets.token_bytes(32)), 404, "grant_unknown"),
            (alice.statement("review", about=bytes(32), show=secrets.token_bytes(16)), 404, "show_unknown"),
            (alice.statement("delete", item=theirs.item), 400, "delete_statement"),
            (bob.statement("notice", text="as bob"), 422, "jws_kid"),
        ):
            refused(stage.post(alice, "/v1/me/statements", {"statement": said}), status, code)


def test_a_statement_in_the_name_of_another_is_refused(stage: VaultStage, alice: Any) -> None:
    bob = stage.holder("bob")
    alice_as_bob = Party("alice")
    alice_as_bob.cards = alice.cards
    real = type(alice).urn
    try:
        type(alice).urn = property(lambda _self: real.fget(bob))  # type: ignore[assignment]  # the test puts its own in the place
        said = alice.statement("notice", text="I am bob")
    finally:
        type(alice).urn = real
    with unchanged(stage):
        refused(stage.post(alice, "/v1/me/statements", {"statement": said}), 422, "statement_issuer")


def test_an_unknown_item_is_refused(stage: VaultStage, alice: Any) -> None:
    refused(stage.get(alice, f"/v1/me/items/{b64u(bytes(32))}"), 404, "item_unknown")
    refused(stage.get(alice, "/v1/me/items/short"), 400, "base64url")
