"""Guardians on every `Ledger`: named, changed after a delay, freezing, recovering, vetoed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chain.guardians import FREEZE_PAUSE_S, FREEZE_S, LONGEST_DELAY_S, GuardianState
from chain.values import DossierState
from protocol.errors import Conflict, Denied, Malformed, Untrusted
from protocol.guardians import GuardianSet
from protocol.hashing import sha256
from tests.chain_acts import a_dossier, refused
from tests.chain_stage import Actor, Dossier, Stage
from tests.chain_watch import Watch

DAY = 86_400


@pytest.fixture
def dossier(stage: Stage) -> Dossier:
    return a_dossier(stage)


@pytest.fixture
def watch(dossier: Dossier) -> Watch:
    made = Watch(dossier)
    made.name()
    return made


def _state(dossier: Dossier) -> GuardianState:
    found = dossier.stage.ledger("relayer").guardians(dossier.id)
    assert found is not None
    return found


def _dossier(dossier: Dossier) -> DossierState:
    found = dossier.stage.ledger("relayer").dossier(dossier.id)
    assert found is not None
    return found


class TestNaming:
    def test_a_dossier_has_no_guardians_at_first(self, dossier: Dossier) -> None:
        assert _state(dossier) == GuardianState()
        assert dossier.stage.ledger("relayer").guardians(sha256(b"nothing")) is None

    def test_the_first_set_counts_at_once(self, watch: Watch) -> None:
        state = _state(watch.dossier)
        assert (state.terms.set_hash, state.terms.threshold, state.terms.delay_s) == (watch.set.hash, 2, 3600)
        assert state.change is None
        assert _dossier(watch.dossier).nonce == 1

    def test_a_later_set_waits_for_the_delay_of_the_one_before(self, watch: Watch) -> None:
        other = Watch(watch.dossier, threshold=1, delay=60, names=("hanna", "hugo"))
        other.name(nonce=1)
        waiting = _state(watch.dossier)
        assert waiting.terms.set_hash == watch.set.hash
        assert waiting.change is not None
        assert waiting.change.ready_at >= watch.relayer.head().time + 3599
        with refused(Denied, "not_ready"):
            watch.relayer.apply_guardians(watch.dossier.id)
        watch.dossier.stage.advance(3601)
        watch.relayer.apply_guardians(watch.dossier.id)
        assert _state(watch.dossier).terms.set_hash == other.set.hash
        with refused(Conflict, "guardian_change_missing"):
            watch.relayer.apply_guardians(watch.dossier.id)

    def test_guardians_can_be_removed_and_named_anew(self, watch: Watch) -> None:
        watch.name(nonce=1, none=True)
        watch.dossier.stage.advance(3601)
        watch.relayer.apply_guardians(watch.dossier.id)
        assert _state(watch.dossier).terms.none
        watch.name(nonce=2)
        assert _state(watch.dossier).terms.set_hash == watch.set.hash

    def test_only_the_owner_names_guardians(self, dossier: Dossier) -> None:
        for name in ("alice", "thief"):
            with refused(Untrusted, "message_signature"):
                Watch(dossier).name(by=Actor(name))
        with refused(Conflict, "message_nonce"):
            Watch(dossier).name(nonce=7)
        assert _state(dossier).terms.none

    @pytest.mark.parametrize(
        "terms",
        [
            {"threshold": 0},
            {"delay": 0},
            {"delay": LONGEST_DELAY_S + 1},
            {"set_hash": bytes(32)},
            {"set_hash": bytes(32), "threshold": 0},
        ],
    )
    def test_terms_that_make_no_sense_are_refused(self, dossier: Dossier, terms: dict[str, int]) -> None:
        message = replace(Watch(dossier).setting(0), **terms)  # type: ignore[arg-type]  # the rows are of several types
        with refused(Malformed, "guardian_terms"):
            dossier.stage.ledger("relayer").set_guardians(message, dossier.sign(dossier.owner, message))
        assert _state(dossier).terms.none


class TestFreezing:
    def test_a_frozen_controller_can_do_nothing_and_the_owner_everything(self, watch: Watch) -> None:
        dossier = watch.dossier
        watch.freeze()
        frozen = _dossier(dossier)
        assert frozen.frozen_until >= watch.relayer.head().time + FREEZE_S - 1
        with refused(Denied, "dossier_frozen"):
            dossier.bump(dossier.controller, 1)
        with refused(Denied, "dossier_frozen"):
            dossier.publish(dossier.controller)
        digest = sha256(b"a grant")
        with refused(Denied, "dossier_frozen"):
            watch.relayer.attest(dossier.id, digest, dossier.controller.sign(digest))
        with refused(Untrusted, "message_signature"):
            dossier.bump(Actor("thief"), 1)
        assert _dossier(dossier) == frozen
        dossier.bump(dossier.owner, 1)
        dossier.publish(dossier.owner)
        assert (_dossier(dossier).grant_epoch, _dossier(dossier).card_seq) == (2, 2)

    def test_the_controller_is_back_after_seven_days(self, watch: Watch) -> None:
        watch.freeze()
        watch.dossier.stage.advance(FREEZE_S + 1)
        watch.dossier.bump(watch.dossier.controller, 1)
        assert _dossier(watch.dossier).grant_epoch == 2

    def test_a_dossier_is_frozen_once_in_thirty_days_whoever_does_it(self, watch: Watch) -> None:
        watch.freeze()
        other = watch.actors[watch.set.accounts[1]]
        with refused(Denied, "freeze_too_soon"):
            watch.freeze(by=other, nonce=1)
        watch.dossier.stage.advance(FREEZE_PAUSE_S + 1)
        with refused(Conflict, "message_nonce"):
            watch.freeze(by=other, nonce=0)
        watch.freeze(by=other, nonce=1)
        assert _state(watch.dossier).freezes == 2

    def test_only_a_guardian_freezes(self, watch: Watch) -> None:
        with refused(Denied, "guardian_unknown"):
            watch.freeze(by=Actor("thief"))
        with refused(Untrusted, "guardian_set"):
            watch.freeze(by=Actor("thief"), guardians=GuardianSet.of(watch.set.salt, [Actor("thief").account]))
        assert _dossier(watch.dossier).frozen_until == 0


class TestRecovery:
    def test_a_quorum_brings_the_dossier_to_new_accounts_after_the_delay(self, watch: Watch) -> None:
        watch.freeze()
        watch.propose()
        pending = _state(watch.dossier).pending
        assert pending is not None
        assert (pending.new_owner, pending.by_all) == (watch.owner.account, False)
        with refused(Denied, "not_ready"):
            watch.relayer.execute_recovery(watch.dossier.id)
        watch.dossier.stage.advance(3601)
        watch.relayer.execute_recovery(watch.dossier.id)
        state = _dossier(watch.dossier)
        assert (state.owner, state.controller) == (watch.owner.account, watch.controller.account)
        assert (state.frozen_until, state.grant_epoch) == (0, 1)
        assert _state(watch.dossier).pending is None
        with refused(Conflict, "recovery_missing"):
            watch.relayer.execute_recovery(watch.dossier.id)

    def test_a_recovery_ends_a_waiting_change_of_guardians(self, watch: Watch) -> None:
        Watch(watch.dossier, names=("thief",), threshold=1).name(nonce=1)
        watch.propose()
        watch.dossier.stage.advance(3601)
        watch.relayer.execute_recovery(watch.dossier.id)
        with refused(Conflict, "guardian_change_missing"):
            watch.relayer.apply_guardians(watch.dossier.id)
        assert _state(watch.dossier).terms.set_hash == watch.set.hash

    def test_too_few_or_foreign_signatures_change_nothing(self, watch: Watch) -> None:
        message = watch.recovery()
        good = watch.signatures(message, 3)
        stranger = watch.dossier.sign(Actor("thief"), message)
        cases = [
            (Denied, "guardian_quorum", [good[0], b"", b""]),
            (Denied, "guardian_quorum", good[:2]),
            (Untrusted, "message_signature", [good[0], stranger, b""]),
            (Untrusted, "message_signature", [good[0], good[0], b""]),
        ]
        for kind, code, signatures in cases:
            with refused(kind, code):
                watch.relayer.propose_recovery(message, watch.set, signatures)
        assert _state(watch.dossier).recoveries == 0

    def test_the_owner_vetoes_what_a_quorum_carries(self, watch: Watch) -> None:
        owner = watch.dossier.owner
        with refused(Conflict, "recovery_missing"):
            watch.veto(recovery=0, nonce=1, by=owner)
        watch.propose()
        with refused(Conflict, "recovery_missing"):
            watch.veto(recovery=1, nonce=1, by=owner)
        with refused(Untrusted, "message_signature"):
            watch.veto(recovery=0, nonce=1, by=watch.dossier.controller)
        watch.veto(recovery=0, nonce=1, by=owner)
        assert _state(watch.dossier).pending is None
        with refused(Conflict, "message_nonce"):
            watch.propose()  # the signatures that were vetoed are worth nothing any more

    def test_nobody_vetoes_what_all_guardians_carry(self, watch: Watch) -> None:
        owner = watch.dossier.owner
        with refused(Denied, "guardian_quorum"):
            watch.propose(by_all=True, count=2)
        watch.propose()
        with refused(Conflict, "recovery_pending"):
            watch.propose(nonce=1)
        watch.propose(nonce=1, by_all=True)
        with refused(Denied, "recovery_not_vetoable"):
            watch.veto(recovery=1, nonce=1, by=owner)
        Watch(watch.dossier, names=("thief",), threshold=1).name(nonce=1)
        watch.dossier.stage.advance(LONGEST_DELAY_S - DAY)
        with refused(Conflict, "recovery_pending"):
            watch.relayer.apply_guardians(watch.dossier.id)
        with refused(Denied, "not_ready"):
            watch.relayer.execute_recovery(watch.dossier.id)
        watch.dossier.stage.advance(DAY + 1)
        watch.relayer.execute_recovery(watch.dossier.id)
        assert _dossier(watch.dossier).owner == watch.owner.account

    def test_the_old_keys_cannot_void_what_guardians_signed(self, watch: Watch) -> None:
        watch.dossier.bump(watch.dossier.controller, 1)
        watch.dossier.rotate(watch.dossier.owner, Actor("thief cold"), Actor("thief"), 2)
        watch.propose()
        watch.dossier.stage.advance(3601)
        watch.relayer.execute_recovery(watch.dossier.id)
        assert _dossier(watch.dossier).owner == watch.owner.account

    def test_a_recovery_is_dated_and_names_accounts(self, watch: Watch) -> None:
        late = watch.recovery(deadline=watch.relayer.head().time - 1)
        with refused(Denied, "message_expired"):
            watch.relayer.propose_recovery(late, watch.set, watch.signatures(late, 2))
        nobody = replace(watch.recovery(), new_controller=bytes(20))
        with refused(Malformed, "account_zero"):
            watch.relayer.propose_recovery(nobody, watch.set, watch.signatures(nobody, 2))
        assert _state(watch.dossier).pending is None

    def test_a_dossier_without_guardians_is_recovered_by_nobody(self, dossier: Dossier) -> None:
        with refused(Untrusted, "guardian_set"):
            Watch(dossier).propose()
        with refused(Conflict, "recovery_missing"):
            dossier.stage.ledger("relayer").execute_recovery(sha256(b"no dossier"))
        with refused(Conflict, "guardian_change_missing"):
            dossier.stage.ledger("relayer").apply_guardians(sha256(b"no dossier"))
