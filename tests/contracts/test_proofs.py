"""RFC 9162 proofs on the chain, against the definitions of §2.1 in tests/contracts/trees.py."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from itertools import accumulate, combinations
from typing import Any

import pytest
from eth_abi import decode
from web3 import Web3
from web3.contract import Contract

from tests.contracts.evm import ACCEPTED, PROJECT, Chain, Refusal, actor, digest_of
from tests.contracts.trees import Tree, Uniform, leaf_hash, node_hash, shape

LEAVES = [leaf_hash(b"entry %d" % i) for i in range(70)]
TREE = Tree(LEAVES)
SMALL = 24
VECTORS = PROJECT.parent / "shared/vectors/merkle"

Case = tuple[Any, ...]


def _selector(text: str) -> bytes:
    return bytes(Web3.keccak(text=text)[:4])


ERRORS = {
    bytes(4): "",
    _selector("ProofLengthInvalid(uint64,uint64,uint256)"): "length",
    _selector("FirstRootInvalid(bytes32,bytes32)"): "first root",
    _selector("SecondRootInvalid(bytes32,bytes32)"): "second root",
    _selector("SizesInvalid(uint64,uint64)"): "sizes",
    _selector("IndexOutsideTree(uint64,uint64)"): "index",
}


def outcomes(function: Any, cases: Iterable[Case]) -> list[str]:
    """Why each case is refused ('' if it is not), a thousand in one call."""
    everything = [_encoded(case) for case in cases]
    found: list[str] = []
    for start in range(0, len(everything), 1_000):
        data = function.selector + _array(everything[start : start + 1_000]).hex()
        answer = function.w3.eth.call({"to": function.address, "data": data, "gas": 1_900_000_000})
        (selectors,) = decode(["bytes4[]"], answer)
        found += [ERRORS[selector] for selector in selectors]
    return found


def _array(items: list[bytes]) -> bytes:
    """ABI encoding of one argument, an array of encoded tuples. By hand: eth_abi takes a millisecond for each case."""
    offsets = accumulate((len(item) for item in items[:-1]), initial=32 * len(items))
    return b"".join([word(32), word(len(items)), *(word(offset) for offset in offsets), *items])


def _encoded(case: Case) -> bytes:
    *static, proof = case
    return b"".join([*(word(part) for part in static), word(160), word(len(proof)), *proof])


def word(value: int | bytes) -> bytes:
    return value.to_bytes(32) if isinstance(value, int) else value


def consistent(m: int, n: int, tree: Tree = TREE) -> Case:
    return (m, tree.root(m), n, tree.root(n), tree.consistency(m, n))


def included(index: int, size: int, tree: Tree = TREE) -> Case:
    return (tree.mth(index, index + 1), index, size, tree.root(size), tree.inclusion(index, size))


def mutations(proof: list[bytes]) -> Iterable[list[bytes]]:
    """Everything that can be done to a proof in one step and changes it."""
    junk = digest_of("junk")
    for i, part in enumerate(proof):
        yield proof[:i] + proof[i + 1 :]
        yield [*proof[:i], part, *proof[i:]]
        yield [*proof[:i], bytes(32), *proof[i + 1 :]]
        for bit in (0, 100, 255):
            yield [*proof[:i], (int.from_bytes(part) ^ 1 << bit).to_bytes(32), *proof[i + 1 :]]
    for i in range(len(proof) + 1):
        yield [*proof[:i], junk, *proof[i:]]
    for i, j in combinations(range(len(proof)), 2):
        swapped = proof.copy()
        swapped[i], swapped[j] = proof[j], proof[i]
        yield swapped
    if proof:
        yield []


def test_every_pair_of_small_trees_is_consistent(harness: Contract) -> None:
    cases = [consistent(m, n) for n in range(2, SMALL + 1) for m in range(1, n)]
    assert outcomes(harness.functions.consistencies([]), cases) == [""] * 276


@pytest.mark.parametrize("k", range(1, 7))
def test_trees_around_a_power_of_two_are_consistent(harness: Contract, k: int) -> None:
    sizes = [size for size in (2**k - 1, 2**k, 2**k + 1) if size >= 1]
    pairs = [(m, n) for m in range(1, 67) for n in sizes if m < n]
    pairs += [(m, n) for m in sizes for n in range(1, 70) if m < n]
    assert set(outcomes(harness.functions.consistencies([]), [consistent(m, n) for m, n in pairs])) == {""}


def test_every_mutation_of_a_small_consistency_proof_is_refused(harness: Contract) -> None:
    cases = [
        (m, TREE.root(m), n, TREE.root(n), mutated)
        for n in range(2, SMALL + 1)
        for m in range(1, n)
        for mutated in mutations(TREE.consistency(m, n))
    ]
    assert len(cases) > 5_000
    assert "" not in outcomes(harness.functions.consistencies([]), cases)


def test_a_consistency_proof_holds_for_its_own_roots_only(harness: Contract) -> None:
    pairs = [(m, n) for n in range(2, SMALL + 1) for m in range(1, n)]
    other = digest_of("another root")
    first = [(m, other, n, TREE.root(n), TREE.consistency(m, n)) for m, n in pairs]
    second = [(m, TREE.root(m), n, other, TREE.consistency(m, n)) for m, n in pairs]
    swapped = [(m, TREE.root(n), n, TREE.root(m), TREE.consistency(m, n)) for m, n in pairs]
    assert "" not in outcomes(harness.functions.consistencies([]), first + swapped)
    assert set(outcomes(harness.functions.consistencies([]), second)) == {"second root"}


def test_a_proof_binds_the_older_size_if_the_newer_one_is_true(harness: Contract) -> None:
    for n in range(2, SMALL + 1):
        claims = [(m, claim) for m in range(1, n) for claim in range(1, n + 1)]
        cases = [(claim, TREE.root(m), n, TREE.root(n), TREE.consistency(m, n)) for m, claim in claims]
        found = outcomes(harness.functions.consistencies([]), cases)
        assert [not why for why in found] == [m == claim for m, claim in claims]


def test_a_proof_does_not_bind_the_newer_size_but_only_its_shape(harness: Contract) -> None:
    """The reason why the size is a claim that the signed checkpoint binds (IArchiveLog)."""
    claims = [(m, n, claim) for n in range(2, 17) for m in range(1, n) for claim in range(1, 35)]
    cases = [(m, TREE.root(m), claim, TREE.root(n), TREE.consistency(m, n)) for m, n, claim in claims]
    found = outcomes(harness.functions.consistencies([]), cases)
    assert [not why for why in found] == [m < claim and shape(m, claim) == shape(m, n) for m, n, claim in claims]
    passing = [claim for (m, n, claim), why in zip(claims, found, strict=True) if (m, n, why) == (3, 7, "")]
    assert passing == [5, 6, 7, 8]


@pytest.mark.parametrize("k", [31, 32, 33, 40, 52, 62])
def test_sizes_above_two_to_the_32_are_consistent_and_included(harness: Contract, k: int) -> None:
    tree = Uniform(leaf_hash(b"the same"))
    around = [2**k - 2, 2**k - 1, 2**k, 2**k + 1, 2**k + 12_345, 3 * 2**k // 2 + 7, 2 ** (k + 1)]
    pairs = [(1, around[0]), *combinations(around, 2)]
    assert set(outcomes(harness.functions.consistencies([]), [consistent(m, n, tree) for m, n in pairs])) == {""}
    inside = [(i, n) for n in around for i in (0, 1, n // 3, n // 2, n - 2, n - 1)]
    assert set(outcomes(harness.functions.inclusions([]), [included(i, n, tree) for i, n in inside])) == {""}


def test_the_largest_size_of_64_bits_is_handled(harness: Contract) -> None:
    tree = Uniform(leaf_hash(b"the same"))
    top = 2**64 - 1
    pairs = [(1, top), (2**63 - 1, top), (2**63, top), (2**63 + 1, top), (top - 1, top)]
    assert set(outcomes(harness.functions.consistencies([]), [consistent(m, n, tree) for m, n in pairs])) == {""}
    assert outcomes(harness.functions.inclusions([]), [included(top - 1, top, tree)]) == [""]


@pytest.mark.parametrize(("m", "n"), [(2**32 - 1, 2**32 + 1), (2**32 + 1, 2**33 - 5), (2**40, 2**40 + 3)])
def test_every_mutation_of_a_large_proof_is_refused(harness: Contract, m: int, n: int) -> None:
    # The proofs of a uniform tree repeat hashes, so a swap of equal parts is no mutation.
    tree = Uniform(leaf_hash(b"the same"))
    proof = tree.consistency(m, n)
    cases = [(m, tree.root(m), n, tree.root(n), bad) for bad in mutations(proof) if bad != proof]
    assert "" not in outcomes(harness.functions.consistencies([]), cases)


def test_equal_trees_need_no_proof_and_take_none(harness: Contract, chain: Chain) -> None:
    root, other = TREE.root(7), digest_of("another root")
    call = harness.functions.consistency
    assert chain.refusal(call((7, root, 7, root, [])), actor("stranger")) == ACCEPTED
    cases = [(7, root, 7, root, [root]), (7, root, 7, other, []), (7, other, 7, root, [])]
    assert outcomes(harness.functions.consistencies([]), cases) == ["length", "first root", "first root"]


def test_a_tree_is_not_consistent_with_a_smaller_or_an_empty_one(harness: Contract) -> None:
    cases = [
        (0, bytes(32), 0, bytes(32), []),
        (0, TREE.root(1), 4, TREE.root(4), []),
        (5, TREE.root(5), 4, TREE.root(4), []),
    ]
    assert outcomes(harness.functions.consistencies([]), cases) == ["sizes"] * 3


def test_a_proof_that_is_too_long_or_too_short_is_called_so(harness: Contract) -> None:
    long = [
        (m, TREE.root(m), n, TREE.root(n), [*TREE.consistency(m, n), bytes(32)]) for m, n in ((1, 2), (3, 7), (6, 8))
    ]
    short = [(m, TREE.root(m), n, TREE.root(n), TREE.consistency(m, n)[:-1]) for m, n in ((1, 2), (3, 7), (6, 8))]
    empty = [(3, TREE.root(3), 7, TREE.root(7), []), (4, TREE.root(4), 7, TREE.root(7), [])]
    endless = [(3, TREE.root(3), 7, TREE.root(7), [bytes(32)] * 300)]
    assert set(outcomes(harness.functions.consistencies([]), long + short + empty + endless)) == {"length"}
    pairs = [(0, 1), (0, 2), (3, 7), (7, 8)]
    long = [(LEAVES[i], i, n, TREE.root(n), [*TREE.inclusion(i, n), bytes(32)]) for i, n in pairs]
    short = [(LEAVES[i], i, n, TREE.root(n), TREE.inclusion(i, n)[:-1]) for i, n in pairs[1:]]
    assert set(outcomes(harness.functions.inclusions([]), long + short)) == {"length"}


def test_an_entry_of_a_deeper_tree_is_refused_where_the_size_was_claimed_smaller(harness: Contract) -> None:
    """The claimed size sets how long an inclusion proof may be, whatever the root covers."""
    cases = [(LEAVES[i], i, 4, TREE.root(8), TREE.inclusion(i, 8)) for i in range(4)]
    cases += [(LEAVES[i], 0, 1, TREE.root(8), TREE.inclusion(i, 8)) for i in range(8)]
    assert set(outcomes(harness.functions.inclusions([]), cases)) == {"length"}


def test_every_entry_of_every_small_tree_is_included(harness: Contract) -> None:
    cases = [included(i, n) for n in range(1, 40) for i in range(n)]
    assert set(outcomes(harness.functions.inclusions([]), cases)) == {""}


def test_every_mutation_of_a_small_inclusion_proof_is_refused(harness: Contract) -> None:
    cases = [
        (LEAVES[i], i, n, TREE.root(n), mutated)
        for n in range(1, 14)
        for i in range(n)
        for mutated in mutations(TREE.inclusion(i, n))
    ]
    assert len(cases) > 1_500
    assert "" not in outcomes(harness.functions.inclusions([]), cases)


def test_an_inclusion_proof_holds_for_its_own_index_leaf_and_root_only(harness: Contract) -> None:
    pairs = [(i, n) for n in range(1, SMALL + 1) for i in range(n)]
    elsewhere = [(LEAVES[i], j, n, TREE.root(n), TREE.inclusion(i, n)) for i, n in pairs for j in range(n) if j != i]
    other_leaf = [(LEAVES[69], i, n, TREE.root(n), TREE.inclusion(i, n)) for i, n in pairs]
    other_root = [(LEAVES[i], i, n, TREE.root(n + 1), TREE.inclusion(i, n)) for i, n in pairs]
    assert "" not in outcomes(harness.functions.inclusions([]), elsewhere + other_leaf + other_root)


def test_an_index_outside_the_tree_is_refused(harness: Contract) -> None:
    cases = [
        (LEAVES[0], 0, 0, LEAVES[0], []),
        (LEAVES[4], 4, 4, TREE.root(4), []),
        (LEAVES[0], 2**64 - 1, 4, TREE.root(4), []),
    ]
    assert outcomes(harness.functions.inclusions([]), cases) == ["index"] * 3


def test_an_inner_node_cannot_pass_for_an_entry(harness: Contract) -> None:
    left, right = LEAVES[:2]
    forged = harness.functions.leaf(left + right).call()
    assert bytes(forged) == leaf_hash(left + right) != node_hash(left, right)
    assert outcomes(harness.functions.inclusions([]), [(forged, 0, 2, TREE.root(4), [TREE.mth(2, 4)])]) == [
        "second root"
    ]


def test_errors_name_what_was_expected_and_what_came(harness: Contract, chain: Chain) -> None:
    def refused(case: Case) -> Refusal:
        return chain.refusal(harness.functions.consistency(case), actor("stranger"))

    other, proof = digest_of("another root"), TREE.consistency(3, 7)
    assert refused((3, other, 7, TREE.root(7), proof)) == Refusal("FirstRootInvalid", (other, TREE.root(3)))
    assert refused((3, TREE.root(3), 7, other, proof)) == Refusal("SecondRootInvalid", (other, TREE.root(7)))
    assert refused((3, TREE.root(3), 7, other, proof[:2])) == Refusal("ProofLengthInvalid", (3, 7, 2))
    assert refused((9, TREE.root(3), 7, other, proof[:2])) == Refusal("SizesInvalid", (9, 7))


def _vectors(kind: str) -> list[tuple[str, dict[str, Any]]]:
    return [
        (path.relative_to(VECTORS).as_posix(), json.loads(path.read_text()))
        for path in sorted((VECTORS / kind).rglob("*.json"))
    ]


def _bytes(text: str | None) -> bytes:
    return base64.b64decode(text or "")


@pytest.mark.skipif(not VECTORS.is_dir(), reason="../shared/vectors/merkle is not here")
@pytest.mark.parametrize("kind", ["consistency", "inclusion"])
def test_the_published_vectors_get_their_verdict(harness: Contract, kind: str) -> None:
    """Left out: hashes that are not 32 bytes (they have no form in our ABI) and the empty tree (no log is empty)."""
    cases, names, wanted = [], [], []
    for name, vector in _vectors(kind):
        proof = [_bytes(part) for part in vector["proof"] or []]
        roots = [_bytes(vector[key]) for key in (("root1", "root2") if kind == "consistency" else ("leafHash", "root"))]
        sizes = [vector[key] for key in (("size1", "size2") if kind == "consistency" else ("leafIdx", "treeSize"))]
        if any(len(value) != 32 for value in [*proof, *roots]) or any(size >= 2**64 for size in sizes):
            continue
        if kind == "consistency" and sizes[0] == 0:
            continue
        first, second = roots
        cases.append(
            (sizes[0], first, sizes[1], second, proof) if kind == "consistency" else (first, *sizes, second, proof)
        )
        names.append(name)
        wanted.append(vector["wantErr"])
    many = harness.functions.consistencies if kind == "consistency" else harness.functions.inclusions
    found = outcomes(many([]), cases)
    assert {n: bool(why) for n, why in zip(names, found, strict=True)} == dict(zip(names, wanted, strict=True))
    assert len(cases) >= 40
    assert False in wanted
