"""The Merkle tree: known roots, proofs, and what is refused before any hash is computed."""

from __future__ import annotations

import hashlib

import pytest

from protocol import merkle
from protocol.errors import Malformed, Untrusted
from protocol.merkle import (
    EMPTY_ROOT,
    MAX_TREE_SIZE,
    Frontier,
    Node,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    leaf_hashes,
    root,
    root_from,
    tree_levels,
    verify_consistency,
    verify_inclusion,
)

# The eight leaves of the test tree of the Certificate Transparency programs, and the roots that RFC 6962 gives.
LEAVES = [
    bytes.fromhex(h)
    for h in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
HASHES = leaf_hashes(LEAVES)


def nodes(hashes: list[bytes]) -> Node:
    levels = tree_levels(hashes)
    return lambda level, index: levels[level][index]


@pytest.mark.parametrize("size", ROOTS)
def test_the_root_of_a_known_tree_is_the_one_that_others_compute(size: int) -> None:
    assert root(HASHES[:size]).hex() == ROOTS[size]
    assert root_from(size, nodes(HASHES)).hex() == ROOTS[size]
    assert Frontier().extend(HASHES[:size]).root().hex() == ROOTS[size]


def test_leaves_and_nodes_are_hashed_in_separate_domains() -> None:
    left, right = HASHES[0], HASHES[1]
    assert merkle.node_hash(left, right) != leaf_hash(left + right)
    assert leaf_hash(b"x") == hashlib.sha256(b"\x00x").digest()
    assert merkle.node_hash(left, right) == hashlib.sha256(b"\x01" + left + right).digest()


def test_leaves_hashed_in_bulk_are_those_hashed_one_by_one() -> None:
    assert leaf_hashes(LEAVES) == [leaf_hash(leaf) for leaf in LEAVES]
    assert leaf_hashes([]) == []


def test_tree_levels_hold_only_complete_subtrees() -> None:
    assert [len(level) for level in tree_levels(HASHES[:7])] == [7, 3, 1]
    assert tree_levels([]) == []


@pytest.mark.parametrize("size", range(1, 12))
def test_every_leaf_of_every_small_tree_is_proven_and_no_other_place(size: int) -> None:
    hashes = leaf_hashes(bytes([number]) for number in range(size))
    node, top = nodes(hashes), root(hashes)
    for index in range(size):
        proof = inclusion_proof(index, size, node)
        assert verify_inclusion(hashes[index], index, size, proof, top) is None
        for other in set(range(size)) - {index}:
            with pytest.raises(Untrusted):
                verify_inclusion(hashes[index], other, size, proof, top)


@pytest.mark.parametrize("size", range(1, 12))
def test_every_small_tree_extends_all_its_beginnings_and_nothing_else(size: int) -> None:
    hashes = leaf_hashes(bytes([number]) for number in range(size))
    node, top = nodes(hashes), root(hashes)
    for first in range(1, size):
        proof, old = consistency_proof(first, size, node), root(hashes[:first])
        assert verify_consistency(first, size, old, top, proof) is None
        for claimed in set(range(1, size)) - {first}:
            with pytest.raises(Untrusted):
                verify_consistency(claimed, size, old, top, proof)


def test_a_single_leaf_is_proven_by_nothing() -> None:
    assert inclusion_proof(0, 1, nodes(HASHES)) == []
    verify_inclusion(HASHES[0], 0, 1, [], root(HASHES[:1]))


def test_equal_trees_are_consistent_by_an_empty_proof() -> None:
    assert consistency_proof(5, 5, nodes(HASHES)) == []
    verify_consistency(5, 5, root(HASHES[:5]), root(HASHES[:5]), [])


@pytest.mark.parametrize("first", range(1, 8))
def test_each_older_tree_is_shown_to_be_a_beginning(first: int) -> None:
    proof = consistency_proof(first, 8, nodes(HASHES))
    verify_consistency(first, 8, root(HASHES[:first]), root(HASHES), proof)
    with pytest.raises(Untrusted):
        verify_consistency(first, 8, root(HASHES[1 : first + 1]), root(HASHES), proof)


def test_a_proof_made_for_another_leaf_does_not_hold() -> None:
    proof = inclusion_proof(2, 8, nodes(HASHES))
    with pytest.raises(Untrusted, match="does not show leaf 3") as caught:
        verify_inclusion(HASHES[2], 3, 8, proof, root(HASHES))
    assert caught.value.code == "inclusion_proof"


def test_a_proof_that_goes_on_above_the_root_does_not_hold() -> None:
    proof = inclusion_proof(2, 8, nodes(HASHES))
    with pytest.raises(Untrusted):
        verify_inclusion(HASHES[2], 2, 8, [*proof, HASHES[0]], root(HASHES))


def test_a_consistency_proof_that_goes_on_above_the_root_does_not_hold() -> None:
    proof = consistency_proof(3, 8, nodes(HASHES))
    with pytest.raises(Untrusted) as caught:
        verify_consistency(3, 8, root(HASHES[:3]), root(HASHES), [*proof, HASHES[0]])
    assert caught.value.code == "consistency_proof"


@pytest.mark.parametrize(
    ("index", "size", "code"),
    [(8, 8, "leaf_index"), (-1, 8, "leaf_index"), (0, 0, "leaf_index"), (0, 2**63, "tree_size")],
)
def test_an_index_outside_the_tree_is_malformed(index: int, size: int, code: str) -> None:
    with pytest.raises(Malformed) as made:
        inclusion_proof(index, size, nodes(HASHES))
    with pytest.raises(Malformed) as verified:
        verify_inclusion(HASHES[0], index, size, [], root(HASHES))
    assert made.value.code == verified.value.code == code


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [(0, 8, "tree_sizes"), (0, 0, "tree_sizes"), (8, 7, "tree_sizes"), (1, 2**63, "tree_size"), (1, -1, "tree_size")],
)
def test_consistency_needs_two_sizes_in_order_and_not_from_nothing(first: int, second: int, code: str) -> None:
    with pytest.raises(Malformed) as made:
        consistency_proof(first, second, nodes(HASHES))
    with pytest.raises(Malformed) as verified:
        verify_consistency(first, second, EMPTY_ROOT, EMPTY_ROOT, [])
    assert made.value.code == verified.value.code == code


@pytest.mark.parametrize("short", [b"", bytes(31), bytes(33)])
def test_a_hash_of_another_length_is_malformed_wherever_it_stands(short: bytes) -> None:
    good = bytes(32)
    for leaf, proof, top in ((short, [good], good), (good, [short], good), (good, [good], short)):
        with pytest.raises(Malformed) as caught:
            verify_inclusion(leaf, 0, 2, proof, top)
        assert caught.value.code == "hash_length"
    for old, new, proof in ((short, good, [good]), (good, short, [good]), (good, good, [short])):
        with pytest.raises(Malformed) as caught:
            verify_consistency(1, 2, old, new, proof)
        assert caught.value.code == "hash_length"


def test_a_proof_longer_than_any_tree_is_malformed() -> None:
    with pytest.raises(Malformed) as caught:
        verify_inclusion(bytes(32), 0, MAX_TREE_SIZE, [bytes(32)] * 64, bytes(32))
    assert caught.value.code == "too_many_hashes"
    with pytest.raises(Malformed) as caught:
        verify_consistency(1, MAX_TREE_SIZE, bytes(32), bytes(32), [bytes(32)] * 65)
    assert caught.value.code == "too_many_hashes"


def huge(level: int, index: int) -> bytes:
    """A made-up node of a tree too large to build: any tree whose nodes agree with their children will do."""
    if level == 0:
        return hashlib.sha256(b"leaf").digest()
    child = huge(level - 1, 0)
    return merkle.node_hash(child, child)


@pytest.mark.parametrize("size", [2**32 + 1, 2**62, 2**62 + 1, MAX_TREE_SIZE])
@pytest.mark.parametrize("index", [0, 2**31, 2**32])
def test_the_largest_trees_are_proven_within_the_bounds(size: int, index: int) -> None:
    top = root_from(size, huge)
    proof = inclusion_proof(index, size, huge)
    assert len(proof) <= merkle.MAX_INCLUSION_HASHES
    verify_inclusion(huge(0, 0), index, size, proof, top)
    steps = consistency_proof(index + 1, size, huge)
    assert len(steps) <= merkle.MAX_CONSISTENCY_HASHES
    verify_consistency(index + 1, size, root_from(index + 1, huge), top, steps)


def test_a_consistency_proof_does_not_bind_the_new_size() -> None:
    # Documented weakness of the construction: the signed checkpoint binds size and root, the proof does not.
    proof = consistency_proof(3, 7, nodes(HASHES))
    for claimed in (5, 6, 7, 8):
        assert verify_consistency(3, claimed, root(HASHES[:3]), root(HASHES[:7]), proof) is None
    with pytest.raises(Untrusted):
        verify_consistency(3, 9, root(HASHES[:3]), root(HASHES[:7]), proof)


def test_growing_a_frontier_names_every_subtree_that_was_completed() -> None:
    start = Frontier().extend(HASHES[:3])
    grown, growth = start.grow(HASHES[3:8])
    levels = tree_levels(HASHES)
    assert grown.root() == root(HASHES)
    assert [(g.level, g.start, len(g.hashes)) for g in growth] == [(0, 3, 5), (1, 1, 3), (2, 0, 2), (3, 0, 1)]
    for g in growth:
        assert list(g.hashes) == list(levels[g.level][g.start : g.start + len(g.hashes)])
    assert start.size == 3


@pytest.mark.parametrize("size", range(11))
def test_a_tree_grown_in_two_portions_is_the_one_built_at_once(size: int) -> None:
    hashes = leaf_hashes(bytes([number]) for number in range(size))
    for first in range(size + 1):
        grown = Frontier().extend(hashes[:first]).extend(hashes[first:])
        assert grown == Frontier().extend(hashes)
        assert grown.root() == root(hashes)


def test_the_largest_tree_takes_no_further_leaf() -> None:
    full = Frontier(MAX_TREE_SIZE, (bytes(32),) * 63)
    assert full.extend([]) == full
    with pytest.raises(Malformed) as caught:
        full.append(bytes(32))
    assert caught.value.code == "too_many_hashes"


def test_a_frontier_is_read_back_from_its_bytes() -> None:
    frontier = Frontier().extend(HASHES[:7])
    assert Frontier.parse(frontier.serialise()) == frontier
    assert Frontier.parse(Frontier().serialise()) == Frontier()
    assert frontier.append(HASHES[7]).root() == root(HASHES)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "frontier"),
        (bytes(7), "frontier"),
        (bytes(9), "frontier"),
        (bytes(40), "frontier"),
        ((3).to_bytes(8, "big") + bytes(32), "frontier"),
        ((2**63).to_bytes(8, "big") + bytes(32), "tree_size"),
        (bytes(8 + 32 * 64), "too_many_hashes"),
    ],
)
def test_bytes_that_are_no_frontier_are_malformed(raw: bytes, code: str) -> None:
    with pytest.raises(Malformed) as caught:
        Frontier.parse(raw)
    assert caught.value.code == code


def test_a_leaf_hash_of_another_length_never_enters_the_tree() -> None:
    with pytest.raises(Malformed) as caught:
        Frontier().append(b"short")
    assert caught.value.code == "hash_length"
