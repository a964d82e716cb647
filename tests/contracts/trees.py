"""RFC 9162 §2.1, written down as it stands there: recursive, slow, and nobody's production code.

`Tree` is over given leaf hashes; `Uniform` over as many copies of one leaf as you like, so that trees of 2^40 entries
cost nothing. Both give roots and proofs; `accepts` is the verifier of §2.1.4.2 by recursion, to compare with the chain.
"""

from __future__ import annotations

import hashlib
from functools import cache


def leaf_hash(entry: bytes) -> bytes:
    return hashlib.sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def split(n: int) -> int:
    """The largest power of two below n (n > 1)."""
    return 1 << (n - 1).bit_length() - 1


class Tree:
    """The tree over `leaves`; `mth(a, b)` is MTH(D[a:b])."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.leaves = leaves
        self._memo: dict[tuple[int, int], bytes] = {}

    def mth(self, a: int, b: int) -> bytes:
        if (a, b) not in self._memo:
            self._memo[a, b] = self._mth(a, b)
        return self._memo[a, b]

    def _mth(self, a: int, b: int) -> bytes:
        if b - a == 1:
            return self.leaves[a]
        k = a + split(b - a)
        return node_hash(self.mth(a, k), self.mth(k, b))

    def root(self, n: int) -> bytes:
        return self.mth(0, n)

    def inclusion(self, m: int, n: int) -> list[bytes]:
        """PATH(m, D[0:n]), §2.1.3.1."""
        return self._path(m, 0, n)

    def _path(self, m: int, a: int, b: int) -> list[bytes]:
        if b - a == 1:
            return []
        k = a + split(b - a)
        if m < k:
            return [*self._path(m, a, k), self.mth(k, b)]
        return [*self._path(m, k, b), self.mth(a, k)]

    def consistency(self, m: int, n: int) -> list[bytes]:
        """PROOF(m, D[0:n]), §2.1.4.1."""
        return self._subproof(m, 0, n, whole=True)

    def _subproof(self, m: int, a: int, b: int, *, whole: bool) -> list[bytes]:
        if m == b - a:
            return [] if whole else [self.mth(a, b)]
        k = split(b - a)
        if m <= k:
            return [*self._subproof(m, a, a + k, whole=whole), self.mth(a + k, b)]
        return [*self._subproof(m - k, a + k, b, whole=False), self.mth(a, a + k)]


class Uniform(Tree):
    """The tree over any number of copies of one leaf."""

    def __init__(self, leaf: bytes) -> None:
        super().__init__([])

        @cache
        def of_size(n: int) -> bytes:
            return leaf if n == 1 else node_hash(of_size(split(n)), of_size(n - split(n)))

        self._of_size = of_size

    def mth(self, a: int, b: int) -> bytes:
        return self._of_size(b - a)


def shape(m: int, n: int) -> str:
    """What a proof from m to n does, step by step: all that a proof binds of n. '=' the old root, '+' a first subtree
    from the proof, 'L' a sibling on the left of both, 'R' on the right of the new tree alone."""
    return _shape(m, n, whole=True)


def _shape(m: int, n: int, *, whole: bool) -> str:
    if m == n:
        return "=" if whole else "+"
    k = split(n)
    return _shape(m, k, whole=whole) + "R" if m <= k else _shape(m - k, n - k, whole=False) + "L"
