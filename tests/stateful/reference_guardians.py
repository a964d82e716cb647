"""Guardians and recovery in the reference model, from FORMATS "Keys" and docs/spec/recovery.md.

A dossier has no guardians or one fixed set of three, of whom two carry a recovery; what differs is the delay.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.stateful.reference_chain import DAY, No, Person, Registries

FREEZE_S, PAUSE_S, BY_ALL_S = 7 * DAY, 30 * DAY, 30 * DAY
NEW_OWNER, NEW_CONTROLLER = 50, 70  # accounts of a recovered dossier: these, and ten more controllers each time


@dataclass
class Pending:
    """A recovery that waits."""

    owner: int
    controller: int
    ready: int
    by_all: bool


@dataclass
class Guards:
    """What the registry keeps of a dossier's guardians. ``delay`` None: there are none."""

    delay: int | None = None
    change: tuple[int, int] | None = None  # the delay to come, and from when on
    pending: Pending | None = None
    recoveries: int = 0
    freezes: int = 0
    freezable: int = 0


class Guarded(Registries):
    """The registries with guardians."""

    def __init__(self, clock: int) -> None:
        super().__init__(clock)
        self.guards: dict[str, Guards] = {}

    def guarded(self, name: str) -> tuple[Person, Guards]:
        return self.people[name], self.guards.setdefault(name, Guards())

    @staticmethod
    def ready(at: int, block: int) -> None:
        if block < at:
            raise No(403, "not_ready")

    def known_set(self, guards: Guards) -> None:
        if guards.delay is None:
            raise No(422, "guardian_set")

    def chain_guard(self, name: str, delay: int, nonce: int) -> None:
        """At once if nobody guards yet; else when those who do have had their delay."""
        person, guards = self.guarded(name)
        if nonce != person.nonce:
            raise No(409, "message_nonce")
        at = self.mine()
        person.nonce += 1
        if guards.delay is None:
            guards.delay, guards.change = delay, None
        else:
            guards.change = (delay, at + guards.delay)

    def chain_apply(self, name: str) -> None:
        _, guards = self.guarded(name)
        if guards.change is None:
            raise No(409, "guardian_change_missing")
        delay, at = guards.change
        self.ready(at, self.next_block)
        if guards.pending is not None and guards.pending.by_all:
            raise No(409, "recovery_pending")
        self.mine()
        guards.delay, guards.change = delay, None

    def chain_freeze(self, name: str, nonce: int) -> None:
        person, guards = self.guarded(name)
        self.known_set(guards)
        if nonce != guards.freezes:
            raise No(409, "message_nonce")
        if self.next_block < guards.freezable:
            raise No(403, "freeze_too_soon")
        at = self.mine()
        person.frozen = at + FREEZE_S
        guards.freezes, guards.freezable = guards.freezes + 1, at + PAUSE_S

    def chain_recover(self, name: str, signers: int, nonce: int, *, by_all: bool) -> None:
        """Propose: a recovery by all takes the place of another one."""
        _, guards = self.guarded(name)
        self.known_set(guards)
        if guards.pending is not None and (guards.pending.by_all or not by_all):
            raise No(409, "recovery_pending")
        if nonce != guards.recoveries:
            raise No(409, "message_nonce")
        if signers < (3 if by_all else 2):
            raise No(403, "guardian_quorum")
        at, number = self.mine(), guards.recoveries
        assert guards.delay is not None
        waits = BY_ALL_S if by_all else guards.delay
        guards.pending = Pending(NEW_OWNER + number, NEW_CONTROLLER + 10 * number, at + waits, by_all)
        guards.recoveries += 1

    def chain_veto(self, name: str, recovery: int, nonce: int) -> None:
        person, guards = self.guarded(name)
        if guards.pending is None or recovery != guards.recoveries - 1:
            raise No(409, "recovery_missing")
        if guards.pending.by_all:
            raise No(403, "recovery_not_vetoable")
        if nonce != person.nonce:
            raise No(409, "message_nonce")
        self.mine()
        person.nonce += 1
        guards.pending = None

    def chain_execute(self, name: str) -> None:
        """The dossier has new accounts; no grant ends and no key changes by it."""
        person, guards = self.guarded(name)
        if guards.pending is None:
            raise No(409, "recovery_missing")
        self.ready(guards.pending.ready, self.next_block)
        self.mine()
        person.owner, person.controller, person.frozen = guards.pending.owner, guards.pending.controller, 0
        guards.pending = guards.change = None
