"""Attacks on guardians and recovery: by strangers, by some guardians, and by who stole the holder's keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from chain.guardians import FREEZE_PAUSE_S, LONGEST_DELAY_S
from protocol.dossier_messages import RecoverDossier, VetoRecovery
from protocol.eip712 import Domain
from protocol.errors import OneFileError
from protocol.guardians import GuardianSet
from protocol.hashing import sha256
from protocol.keys import AccountKey, Root, derive_sealing
from protocol.recovery import Answer, RecoveryRequest, Share, open_answer, seal_answer
from protocol.slip39 import combine, split_root
from tests.chain_acts import a_dossier
from tests.chain_stage import Actor, MemoryStage
from tests.chain_watch import Watch

Attack = Callable[[Watch], None]


@pytest.fixture
def watch() -> Watch:
    made = Watch(a_dossier(MemoryStage()))
    made.name()
    return made


def refusal(act: Callable[[], object]) -> str:
    """The code with which an attack is refused; an attack that succeeds fails the test."""
    with pytest.raises(OneFileError) as caught:
        act()
    return caught.value.code


def _propose(watch: Watch, message: RecoverDossier, signatures: list[bytes]) -> None:
    watch.relayer.propose_recovery(message, watch.set, signatures)


def _few(watch: Watch) -> None:
    watch.propose(count=1)


def _stranger(watch: Watch) -> None:
    message = watch.recovery()
    thief = watch.dossier.sign(Actor("thief"), message)
    _propose(watch, message, [watch.signatures(message, 1)[0], thief, b""])


def _own_set(watch: Watch) -> None:
    """A thief reveals guardians of his own under the holder's salt."""
    thieves = Watch(watch.dossier, names=("thief", "another thief"))
    thieves.propose()


def _one_guardian_twice(watch: Watch) -> None:
    message = watch.recovery()
    one = watch.signatures(message, 1)[0]
    _propose(watch, message, [one, one, b""])


def _other_chain(watch: Watch) -> None:
    message = watch.recovery()
    domain = Domain(1, watch.dossier.registry)
    _propose(watch, message, [watch.first().sign(message.digest(domain))] * 3)


def _other_registry(watch: Watch) -> None:
    message = watch.recovery()
    domain = Domain(watch.dossier.stage.deployment.chain_id, bytes(20))
    _propose(watch, message, [watch.first().sign(message.digest(domain))] * 3)


def _swapped_accounts(watch: Watch) -> None:
    message = watch.recovery()
    changed = replace(message, new_owner=Actor("thief").account)
    _propose(watch, changed, watch.signatures(message, 2))


def _beyond_veto(watch: Watch) -> None:
    """What was signed for a recovery with a veto is brought as one without."""
    message = watch.recovery()
    _propose(watch, replace(message, by_all=True), watch.signatures(message, 3))


def _late(watch: Watch) -> None:
    message = watch.recovery(deadline=watch.relayer.head().time)
    watch.dossier.stage.advance(1)
    _propose(watch, message, watch.signatures(message, 2))


def _replayed(watch: Watch) -> None:
    watch.propose()
    watch.veto(recovery=0, nonce=1, by=watch.dossier.owner)
    watch.propose()


def _replayed_after_execution(watch: Watch) -> None:
    watch.propose()
    watch.dossier.stage.advance(3601)
    watch.relayer.execute_recovery(watch.dossier.id)
    watch.propose()


def _too_early(watch: Watch) -> None:
    watch.propose()
    watch.relayer.execute_recovery(watch.dossier.id)


def _veto_after_execution(watch: Watch) -> None:
    watch.propose()
    watch.dossier.stage.advance(3601)
    watch.relayer.execute_recovery(watch.dossier.id)
    watch.veto(recovery=0, nonce=1, by=watch.dossier.owner)


def _veto_by_controller(watch: Watch) -> None:
    watch.propose()
    watch.veto(recovery=0, nonce=1, by=watch.dossier.controller)


def _veto_of_another(watch: Watch) -> None:
    """A veto of the first recovery is kept back and brought against the second."""
    owner = watch.dossier.owner
    watch.propose()
    first = VetoRecovery(watch.dossier.id, 0, 1, 4_000_000_000)
    signature = watch.dossier.sign(owner, first)
    watch.relayer.veto_recovery(first, signature)
    watch.propose(nonce=1)
    watch.relayer.veto_recovery(first, signature)


def _veto_of_all(watch: Watch) -> None:
    watch.propose(by_all=True)
    watch.veto(recovery=0, nonce=1, by=watch.dossier.owner)


def _freeze_twice(watch: Watch) -> None:
    watch.freeze()
    watch.dossier.stage.advance(FREEZE_PAUSE_S - 60)
    watch.freeze(by=watch.actors[watch.set.accounts[2]], nonce=1)


def _freeze_replayed(watch: Watch) -> None:
    watch.freeze()
    watch.dossier.stage.advance(FREEZE_PAUSE_S + 60)
    watch.freeze()


def _old_controller_ends_the_epoch(watch: Watch) -> None:
    watch.freeze()
    watch.dossier.bump(watch.dossier.controller, 1)


def _old_controller_publishes(watch: Watch) -> None:
    watch.freeze()
    watch.dossier.publish(watch.dossier.controller)


def _thief_of_the_owner_changes_guardians(watch: Watch) -> None:
    """During a recovery by all, the change would give the rescued dossier to the thief's guardians."""
    Watch(watch.dossier, names=("thief",), threshold=1).name(nonce=1)
    watch.propose(by_all=True)
    watch.dossier.stage.advance(LONGEST_DELAY_S - 60)
    watch.relayer.apply_guardians(watch.dossier.id)


ATTACKS: list[tuple[Attack, str]] = [
    (_few, "guardian_quorum"),
    (_stranger, "message_signature"),
    (_own_set, "guardian_set"),
    (_one_guardian_twice, "message_signature"),
    (_other_chain, "message_signature"),
    (_other_registry, "message_signature"),
    (_swapped_accounts, "message_signature"),
    (_beyond_veto, "message_signature"),
    (_late, "message_expired"),
    (_replayed, "message_nonce"),
    (_replayed_after_execution, "message_nonce"),
    (_too_early, "not_ready"),
    (_veto_after_execution, "recovery_missing"),
    (_veto_by_controller, "message_signature"),
    (_veto_of_another, "recovery_missing"),
    (_veto_of_all, "recovery_not_vetoable"),
    (_freeze_twice, "freeze_too_soon"),
    (_freeze_replayed, "message_nonce"),
    (_old_controller_ends_the_epoch, "dossier_frozen"),
    (_old_controller_publishes, "dossier_frozen"),
    (_thief_of_the_owner_changes_guardians, "recovery_pending"),
]


@pytest.mark.parametrize(("attack", "code"), ATTACKS, ids=[attack.__name__.strip("_") for attack, _ in ATTACKS])
def test_the_registry_refuses(watch: Watch, attack: Attack, code: str) -> None:
    assert refusal(lambda: attack(watch)) == code


def test_the_old_keys_stop_no_recovery_that_waits(watch: Watch) -> None:
    watch.propose()
    watch.dossier.bump(watch.dossier.controller, 1)
    watch.dossier.rotate(watch.dossier.owner, Actor("thief cold"), Actor("thief"), 2)
    watch.dossier.stage.advance(3601)
    watch.relayer.execute_recovery(watch.dossier.id)
    state = watch.relayer.dossier(watch.dossier.id)
    assert state is not None
    assert (state.owner, state.controller) == (watch.owner.account, watch.controller.account)


# --- shares and requests -----------------------------------------------------------------------------

ROOT, OTHER = Root(sha256(b"root")), Root(sha256(b"another root"))
KEYS = [AccountKey(sha256(b"guardian", bytes([i]))) for i in range(3)]
GUARDIANS = GuardianSet.of(sha256(b"salt"), [key.address for key in KEYS])
READER = derive_sealing(OTHER, 0)
MESSAGE = RecoverDossier(sha256(b"dossier"), b"\x01" * 20, b"\x02" * 20, by_all=False, nonce=0, deadline=4_000_000_000)
REQUEST = RecoveryRequest.make(31337, b"\xa2" * 20, MESSAGE, READER.recipient())


def test_one_share_less_than_the_threshold_gives_nothing() -> None:
    shares = split_root(ROOT, 3, 5)
    assert refusal(lambda: combine(shares[:2])) == "shares_few"
    assert refusal(lambda: combine([shares[0]] * 3)) == "shares_few"


def test_a_share_of_another_split_spoils_the_root_and_is_found() -> None:
    shares, foreign = split_root(ROOT, 2, 3), split_root(OTHER, 2, 3)
    assert refusal(lambda: combine([shares[0], foreign[1]])) == "shares_mixed"


def test_an_answer_to_a_request_whose_accounts_were_changed_counts_for_nothing() -> None:
    """Whoever stands between changes the request: the digits differ, and so does what an answer would be for."""
    changed = RecoveryRequest.make(31337, b"\xa2" * 20, replace(MESSAGE, new_owner=b"\x09" * 20), READER.recipient())
    assert changed.match_number != REQUEST.match_number
    share = Share(MESSAGE.dossier, 1, GUARDIANS, split_root(ROOT, 2, 3)[0])
    signature = KEYS[0].sign_digest(changed.message.digest(changed.domain))
    answer = Answer(changed.digest, KEYS[0].address, signature, share)
    assert refusal(lambda: open_answer(seal_answer(answer, changed), REQUEST, READER)) == "answer_other_request"
    renamed = replace(answer, request=REQUEST.digest)
    assert refusal(lambda: open_answer(seal_answer(renamed, changed), REQUEST, READER)) == "signature"


def test_who_reads_the_request_alone_reads_no_answer() -> None:
    share = Share(MESSAGE.dossier, 1, GUARDIANS, split_root(ROOT, 2, 3)[0])
    signature = KEYS[0].sign_digest(MESSAGE.digest(REQUEST.domain))
    sealed = seal_answer(Answer(REQUEST.digest, KEYS[0].address, signature, share), REQUEST)
    assert share.words.encode() not in sealed
    assert refusal(lambda: open_answer(sealed, REQUEST, derive_sealing(ROOT, 0))) == "no_identity"
