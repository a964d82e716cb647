"""The Merkle tree of the log: SHA-256, RFC 9162 §2.1 (the same tree as RFC 6962).

Three kinds of function: those that hash (``leaf_hash``, ``tree_levels``, ``root``), those that prove
(``inclusion_proof``, ``consistency_proof``), and those that verify by raising. Provers read stored hashes
through ``Node``: ``node(level, index)`` is the hash of the complete subtree of ``2**level`` leaves that
begins at leaf ``index * 2**level``; nothing else of the tree is ever needed. Where such hashes are stored
is the business of ``protocol/tiles.py``.

Left out: signatures and sizes that somebody vouches for (``protocol/note.py``). A consistency proof does not
bind the new size: several sizes of one shape accept the same proof, so a size is a claim that only a signed
checkpoint binds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from protocol.errors import Malformed, Untrusted

HASH_SIZE = 32
MAX_TREE_SIZE = 2**63 - 1  # what a signed 64-bit integer of other implementations still holds
MAX_INCLUSION_HASHES = 63  # the height of the largest tree
MAX_CONSISTENCY_HASHES = 64  # one more: the proof may begin with the hash that both trees share
EMPTY_ROOT = hashlib.sha256(b"").digest()

_LEAF = b"\x00"
_NODE = b"\x01"
# A state that has read the first byte, copied for each hash: a tenth faster than to join the parts before.
_LEAF_STATE = hashlib.sha256(_LEAF)
_NODE_STATE = hashlib.sha256(_NODE)

Node = Callable[[int, int], bytes]


def leaf_hash(entry: bytes) -> bytes:
    """The hash of one entry: SHA-256(0x00 ‖ entry)."""
    return hashlib.sha256(_LEAF + entry).digest()


def leaf_hashes(entries: Iterable[bytes]) -> list[bytes]:
    """``leaf_hash`` of each entry, in bulk."""
    begin, hashes = _LEAF_STATE.copy, []
    for entry in entries:
        state = begin()
        state.update(entry)
        hashes.append(state.digest())
    return hashes


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees side by side: SHA-256(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(_NODE + left + right).digest()


def pair_up(level: Sequence[bytes]) -> list[bytes]:
    """The level above: hashes of neighbours, a last odd one left out. This is the hot loop of the log."""
    begin = _NODE_STATE.copy
    one, above = iter(level), []
    for left, right in zip(one, one, strict=False):
        state = begin()
        state.update(left)
        state.update(right)
        above.append(state.digest())
    return above


def tree_levels(leaves: Sequence[bytes]) -> list[Sequence[bytes]]:
    """All complete subtrees over ``leaves`` (leaf hashes): ``tree_levels(x)[k][i]`` is node(k, i).

    The list ends with the highest level that has a node; it is empty for no leaves.
    """
    levels: list[Sequence[bytes]] = []
    level: Sequence[bytes] = leaves
    while level:
        levels.append(level)
        level = pair_up(level)
    return levels


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over ``leaves`` (leaf hashes): MTH of RFC 9162 §2.1.1."""
    peaks: list[bytes] = []
    level = leaves
    while level:
        if len(level) & 1:
            peaks.append(level[-1])
        level = pair_up(level)
    peaks.reverse()
    return _fold(peaks) if peaks else EMPTY_ROOT


def root_from(size: int, node: Node) -> bytes:
    """The root of the first ``size`` leaves, from stored subtree hashes."""
    _check_size(size)
    return _span(0, size, node) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """The proof that leaf ``index`` is in the tree of ``size`` leaves, the leaf's sibling first.

    RFC 9162 §2.1.3.1; at most ``MAX_INCLUSION_HASHES`` hashes.
    """
    _check_size(size)
    _check_index(index, size)
    proof: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            proof.append(_span(middle, high, node))
            high = middle
        else:
            proof.append(_span(low, middle, node))
            low = middle
    proof.reverse()
    return proof


def consistency_proof(first: int, second: int, node: Node) -> list[bytes]:
    """The proof that the tree of ``second`` leaves extends that of ``first`` (RFC 9162 §2.1.4.1).

    Empty when both are the same size. There is no proof from the empty tree: ``first`` is at least 1.
    """
    _check_order(first, second)
    proof: list[bytes] = []
    low, high, whole = 0, second, True
    while high != first:
        middle = low + _split(high - low)
        if first <= middle:
            proof.append(_span(middle, high, node))
            high = middle
        else:
            proof.append(_span(low, middle, node))
            low, whole = middle, False
    if not whole:
        proof.append(_span(low, high, node))
    proof.reverse()
    return proof


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Raise unless ``proof`` leads from ``leaf`` (a leaf hash) at ``index`` to ``root`` at ``size``.

    RFC 9162 §2.1.3.2. ``Malformed`` for numbers or hashes that cannot be part of any proof, ``Untrusted``
    (``inclusion_proof``) for a proof that does not hold.
    """
    # Step 1: a leaf index at or beyond the size can't be in the tree.
    _check_size(size)
    _check_index(index, size)
    check_hashes([leaf, root], 2, "leaf hash and root")
    check_hashes(proof, MAX_INCLUSION_HASHES, "inclusion proof")
    # Steps 2 and 3: fn is our position on each level, sn the last position of that level.
    fn, sn, r = index, size - 1, leaf
    # Step 4: walk up.
    for p in proof:
        if sn == 0:
            raise _no_inclusion(index, size)
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            fn, sn = _skip_lone(fn, sn)
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    # Step 5: at the top, and nowhere else, compare.
    if sn != 0 or r != root:
        raise _no_inclusion(index, size)


def verify_consistency(first: int, second: int, root_first: bytes, root_second: bytes, proof: Sequence[bytes]) -> None:
    """Raise unless the tree (``second``, ``root_second``) extends the tree (``first``, ``root_first``).

    RFC 9162 §2.1.4.2. ``first`` is at least 1: every tree extends the empty one, so a proof from it would be
    accepted for anything, and whoever has no older head has nothing to compare with. ``Malformed`` for what
    can't be part of any proof, ``Untrusted`` (``consistency_proof``) for a proof that does not hold.
    """
    _check_order(first, second)
    if first == second:
        # No length check of the roots here: nothing is hashed, they are only compared with each other.
        holds = not proof and root_first == root_second
    else:
        check_hashes([root_first, root_second], 2, "roots")
        check_hashes(proof, MAX_CONSISTENCY_HASHES, "consistency proof")
        # Step 1: two trees of different size need at least one hash.
        holds = bool(proof) and _extends(first, second, root_first, root_second, proof)
    if not holds:
        raise Untrusted(
            "consistency_proof",
            "the proof does not show that the tree of size {second} extends the tree of size {first}",
            first=first,
            second=second,
        )


def _extends(first: int, second: int, root_first: bytes, root_second: bytes, proof: Sequence[bytes]) -> bool:
    # Step 2: a complete first tree is itself the first node of the path.
    path = [root_first, *proof] if first & (first - 1) == 0 else proof
    # Steps 3 and 4: start at the largest complete subtree that ends with the first tree's last leaf.
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    # Step 5
    fr = sr = path[0]
    # Step 6: rebuild both roots side by side.
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            fn, sn = _skip_lone(fn, sn)
        else:
            sr = node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    # Step 7
    return sn == 0 and fr == root_first and sr == root_second


@dataclass(frozen=True, slots=True)
class Frontier:
    """All that must be kept of a tree in order to append to it: its size and its right edge.

    ``peaks`` are the roots of the complete subtrees that the tree consists of, largest first: one for each
    bit that is set in ``size``. Immutable: a sequencer keeps the old one until its transaction has committed.
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        _check_size(self.size)
        check_hashes(self.peaks, 63, "frontier")
        if len(self.peaks) != self.size.bit_count():
            raise Malformed(
                "frontier",
                "a frontier of size {size} has {want} hashes, got {got}",
                size=self.size,
                want=self.size.bit_count(),
                got=len(self.peaks),
            )

    def append(self, leaf: bytes) -> Frontier:
        """The frontier after one more leaf hash."""
        return self.extend([leaf])

    def extend(self, leaves: Sequence[bytes]) -> Frontier:
        """The frontier after more leaf hashes; in bulk, about one hash a leaf."""
        return self.grow(leaves)[0]

    def grow(self, leaves: Sequence[bytes]) -> tuple[Frontier, list[Growth]]:
        """The frontier after more leaf hashes, and every subtree that they completed, level 0 first."""
        check_hashes(leaves, MAX_TREE_SIZE - self.size, "leaf hashes")
        peaks = dict(zip(_set_bits(self.size), reversed(self.peaks), strict=True))
        grown: list[Growth] = []
        level, start, fresh = 0, self.size, list(leaves)
        while fresh:
            grown.append(Growth(level, start, tuple(fresh)))
            if start & 1:
                fresh.insert(0, peaks.pop(level))
            if len(fresh) & 1:
                peaks[level] = fresh[-1]
            level, start, fresh = level + 1, start >> 1, pair_up(fresh)
        ordered = tuple(peaks[level] for level in sorted(peaks, reverse=True))
        return Frontier(self.size + len(leaves), ordered), grown

    def root(self) -> bytes:
        """The root of the tree."""
        return _fold(self.peaks) if self.size else EMPTY_ROOT

    def serialise(self) -> bytes:
        """Eight bytes of size, big-endian, then the peaks, largest first."""
        return self.size.to_bytes(8, "big") + b"".join(self.peaks)

    @classmethod
    def parse(cls, raw: bytes) -> Frontier:
        """Read what ``serialise`` wrote; ``Malformed`` on anything else."""
        if len(raw) < 8 or len(raw) % HASH_SIZE != 8:
            raise Malformed("frontier", "a frontier is 8 bytes and whole hashes, got {got} bytes", got=len(raw))
        hashes = tuple(raw[i : i + HASH_SIZE] for i in range(8, len(raw), HASH_SIZE))
        return cls(int.from_bytes(raw[:8], "big"), hashes)


@dataclass(frozen=True, slots=True)
class Growth:
    """Subtrees completed by an append: node(level, start + i) is ``hashes[i]``."""

    level: int
    start: int
    hashes: tuple[bytes, ...]


def check_hashes(hashes: Sequence[bytes], limit: int, what: str) -> None:
    """Raise ``Malformed`` if there are more than ``limit`` hashes, or one has not 32 bytes."""
    if len(hashes) > limit:
        raise Malformed(
            "too_many_hashes",
            "{what}: at most {limit} hashes, got {got}",
            what=what,
            limit=limit,
            got=len(hashes),
        )
    for got in set(map(len, hashes)) - {HASH_SIZE}:
        raise Malformed("hash_length", "{what}: a hash has 32 bytes, got {got}", what=what, got=got)


def _split(size: int) -> int:
    """The largest power of two below ``size`` (≥ 2): where RFC 9162 cuts a tree in two."""
    return 1 << ((size - 1).bit_length() - 1)


def _span(low: int, high: int, node: Node) -> bytes:
    """MTH(D[low:high]); ``low`` is a multiple of the largest power of two that fits into the span."""
    peaks: list[bytes] = []
    while low < high:
        level = (high - low).bit_length() - 1
        peaks.append(node(level, low >> level))
        low += 1 << level
    return _fold(peaks)


def _fold(peaks: Sequence[bytes]) -> bytes:
    """One hash over complete subtrees of falling size, joined from the right."""
    result = peaks[-1]
    for left in reversed(peaks[:-1]):
        result = node_hash(left, result)
    return result


def _set_bits(number: int) -> list[int]:
    return [bit for bit in range(number.bit_length()) if number >> bit & 1]


def _skip_lone(fn: int, sn: int) -> tuple[int, int]:
    """Pass the levels where a node on the right edge has no sibling: until LSB(fn) is set or fn is 0."""
    while fn and not fn & 1:
        fn, sn = fn >> 1, sn >> 1
    return fn, sn


def _check_size(size: int) -> None:
    if not 0 <= size <= MAX_TREE_SIZE:
        raise Malformed("tree_size", "a tree size is between 0 and 2^63-1, got {got}", got=size)


def _check_index(index: int, size: int) -> None:
    if not 0 <= index < size:
        raise Malformed("leaf_index", "expected a leaf index below {size}, got {got}", size=size, got=index)


def _check_order(first: int, second: int) -> None:
    _check_size(second)
    if not 1 <= first <= second:
        raise Malformed(
            "tree_sizes",
            "consistency leads from a size of at least 1 to one not smaller, got {first} and {second}",
            first=first,
            second=second,
        )


def _no_inclusion(index: int, size: int) -> Untrusted:
    return Untrusted(
        "inclusion_proof",
        "the proof does not show leaf {index} in the tree of size {size}",
        index=index,
        size=size,
    )
