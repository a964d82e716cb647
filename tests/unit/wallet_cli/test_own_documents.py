"""Own documents: put in, listed apart, destroyed."""

from __future__ import annotations

import io
import secrets
import sys
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from client.api import VaultApi
from client.own_document import OwnDocument
from client.sealing import safe_name
from protocol.credential import FileEntry
from protocol.errors import Malformed
from protocol.hashing import sha256, sm3
from protocol.wire_uploads import SEGMENT_BYTES
from tests.unit.wallet_cli.conftest import Lying, Outcome, World
from wallet_cli.services import documents, syncing

Wallet = Callable[..., Outcome]


def own(world: World, wallet: Wallet, *names: str) -> str:
    paths = []
    for name in names:
        path = world.stage.folder / "own" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(name.encode() * 1000)
        paths.append(str(path))
    done = wallet("put", *paths, "--note", "for later", "--json")
    assert done.code == 0
    world.stage.tick()
    syncing.sync(world.alice)
    return str(done.json["item"])


def test_own_documents_are_sealed_and_stand_apart(world: World, wallet: Wallet) -> None:
    item = own(world, wallet, "lease.pdf", "plan.ofd", "data.bin")
    seen = wallet("show-item", item, "--json").json
    assert (seen["own"], seen["kind"], seen["title"], seen["note"]) == (True, "own", "lease.pdf", "for later")
    assert [d["media_type"] for d in seen["documents"]] == [
        "application/pdf",
        "application/ofd",
        "application/octet-stream",
    ]
    assert "own document" in wallet("items").out
    assert "for later" in wallet("show-item", item).out
    target = world.stage.folder / "back"
    assert wallet("open", item, "plan.ofd", "--to", str(target)).code == 0
    assert target.read_bytes() == b"plan.ofd" * 1000
    canary = b"lease.pdf" * 3
    assert not any(canary in data for data in world.stage.blobs.objects.values())
    done = wallet("claim", item, "--json")
    assert (done.code, done.problem) == (4, "item_own")


def test_a_document_over_the_vaults_limit_is_refused_before_it_is_sent(world: World, wallet: Wallet) -> None:
    path = world.stage.folder / "huge"
    path.write_bytes(bytes(9 << 20))
    before = dict(world.stage.blobs.objects)
    done = wallet("put", str(path), "--json")
    assert (done.code, done.problem) == (4, "document_too_large")
    assert world.stage.blobs.objects == before
    assert len(world.alice.store.items()) == 1


def test_a_large_document_goes_on_where_the_command_before_was_broken_off(
    world: World, wallet: Wallet, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = world.stage.folder / "large"
    path.write_bytes(secrets.token_bytes(SEGMENT_BYTES + (1 << 20)))
    sent: list[int] = []
    send = VaultApi.send_segment

    def breaking(api: VaultApi, upload: str, offset: int, segment: bytes) -> Any:
        sent.append(offset)
        if len(sent) == 2:
            raise KeyboardInterrupt
        return send(api, upload, offset, segment)

    monkeypatch.setattr(VaultApi, "send_segment", breaking)
    with pytest.raises(KeyboardInterrupt):
        documents.put(world.alice, documents.PutOrder((path,), "large"))
    record = documents.put(world.alice, documents.PutOrder((path,), "large"))
    assert sent == [0, SEGMENT_BYTES, SEGMENT_BYTES]
    target = world.stage.folder / "back"
    assert wallet("open", record.id, "large", "--to", str(target)).code == 0
    assert target.read_bytes() == path.read_bytes()
    assert list((world.alice.store.folder / "sealed").iterdir()) == []


def test_a_deposit_that_breaks_off_leaves_no_half_item(world: World, wallet: Wallet) -> None:
    path = world.stage.folder / "doc"
    path.write_bytes(b"x")
    lying = Lying(world.stage.transport)
    lying.rules["/v1/payloads"] = lambda _body: httpx2.Response(502)
    assert wallet("put", str(path), "--json", transport=lying).code == 7
    world.stage.tick()
    assert syncing.sync(world.alice).new_items == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda body: {**body, "opening": None}, "not_logged"),
        (lambda body: {**body, "item": "A" * 43}, "deposit_answer"),
        (lambda body: {**body, "opening": {**body["opening"], "object_sha256": "A" * 43}}, "opening_object"),
        (lambda body: {**body, "opening": {**body["opening"], "index": 1}}, "opening_type"),
        (lambda body: {**body, "opening": {**body["opening"], "index": 99}}, "not_logged"),
        (lambda body: {**body, "opening": {**body["opening"], "n": 9}}, "not_logged"),
        (lambda body: {**body, "opening": {**body["opening"], "n": 0}}, "not_logged"),
    ],
)
def test_an_answer_about_another_deposit_is_refused(
    world: World, wallet: Wallet, change: Callable[[Any], Any], code: str
) -> None:
    path = world.stage.folder / "doc"
    path.write_bytes(b"x")
    lying = Lying(world.stage.transport)
    lying.rules["/v1/deposits"] = change
    assert wallet("put", str(path), "--json", transport=lying).problem == code
    assert [record.id for record in world.alice.store.items()] == [world.item]


def test_too_many_files_at_once_are_refused(world: World) -> None:
    with pytest.raises(Malformed, match="1 to 63 files"):
        documents.put(world.alice, documents.PutOrder((), "nothing"))


def test_an_item_is_destroyed_for_good_when_it_is_confirmed(world: World, wallet: Wallet) -> None:
    item = own(world, wallet, "a.txt")
    assert wallet("delete", item, "--json").problem == "not_confirmed"
    assert wallet("delete", item, "--dry-run", "--json").json["dry_run"] is True
    assert item in wallet("delete", item, "--dry-run").out
    digests = documents.payloads_of(world.alice.store.item(item))
    assert wallet("delete", item, "--yes", "--json").json == {"item": item, "state": "deleted"}
    assert not any(world.alice.store.payload_path(digest).exists() for digest in digests)
    assert wallet("open", item, "--json").problem == "item_deleted"
    assert wallet("delete", item, "--yes", "--json").problem == "item_deleted"
    world.stage.tick()
    assert wallet("sync", "--json").code == 0
    assert wallet("delete", world.item, "--yes").out.startswith("deleted")


@pytest.mark.parametrize(
    ("name", "taken", "safe"),
    [
        ("a.pdf", [], "a.pdf"),
        ("a.pdf", ["a.pdf"], "a-2.pdf"),
        ("a", ["a", "a-2"], "a-3"),
        ("../../etc/passwd", [], "_.._etc_passwd"),
        (".hidden", [], "hidden"),
        ("bad\u202egpj.exe", [], "bad_gpj.exe"),
        ("\x00", [], "_"),
        ("...", [], "document"),
    ],
)
def test_a_name_is_made_safe_to_write_anywhere(name: str, taken: list[str], safe: str) -> None:
    assert safe_name(name, taken) == safe


def entry(name: str = "a.txt") -> FileEntry:
    return FileEntry(name, "text/plain", 1, sha256(b"a"), sm3(b"a"))


@pytest.mark.parametrize(
    "raw",
    [
        b"{}",
        b"not json",
        OwnDocument("t", 1, (entry(),)).serialise().replace(b"onefile-own", b"other-thing"),
        OwnDocument("t", 1, (entry(),)).serialise().replace(b'"v":1', b'"v":2'),
    ],
)
def test_a_garbled_own_list_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        OwnDocument.parse(raw)


def test_an_own_list_comes_back_as_it_was_written() -> None:
    found = OwnDocument("title", 5, (entry(), entry("b.txt")), "note")
    assert OwnDocument.parse(found.serialise()) == found
    with pytest.raises(Malformed, match="one name"):
        OwnDocument("title", 5, (entry(), entry())).serialise()


def test_a_question_at_a_terminal_may_be_answered_yes(
    world: World, wallet: Wallet, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    item = own(world, wallet, "a.txt")
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    assert wallet("delete", item).code == 0
