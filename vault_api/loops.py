"""The vault's threads beside the sequencer: follower, publisher, housekeeping.

Each does one round after another and never dies of an error: it is logged by its code, and the next round tries
again. ``start`` and ``stop`` belong to the application's life.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import replace

import structlog

from chain.follower import Follower
from chain.ledger import BlockRef
from protocol.errors import OneFileError, Unavailable
from vault_api.follow import DatabaseFollowerStore
from vault_api.jobs import Carry, do_due, want_all
from vault_api.leases import FOLLOWER, HOUSEKEEPING, PUBLISHER, holder_name
from vault_api.metrics import CHAIN_AGE, ROUNDS_FAILED
from vault_api.publishing import Publishing
from vault_api.services.shows import sweep
from vault_api.tenure import Fenced, Tenure
from vault_api.vault import Vault

SWEEP_S = 1.0
IDLE_S = 0.5  # until a lease that another process holds is looked at again
CLEAN_EVERY = 60  # sweeps
SEEN_EVERY_S = 30

_log = structlog.get_logger("vault_api.loops")


class Rounds:
    """A thread that does ``work`` every ``every_s`` seconds until it is stopped: under a lease, while it is held."""

    def __init__(
        self, name: str, work: Callable[[], object], every_s: float, tenure: Tenure | None = None
    ) -> None:
        self._name = name
        self.tenure = tenure
        self._work = work
        self._every_s = every_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._last = ""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the round and end."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30)

    def _run(self) -> None:
        while not self._ended.is_set():
            if self.tenure is None or self.tenure.held:
                self.once()
                self._ended.wait(self._every_s)
            else:
                self._ended.wait(min(self._every_s, IDLE_S))

    def once(self) -> None:
        """One round; an error is logged when it is not the one of the round before."""
        said = ""
        try:
            self._work()
        except OneFileError as error:
            said = error.code
        except Exception as error:  # noqa: BLE001 (a loop that dies would stop anchoring in silence)
            said = type(error).__name__
        if said:
            ROUNDS_FAILED.labels(self._name).inc()
        if said and said != self._last:
            _log.error("round failed", loop=self._name, code=said)
        self._last = said


class Following:
    """Takes the vault's facts along with the chain."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._store = DatabaseFollowerStore(vault)
        self._follower = Follower(vault.ledger, self._store)
        self._noted_at = 0

    def round(self) -> None:
        """Everything up to the head; then the facts are as fresh as now."""
        steps = self._follower.catch_up()
        tip = self._store.tip()
        if tip is None:
            return
        self._check_moving(tip)
        moved = any(step.events or step.rolled_back for step in steps) or len(steps) > 1
        now = self._vault.clock.now()
        if not moved and now - self._noted_at >= SEEN_EVERY_S:
            self._store.still_here(tip)
            self._noted_at = now
        self._vault.facts.seen(tip)
        CHAIN_AGE.set(0)

    def _check_moving(self, tip: BlockRef) -> None:
        """A node that was cut off from its chain goes on answering: what it says gets old as if it were silent."""
        limit, age = self._vault.settings.chain_stall_s, self._vault.clock.now() - tip.time
        if limit and age > limit:
            raise Unavailable("chain_stalled", "the chain's newest block is {age} s old", age=age)


class Housekeeping:
    """Ends shows whose time is over; now and then wants the jobs done, and carries them to where they are done."""

    def __init__(self, vault: Vault, carry: Carry = do_due) -> None:
        self._vault = vault
        self._carry = carry
        self._rounds = 0

    def round(self) -> None:
        """One sweep."""
        changed = self._vault.sequencer.call(lambda tx: sweep(self._vault, tx))
        for session in changed:
            self._vault.waiters.wake(session)
        if self._rounds % CLEAN_EVERY == 0:
            self._vault.sequencer.call(want_all)
        self._carry(self._vault)
        self._rounds += 1


LOOPS = (FOLLOWER, PUBLISHER, HOUSEKEEPING)


def loops_of(vault: Vault, names: Collection[str] = LOOPS, carry: Carry = do_due) -> list[Rounds]:
    """The threads of one vault, not started. Each writes under its lease alone."""
    return [_loop(vault, name, carry) for name in LOOPS if name in names]


def _loop(vault: Vault, name: str, carry: Carry) -> Rounds:
    settings = vault.settings
    tenure = Tenure(vault.engine, name, holder_name(), settings.lease_s)
    fenced = replace(vault, sequencer=Fenced(vault.sequencer, tenure))
    if name == FOLLOWER:
        return Rounds(name, Following(fenced).round, settings.chain_poll_s, tenure)
    if name == PUBLISHER:
        return Rounds(name, Publishing(fenced).beat, settings.chain_poll_s, tenure)
    return Rounds(name, Housekeeping(fenced, carry).round, SWEEP_S, tenure)
