"""Whether a transaction is in a block, by the word of several endpoints: one of them may invent a receipt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from chain.node import Node, Receipt
from protocol.errors import Unavailable


class Witnesses:
    """Endpoints of which `quorum` must show the same receipt."""

    def __init__(self, nodes: Sequence[Node], quorum: int) -> None:
        self._nodes = tuple(nodes)
        self._quorum = quorum

    def receipt(self, tx_hash: bytes) -> Receipt | None:
        """The receipt that enough of them show; None while they do not. The first silence where too few speak."""
        said: Counter[Receipt | None] = Counter()
        silence: list[Unavailable] = []
        for node in self._nodes:
            try:
                receipt = node.receipt(tx_hash)
            except Unavailable as fault:
                silence.append(fault)
                continue
            said[receipt] += 1
            if said[receipt] >= self._quorum:
                return receipt
        if said.total() < self._quorum:
            raise silence[0]
        return None
