"""An outbox that keeps a log in memory, and dies when it is told to."""

from __future__ import annotations

from chain.publisher import AnchorRecord, DurableHead
from protocol.hashing import sha256
from tests.chain_stage import Log


class KilledError(Exception):
    """The process died here."""


class MemoryOutbox:
    """The entries of `log` that are durable, and the anchors that were recorded."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.durable: list[int] = []
        self.records: dict[int, AnchorRecord] = {}
        self.dies_at: str | None = None

    def grow(self, size: int) -> None:
        """Make a checkpoint of `size` entries durable."""
        self.log.grow(size)
        self.durable.append(size)

    def newest_durable(self, *, at_most: int) -> DurableHead | None:
        sizes = [size for size in self.durable if size <= at_most]
        if not sizes:
            return None
        return DurableHead(max(sizes), self.log.root(max(sizes)), sha256(b"checkpoint %d" % max(sizes)))

    def node(self, level: int, index: int) -> bytes:
        return self.log.node(level, index)

    def last_recorded(self) -> AnchorRecord | None:
        return self.records[max(self.records)] if self.records else None

    def recorded(self, record: AnchorRecord) -> None:
        if self.dies_at == "recorded":
            raise KilledError
        self.records[record.size] = record

    def withdrawn(self, size: int) -> None:
        self.records = {known: record for known, record in self.records.items() if known <= size}
