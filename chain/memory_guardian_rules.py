"""What the DossierRegistry checks of guardians, for the in-memory ledger; see `chain.memory_rules`."""

from __future__ import annotations

from collections.abc import Sequence

from chain import events as e
from chain.guardians import FREEZE_S, LONGEST_DELAY_S, GuardianState
from chain.memory_rules import Happening, Turn, dossiers, in_time, known_dossier, next_nonce, not_zero, signed
from chain.reverts import refusal
from protocol.dossier_messages import FreezeDossier, RecoverDossier, SetGuardians, VetoRecovery
from protocol.guardians import GuardianSet


def set_guardians(turn: Turn, message: SetGuardians, signature: bytes) -> list[Happening]:
    in_time(turn, message.deadline)
    _terms(message)
    d = known_dossier(turn, message.dossier)
    next_nonce(d, message.nonce)
    signed(turn, [d.owner], message.digest(dossiers(turn)), signature)
    terms = turn.world.guardians[message.dossier].terms
    ready_at = turn.time + (0 if terms.none else terms.delay_s)
    asked = (message.set_hash, message.threshold, message.delay)
    happened: list[Happening] = [lambda at: e.GuardiansProposed(at, message.dossier, *asked, ready_at)]
    if terms.none:
        happened.append(lambda at: e.GuardiansSet(at, message.dossier, *asked))
    return happened


def apply_guardians(turn: Turn, dossier: bytes) -> list[Happening]:
    state = turn.world.guardians.get(dossier, GuardianState())
    if state.change is None:
        raise refusal("ChangeMissing", dossier=dossier)
    _ready(turn, state.change.ready_at)
    if state.pending is not None and state.pending.by_all:
        raise refusal("RecoveryIsPending", dossier=dossier, ready_at=state.pending.ready_at)
    terms = state.change.terms
    return [lambda at: e.GuardiansSet(at, dossier, terms.set_hash, terms.threshold, terms.delay_s)]


def freeze(turn: Turn, message: FreezeDossier, guardians: GuardianSet, signature: bytes) -> list[Happening]:
    in_time(turn, message.deadline)
    known_dossier(turn, message.dossier)
    state = turn.world.guardians[message.dossier]
    _revealed(state, guardians)
    if message.guardian not in guardians.accounts:
        raise refusal("GuardianUnknown", account=message.guardian)
    if message.nonce != state.freezes:
        raise refusal("NonceInvalid", dossier=message.dossier, expected=state.freezes, got=message.nonce)
    if turn.time < state.freezable_from:
        raise refusal("FreezeTooSoon", freezable_from=state.freezable_from, time=turn.time)
    signed(turn, [message.guardian], message.digest(dossiers(turn)), signature)
    return [lambda at: e.DossierFrozen(at, message.dossier, message.guardian, turn.time + FREEZE_S)]


def propose_recovery(
    turn: Turn, message: RecoverDossier, guardians: GuardianSet, signatures: Sequence[bytes]
) -> list[Happening]:
    in_time(turn, message.deadline)
    not_zero(message.new_owner, message.new_controller)
    known_dossier(turn, message.dossier)
    state = turn.world.guardians[message.dossier]
    _revealed(state, guardians)
    if state.pending is not None and (state.pending.by_all or not message.by_all):
        raise refusal("RecoveryIsPending", dossier=message.dossier, ready_at=state.pending.ready_at)
    if message.nonce != state.recoveries:
        raise refusal("NonceInvalid", dossier=message.dossier, expected=state.recoveries, got=message.nonce)
    _quorum(turn, message, state, guardians, signatures)
    ready_at = turn.time + (LONGEST_DELAY_S if message.by_all else state.terms.delay_s)
    return [
        lambda at: e.RecoveryProposed(
            at, message.dossier, message.nonce, message.by_all, message.new_owner, message.new_controller, ready_at
        )
    ]


def veto_recovery(turn: Turn, message: VetoRecovery, signature: bytes) -> list[Happening]:
    in_time(turn, message.deadline)
    d = known_dossier(turn, message.dossier)
    state = turn.world.guardians[message.dossier]
    if state.pending is None or message.recovery != state.recoveries - 1:
        raise refusal("RecoveryMissing", dossier=message.dossier)
    if state.pending.by_all:
        raise refusal("RecoveryNotVetoable", dossier=message.dossier)
    next_nonce(d, message.nonce)
    signed(turn, [d.owner], message.digest(dossiers(turn)), signature)
    return [lambda at: e.RecoveryVetoed(at, message.dossier, message.recovery)]


def execute_recovery(turn: Turn, dossier: bytes) -> list[Happening]:
    pending = turn.world.guardians.get(dossier, GuardianState()).pending
    if pending is None:
        raise refusal("RecoveryMissing", dossier=dossier)
    _ready(turn, pending.ready_at)
    return [lambda at: e.DossierRecovered(at, dossier, pending.new_owner, pending.new_controller)]


def _terms(message: SetGuardians) -> None:
    threshold, delay = message.threshold, message.delay
    good = threshold >= 1 and 1 <= delay <= LONGEST_DELAY_S if any(message.set_hash) else threshold == delay == 0
    if not good:
        raise refusal("GuardianTermsInvalid", threshold=threshold, delay=delay)


def _revealed(state: GuardianState, guardians: GuardianSet) -> None:
    # The order of the accounts was checked when the value was built.
    if guardians.hash != state.terms.set_hash:
        raise refusal("GuardianSetInvalid", expected=state.terms.set_hash, got=guardians.hash)


def _quorum(
    turn: Turn, message: RecoverDossier, state: GuardianState, guardians: GuardianSet, signatures: Sequence[bytes]
) -> None:
    if len(signatures) != len(guardians.accounts):
        raise refusal("GuardianQuorumMissing", needed=len(guardians.accounts), got=len(signatures))
    digest, count = message.digest(dossiers(turn)), 0
    for account, signature in zip(guardians.accounts, signatures, strict=True):
        if signature:
            signed(turn, [account], digest, signature)
            count += 1
    needed = len(guardians.accounts) if message.by_all else state.terms.threshold
    if count < needed:
        raise refusal("GuardianQuorumMissing", needed=needed, got=count)


def _ready(turn: Turn, ready_at: int) -> None:
    if turn.time < ready_at:
        raise refusal("NotReady", ready_at=ready_at, time=turn.time)
