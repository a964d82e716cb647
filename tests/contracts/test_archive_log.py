"""ArchiveLog: every refusal by name and arguments, and what is left unchanged by it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.contract import Contract

from tests.contracts.evm import ACCEPTED, Chain, Refusal, actor, digest_of
from tests.contracts.trees import Tree, Uniform, leaf_hash

ENTRIES = [b'{"c":"%d"}' % i for i in range(40)]
TREE = Tree([leaf_hash(entry) for entry in ENTRIES])
CHECKPOINT = digest_of("checkpoint")
ZERO = "0x" + "0" * 40
MAX_GROWTH = 1 << 20
OWNER, PUBLISHER, STRANGER = actor("log owner"), actor("publisher"), actor("stranger")


def origin_text(archive: Contract, name: str = "main") -> str:
    return f"onefile/31337/{archive.address.lower()}/{name}"


def origin_hash(archive: Contract, name: str = "main") -> bytes:
    return bytes(Web3.keccak(text=origin_text(archive, name)))


def vkey(archive: Contract, name: str = "main") -> str:
    return f"{origin_text(archive, name)}+1234abcd+{base64.b64encode(bytes([1]) + digest_of('log key')).decode()}"


@pytest.fixture
def origin(chain: Chain, archive: Contract) -> bytes:
    """An open log "main" over ENTRIES[0]."""
    chain.send(archive.functions.open("main", ENTRIES[0], vkey(archive), PUBLISHER.address), OWNER)
    return origin_hash(archive)


Anchor = Callable[..., Any]


@pytest.fixture
def to(archive: Contract, origin: bytes) -> Anchor:
    """The call that anchors size n of TREE from size m."""

    def call(m: int, n: int) -> Any:
        return archive.functions.anchor(origin, n, TREE.root(n), CHECKPOINT, TREE.consistency(m, n))

    return call


def head(archive: Contract, origin: bytes) -> tuple[int, bytes]:
    state = archive.functions.state(origin).call()
    return state[2], bytes(state[1])


def test_opening_computes_the_first_root_and_tells_everything(chain: Chain, archive: Contract) -> None:
    call = archive.functions.open("main", ENTRIES[0], vkey(archive), PUBLISHER.address)
    origin = origin_hash(archive)
    assert chain.events(chain.send(call, OWNER), archive) == [
        (
            "LogOpened",
            {
                "origin": origin,
                "name": "main",
                "owner": OWNER.address,
                "publisher": PUBLISHER.address,
                "logVkey": vkey(archive),
                "entry0": ENTRIES[0],
            },
        ),
        ("Anchored", {"origin": origin, "size": 1, "root": TREE.root(1), "checkpointHash": bytes(32)}),
    ]
    state = archive.functions.state(origin).call()
    assert list(state) == [
        *("main", TREE.root(1), 1, PUBLISHER.address, False, OWNER.address, ZERO, bytes(32), vkey(archive)),
    ]
    assert list(archive.functions.originOf("main").call()) == [origin_text(archive), origin]
    assert archive.functions.MAX_GROWTH().call() == MAX_GROWTH


def test_a_name_opens_once(chain: Chain, archive: Contract, origin: bytes) -> None:
    again = archive.functions.open("main", ENTRIES[1], vkey(archive), STRANGER.address)
    assert chain.refusal(again, STRANGER) == Refusal("LogExists", (origin,))
    assert chain.refusal(again, OWNER) == Refusal("LogExists", (origin,))
    assert head(archive, origin) == (1, TREE.root(1))


@pytest.mark.parametrize(
    "name", ["", "a" * 32, "Main", "ma in", "main/", "main+", "main\n", "档案", 'a"b', "a_b", "`", "{"]
)
def test_a_name_outside_the_alphabet_is_refused(chain: Chain, archive: Contract, name: str) -> None:
    call = archive.functions.open(name, ENTRIES[0], vkey(archive, name), PUBLISHER.address)
    assert chain.refusal(call, OWNER) == Refusal("NameInvalid", (name,))


@pytest.mark.parametrize("name", ["a", "z", "0", "9", "-", "a" * 31, "city-2026"])
def test_names_at_the_edges_of_the_alphabet_open(chain: Chain, archive: Contract, name: str) -> None:
    call = archive.functions.open(name, ENTRIES[0], vkey(archive, name), PUBLISHER.address)
    assert chain.refusal(call, OWNER) == ACCEPTED


def test_an_empty_or_oversized_first_entry_is_refused(chain: Chain, archive: Contract) -> None:
    def refused(length: int) -> Refusal:
        call = archive.functions.open("main", b"e" * length, vkey(archive), PUBLISHER.address)
        return chain.refusal(call, OWNER)

    assert refused(0) == Refusal("EntryLengthInvalid", (0,))
    assert refused(65_536) == Refusal("EntryLengthInvalid", (65_536,))
    assert refused(1) == refused(65_535) == ACCEPTED


def test_a_verifier_key_of_another_log_is_refused(chain: Chain, archive: Contract, origin: bytes) -> None:
    text = origin_text(archive)
    for bad in ("", text, text + "+", vkey(archive, "other"), vkey(archive).upper(), text + "+" + "k" * 300):
        opening = archive.functions.open("second", ENTRIES[0], bad, PUBLISHER.address)
        assert chain.refusal(opening, OWNER) == Refusal("LogVkeyInvalid", (bad,))
        rotating = archive.functions.rotateLogVkey(origin, bad)
        assert chain.refusal(rotating, OWNER) == Refusal("LogVkeyInvalid", (bad,))
    longest = text + "+" + "k" * (255 - len(text))
    assert chain.refusal(archive.functions.rotateLogVkey(origin, longest), OWNER) == ACCEPTED
    over = Refusal("LogVkeyInvalid", (longest + "k",))
    assert chain.refusal(archive.functions.rotateLogVkey(origin, longest + "k"), OWNER) == over


def test_a_log_without_a_publisher_is_refused(chain: Chain, archive: Contract, origin: bytes) -> None:
    opening = archive.functions.open("second", ENTRIES[0], vkey(archive, "second"), ZERO)
    assert chain.refusal(opening, OWNER) == Refusal("AccountMissing")
    assert chain.refusal(archive.functions.rotatePublisher(origin, ZERO), OWNER) == Refusal("AccountMissing")


def test_heads_follow_one_another(chain: Chain, archive: Contract, origin: bytes, to: Anchor) -> None:
    size = 1
    for new in (2, 3, 4, 7, 8, 9, 16, 17, 31, 33, 40):
        receipt = chain.send(to(size, new), PUBLISHER)
        anchored = {"origin": origin, "size": new, "root": TREE.root(new), "checkpointHash": CHECKPOINT}
        assert chain.events(receipt, archive) == [("Anchored", anchored)]
        assert head(archive, origin) == (new, TREE.root(new))
        size = new


def test_a_head_that_does_not_extend_the_last_one_is_refused(
    chain: Chain, archive: Contract, origin: bytes, to: Anchor
) -> None:
    chain.send(to(1, 6), PUBLISHER)
    rewritten = Tree([leaf_hash(b"something else"), *TREE.leaves[1:]])
    call = archive.functions.anchor(origin, 9, rewritten.root(9), CHECKPOINT, rewritten.consistency(6, 9))
    assert chain.refusal(call, PUBLISHER) == Refusal("FirstRootInvalid", (TREE.root(6), rewritten.root(6)))
    call = archive.functions.anchor(origin, 9, TREE.root(8), CHECKPOINT, TREE.consistency(6, 9))
    assert chain.refusal(call, PUBLISHER) == Refusal("SecondRootInvalid", (TREE.root(8), TREE.root(9)))
    call = archive.functions.anchor(origin, 9, TREE.root(9), CHECKPOINT, [])
    assert chain.refusal(call, PUBLISHER) == Refusal("ProofLengthInvalid", (6, 9, 0))
    assert chain.refusal(to(5, 9), PUBLISHER).name in {"FirstRootInvalid", "ProofLengthInvalid"}
    assert head(archive, origin) == (6, TREE.root(6))


def test_a_head_that_was_anchored_cannot_be_anchored_again(chain: Chain, to: Anchor) -> None:
    chain.send(to(1, 6), PUBLISHER)
    assert chain.refusal(to(1, 6), PUBLISHER) == Refusal("SizeNotGrown", (6, 6))


def test_a_smaller_head_is_refused(chain: Chain, archive: Contract, origin: bytes, to: Anchor) -> None:
    chain.send(to(1, 6), PUBLISHER)
    for size in (0, 1, 5):
        call = archive.functions.anchor(origin, size, TREE.root(max(size, 1)), CHECKPOINT, [])
        assert chain.refusal(call, PUBLISHER) == Refusal("SizeNotGrown", (6, size))


def test_one_anchor_adds_at_most_the_growth_cap(chain: Chain, archive: Contract) -> None:
    tree = Uniform(leaf_hash(b"same"))
    chain.send(archive.functions.open("cap", b"same", vkey(archive, "cap"), PUBLISHER.address), OWNER)
    origin = origin_hash(archive, "cap")

    def call(m: int, n: int) -> Any:
        return archive.functions.anchor(origin, n, tree.root(n), CHECKPOINT, tree.consistency(m, n))

    over = Refusal("GrowthTooLarge", (1, MAX_GROWTH + 2, MAX_GROWTH))
    assert chain.refusal(call(1, MAX_GROWTH + 2), PUBLISHER) == over
    far = archive.functions.anchor(origin, 2**64 - 1, tree.root(2), CHECKPOINT, [])
    assert chain.refusal(far, PUBLISHER) == Refusal("GrowthTooLarge", (1, 2**64 - 1, MAX_GROWTH))
    chain.send(call(1, MAX_GROWTH + 1), PUBLISHER)
    assert head(archive, origin) == (MAX_GROWTH + 1, tree.root(MAX_GROWTH + 1))


def test_a_size_of_the_same_shape_passes_so_the_size_is_a_claim(
    chain: Chain, archive: Contract, origin: bytes, to: Anchor
) -> None:
    """Seven entries, anchored as five: the contract cannot tell, the signed checkpoint can (IArchiveLog)."""
    chain.send(to(1, 3), PUBLISHER)
    for claim in (5, 6, 7, 8):
        call = archive.functions.anchor(origin, claim, TREE.root(7), CHECKPOINT, TREE.consistency(3, 7))
        assert chain.refusal(call, PUBLISHER) == ACCEPTED
    for claim in (4, 9):
        call = archive.functions.anchor(origin, claim, TREE.root(7), CHECKPOINT, TREE.consistency(3, 7))
        assert chain.refusal(call, PUBLISHER) == Refusal("ProofLengthInvalid", (3, claim, 4))


def test_a_wrong_size_claim_leaves_no_way_to_the_true_one(
    chain: Chain, archive: Contract, origin: bytes, to: Anchor
) -> None:
    """Why the publisher verifies its own proof and size first: nobody can mend this log, only freeze it."""
    chain.send(to(1, 3), PUBLISHER)
    chain.send(archive.functions.anchor(origin, 5, TREE.root(7), CHECKPOINT, TREE.consistency(3, 7)), PUBLISHER)
    assert chain.refusal(to(7, 9), PUBLISHER).name in {"FirstRootInvalid", "ProofLengthInvalid", "SecondRootInvalid"}
    assert chain.refusal(archive.functions.freeze(origin), OWNER) == ACCEPTED


def test_an_anchor_without_a_checkpoint_is_refused(chain: Chain, archive: Contract, origin: bytes) -> None:
    call = archive.functions.anchor(origin, 2, TREE.root(2), bytes(32), TREE.consistency(1, 2))
    assert chain.refusal(call, PUBLISHER) == Refusal("CheckpointHashMissing")


def test_only_the_publisher_anchors(chain: Chain, origin: bytes, to: Anchor) -> None:
    for other in (OWNER, STRANGER, actor("governor")):
        assert chain.refusal(to(1, 2), other) == Refusal("NotPublisher", (origin, other.address))


def test_a_rotated_publisher_anchors_and_the_old_one_does_not(
    chain: Chain, archive: Contract, origin: bytes, to: Anchor
) -> None:
    new = actor("relayer")
    receipt = chain.send(archive.functions.rotatePublisher(origin, new.address), OWNER)
    assert chain.events(receipt, archive) == [("PublisherRotated", {"origin": origin, "publisher": new.address})]
    assert chain.refusal(to(1, 2), PUBLISHER) == Refusal("NotPublisher", (origin, PUBLISHER.address))
    chain.send(to(1, 2), new)
    assert head(archive, origin) == (2, TREE.root(2))


def test_the_log_key_rotates_by_event(chain: Chain, archive: Contract, origin: bytes) -> None:
    new = origin_text(archive) + "+00000001+bmV3"
    receipt = chain.send(archive.functions.rotateLogVkey(origin, new), OWNER)
    assert chain.events(receipt, archive) == [("LogVkeyRotated", {"origin": origin, "logVkey": new})]
    assert archive.functions.state(origin).call()[8] == new


def test_the_owner_changes_in_two_steps(chain: Chain, archive: Contract, origin: bytes) -> None:
    new = actor("relayer")
    accept = archive.functions.acceptOwner(origin)
    assert chain.refusal(accept, new) == Refusal("NotPendingOwner", (origin, new.address))
    receipt = chain.send(archive.functions.proposeOwner(origin, new.address), OWNER)
    assert chain.events(receipt, archive) == [("LogOwnerProposed", {"origin": origin, "pendingOwner": new.address})]
    assert chain.refusal(accept, STRANGER) == Refusal("NotPendingOwner", (origin, STRANGER.address))
    assert chain.refusal(archive.functions.freeze(origin), new) == Refusal("NotLogOwner", (origin, new.address))
    assert chain.events(chain.send(accept, new), archive) == [
        ("LogOwnerRotated", {"origin": origin, "owner": new.address})
    ]
    assert chain.refusal(archive.functions.freeze(origin), OWNER) == Refusal("NotLogOwner", (origin, OWNER.address))
    assert chain.refusal(accept, new) == Refusal("NotPendingOwner", (origin, new.address))
    assert list(archive.functions.state(origin).call())[5:7] == [new.address, ZERO]


def test_an_offer_of_ownership_can_be_withdrawn(chain: Chain, archive: Contract, origin: bytes) -> None:
    new = actor("relayer")
    chain.send(archive.functions.proposeOwner(origin, new.address), OWNER)
    chain.send(archive.functions.proposeOwner(origin, ZERO), OWNER)
    assert chain.refusal(archive.functions.acceptOwner(origin), new) == Refusal(
        "NotPendingOwner", (origin, new.address)
    )


def test_nobody_but_the_owner_rotates_or_freezes(chain: Chain, archive: Contract, origin: bytes) -> None:
    functions = archive.functions
    calls = [
        functions.rotatePublisher(origin, STRANGER.address),
        functions.rotateLogVkey(origin, vkey(archive)),
        functions.proposeOwner(origin, STRANGER.address),
        functions.freeze(origin),
        functions.succeed(origin, origin, b"", []),
    ]
    for other in (PUBLISHER, STRANGER, actor("governor"), actor("deployer")):
        assert {chain.refusal(call, other) for call in calls} == {Refusal("NotLogOwner", (origin, other.address))}


def test_a_log_that_was_never_opened_is_unknown_everywhere(chain: Chain, archive: Contract) -> None:
    nowhere, f = digest_of("no log"), archive.functions
    calls = [
        f.anchor(nowhere, 2, TREE.root(2), CHECKPOINT, []),
        f.rotatePublisher(nowhere, STRANGER.address),
        f.rotateLogVkey(nowhere, "x"),
        f.proposeOwner(nowhere, STRANGER.address),
        f.acceptOwner(nowhere),
        f.freeze(nowhere),
        f.succeed(nowhere, nowhere, b"", []),
        f.state(nowhere),
        f.headStatement(nowhere),
        f.successionCommitment(nowhere),
        f.verifyInclusion(nowhere, 0, ENTRIES[0], []),
        f.verifyOlder(nowhere, 1, TREE.root(1), []),
        f.verifyInclusionInOlder(nowhere, 0, ENTRIES[0], [], 1, TREE.root(1), []),
    ]
    assert {chain.refusal(call, STRANGER) for call in calls} == {Refusal("LogUnknown", (nowhere,))}


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


def open_log(chain: Chain, archive: Contract, name: str, entry0: bytes, owner: LocalAccount = OWNER) -> bytes:
    chain.send(archive.functions.open(name, entry0, vkey(archive, name), PUBLISHER.address), owner)
    return origin_hash(archive, name)


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


def test_logs_of_one_contract_do_not_touch_one_another(
    chain: Chain, archive: Contract, origin: bytes, to: Anchor
) -> None:
    other = open_log(chain, archive, "other", ENTRIES[0], STRANGER)
    chain.send(to(1, 6), PUBLISHER)
    chain.send(archive.functions.freeze(origin), OWNER)
    assert head(archive, other) == (1, TREE.root(1))
    call = archive.functions.anchor(other, 3, TREE.root(3), CHECKPOINT, TREE.consistency(1, 3))
    assert chain.refusal(call, PUBLISHER) == ACCEPTED
