"""ArchiveLog: every refusal by name and arguments, and what is left unchanged by it."""

from __future__ import annotations

from typing import Any

import pytest
from web3.contract import Contract

from tests.contracts.evm import ACCEPTED, Chain, Refusal, actor, digest_of
from tests.contracts.logs import (
    CHECKPOINT,
    ENTRIES,
    MAX_GROWTH,
    OWNER,
    PUBLISHER,
    STRANGER,
    TREE,
    ZERO,
    Anchor,
    head,
    open_log,
    origin_hash,
    origin_text,
    vkey,
)
from tests.contracts.trees import Tree, Uniform, leaf_hash


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


def test_logs_of_one_contract_do_not_touch_one_another(
    chain: Chain, archive: Contract, origin: bytes, to: Anchor
) -> None:
    other = open_log(chain, archive, "other", ENTRIES[0], STRANGER)
    chain.send(to(1, 6), PUBLISHER)
    chain.send(archive.functions.freeze(origin), OWNER)
    assert head(archive, other) == (1, TREE.root(1))
    call = archive.functions.anchor(other, 3, TREE.root(3), CHECKPOINT, TREE.consistency(1, 3))
    assert chain.refusal(call, PUBLISHER) == ACCEPTED
