"""What a vault can do to a reader that lies about what it hands over: each lie is refused by name.

Every row is one lie in an otherwise honest use. After each of them the reader has no folder, whatever it was handed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from protocol.encoding import b64u, unb64u
from protocol.entries import AccessRecord, Entry
from protocol.errors import OneFileError
from protocol.hashing import sha256
from protocol.merkle import inclusion_proof, leaf_hash, tree_levels
from protocol.merkle import root as tree_root
from protocol.note import Checkpoint, sign_checkpoint
from protocol.note_signer import Ed25519NoteSigner
from protocol.tlog_proof import TlogProof
from tests.reader_lies import Attack, foreign_checkpoint, forged_hash, refused
from tests.reader_stage import Given, ReaderStage


def answering(change: Callable[[dict[str, Any]], Any]) -> Attack:
    """An honest grant, and a changed answer to the release."""

    def attack(reader: ReaderStage) -> Given:
        given = reader.give(reader.item)
        reader.lie("/release", lambda body: {**body, **change(body)})
        return given

    return attack


def flipped(text: str, at: int = 500) -> str:
    raw = bytearray(unb64u(text))
    raw[at] ^= 1
    return b64u(bytes(raw))


def logged(body: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"logged": {**body["logged"], **changes}}


def opening(body: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return logged(body, opening={**body["logged"]["opening"], **changes})


def record(body: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The record with other words, and an opening that names it: what the entry commits to is the honest one."""
    raw = replace(AccessRecord.parse(unb64u(body["record"])), **changes).serialise()
    return {"record": b64u(raw), **opening(body, object_sha256=b64u(sha256(raw)))}


def other_index(body: dict[str, Any]) -> dict[str, Any]:
    proof = TlogProof.parse(body["proof"].encode())
    return {"proof": replace(proof, index=proof.index - 1).serialise().decode()}


ANSWERS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "a parcel with a flipped byte": (lambda b: {"parcels": [flipped(b["parcels"][0])]}, "parcel_other"),
    "no parcel": (lambda b: {"parcels": []}, "parcel_other"),
    "a parcel twice": (lambda b: {"parcels": b["parcels"] * 2}, "parcel_other"),
    "a header left out": (lambda _: {"headers": []}, "headers_other"),
    "a header for another payload": (
        lambda b: {"headers": [{**b["headers"][0], "payload": b64u(bytes(32))}]},
        "headers_other",
    ),
    "a header of another item": (
        lambda b: {"headers": [{**b["headers"][0], "item": b64u(bytes(32))}]},
        "headers_other",
    ),
    "another header than the log says": (
        lambda b: {"headers": [{**b["headers"][0], "header": flipped(b["headers"][0]["header"])}]},
        "access_released",
    ),
    "another number of the use": (lambda b: {"use_no": b["use_no"] + 1}, "access_released"),
    "a record that nobody logged": (lambda b: {"record": b64u(unb64u(b["record"]) + b" ")}, "opening_object"),
    "a record with another receipt": (lambda b: record(b, receipt=bytes(32)), "opening_commitment"),
    "a record with another use number": (lambda b: record(b, use_no=9), "opening_commitment"),
    "an opening of another entry": (lambda b: opening(b, index=b["logged"]["index"] - 1), "access_opening"),
    "an opening with another salt": (lambda b: opening(b, salt=b64u(bytes(32))), "opening_commitment"),
    "an opening of another kind": (lambda b: opening(b, t="note"), "opening_type"),
    "no opening": (lambda b: logged(b, opening=None), "access_opening"),
    "an entry that is not in the log": (
        lambda b: logged(b, entry=b64u(Entry("access", bytes(32), bytes(32), bytes(32)).serialise())),
        "inclusion_proof",
    ),
    "bytes that are no entry": (lambda b: logged(b, entry=b64u(b"{}")), "field_missing"),
    "a forged inclusion proof": (forged_hash, "inclusion_proof"),
    "a proof of another index": (other_index, "inclusion_proof"),
    "a checkpoint of another key": (foreign_checkpoint, "note_unsigned"),
    "a proof that is none": (lambda _: {"proof": "c2sp.org/tlog-proof@v1\n"}, "tlog_proof"),
}


@pytest.mark.parametrize(("change", "code"), ANSWERS.values(), ids=ANSWERS)
def test_a_vault_that_lies_about_a_release_is_refused(
    reader: ReaderStage, change: Callable[[dict[str, Any]], Any], code: str
) -> None:
    assert refused(reader, answering(change)) == code


def test_a_parcel_of_another_grant_is_refused(reader: ReaderStage) -> None:
    def swap(reader: ReaderStage) -> Given:
        given, other = reader.give(reader.item), reader.give(reader.item)
        reader.lie("/release", lambda body: {**body, "parcels": [b64u(other.parcels[0])]})
        return given

    assert refused(reader, swap) == "parcel_other"


def test_an_earlier_use_does_not_stand_for_a_new_one(fresh_reader: ReaderStage) -> None:
    reader, answers = fresh_reader, []
    given = reader.give(reader.item)
    reader.lie("/release", lambda body: (answers.append(body), body)[1])
    reader.release(given, out=reader.folder / "first")

    def replay(reader: ReaderStage) -> Given:
        reader.lie("/release", lambda _body: answers[0])
        return given

    given_again = replay(reader)
    with pytest.raises(OneFileError) as caught:
        reader.release(given_again)
    assert caught.value.code == "access_other"
    assert not reader.out.exists()


def test_swapped_headers_of_two_documents_open_nothing(reader: ReaderStage) -> None:
    def swap(reader: ReaderStage) -> Given:
        given = reader.give(reader.item, claims=("/files/0", "/files/1", "/months_paid"))

        def swapped(body: dict[str, Any]) -> dict[str, Any]:
            one, other = body["headers"]
            return {**body, "headers": [{**one, "header": other["header"]}, {**other, "header": one["header"]}]}

        reader.lie("/release", swapped)
        return given

    assert refused(reader, swap) == "payload_chunk"


def test_a_swapped_payload_is_refused_by_its_digest(reader: ReaderStage) -> None:
    def swap(reader: ReaderStage) -> Given:
        given = reader.give(reader.item)
        other = reader.item.deposit.sealed[2].payload
        reader.lie("/payloads/", lambda _body: other)
        return given

    assert refused(reader, swap) == "payload_digest"


def test_a_log_that_shows_the_reader_another_history_is_caught(reader: ReaderStage) -> None:
    """The vault signs a second head of the size that is anchored: the reader holds the proof of it in its hand."""

    def fork(reader: ReaderStage) -> Given:
        given = reader.give(reader.item)
        head = reader.desk().facts.anchors().head
        assert head is not None
        signer = log_signer(reader)

        def other_tree(body: dict[str, Any]) -> dict[str, Any]:
            entry = unb64u(body["logged"]["entry"])
            leaves = [leaf_hash(b"another history %d" % i) for i in range(head.size - 1)] + [leaf_hash(entry)]
            levels = tree_levels(leaves)
            hashes = inclusion_proof(head.size - 1, head.size, lambda level, index: bytes(levels[level][index]))
            checkpoint = sign_checkpoint(Checkpoint(reader.vault.origin, head.size, tree_root(leaves)), signer)
            proof = TlogProof(head.size - 1, tuple(hashes), checkpoint).serialise().decode()
            return {**body, **opening(body, index=head.size - 1), "proof": proof}

        reader.lie("/release", other_tree)
        return given

    assert refused(reader, fork) == "equivocation"


def log_signer(reader: ReaderStage) -> Ed25519NoteSigner:
    """The log's own key: whoever owns the vault has it."""
    secret = bytes.fromhex(reader.vault.settings.log_key.read_text().strip())
    return Ed25519NoteSigner(reader.vault.origin, secret)


def test_a_log_that_serves_other_entries_proves_nothing(reader: ReaderStage) -> None:
    """Whoever serves the log's bundles may write what he likes into them: each entry must hash to the anchored head."""

    def attack(reader: ReaderStage) -> Given:
        given = reader.give(reader.item)
        reader.lie("/log/tile/entries", lambda raw: raw.replace(b'"t":"issue"', b'"t":"other"'))
        return given

    assert refused(reader, attack) == "inclusion_proof"
