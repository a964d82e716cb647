"""What the vault brings to the chain: its newest checkpoint, and the nullifiers of grants that were revoked here.

A revocation counts at the vault at once; the chain hears of it as soon as it can, and again if a reorganisation undoes
it. A part that fails keeps no other part from being done: the first fault is raised when all have been tried.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog
from sqlalchemy import select

from chain.publisher import AnchorRecord, Publisher
from protocol.errors import Conflict, OneFileError
from vault_api.chain_events import note_spent
from vault_api.db import tables as t
from vault_api.metrics import ANCHORED_SIZE
from vault_api.outbox import DatabaseOutbox
from vault_api.vault import Vault

REVOKES_A_ROUND = 64
REVOKES_AT_ONCE = 8  # a transaction waits for its block: so many share one
Done = TypeVar("Done")

_log = structlog.get_logger("vault_api.publishing")


class Publishing:
    """The publisher's rounds. ``clock`` is seconds of a clock that only goes forward."""

    def __init__(self, vault: Vault, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._vault = vault
        self._outbox = DatabaseOutbox(vault)
        self._publisher = Publisher(
            vault.ledger, self._outbox, vault.origin, confirmations=vault.settings.confirmations
        )
        self._clock = clock
        self._due_at = 0.0
        self._anchored = 0

    def round(self) -> AnchorRecord | None:
        """Everything that there is to do, and the anchor if there is something new."""
        return self._all(anchor=True)

    def beat(self) -> AnchorRecord | None:
        """As ``round``; the anchor only when its interval is over, or at once when the chain has lost one."""
        return self._all(anchor=self._due())

    def revocations(self) -> None:
        """Spend on chain the nullifiers of grants that were revoked here: everybody can see it then."""
        wanted = select(t.chain_revokes.c.secret).order_by(t.chain_revokes.c.row).limit(REVOKES_A_ROUND)
        with self._vault.engine.connect() as conn:
            secrets = list(conn.execute(wanted).scalars())
        if not secrets:
            return
        with ThreadPoolExecutor(REVOKES_AT_ONCE, thread_name_prefix="revoke") as pool:
            faults = [fault for fault in pool.map(self._revoke, secrets) if fault is not None]
        if faults:
            raise faults[0]

    def _revoke(self, secret: bytes) -> OneFileError | None:
        ledger = self._vault.ledger
        try:
            try:
                block = ledger.revoke(secret).block.number
            except Conflict as error:
                _log.info("already revoked on chain", code=error.code)
                block = ledger.head().number
            self._vault.sequencer.call(lambda tx: note_spent(tx, secret, block, known=True))
        except OneFileError as fault:
            return fault
        return None

    def _due(self) -> bool:
        if self._clock() >= self._due_at:
            return True
        last = self._outbox.last_recorded()
        return last is None or last.size < self._anchored

    def _all(self, *, anchor: bool) -> AnchorRecord | None:
        faults: list[OneFileError] = []
        _tried(self._vault.ledger.tend, faults)
        # Each waits for its block: a vault with much to revoke, or that lives shortly, anchors all the same.
        with ThreadPoolExecutor(1, thread_name_prefix="anchor") as aside:
            sent = aside.submit(self._anchor) if anchor else None
            _tried(self.revocations, faults)
            record = _tried(sent.result, faults) if sent is not None else None
        if faults:
            raise faults[0]
        return record

    def _anchor(self) -> AnchorRecord | None:
        record = self._publisher.publish()
        last = self._outbox.last_recorded()
        self._anchored = 0 if last is None else last.size
        self._due_at = self._clock() + self._vault.settings.anchor_interval_s
        ANCHORED_SIZE.set(self._anchored)
        return record


def _tried(step: Callable[[], Done], faults: list[OneFileError]) -> Done | None:
    try:
        return step()
    except OneFileError as fault:
        faults.append(fault)
        return None
