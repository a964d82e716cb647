"""Row f: a Merkle tree built from leaf hashes, beside npm ``@openzeppelin/merkle-tree``.

Both sides begin with hashes of 32 bytes in their order and end with the root and every inner node in memory. Ours is
SHA-256 as RFC 9162 has it; theirs Keccak-256 over sorted pairs. ``SimpleMerkleTree`` is the nearest to our work: it
hashes no leaf. ``StandardMerkleTree`` is what its documentation recommends; it hashes each leaf twice.
"""

from __future__ import annotations

from bench.harness import measure, timed
from bench.node import Node
from bench.profiling import of_call
from bench.results import Outcome, ratio_goal, values_goal
from protocol.merkle import leaf_hashes, root, tree_levels

ENTRY_BYTES = 150
GOAL_RATE = 2_000_000
GOAL_RATIO = 30


def run(*, quick: bool) -> Outcome:
    size = 1 << (12 if quick else 14)
    rounds, round_s = (5, 0.2) if quick else (15, 0.5)
    leaves = [i.to_bytes(32, "big") for i in range(size)]
    entries = [i.to_bytes(ENTRY_BYTES, "big") for i in range(size)]
    assert tree_levels(leaves)[-1][0] == root(leaves)
    with Node() as node:
        for job in ("simple", "standard"):
            node.make(job, {"size": size})
        found = measure(
            {
                "tree from leaf hashes": timed(lambda: tree_levels(leaves)),
                "tree from entries": timed(lambda: tree_levels(leaf_hashes(entries))),
                "SimpleMerkleTree": node.timed("simple"),
                "StandardMerkleTree": node.timed("standard"),
            },
            rounds=rounds,
            round_s=round_s,
            work=size,
        )
    ours, simple = found["tree from leaf hashes"], found["SimpleMerkleTree"]
    return Outcome(
        unit="leaves a second",
        series=tuple(found.values()),
        goals=(
            values_goal("leaves a second", ours.rounds, GOAL_RATE, unit=" leaves/s"),
            ratio_goal("over SimpleMerkleTree", ours, simple, GOAL_RATIO),
        ),
        ours=("tree from leaf hashes", "tree from entries"),
        facts={"leaves": size, "bytes an entry": ENTRY_BYTES},
    )


def profile() -> tuple[str, ...]:
    leaves = [i.to_bytes(32, "big") for i in range(1 << 16)]
    return of_call(lambda: tree_levels(leaves))
