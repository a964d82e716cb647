"""The guardians of a dossier on a stage: what they sign, and what its owner signs about them."""

from __future__ import annotations

from collections.abc import Sequence

from protocol.dossier_messages import FreezeDossier, RecoverDossier, SetGuardians, VetoRecovery
from protocol.guardians import GuardianSet
from protocol.hashing import ZERO32, sha256
from tests.chain_stage import FAR, Actor, Dossier

GUARDIANS = ("gina", "gustav", "gloria")


class Watch:
    """Three guardians, of whom `threshold` carry a recovery; the new accounts are `bob cold` and `bob`."""

    def __init__(self, dossier: Dossier, *, threshold: int = 2, delay: int = 3600, names: Sequence[str] = GUARDIANS):
        self.dossier, self.threshold, self.delay = dossier, threshold, delay
        self.actors = {Actor(name).account: Actor(name) for name in names}
        self.set = GuardianSet.of(sha256(b"guardian salt"), list(self.actors))
        self.relayer = dossier.stage.ledger("relayer")
        self.owner, self.controller = Actor("bob cold"), Actor("bob")

    def first(self) -> Actor:
        """One of the guardians."""
        return self.actors[self.set.accounts[0]]

    def setting(self, nonce: int, *, none: bool = False, deadline: int = FAR) -> SetGuardians:
        """The message that names these guardians, or nobody."""
        if none:
            return SetGuardians(self.dossier.id, ZERO32, 0, 0, nonce, deadline)
        return SetGuardians(self.dossier.id, self.set.hash, self.threshold, self.delay, nonce, deadline)

    def name(self, *, nonce: int = 0, by: Actor | None = None, none: bool = False) -> None:
        """Name them (or nobody), signed by the owner."""
        message = self.setting(nonce, none=none)
        self.relayer.set_guardians(message, self.dossier.sign(by or self.dossier.owner, message))

    def freeze(self, *, by: Actor | None = None, nonce: int = 0, guardians: GuardianSet | None = None) -> None:
        """Freeze the dossier."""
        guardian = by or self.first()
        message = FreezeDossier(self.dossier.id, guardian.account, nonce, FAR)
        self.relayer.freeze_dossier(message, guardians or self.set, self.dossier.sign(guardian, message))

    def recovery(self, nonce: int = 0, *, by_all: bool = False, deadline: int = FAR) -> RecoverDossier:
        """The message that the guardians sign."""
        return RecoverDossier(self.dossier.id, self.owner.account, self.controller.account, by_all, nonce, deadline)

    def signatures(self, message: RecoverDossier, count: int) -> list[bytes]:
        """The signatures of the first `count` guardians; nothing from the others."""
        actors = [self.actors[account] for account in self.set.accounts]
        return [self.dossier.sign(actor, message) if i < count else b"" for i, actor in enumerate(actors)]

    def propose(self, nonce: int = 0, *, by_all: bool = False, count: int | None = None) -> None:
        """Propose the recovery, signed by as many as are needed."""
        message = self.recovery(nonce, by_all=by_all)
        needed = len(self.set.accounts) if by_all else self.threshold
        signatures = self.signatures(message, needed if count is None else count)
        self.relayer.propose_recovery(message, self.set, signatures)

    def veto(self, *, recovery: int, nonce: int, by: Actor | None = None) -> None:
        """End the pending recovery, signed by the owner."""
        message = VetoRecovery(self.dossier.id, recovery, nonce, FAR)
        self.relayer.veto_recovery(message, self.dossier.sign(by or Actor("alice cold 2"), message))
