"""Items: listed, shown, opened, claimed, put in and destroyed."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from console import i18n
from protocol.hashing import sha256
from protocol.slips import parse_slip
from protocol.statements import parse_statement
from tests.unit.wallet_cli.conftest import Lying, Outcome, World
from tests.wallet_stage import PDF, card_of, flip
from wallet_cli.services import opening, syncing, views

Wallet = Callable[..., Outcome]


def payloads(world: World) -> list[bytes]:
    slip = world.alice.store.items()[0].slip
    assert slip is not None
    return [part.payload for part in parse_slip(slip).body.objects]


def test_items_are_listed_with_what_a_person_wants_to_know(shared: World, look: Wallet) -> None:
    (row,) = look("items", "--json").json["items"]
    assert row["kind"] == "social-insurance-proof"
    assert row["title"] == "Proof of social insurance"
    assert (row["own"], row["issuer_name"], row["documents"]) == (False, "Human Resources", 1)
    assert (row["issued"], row["expires"]) == ("2026-09-21", "2030-09-20")
    drawn = look("items")
    assert "Proof of social insurance" in drawn.out
    assert shared.item[:12] in drawn.out


def test_the_same_list_speaks_chinese(look: Wallet) -> None:
    assert look("items", "--json", "--lang", "zh").json["items"][0]["title"] == "社会保险参保证明"
    i18n.set_language("en")


def test_one_item_is_shown_with_every_claim_and_its_pointer(shared: World, look: Wallet) -> None:
    seen = look("show-item", shared.item[:6], "--json").json
    claims = {row["pointer"]: row for row in seen["claims"]}
    assert claims["/months_paid"]["value"] == 160
    assert claims["/holder/name"]["title"] == "name"
    assert claims["/issue_date"]["always_shown"] is True
    assert claims["/issue_date"]["title"] == "date of issue"
    pointer = next(pointer for pointer, row in claims.items() if row["value"] is True)
    assert "/cnf/jwk/x" not in claims
    assert seen["documents"][0]["name"] == "证明.pdf"
    drawn = look("show-item", shared.item).out
    assert "/insured_region" in drawn
    assert re.search(rf"{claims[pointer]['title']} +yes +{pointer}", drawn)
    assert re.search(r"signed at +\d{4}-\d\d-\d\d \d\d:", drawn)
    assert "证明.pdf" in drawn


@pytest.mark.parametrize("wanted", ["", "zzzz"])
def test_an_item_that_is_not_there_is_not_found(look: Wallet, wanted: str) -> None:
    done = look("show-item", wanted, "--json")
    assert (done.code, done.problem) == (6, "item_not_found")


def test_a_document_is_opened_whole_to_a_file(shared: World, look: Wallet, tmp_path: Path) -> None:
    target = tmp_path / "out.pdf"
    done = look("open", shared.item, "证明.pdf", "--to", str(target), "--json")
    assert (done.code, done.json["size"]) == (0, len(PDF))
    assert target.read_bytes() == PDF
    assert look("open", shared.item, "--to", str(target)).code == 2
    assert "→" in look("open", shared.item, "1", "--to", str(target), "--force").out
    assert [p.name for p in tmp_path.iterdir()] == ["out.pdf"]


def test_a_document_is_opened_to_standard_output(
    shared: World, look: Wallet, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Raw(io.StringIO):
        buffer = io.BytesIO()

    raw = Raw()
    monkeypatch.setattr("console.output.binary_stdout", lambda: raw.buffer)
    assert look("open", shared.item).code == 0
    assert raw.buffer.getvalue() == PDF


def test_a_document_that_is_not_named_or_not_there_is_refused(world: World, wallet: Wallet) -> None:
    assert wallet("open", world.item, "nothing.pdf", "--json").problem == "document_not_found"
    world.hr.issue(None, card_of(world.alice), documents=(("a.pdf", b"a"), ("b.pdf", b"b")))
    world.stage.tick()
    syncing.sync(world.alice)
    other = next(r.id for r in world.alice.store.items() if r.id != world.item)
    done = wallet("open", other, "--json")
    assert done.problem == "document_not_named"
    assert "a.pdf, b.pdf" in done.err


def test_a_document_that_was_changed_at_the_vault_opens_to_nothing_and_is_named(
    world: World, wallet: Wallet, tmp_path: Path
) -> None:
    undo = flip(world.stage, payloads(world)[1])
    target = tmp_path / "out.pdf"
    done = wallet("open", world.item, "--to", str(target), "--json")
    assert (done.code, done.problem) == (3, "item_damaged")
    assert world.item in done.err
    assert list(tmp_path.iterdir()) == [] or not target.exists()
    assert wallet("items", "--json").json["items"][0]["damaged"] == "payload_digest"
    undo()
    assert wallet("open", world.item, "--to", str(target), "--json").code == 0


def test_a_document_that_the_vault_lost_is_named(world: World, wallet: Wallet, tmp_path: Path) -> None:
    for name, data in list(world.stage.blobs.objects.items()):
        if sha256(data) == payloads(world)[1]:
            del world.stage.blobs.objects[name]
    lying = Lying(world.stage.transport)
    done = wallet("open", world.item, "--to", str(tmp_path / "x"), "--json", transport=lying)
    assert done.code in {3, 7}
    gone = {"code": "payload_unknown", "detail": "gone", "fault": "denied"}
    lost = httpx2.MockTransport(lambda _request: httpx2.Response(404, json=gone))
    done = wallet("open", world.item, "--to", str(tmp_path / "x"), "--json", transport=lost)
    assert (done.code, done.problem) == (3, "item_damaged")
    locked = {"code": "holder_only", "detail": "no", "fault": "denied"}
    refusing = httpx2.MockTransport(lambda _request: httpx2.Response(403, json=locked))
    done = wallet("open", world.item, "--to", str(tmp_path / "x"), "--json", transport=refusing)
    assert (done.code, done.problem) == (4, "holder_only")


def test_a_local_copy_that_was_changed_is_not_opened(world: World, wallet: Wallet) -> None:
    path = world.alice.store.payload_path(payloads(world)[0])
    raw = bytearray(path.read_bytes())
    raw[40] ^= 1
    path.write_bytes(bytes(raw))
    row = wallet("items", "--json").json["items"][0]
    assert row["damaged"] == "item_damaged"
    assert "damaged" in wallet("items").out


def test_a_credential_other_than_the_slip_commits_to_is_refused(world: World) -> None:
    from dataclasses import replace

    record = replace(world.alice.store.items()[0], salt=b"s" * 32)
    with pytest.raises(Exception, match="commits to another credential"):
        opening.open_item(world.alice, record)


def test_an_oversized_first_object_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "MAX_OBJECT0", 10)
    with pytest.raises(Exception, match="at most 10 bytes"):
        opening.open_item(world.alice, world.alice.store.items()[0])


def test_a_sealed_document_that_is_not_the_one_in_the_credential_is_refused(world: World, wallet: Wallet) -> None:
    world.hr.issue(
        None, card_of(world.alice), documents=(("a.pdf", b"as promised"),), sealed_documents=(b"something else",)
    )
    world.stage.tick()
    syncing.sync(world.alice)
    other = next(r.id for r in world.alice.store.items() if r.id != world.item)
    done = wallet("open", other, "--json")
    assert (done.code, done.problem) == (3, "item_damaged")
    assert "document_other" in done.err


def test_a_credential_that_names_more_documents_than_the_slip_is_refused(world: World) -> None:
    world.hr.issue(None, card_of(world.alice), documents=(("a.pdf", b"a"),))
    world.stage.tick()
    syncing.sync(world.alice)
    record = next(r for r in world.alice.store.items() if r.id != world.item)
    item = opening.open_item(world.alice, record)
    with pytest.raises(Exception, match="names 0 documents, the slip has 1"):
        opening._documents(record, item.slip, ())


# --- claim ----------------------------------------------------------------------------------------


def test_an_item_is_claimed_after_full_verification_and_stated_in_the_log(world: World, wallet: Wallet) -> None:
    done = wallet("claim", world.item, "--json")
    assert done.code == 0
    assert done.json["accepted"] is True
    assert done.json["verdict"]["verdict"] == "accept"
    assert done.json["items"][0]["item"] == world.item
    world.stage.tick()
    syncing.sync(world.alice)
    last = list(world.alice.store.history())[-1]["logged"]
    from protocol.encoding import unb64u

    statement = parse_statement(unb64u(last["object"])).body
    assert statement.kind == "claim"
    assert statement.item == world.alice.store.items()[0].item
    assert wallet("items", "--json").json["items"][0]["claimed"] is True
    assert wallet("claim", "--all", "--json").json == {"items": []}
    again = wallet("claim", world.item)
    assert again.code == 0
    assert "accepted" in again.out
    world.stage.tick()
    assert syncing.sync(world.alice).new_events == 0


def test_claim_wants_items_or_all(look: Wallet, shared: World) -> None:
    assert look("claim").code == 2
    assert look("claim", shared.item, "--all").code == 2


def test_an_item_of_an_issuer_that_may_not_issue_it_is_rejected_and_not_stated(
    world: World, wallet: Wallet
) -> None:
    crook = world.stage.issuer("Crook", types=())
    from wallet_cli.services import tokens

    crook.issue(tokens.card_token(world.alice, crook.account), card_of(world.alice))
    world.stage.tick()
    syncing.sync(world.alice)
    other = next(r.id for r in world.alice.store.items() if r.id != world.item)
    done = wallet("claim", other, "--json")
    assert done.code == 3
    assert done.json["accepted"] is False
    checks = {check["name"]: check for check in done.json["verdict"]["checks"]}
    assert checks["issuer_authority"]["code"] == "issuer_not_allowed"
    assert wallet("claim", other).out.count("rejected") == 1
    assert world.alice.store.item(other).claimed_at is None


def test_a_revoked_credential_is_rejected_as_revoked(world: World, wallet: Wallet) -> None:
    world.hr.statuses.set(world.hr.last_index, 1)
    world.stage.clock.time += 1
    world.hr.publish_statuses()
    done = wallet("claim", world.item, "--json")
    assert done.json["verdict"]["verdict"] == "reject"
    checks = {check["name"]: check for check in done.json["verdict"]["checks"]}
    assert checks["status"]["code"] == "credential_invalid"


def test_without_a_status_list_the_verdict_stays_open(world: World, wallet: Wallet) -> None:
    lying = Lying(world.stage.transport)
    lying.rules["/v1/status-lists"] = lambda _body: httpx2.Response(404)
    done = wallet("claim", world.item, "--json", transport=lying)
    assert (done.code, done.json["verdict"]["verdict"]) == (7, "indeterminate")


def test_a_damaged_document_is_not_claimed(world: World, wallet: Wallet) -> None:
    flip(world.stage, payloads(world)[1])
    assert wallet("claim", world.item, "--json").problem == "item_damaged"
    assert world.alice.store.items()[0].claimed_at is None


def test_a_type_that_the_catalogue_lacks_is_called_by_its_name(shared: World) -> None:
    import dataclasses

    item = opening.open_item(shared.alice, shared.alice.store.items()[0])
    assert item.credential is not None
    odd = dataclasses.replace(item.credential, vct="urn:onefile:licence:strange:1", licence_type="strange")
    changed = dataclasses.replace(item, credential=odd)
    assert views.title_of(changed) == "strange"
    assert next(row for row in views.claims(changed) if row["pointer"] == "/months_paid")["title"] == "months_paid"
