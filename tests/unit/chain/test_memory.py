"""The ledger in memory fails on demand, can be reorganised, and asks contract accounts."""

from __future__ import annotations

import pytest

from chain.faults import Faults
from chain.garbage import garbage
from chain.memory import FIRST_TIME, MemoryChain
from protocol.errors import Denied, OneFileError, Unavailable, Untrusted
from protocol.hashing import keccak256, sha256
from tests.chain_stage import Actor, Dossier, MemoryStage, admitted

SECRET = sha256(b"secret")


class TestFaults:
    def test_a_call_fails_once_and_nothing_has_happened(self) -> None:
        stage = MemoryStage()
        ledger = stage.ledger("alice")
        stage.chain.faults.fail("revoke")
        with pytest.raises(Unavailable) as caught:
            ledger.revoke(SECRET)
        assert caught.value.code == "chain_unreachable"
        assert ledger.nullified_at(keccak256(SECRET)) is None
        ledger.revoke(SECRET)
        assert ledger.nullified_at(keccak256(SECRET)) is not None

    def test_a_call_fails_after_it_was_persisted(self) -> None:
        stage = MemoryStage()
        stage.chain.faults.fail("revoke", after=True)
        with pytest.raises(Unavailable):
            stage.ledger("alice").revoke(SECRET)
        assert stage.ledger("alice").nullified_at(keccak256(SECRET)) is not None

    def test_an_answer_is_garbage(self) -> None:
        stage = MemoryStage()
        stage.chain.faults.fail("head", error=garbage("as asked"))
        with pytest.raises(Unavailable) as caught:
            stage.ledger("alice").head()
        assert caught.value.code == "chain_garbage"

    def test_faults_of_other_calls_wait(self) -> None:
        stage = MemoryStage()
        stage.chain.faults.fail("agencies", times=2)
        stage.chain.faults.fail()
        ledger = stage.ledger("alice")
        with pytest.raises(Unavailable):
            ledger.head()  # the fault of any call
        ledger.head()
        for _ in range(2):
            with pytest.raises(Unavailable):
                ledger.agencies()
        assert ledger.agencies() == ()

    def test_a_refusal_is_not_hidden_by_a_fault_after_it(self) -> None:
        stage = MemoryStage()
        stage.chain.faults.fail("admit_agency", after=True)
        with pytest.raises(Denied):
            stage.ledger("alice").admit_agency(bytes(20), "Bank", "37")

    def test_nothing_fails_unasked(self) -> None:
        done = []
        with Faults().around("anything"):
            done.append(1)
        assert done == [1]


class TestBlocks:
    def test_a_reorganisation_undoes_the_newest_blocks(self) -> None:
        stage = MemoryStage()
        ledger = stage.ledger("alice")
        ledger.revoke(SECRET)
        head = ledger.head()
        stage.chain.reorganise(1)
        assert ledger.head().number == head.number
        assert ledger.head().hash != head.hash
        assert ledger.nullified_at(keccak256(SECRET)) is None
        assert ledger.events(0, head.number) == []

    def test_what_was_undone_can_happen_again(self) -> None:
        stage = MemoryStage()
        ledger = stage.ledger("alice")
        ledger.revoke(SECRET)
        stage.chain.reorganise(1)
        ledger.revoke(SECRET)
        assert ledger.nullified_at(keccak256(SECRET)) == FIRST_TIME

    def test_time_never_goes_back(self) -> None:
        times = iter([100, 50, 50, 50])
        chain = MemoryChain(governor=bytes(20), clock=lambda: next(times))
        chain.mine(2)
        assert [chain.block(number).time for number in range(4)] == [100] * 4  # type: ignore[union-attr]  # they are there
        assert chain.block(4) is None
        assert chain.block(-1) is None

    def test_confirmations_are_blocks_on_top(self) -> None:
        stage = MemoryStage()
        sent = stage.ledger("alice").revoke(SECRET, confirmations=3)
        assert stage.ledger("alice").head().number == sent.block.number + 3


class TestContractAccounts:
    """Accounts with code are asked (ERC-1271); a quorum's answer may change, what was attested does not."""

    def test_a_contract_controls_a_dossier_by_its_own_answer(self) -> None:
        stage = MemoryStage()
        quorum = Actor("quorum")
        dossier = Dossier(stage, quorum, quorum)
        stage.chain.approvers[quorum.account] = lambda _digest, signature: signature == b"two of three"
        relayer = stage.ledger("relayer")
        relayer.open_dossier(dossier.opening, b"two of three", dossier.card, b"two of three")
        digest = sha256(b"grant")
        relayer.attest(dossier.id, digest, b"two of three")
        stage.chain.approvers[quorum.account] = lambda _digest, _signature: False
        assert relayer.attested_at(dossier.id, digest) is not None
        with pytest.raises(Untrusted):
            relayer.attest(dossier.id, sha256(b"another"), b"two of three")


def test_an_account_has_twenty_bytes() -> None:
    with pytest.raises(OneFileError):
        MemoryStage().chain.ledger(b"short")


def test_an_agencys_history_survives_a_reorganisation_below_it() -> None:
    stage = MemoryStage()
    police = admitted(stage)
    stage.mine(3)
    stage.chain.reorganise(2)
    assert stage.ledger("alice").agency(police.account) is not None
