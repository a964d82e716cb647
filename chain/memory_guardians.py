"""The in-memory ledger's calls about guardians. Promises: `chain.ledger.Ledger`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from chain import memory_guardian_rules as rules
from chain.memory_rules import Happening, Turn
from chain.values import TxRef
from protocol.dossier_messages import FreezeDossier, RecoverDossier, SetGuardians, VetoRecovery
from protocol.guardians import GuardianSet

Rule = Callable[[Turn], Sequence[Happening]]


class MemoryGuardians(ABC):
    """What `MemoryLedger` takes over; it gives `_write`."""

    @abstractmethod
    def _write(self, method: str, rule: Rule, confirmations: int) -> TxRef: ...

    def set_guardians(self, message: SetGuardians, signature: bytes, *, confirmations: int = 0) -> TxRef:
        return self._write("set_guardians", lambda t: rules.set_guardians(t, message, signature), confirmations)

    def apply_guardians(self, dossier: bytes, *, confirmations: int = 0) -> TxRef:
        return self._write("apply_guardians", lambda t: rules.apply_guardians(t, dossier), confirmations)

    def freeze_dossier(
        self, message: FreezeDossier, guardians: GuardianSet, signature: bytes, *, confirmations: int = 0
    ) -> TxRef:
        return self._write("freeze_dossier", lambda t: rules.freeze(t, message, guardians, signature), confirmations)

    def propose_recovery(
        self,
        message: RecoverDossier,
        guardians: GuardianSet,
        signatures: Sequence[bytes],
        *,
        confirmations: int = 0,
    ) -> TxRef:
        def rule(turn: Turn) -> Sequence[Happening]:
            return rules.propose_recovery(turn, message, guardians, signatures)

        return self._write("propose_recovery", rule, confirmations)

    def veto_recovery(self, message: VetoRecovery, signature: bytes, *, confirmations: int = 0) -> TxRef:
        return self._write("veto_recovery", lambda t: rules.veto_recovery(t, message, signature), confirmations)

    def execute_recovery(self, dossier: bytes, *, confirmations: int = 0) -> TxRef:
        return self._write("execute_recovery", lambda t: rules.execute_recovery(t, dossier), confirmations)
