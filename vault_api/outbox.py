"""The log's heads on their way to the chain: ``chain.publisher.Outbox`` over the vault's database."""

from __future__ import annotations

from sqlalchemy import delete, insert, select

from chain.publisher import AnchorRecord, DurableHead
from chain.values import BlockRef
from protocol.note import checkpoint_hash
from vault_api.db import tables as t
from vault_api.vault import Vault


class DatabaseOutbox:
    """A persisted checkpoint is durable: the sequencer signs nothing that is not. Writes go through it too."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def newest_durable(self, *, at_most: int) -> DurableHead | None:
        """The newest persisted checkpoint of at most that size."""
        sizes = t.checkpoints.c.size
        newest = select(t.checkpoints).where(sizes <= at_most).order_by(sizes.desc()).limit(1)
        with self._vault.engine.connect() as conn:
            row = conn.execute(newest).one_or_none()
        if row is not None and row.size > self._vault.log.size:
            self._vault.log.follow()  # its nodes will be asked for
        return None if row is None else DurableHead(row.size, row.root, checkpoint_hash(row.note))

    def node(self, level: int, index: int) -> bytes:
        """A stored hash of the tree."""
        return self._vault.log.node_reader(self._vault.log.size).node(level, index)

    def last_recorded(self) -> AnchorRecord | None:
        """The newest anchor that is known here."""
        newest = select(t.anchors).order_by(t.anchors.c.size.desc()).limit(1)
        with self._vault.engine.connect() as conn:
            row = conn.execute(newest).one_or_none()
        if row is None:
            return None
        block = BlockRef(row.block, row.block_hash, row.block_time)
        return AnchorRecord(row.size, row.root, row.checkpoint_hash, row.tx, block)

    def recorded(self, record: AnchorRecord) -> None:
        """Remember an anchor; durable when this returns."""
        row = {
            "size": record.size,
            "root": record.root,
            "checkpoint_hash": record.checkpoint_hash,
            "tx": record.tx_hash,
            "block": record.block.number,
            "block_hash": record.block.hash,
            "block_time": record.block.time,
        }
        # commit point: anchor (docs/spec/durability.md §3)
        self._vault.sequencer.call(
            lambda tx: (
                tx.conn.execute(delete(t.anchors).where(t.anchors.c.size == record.size)),
                tx.conn.execute(insert(t.anchors), row),
            )
        )

    def withdrawn(self, size: int) -> None:
        """Forget anchors of more than ``size`` entries."""
        self._vault.sequencer.call(
            lambda tx: tx.conn.execute(delete(t.anchors).where(t.anchors.c.size > size)).rowcount
        )
