"""A sync believes nothing: every lie of a vault is named, and leaves the wallet as it was."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from client.log_key import kept_head, signed_head
from client.store import LogHead
from protocol.encoding import b64u, unb64u
from protocol.errors import Unavailable
from protocol.hashing import sha256
from protocol.note import Checkpoint, sign_checkpoint
from protocol.note_signer import Ed25519NoteSigner
from tests.unit.wallet_cli.conftest import Lying, Outcome, World
from tests.wallet_stage import Stage, card_of, flip
from vault_api.log_key import read_secret
from wallet_cli.services import documents, registration, syncing, tokens

Wallet = Callable[..., Outcome]


def more(world: World) -> None:
    """Something new in the log."""
    world.hr.issue(None, card_of(world.alice), documents=())
    world.stage.tick()


def state(world: World) -> dict[str, bytes]:
    folder = world.alice.profile.folder
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def refused(world: World, wallet: Wallet, code: str, **rules: Any) -> None:
    """The sync fails with this code and changes nothing."""
    lying = Lying(world.stage.transport)
    lying.rules.update(rules)
    before = state(world)
    done = wallet("sync", "--json", transport=lying)
    assert done.problem == code
    assert done.code == 3
    assert state(world) == before


def test_a_sync_tells_what_is_new_and_what_was_anchored(world: World, wallet: Wallet) -> None:
    first = wallet("sync", "--json").json
    assert (first["new_items"], first["new_events"], first["events"]) == ([], 0, 2)
    more(world)
    done = wallet("sync", "--json").json
    assert (len(done["new_items"]), done["new_events"], done["events"]) == (1, 1, 3)
    assert done["anchored"] == done["size"]
    assert "New items" in wallet("sync").out


def test_events_beyond_one_page_are_walked_and_taken_up_where_the_last_page_ended(world: World) -> None:
    alice = world.alice
    for _ in range(3):
        more(world)
    sizes: list[int] = []
    honest = alice.api.log

    def by_two(page: str | None = None) -> Any:
        call = {"limit": 2} | ({} if page is None else {"page": page})
        from client.http import Call
        from protocol import wire

        answer = alice.api.http.ask(Call("GET", "/v1/me/log", call), wire.Page[wire.LogRow])
        sizes.append(len(answer.rows))
        return answer

    alice.api.log = by_two  # type: ignore[method-assign]  # smaller pages
    assert syncing.sync(alice).events == 5
    assert sizes == [2, 2, 1]
    more(world)
    sizes.clear()
    assert syncing.sync(alice).events == 6
    assert sizes == [2]
    assert [row["logged"]["opening"]["n"] for row in alice.store.history()] == [0, 1, 2, 3, 4, 5]
    alice.api.log = honest  # type: ignore[method-assign]  # as before


def test_a_withheld_event_is_noticed(world: World, wallet: Wallet) -> None:
    more(world)

    def withhold(body: Any) -> Any:
        body["rows"].pop(1)
        return body

    refused(world, wallet, "history_changed", **{"/v1/me/log": withhold})


def test_a_dossier_that_shows_less_than_before_was_rolled_back(world: World, wallet: Wallet) -> None:
    def shorten(body: Any) -> Any:
        return {**body, "rows": body["rows"][:1]}

    refused(world, wallet, "rolled_back", **{"/v1/me/log": shorten})


def test_a_gap_in_what_is_new_is_noticed(world: World, wallet: Wallet) -> None:
    more(world)
    more(world)

    def skip(body: Any) -> Any:
        body["rows"].pop(2)
        return body

    refused(world, wallet, "history_order", **{"/v1/me/log": skip})


def test_an_object_that_was_not_logged_is_noticed(world: World, wallet: Wallet) -> None:
    more(world)

    def swap(body: Any) -> Any:
        body["rows"][2]["logged"]["object"] = b64u(b"something else")
        return body

    refused(world, wallet, "opening_object", **{"/v1/me/log": swap})


def test_a_checkpoint_of_another_key_is_refused(world: World, wallet: Wallet) -> None:
    vault = world.stage.vault
    other = Ed25519NoteSigner(vault.origin, b"k" * 32)
    forged = sign_checkpoint(Checkpoint(vault.origin, 99, b"r" * 32), other)
    refused(world, wallet, "note_unsigned", **{"/v1/log/checkpoint": lambda _body: forged})


def withholding(world: World, n: int) -> Lying:
    def rule(body: Any) -> Any:
        row = next(row for row in body["rows"] if row["logged"]["opening"] and row["logged"]["opening"]["n"] == n)
        row["logged"]["opening"] = row["logged"]["object"] = None
        return body

    lying = Lying(world.stage.transport)
    lying.rules["/v1/me/log"] = rule
    return lying


def test_what_was_withheld_once_is_taken_up_by_a_deep_sync_and_kept(world: World, wallet: Wallet) -> None:
    grants = world.alice.store.log_head().head.n
    assert wallet("put", str(world.stage.folder / "passphrase"), "--json").code == 0
    assert wallet("sync", transport=withholding(world, grants)).code == 3  # an item whose deposit is said to be erased
    assert wallet("claim", world.item).code == 0
    stated = grants + 1
    assert wallet("sync", transport=withholding(world, stated)).code == 0
    assert list(world.alice.store.history())[stated]["logged"]["object"] is None
    assert wallet("sync", "--deep").code == 0
    whole = list(world.alice.store.history())
    assert whole[stated]["logged"]["object"] is not None
    assert wallet("sync", "--deep", transport=withholding(world, stated)).code == 0
    assert list(world.alice.store.history()) == whole


def test_pages_that_become_shorter_are_walked_anew_and_leave_no_event_twice(world: World) -> None:
    for _ in range(3):
        more(world)
    syncing.sync(world.alice)
    before = list(world.alice.store.history())
    for length in (2, 3, 100):
        api = world.alice.api
        api.log = lambda page=None, length=length, api=api: short_page(api, page, length)  # type: ignore[method-assign]  # other pages
        assert syncing.sync(world.alice).new_events == 0
        assert list(world.alice.store.history()) == before
    assert len(before) == 5


def short_page(api: Any, page: str | None, length: int) -> Any:
    from client.http import Call
    from protocol import wire

    query = {"limit": length} | ({} if page is None else {"page": page})
    return api.http.ask(Call("GET", "/v1/me/log", query), wire.Page[wire.LogRow])


def test_another_history_of_the_same_length_is_noticed_by_a_deep_sync(world: World, wallet: Wallet) -> None:
    bob = world.stage.holder("bob")
    world.hr.issue(tokens.card_token(bob, world.hr.account), card_of(bob))
    theirs = bob.api.log().model_dump(mode="json")
    lying = Lying(world.stage.transport)
    lying.rules["/v1/me/log"] = lambda _body: theirs
    assert wallet("sync", "--deep", "--json", transport=lying).problem == "history_changed"


def test_a_salt_that_the_slip_does_not_commit_with_is_found_and_mended(world: World, wallet: Wallet) -> None:
    more(world)
    lying = Lying(world.stage.transport)
    lying.rules["/v1/me/items"] = lambda body: {
        **body,
        "rows": [*body["rows"][:-1], {**body["rows"][-1], "item_salt": "A" * 43}],
    }
    assert wallet("sync", "--json", transport=lying).json["damaged"][0]["code"] == "item_commitment"
    assert [record.damaged for record in world.alice.store.items()] == [None, "item_commitment"]
    assert wallet("sync", "--json").json["damaged"] == []
    assert [record.damaged for record in world.alice.store.items()] == [None, None]


def real_key(stage: Stage) -> Ed25519NoteSigner:
    seed = read_secret(stage.vault.settings.log_key)
    assert seed is not None
    return Ed25519NoteSigner(stage.vault.origin, seed)


def test_a_log_that_signs_two_heads_of_one_size_equivocates(world: World, wallet: Wallet) -> None:
    size = kept_head(world.alice, world.alice.store.log_head().checkpoint).size
    forged = sign_checkpoint(Checkpoint(world.stage.vault.origin, size, b"r" * 32), real_key(world.stage))
    refused(world, wallet, "equivocation", **{"/v1/log/checkpoint": lambda _body: forged})


def test_a_log_that_grows_smaller_was_rolled_back(world: World, wallet: Wallet) -> None:
    forged = sign_checkpoint(Checkpoint(world.stage.vault.origin, 1, b"r" * 32), real_key(world.stage))
    refused(world, wallet, "rolled_back", **{"/v1/log/checkpoint": lambda _body: forged})


def test_a_forked_log_has_no_consistency_proof(world: World, wallet: Wallet) -> None:
    more(world)
    size = world.stage.vault.log.size
    forged = sign_checkpoint(Checkpoint(world.stage.vault.origin, size, b"r" * 32), real_key(world.stage))
    refused(world, wallet, "consistency_proof", **{"/v1/log/checkpoint": lambda _body: forged})


def test_a_first_sync_of_a_forked_log_is_caught_by_the_chain(world: World) -> None:
    alice = world.alice
    vault = world.stage.vault
    forged = sign_checkpoint(Checkpoint(vault.origin, vault.log.size, b"r" * 32), real_key(world.stage))
    report = syncing.SyncReport()
    with pytest.raises(Exception, match="two different heads"):
        syncing._check_anchor(alice, syncing._desk(alice), signed_head(alice, forged), report)
    assert report.anchored is None


def test_a_proof_of_another_entry_is_refused(world: World, wallet: Wallet) -> None:
    more(world)
    other = world.alice.public_api.proof(0)
    refused(world, wallet, "inclusion_proof", **{"/v1/log/proof/": lambda _body: other})


def test_a_proof_in_another_head_is_refused(world: World, wallet: Wallet) -> None:
    alice = world.alice
    more(world)
    rows = alice.api.log().rows
    last = rows[-1].logged
    proof = alice.public_api.proof(last.index)
    more(world)
    refused(world, wallet, "proof_other", **{f"/v1/log/proof/{last.index}": lambda _body: proof})


def item_lie(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def rule(body: Any) -> Any:
        changed = copy.deepcopy(body)
        changed["rows"][0] = change(changed["rows"][0])
        return changed

    return rule


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda row: {**row, "index": 1}, "item_not_issued"),
        (lambda row: {**row, "item_salt": None}, "item_slip"),
        (lambda row: {**row, "slip": row["slip"][:-4] + "AAAA"}, "item_slip"),
        (lambda row: {**row, "headers": list(reversed(row["headers"]))}, "item_headers"),
        (lambda row: {**row, "item": b64u(b"x" * 32)}, "item_foreign"),
    ],
)
def test_an_item_that_the_history_did_not_issue_so_is_refused(
    shared: World, look: Wallet, change: Callable[[Any], Any], code: str
) -> None:
    if code == "item_foreign":  # an unknown id: its proof is not at hand either, as after a lost store
        (shared.alice.profile.folder / "log.json").unlink(missing_ok=True)
    lying = Lying(shared.stage.transport)
    lying.rules["/v1/me/items"] = item_lie(change)
    done = look("sync", "--json", transport=lying)
    assert (done.code, done.problem) == (3, code)
    assert look("sync", "--json").code == 0


def test_an_item_that_is_withheld_is_missed(shared: World, look: Wallet) -> None:
    lying = Lying(shared.stage.transport)
    lying.rules["/v1/me/items"] = lambda body: {**body, "rows": []}
    assert look("sync", "--json", transport=lying).problem == "item_withheld"
    lying.rules["/v1/me/items"] = lambda body: {**body, "rows": [{**body["rows"][0], "index": 10_000}]}
    assert look("sync", "--json", transport=lying).problem == "item_withheld"


def test_without_the_chain_a_sync_goes_on_and_says_so(world: World, wallet: Wallet) -> None:
    more(world)
    world.stage.chain.faults.fail("head", times=50, error=Unavailable("chain_unreachable", "gone"))
    done = wallet("sync", "--json")
    assert (done.code, done.json["anchored"], done.json["new_events"]) == (0, None, 1)
    assert "did not answer" in wallet("sync").out


def test_without_the_chain_and_without_a_trust_file_a_sync_goes_on(world: World, wallet: Wallet) -> None:
    world.alice.profile.trust_file.unlink()
    world.stage.chain.faults.fail("head", times=50, error=Unavailable("chain_unreachable", "gone"))
    assert wallet("sync", "--json").json["anchored"] is None


def test_a_log_without_any_anchor_is_no_fault(world: World) -> None:
    class Unanchored:
        live = True

        class facts:
            @staticmethod
            def anchors() -> Any:
                from protocol.facts import AnchorFacts

                return AnchorFacts("onefile/1/0x" + "1" * 40 + "/main", "x", (), 0)

    report = syncing.SyncReport()
    syncing._check_anchor(world.alice, Unanchored(), Checkpoint("o", 1, bytes(32)), report)  # type: ignore[arg-type]  # a fake desk
    assert report.anchored is None


def test_damage_at_the_vault_is_found_by_a_deep_sync_and_named(world: World, wallet: Wallet) -> None:
    slip = world.alice.store.items()[0].slip
    from protocol.slips import parse_slip

    assert slip is not None
    document = parse_slip(slip).body.objects[1].payload
    undo = flip(world.stage, document)
    assert wallet("sync", "--json").json["damaged"] == []
    done = wallet("sync", "--deep", "--json")
    assert (done.code, done.json["damaged"]) == (3, [{"item": world.item, "code": "payload_digest"}])
    assert "damaged" in wallet("sync", "--deep").err
    assert wallet("items", "--json").json["items"][0]["damaged"] == "payload_digest"
    undo()
    assert wallet("sync", "--deep", "--json").json["damaged"] == []
    assert wallet("items", "--json").json["items"][0]["damaged"] is None


def test_a_vault_that_goes_away_is_not_damage(world: World, wallet: Wallet) -> None:
    more(world)
    lying = Lying(world.stage.transport)
    lying.rules["/v1/me/payloads"] = lambda _body: httpx2.Response(503)
    done = wallet("sync", "--json", transport=lying)
    assert done.code == 7
    assert wallet("sync", "--json").json["damaged"] == []


def test_a_deleted_item_stays_in_the_list_of_the_deleted(world: World, wallet: Wallet) -> None:
    second = world.stage.session("alice")
    path = world.stage.folder / "own.txt"
    path.write_bytes(b"mine")
    record = documents.put(world.alice, documents.PutOrder((path,), "mine"))
    world.stage.tick()
    syncing.sync(world.alice)
    word = tokens.statement(second, "delete", item=record.item)
    from protocol import wire

    second.api.delete_item(record.item, wire.Statement(statement=word))
    world.stage.tick()
    done = wallet("sync", "--json").json
    assert done["deleted"] == [record.id]
    assert [row["item"] for row in wallet("items", "--json").json["items"]] == [world.item]
    assert len(wallet("items", "--deleted", "--json").json["items"]) == 2
    assert "deleted" in wallet("items", "--deleted").out


def test_a_garbled_local_file_is_named(shared: World, look: Wallet) -> None:
    path = shared.alice.profile.folder / "log.json"
    kept = path.read_bytes()
    path.write_text('{"v": 1}')
    assert look("sync", "--json").problem == "store"
    path.write_bytes(kept)
    assert shared.alice.store.log_head() != LogHead()
    history = next((shared.alice.profile.folder / "history").glob("*.json"))
    kept = history.read_bytes()
    history.write_text('{"v": 1, "rows": 7}')
    assert look("uses", "--no-sync", "--json").problem == "store"
    history.write_bytes(kept)


@pytest.mark.parametrize("text", ['{"v": 2}', '{"v": 1}', '{"v": 1, "item": "A", "state": 1}'])
def test_a_garbled_item_is_named(shared: World, look: Wallet, text: str) -> None:
    path = next((shared.alice.profile.folder / "items").glob("*.json"))
    kept = path.read_bytes()
    path.write_text(text)
    done = look("items", "--json")
    assert done.code == 3
    path.write_bytes(kept)


def test_renewed_keys_still_open_what_was_sealed_before(world: World, wallet: Wallet) -> None:
    registration.renew_card(world.alice, revoke_older=False)
    world.stage.tick()
    assert wallet("sync", "--json").json["events"] == 3
    (world.alice.profile.folder / "objects").rename(world.stage.folder / "gone")
    opened = wallet("open", world.item, "--to", str(world.stage.folder / "out.pdf"), "--json")
    assert opened.code == 0
    assert sha256((world.stage.folder / "out.pdf").read_bytes()) is not None
    assert unb64u(world.item, length=32)
