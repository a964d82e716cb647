"""The same random steps on the contracts and on the ledger in memory: same answers, same refusals, same state.

Both have the same chain id and contract addresses, so that one signature is good on both. Each step is taken on the
chain first; the other's clock then reads the chain's newest block.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from chain.ledger import Ledger, TxRef
from chain.memory import MemoryChain
from protocol.dossier_messages import BumpEpoch, OpenDossier, RotateDossier
from protocol.eip712 import Domain
from protocol.errors import OneFileError
from protocol.hashing import ZERO32, keccak256, sha256
from protocol.identifiers import agency_subject, dossier_id
from protocol.keycard import KeyCard
from protocol.merkle import consistency_proof
from tests.chain_fixture import LocalChain, signer
from tests.chain_stage import FAR, Actor, EvmStage, Log, first_card

PEOPLE = ["governor", "alice", "bob", "police", "bank"]
TYPES = ["diploma", "driving-licence"]
SECRETS = [sha256(b"secret", bytes([number])) for number in range(3)]

people = st.sampled_from(PEOPLE)
actors = people.map(Actor)


class Agreement(RuleBasedStateMachine):
    """Set `chain` before it is run."""

    chain: LocalChain

    def __init__(self) -> None:
        super().__init__()
        self.evm = EvmStage(self.chain)
        self.contracts = self.evm.deployment.contracts
        self.memory = MemoryChain(
            governor=signer("governor").account,
            contracts=self.contracts,
            clock=lambda: self.evm.ledger("governor").head().time,
        )
        self.dossiers = Domain(31337, self.contracts.dossier_registry)
        self.agencies = Domain(31337, self.contracts.agency_registry)
        self.log = Log(self.evm)

    def both(self, sender: str, step: Callable[[Ledger], TxRef]) -> None:
        """Take a step on both and compare how it went."""
        real = outcome(step, self.evm.ledger(sender))
        model = outcome(step, self.memory.ledger(signer(sender).account))
        assert model == real

    def teardown(self) -> None:
        self.evm.close()

    # --- agencies ---------------------------------------------------------------------------------

    @rule(sender=people, account=actors, name=st.sampled_from(["Bank", "", "公安局"]))
    def admit(self, sender: str, account: Actor, name: str) -> None:
        self.both(sender, lambda ledger: ledger.admit_agency(account.account, name, "371000"))

    @rule(sender=people, account=actors, role=st.sampled_from([1, 2, 4, 3]), give=st.booleans())
    def role(self, sender: str, account: Actor, role: int, give: bool) -> None:
        if give:
            self.both(sender, lambda ledger: ledger.set_role(account.account, role))
        else:
            self.both(sender, lambda ledger: ledger.end_role(account.account, role))

    @rule(account=actors, kind=st.sampled_from(TYPES), give=st.booleans())
    def issue(self, account: Actor, kind: str, give: bool) -> None:
        if give:
            self.both("governor", lambda ledger: ledger.allow_issue(account.account, kind))
        else:
            self.both("governor", lambda ledger: ledger.end_issue(account.account, kind))

    @rule(account=actors, by=actors, below=st.integers(0, 2), skip=st.booleans())
    def agency_card(self, account: Actor, by: Actor, below: int, skip: bool) -> None:
        state = self.memory.ledger(account.account).agency(account.account)
        newest = state.card if state else None
        subject = agency_subject(account.account)
        card = self._card(subject, newest.seq if newest else 0, newest.hash if newest else ZERO32, below, skip)
        if card is not None:
            signature = by.sign(card.digest(self.agencies))
            self.both("alice", lambda ledger: ledger.publish_agency_card(card, signature))

    @rule(account=actors, seq=st.integers(1, 2), ago=st.sampled_from([-50, 10, 100, 91 * 86_400]), own=st.booleans())
    def compromised(self, account: Actor, seq: int, ago: int, own: bool) -> None:
        since = self.evm.ledger("alice").head().time - ago
        if own:
            self.both(account.name, lambda ledger: ledger.set_compromised(seq, since))
        else:
            self.both("governor", lambda ledger: ledger.set_compromised_by_governor(account.account, seq, since))

    # --- dossiers ---------------------------------------------------------------------------------

    @rule(owner=actors, controller=actors, by=actors, late=st.booleans())
    def open_dossier(self, owner: Actor, controller: Actor, by: Actor, late: bool) -> None:
        message = OpenDossier(owner.account, controller.account, sha256(b"salt"), 1 if late else FAR)
        card = first_card(self._dossier(owner), self.evm.ledger("alice").head().time)
        opening, carding = owner.sign(message.digest(self.dossiers)), by.sign(card.digest(self.dossiers))
        self.both("alice", lambda ledger: ledger.open_dossier(message, opening, card, carding))

    @rule(of=actors, by=actors, owner=actors, controller=actors, nonce=st.integers(0, 2))
    def rotate(self, of: Actor, by: Actor, owner: Actor, controller: Actor, nonce: int) -> None:
        message = RotateDossier(self._dossier(of), owner.account, controller.account, nonce, FAR)
        signature = by.sign(message.digest(self.dossiers))
        self.both("bob", lambda ledger: ledger.rotate_dossier(message, signature))

    @rule(of=actors, by=actors, nonce=st.integers(0, 2), late=st.booleans())
    def bump(self, of: Actor, by: Actor, nonce: int, late: bool) -> None:
        message = BumpEpoch(self._dossier(of), nonce, 1 if late else FAR)
        signature = by.sign(message.digest(self.dossiers))
        self.both("bob", lambda ledger: ledger.bump_epoch(message, signature))

    @rule(of=actors, by=actors, below=st.integers(0, 2), skip=st.booleans())
    def dossier_card(self, of: Actor, by: Actor, below: int, skip: bool) -> None:
        state = self.memory.ledger(of.account).dossier(self._dossier(of))
        seq, previous = (state.card_seq, state.card_hash) if state else (0, ZERO32)
        card = self._card(self._dossier(of), seq, previous, below, skip)
        if card is not None:
            signature = by.sign(card.digest(self.dossiers))
            self.both("bob", lambda ledger: ledger.publish_dossier_card(card, signature))

    @rule(of=actors, by=actors, number=st.integers(0, 2))
    def attest(self, of: Actor, by: Actor, number: int) -> None:
        self.both("bob", lambda ledger: ledger.attest(self._dossier(of), SECRETS[number], by.sign(SECRETS[number])))

    @rule(sender=people, number=st.integers(0, 2))
    def revoke(self, sender: str, number: int) -> None:
        self.both(sender, lambda ledger: ledger.revoke(SECRETS[number]))

    # --- the log ----------------------------------------------------------------------------------

    @rule(sender=people, good=st.booleans())
    def open_log(self, sender: str, good: bool) -> None:
        vkey = self.log.vkey if good else "other+key"
        self.both(sender, lambda ledger: ledger.open_log("main", b"entry 0", vkey, Actor("bank").account))

    @rule(sender=people, more=st.integers(-1, 9), forge=st.booleans())
    def anchor(self, sender: str, more: int, forge: bool) -> None:
        state = self.memory.ledger(bytes(20)).log_state(self.log.hash)
        size = max(1, (state.size if state else 1) + more)
        self.log.grow(size)
        first = min(state.size if state else 1, size)
        proof = consistency_proof(first, size, self.log.node)
        root = sha256(b"forged") if forge else self.log.root(size)
        publisher = "bank" if more % 2 else sender
        self.both(publisher, lambda ledger: ledger.anchor(self.log.hash, size, root, sha256(b"note"), proof))

    @rule(sender=people, heir=actors, act=st.sampled_from(["publisher", "propose", "accept", "freeze"]))
    def keep_log(self, sender: str, heir: Actor, act: str) -> None:
        acts: dict[str, Callable[[Ledger], TxRef]] = {
            "publisher": lambda ledger: ledger.rotate_log_publisher(self.log.hash, heir.account),
            "propose": lambda ledger: ledger.propose_log_owner(self.log.hash, heir.account),
            "accept": lambda ledger: ledger.accept_log_owner(self.log.hash),
            "freeze": lambda ledger: ledger.freeze_log(self.log.hash),
        }
        self.both(sender, acts[act])

    # --- what must hold ---------------------------------------------------------------------------

    @invariant()
    def they_say_the_same(self) -> None:
        real, model = self.evm.ledger("governor"), self.memory.ledger(bytes(20))
        assert model.agencies() == real.agencies()
        assert model.log_state(self.log.hash) == real.log_state(self.log.hash)
        for name in PEOPLE:
            dossier = self._dossier(Actor(name))
            assert model.dossier(dossier) == real.dossier(dossier)
            assert model.dossier_cards(dossier) == real.dossier_cards(dossier)
        for secret in SECRETS:
            assert model.nullified_at(keccak256(secret)) == real.nullified_at(keccak256(secret))

    def _dossier(self, owner: Actor) -> bytes:
        return dossier_id(31337, self.contracts.dossier_registry, owner.account, sha256(b"salt"))

    def _card(self, subject: bytes, seq: int, previous: bytes, below: int, skip: bool) -> KeyCard | None:
        card = first_card(subject, self.evm.ledger("alice").head().time)
        if seq == 0:
            return None if skip else card
        number = seq + (2 if skip else 1)
        return replace(card, seq=number, previous=previous, revoked_below=min(below, number))


def outcome(step: Callable[[Ledger], TxRef], ledger: Ledger) -> Any:
    """How a step went, without its hashes."""
    try:
        step(ledger)
    except OneFileError as fault:
        return type(fault).__name__, fault.code
    return "done"


def test_the_contracts_and_the_ledger_in_memory_agree(local_chain: LocalChain, request: pytest.FixtureRequest) -> None:
    machine = type("Machine", (Agreement,), {"chain": local_chain})
    thorough = request.config.getoption("verbose") > 2
    run_state_machine_as_test(  # type: ignore[no-untyped-call]  # Hypothesis leaves it untyped
        machine,
        settings=settings(
            max_examples=40 if thorough else 6,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
