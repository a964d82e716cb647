"""ArchiveLog: views of what is anchored, the end of a log, and the log that goes on after it."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from web3.contract import Contract

from tests.contracts.evm import ACCEPTED, Chain, Refusal, digest_of
from tests.contracts.logs import CHECKPOINT, ENTRIES, OWNER, PUBLISHER, STRANGER, TREE, Anchor, open_log, origin_text
from tests.contracts.trees import Tree, leaf_hash


def test_an_entry_is_checked_from_its_own_bytes_against_the_anchored_head(
    chain: Chain, archive: Contract, origin: bytes, to: Anchor
) -> None:
    chain.send(to(1, 11), PUBLISHER)
    verify = archive.functions.verifyInclusion
    for i in range(11):
        assert verify(origin, i, ENTRIES[i], TREE.inclusion(i, 11)).call() == [11, TREE.root(11)]
    wrong = chain.refusal(verify(origin, 4, ENTRIES[5], TREE.inclusion(4, 11)), STRANGER)
    assert wrong.name == "SecondRootInvalid"
    assert wrong.args[0] == TREE.root(11)
    outside = chain.refusal(verify(origin, 11, ENTRIES[11], TREE.inclusion(10, 11)), STRANGER)
    assert outside == Refusal("IndexOutsideTree", (11, 11))
    stale = chain.refusal(verify(origin, 4, ENTRIES[4], TREE.inclusion(4, 6)), STRANGER)
    assert stale.name in {"ProofLengthInvalid", "SecondRootInvalid"}


def test_an_older_head_is_checked_against_the_anchored_one(
    chain: Chain, archive: Contract, origin: bytes, to: Anchor
) -> None:
    chain.send(to(1, 11), PUBLISHER)
    older = archive.functions.verifyOlder
    for size in range(1, 12):
        assert older(origin, size, TREE.root(size), TREE.consistency(size, 11)).call() == [11, TREE.root(11)]
    newer = chain.refusal(older(origin, 12, TREE.root(12), []), STRANGER)
    assert newer == Refusal("SizesInvalid", (12, 11))
    empty = chain.refusal(older(origin, 0, hashlib.sha256(b"").digest(), []), STRANGER)
    assert empty == Refusal("SizesInvalid", (0, 11))
    forged = chain.refusal(older(origin, 5, TREE.root(6), TREE.consistency(5, 11)), STRANGER)
    assert forged == Refusal("FirstRootInvalid", (TREE.root(6), TREE.root(5)))


def test_an_entry_is_checked_in_an_older_head(chain: Chain, archive: Contract, origin: bytes, to: Anchor) -> None:
    chain.send(to(1, 11), PUBLISHER)

    def verify(index: int, entry: bytes, size: int, root: bytes) -> Any:
        inclusion, consistency = TREE.inclusion(min(index, 5), 6), TREE.consistency(6, 11)
        return archive.functions.verifyInclusionInOlder(origin, index, entry, inclusion, size, root, consistency)

    for i in range(6):
        assert verify(i, ENTRIES[i], 6, TREE.root(6)).call() == [11, TREE.root(11)]
    assert chain.refusal(verify(3, ENTRIES[4], 6, TREE.root(6)), STRANGER).name == "SecondRootInvalid"
    assert chain.refusal(verify(6, ENTRIES[6], 6, TREE.root(6)), STRANGER) == Refusal("IndexOutsideTree", (6, 6))
    assert chain.refusal(verify(3, ENTRIES[3], 6, TREE.root(7)), STRANGER).name == "FirstRootInvalid"


def test_a_frozen_log_takes_no_head_and_still_answers(
    chain: Chain, archive: Contract, origin: bytes, to: Anchor
) -> None:
    chain.send(to(1, 6), PUBLISHER)
    receipt = chain.send(archive.functions.freeze(origin), OWNER)
    frozen = {"origin": origin, "size": 6, "root": TREE.root(6)}
    assert chain.events(receipt, archive) == [("LogFrozen", frozen)]
    assert chain.refusal(to(6, 9), PUBLISHER) == Refusal("LogIsFrozen", (origin,))
    assert chain.refusal(archive.functions.freeze(origin), OWNER) == Refusal("LogIsFrozen", (origin,))
    assert archive.functions.state(origin).call()[4] is True
    checked = archive.functions.verifyInclusion(origin, 2, ENTRIES[2], TREE.inclusion(2, 6)).call()
    assert checked == [6, TREE.root(6)]


def successor_entry(archive: Contract, origin: bytes) -> bytes:
    """Entry 0 as FORMATS has it: canonical JSON, salt of 32 zero bytes, as public entries have."""
    statement = archive.functions.headStatement(origin).call()
    inner = hashlib.sha256(statement).digest()
    c = base64.urlsafe_b64encode(hashlib.sha256(b"onefile/c/v1" + bytes(32) + inner).digest()).rstrip(b"=").decode()
    entry = {"c": c, "pv": "A" * 43, "t": "note", "tag": "B" * 43, "v": 1}
    return json.dumps(entry, separators=(",", ":"), sort_keys=True).encode()


def test_the_head_statement_is_canonical_json_of_the_head(
    chain: Chain, archive: Contract, origin: bytes, to: Anchor
) -> None:
    chain.send(to(1, 6), PUBLISHER)
    statement = archive.functions.headStatement(origin).call()
    root = base64.urlsafe_b64encode(TREE.root(6)).rstrip(b"=").decode()
    value = {"origin": origin_text(archive), "root": root, "size": 6, "v": 1}
    assert statement == json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
    expected = hashlib.sha256(b"onefile/c/v1" + bytes(32) + hashlib.sha256(statement).digest()).digest()
    assert archive.functions.successionCommitment(origin).call() == expected


def test_a_successor_commits_the_frozen_head_in_its_entry_0(
    chain: Chain, archive: Contract, origin: bytes, to: Anchor
) -> None:
    chain.send(to(1, 6), PUBLISHER)
    chain.send(archive.functions.freeze(origin), OWNER)
    entry0 = successor_entry(archive, origin)
    second = open_log(chain, archive, "second", entry0)
    receipt = chain.send(archive.functions.succeed(origin, second, entry0, []), OWNER)
    assert chain.events(receipt, archive) == [("LogSucceeded", {"origin": origin, "successor": second})]
    assert archive.functions.state(origin).call()[7] == second
    again = archive.functions.succeed(origin, second, entry0, [])
    assert chain.refusal(again, OWNER) == Refusal("AlreadySucceeded", (origin, second))


def test_a_successor_may_have_grown_before_it_is_named(chain: Chain, archive: Contract, origin: bytes) -> None:
    chain.send(archive.functions.freeze(origin), OWNER)
    entry0 = successor_entry(archive, origin)
    second = open_log(chain, archive, "second", entry0)
    tree = Tree([leaf_hash(entry0), *TREE.leaves])
    chain.send(archive.functions.anchor(second, 7, tree.root(7), CHECKPOINT, tree.consistency(1, 7)), PUBLISHER)
    unproven = archive.functions.succeed(origin, second, entry0, [])
    assert chain.refusal(unproven, OWNER) == Refusal("ProofLengthInvalid", (0, 7, 0))
    assert chain.refusal(archive.functions.succeed(origin, second, entry0, tree.inclusion(0, 7)), OWNER) == ACCEPTED


def test_a_log_that_lives_has_no_successor(chain: Chain, archive: Contract, origin: bytes) -> None:
    entry0 = successor_entry(archive, origin)
    second = open_log(chain, archive, "second", entry0)
    call = archive.functions.succeed(origin, second, entry0, [])
    assert chain.refusal(call, OWNER) == Refusal("LogNotFrozen", (origin,))


def test_a_successor_that_commits_another_head_is_refused(
    chain: Chain, archive: Contract, origin: bytes, to: Anchor
) -> None:
    early = successor_entry(archive, origin)
    chain.send(to(1, 6), PUBLISHER)
    chain.send(archive.functions.freeze(origin), OWNER)
    true = successor_entry(archive, origin)
    second = open_log(chain, archive, "second", early)
    functions = archive.functions
    wrong = Refusal("SuccessorInvalid", (origin, second))
    for entry in (early, b"", true[:49], true[:51], b"{}", b" " + true):
        assert chain.refusal(functions.succeed(origin, second, entry, []), OWNER) == wrong
    lying = chain.refusal(functions.succeed(origin, second, true, []), OWNER)
    assert lying == Refusal("SecondRootInvalid", (leaf_hash(early), leaf_hash(true)))
    assert functions.state(origin).call()[7] == bytes(32)


def test_a_successor_of_another_owner_is_refused(chain: Chain, archive: Contract, origin: bytes) -> None:
    chain.send(archive.functions.freeze(origin), OWNER)
    entry0 = successor_entry(archive, origin)
    second = open_log(chain, archive, "second", entry0, STRANGER)
    call = archive.functions.succeed(origin, second, entry0, [])
    assert chain.refusal(call, OWNER) == Refusal("NotLogOwner", (second, OWNER.address))
    assert chain.refusal(call, STRANGER) == Refusal("NotLogOwner", (origin, STRANGER.address))
    missing = archive.functions.succeed(origin, digest_of("no log"), entry0, [])
    assert chain.refusal(missing, OWNER) == Refusal("LogUnknown", (digest_of("no log"),))
