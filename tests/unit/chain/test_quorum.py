"""Several endpoints, of which one lies, lags, or is silent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chain.ethereum import connect_quorum
from chain.ethereum_reads import EthereumReads
from chain.ledger import AgencyState, BlockRef
from chain.quorum import QuorumReads
from protocol.errors import Denied, Malformed, Unavailable, Untrusted
from protocol.hashing import keccak256, sha256
from protocol.merkle import consistency_proof, inclusion_proof
from tests.chain_acts import a_dossier, an_open_log, refused
from tests.chain_stage import Actor, MemoryStage, admitted


class Endpoint:
    """An endpoint of the chain in memory that behaves as it is told to."""

    def __init__(self, stage: MemoryStage, *, behind: int = 0, silent: bool = False, lie: bool = False) -> None:
        self._ledger: Any = stage.ledger("anybody")
        self._behind, self._silent, self._lie = behind, silent, lie
        self.closed = False

    def __getattr__(self, name: str) -> Any:
        if self._silent and name != "deployment":
            raise Unavailable("chain_unreachable", "no answer")
        return getattr(self._ledger, name)

    def head(self) -> BlockRef:
        if self._silent:
            raise Unavailable("chain_unreachable", "no answer")
        found: BlockRef = self._ledger.block(self._ledger.head().number - self._behind)
        return found

    def agency(self, account: bytes, *, block: int | None = None) -> AgencyState | None:
        found: AgencyState | None = self._ledger.agency(account, block=block)
        if self._silent:
            raise Unavailable("chain_unreachable", "no answer")
        return replace(found, name="Invented") if self._lie and found else found

    def close(self) -> None:
        self.closed = True


def over(quorum: int, *endpoints: Endpoint) -> QuorumReads:
    return QuorumReads(endpoints, quorum)  # type: ignore[arg-type]  # each answers like a ledger


@pytest.fixture
def stage() -> MemoryStage:
    stage = MemoryStage()
    admitted(stage)
    return stage


POLICE = Actor("police").account


def test_endpoints_that_agree_are_believed(stage: MemoryStage) -> None:
    reads = over(2, Endpoint(stage), Endpoint(stage))
    assert reads.head() == stage.chain.head
    agency = reads.agency(POLICE)
    assert agency is not None
    assert reads.agencies() == (agency,)
    assert reads.deployment == stage.deployment


def test_one_liar_of_two_makes_no_fact(stage: MemoryStage) -> None:
    with refused(Unavailable, "chain_disagreement"):
        over(2, Endpoint(stage), Endpoint(stage, lie=True)).agency(POLICE)


def test_one_liar_of_three_is_outvoted(stage: MemoryStage) -> None:
    reads = over(2, Endpoint(stage, lie=True), Endpoint(stage), Endpoint(stage))
    agency = reads.agency(POLICE)
    assert agency is not None
    assert agency.name != "Invented"


def test_one_silent_of_three_does_no_harm(stage: MemoryStage) -> None:
    reads = over(2, Endpoint(stage, silent=True), Endpoint(stage), Endpoint(stage))
    assert reads.agency(POLICE) is not None


def test_too_few_voices_are_unavailable(stage: MemoryStage) -> None:
    with refused(Unavailable, "chain_unreachable"):
        over(2, Endpoint(stage, silent=True), Endpoint(stage)).agency(POLICE)


def test_the_head_is_one_that_the_quorum_has(stage: MemoryStage) -> None:
    reads = over(2, Endpoint(stage, behind=2), Endpoint(stage), Endpoint(stage, behind=1))
    assert reads.head().number == stage.chain.head.number - 1
    slow = over(3, Endpoint(stage, behind=2), Endpoint(stage), Endpoint(stage, behind=1))
    assert slow.head().number == stage.chain.head.number - 2


def test_endpoints_on_two_chains_have_no_head(stage: MemoryStage) -> None:
    other = MemoryStage()
    other.chain.reorganise(1)
    other.mine(stage.chain.head.number - other.chain.head.number)
    with refused(Unavailable, "chain_disagreement"):
        over(2, Endpoint(stage), Endpoint(other)).head()


def test_a_block_that_the_quorum_does_not_have_is_none(stage: MemoryStage) -> None:
    assert over(2, Endpoint(stage), Endpoint(stage)).block(10**6) is None


def test_a_refusal_counts_as_an_answer(stage: MemoryStage) -> None:
    reads = over(2, Endpoint(stage), Endpoint(stage))
    with refused(Denied, "log_unknown"):
        reads.verify_older(bytes(32), 1, bytes(32), [])


def test_every_question_is_put_to_all(stage: MemoryStage) -> None:
    dossier = a_dossier(stage)
    log = an_open_log(stage, 5)
    secret = sha256(b"secret")
    stage.ledger("alice").revoke(secret)
    one, reads = stage.ledger("anybody"), over(2, Endpoint(stage), Endpoint(stage))
    head = one.head().number
    assert reads.dossier(dossier.id) == one.dossier(dossier.id)
    assert reads.dossiers([dossier.id, bytes(32)]) == (one.dossier(dossier.id), None)
    assert reads.dossier_cards(dossier.id, block=head) == one.dossier_cards(dossier.id)
    assert reads.dossier_history(dossier.id) == one.dossier_history(dossier.id)
    assert reads.attested_at(dossier.id, secret) is None
    assert reads.guardians(dossier.id) == one.guardians(dossier.id)
    assert reads.nullified_at(keccak256(secret)) == one.nullified_at(keccak256(secret))
    assert reads.log_state(log.hash) == one.log_state(log.hash)
    assert reads.events(0, head) == one.events(0, head)
    assert reads.log_events(log.hash, 0, head) == one.log_events(log.hash, 0, head)
    assert reads.verify_inclusion(log.hash, 2, log.entries[2], inclusion_proof(2, 5, log.node)).size == 5
    assert reads.verify_older(log.hash, 3, log.root(3), consistency_proof(3, 5, log.node)).size == 5


@pytest.mark.parametrize("quorum", [0, 3])
def test_a_quorum_that_cannot_be_is_malformed(stage: MemoryStage, quorum: int) -> None:
    with refused(Malformed, "quorum"):
        over(quorum, Endpoint(stage), Endpoint(stage))


def test_closing_closes_what_can_be_closed(stage: MemoryStage) -> None:
    endpoint = Endpoint(stage)
    QuorumReads([endpoint, stage.ledger("anybody")], 1).close()  # type: ignore[list-item]  # answers like a ledger
    assert endpoint.closed


def test_one_endpoint_stands_alone_and_several_must_agree(stage: MemoryStage) -> None:
    alone = connect_quorum(stage.deployment, ["http://127.0.0.1:1"], 1)
    several = connect_quorum(stage.deployment, ["http://127.0.0.1:1", "http://127.0.0.1:2"], 2, answer_timeout_s=0.5)
    assert isinstance(alone, EthereumReads)
    with refused(Unavailable, "chain_unreachable"):
        several.head()
    alone.close()
    several.close()


def test_an_endpoint_of_another_chain_has_no_say_about_the_head(stage: MemoryStage) -> None:
    class Elsewhere(Endpoint):
        def head(self) -> BlockRef:
            raise Untrusted("wrong_chain", "another")

    reads = over(2, Elsewhere(stage), Endpoint(stage), Endpoint(stage))
    assert reads.head() == stage.chain.head
    with refused(Untrusted, "wrong_chain"):
        over(2, Elsewhere(stage), Endpoint(stage)).head()


def test_who_was_silent_is_asked_last_for_a_while(stage: MemoryStage) -> None:
    asked: list[str] = []

    class Counted(Endpoint):
        def block(self, number: int) -> BlockRef | None:
            asked.append("silent" if self._silent else "good")
            if self._silent:
                raise Unavailable("chain_unreachable", "no answer")
            found: BlockRef | None = self._ledger.block(number)
            return found

    now = [0.0]
    endpoints = [Counted(stage, silent=True), Counted(stage), Counted(stage)]
    reads = QuorumReads(endpoints, 2, clock=lambda: now[0])  # type: ignore[arg-type]  # each answers like a ledger
    now[0] = 1.0
    reads.block(1)
    reads.block(1)
    assert asked == ["silent", "good", "good", "good", "good"]
    assert reads.head() == stage.chain.head
    now[0] = 100.0
    reads.block(1)
    assert asked[-3:] == ["silent", "good", "good"]


def test_nobody_is_asked_who_could_not_change_the_answer(stage: MemoryStage) -> None:
    reads = over(2, Endpoint(stage), Endpoint(stage), Endpoint(stage, silent=True))
    assert reads.agency(POLICE) is not None
    assert reads.block(1) == stage.chain.block(1)
