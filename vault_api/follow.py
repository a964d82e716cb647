"""What has been followed of the chain: ``chain.follower.FollowerStore`` over the vault's database.

Applying events and remembering the block is one transaction of the sequencer, so an event that ends a grant is never
lost and never half done.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, insert, select, update

from chain.events import Event
from chain.ledger import BlockRef
from vault_api.chain_events import ChainEvents
from vault_api.chain_facts import ALL
from vault_api.db import tables as t
from vault_api.sequencer import Tx
from vault_api.vault import Vault

REMEMBER = 128  # blocks; a reorganisation that is deeper is followed from the deployment on


class DatabaseFollowerStore:
    """Blocks that were followed, newest first, and what their events meant."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._events = ChainEvents(vault.facts, vault.origin_hash)

    def tip(self) -> BlockRef | None:
        """The block up to which events have been applied."""
        blocks = self.remembered()
        return blocks[0] if blocks else None

    def remembered(self) -> Sequence[BlockRef]:
        """Blocks to which a roll-back can go, newest first."""
        blocks = select(t.chain_blocks).order_by(t.chain_blocks.c.number.desc()).limit(REMEMBER)
        with self._vault.engine.connect() as conn:
            return [BlockRef(row.number, row.hash, row.time) for row in conn.execute(blocks)]

    def advance(self, events: Sequence[Event], tip: BlockRef) -> None:
        """Apply the events and remember the block, in one transaction."""

        def work(tx: Tx) -> None:
            self._events.apply(tx, events)
            row = {"number": tip.number, "hash": tip.hash, "time": tip.time, "seen_at": tx.now}
            tx.conn.execute(insert(t.chain_blocks), row)
            deep = tip.number - REMEMBER * 4
            tx.conn.execute(delete(t.chain_blocks).where(t.chain_blocks.c.number <= deep))
            self._events.bury(tx, deep)

        self._vault.sequencer.call(work)

    def roll_back(self, to: BlockRef | None) -> None:
        """The chain was reorganised: facts are read anew, anchors above ``to`` forgotten.

        A grant that an undone event had ended stays ended: what takes rights away counts at first sight.
        """
        above = -1 if to is None else to.number

        def work(tx: Tx) -> None:
            tx.conn.execute(delete(t.chain_blocks).where(t.chain_blocks.c.number > above))
            tx.conn.execute(update(t.chain_facts), {"stale": 1})
            self._events.undo(tx, above)
            tx.touch(ALL, b"")

        self._vault.sequencer.call(work)
        self._vault.facts.forget_all()

    def still_here(self, tip: BlockRef) -> None:
        """The chain still shows ``tip`` as its head: facts are fresh as of now, on disk too."""

        def work(tx: Tx) -> None:
            seen = update(t.chain_blocks).where(t.chain_blocks.c.number == tip.number)
            tx.conn.execute(seen, {"seen_at": tx.now})

        self._vault.sequencer.call(work)
