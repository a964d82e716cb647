"""What protocol/ computes is what the contracts compute: digests, ids, signatures and Merkle proofs."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from eth_utils import to_checksum_address
from web3.contract import Contract

from protocol import merkle
from protocol.dossier_messages import (
    BumpEpoch,
    FreezeDossier,
    OpenDossier,
    RecoverDossier,
    RotateDossier,
    SetGuardians,
    VetoRecovery,
)
from protocol.eip712 import Domain, Typed
from protocol.encoding import unhex0x
from protocol.hashing import ZERO32
from protocol.identifiers import dossier_id
from protocol.keycard import KeyCard
from protocol.mandate import Mandate
from tests.contracts.evm import ACCEPTED, GENESIS, Chain, actor
from tests.contracts.logs import open_log
from tests.contracts.messages import type_strings
from tests.grant_samples import ALICE, BOB, a_grant, a_scope, b32

NOW = GENESIS + 10_000
RELAYER = actor("relayer")
GRANTS = [
    a_grant(),
    a_grant(scope=(a_scope(claims=()), a_scope(item=b32(3), documents=()), a_scope(item=b32(4)))),
    a_grant(purpose="小额贷款", mandate=b32(8), officer_class=b32(9), min_interval_s=60),
]


def domain_of(chain: Chain, contract: Contract) -> Domain:
    return Domain(chain.w3.eth.chain_id, unhex0x(contract.address.lower(), length=20))


def struct(message: Typed) -> tuple[Any, ...]:
    """A message as web3 takes a struct."""
    return tuple(_member(value) for value in message.values())


def _member(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_member(one) for one in value]
    if isinstance(value, Typed):
        return struct(value)
    return to_checksum_address(value) if isinstance(value, bytes) and len(value) == 20 else value


@pytest.mark.parametrize("grant", GRANTS)
def test_the_contract_hashes_our_grants_as_we_do(chain: Chain, grants: Contract, grant: Typed) -> None:
    assert grants.functions.hashGrant(struct(grant)).call() == grant.digest(domain_of(chain, grants))


@pytest.mark.parametrize("scenarios", [(), (b32(1), b32(2))])
def test_the_contract_hashes_our_mandates_as_we_do(
    chain: Chain, grants: Contract, scenarios: tuple[bytes, ...]
) -> None:
    mandate = Mandate(b32(1), b32(2), b32(3), 1, BOB.address, 15, scenarios, 3, 1, 2, ZERO32, 0, b32(4))
    assert grants.functions.hashMandate(struct(mandate)).call() == mandate.digest(domain_of(chain, grants))


def test_our_type_strings_are_the_published_ones() -> None:
    of_guardians = (SetGuardians, FreezeDossier, RecoverDossier, VetoRecovery)
    own = (OpenDossier, RotateDossier, BumpEpoch, KeyCard, Mandate, *of_guardians)
    kinds = {kind.TYPE.name: kind.TYPE for kind in own}
    kinds |= {"AccessGrant": GRANTS[0].TYPE, "ScopeItem": a_scope().TYPE}
    assert {name: kind.type_string for name, kind in kinds.items()} == type_strings()


def test_a_dossier_lives_through_our_messages(chain: Chain, dossiers: Contract) -> None:
    domain, f = domain_of(chain, dossiers), dossiers.functions
    opening = OpenDossier(ALICE.address, BOB.address, b32(5), NOW + 99)
    dossier = dossier_id(domain.chain_id, domain.verifying_contract, ALICE.address, b32(5))
    card = KeyCard(dossier, 1, b32(6), b32(7), NOW, 0, ZERO32)
    signed = ALICE.sign(opening.digest(domain)), BOB.sign(card.digest(domain))
    chain.send(f.open(struct(opening), signed[0], struct(card), signed[1]), RELAYER, NOW)

    second = KeyCard(dossier, 2, b32(8), b32(9), NOW, 1, card.digest(domain))
    chain.send(f.publishCard(struct(second), BOB.sign(second.digest(domain))), RELAYER, NOW + 1)
    bump = BumpEpoch(dossier, 0, NOW + 99)
    chain.send(f.bumpEpoch(struct(bump), BOB.sign(bump.digest(domain))), RELAYER, NOW + 2)
    rotate = RotateDossier(dossier, BOB.address, ALICE.address, 1, NOW + 99)
    chain.send(f.rotate(struct(rotate), ALICE.sign(rotate.digest(domain))), RELAYER, NOW + 3)

    hashes = second.digest(domain), 2, NOW, 1
    accounts = to_checksum_address(BOB.address), 2, to_checksum_address(ALICE.address), 2
    assert tuple(f.getDossier(dossier).call()) == (*accounts, *hashes, 0)


def test_the_log_takes_the_proofs_that_we_build(chain: Chain, archive: Contract) -> None:
    entries = [b"entry %d" % i for i in range(120)]
    levels = merkle.tree_levels(merkle.leaf_hashes(entries))

    def node(level: int, index: int) -> bytes:
        return levels[level][index]

    def root(size: int) -> bytes:
        return merkle.root(merkle.leaf_hashes(entries[:size]))

    origin, size = open_log(chain, archive, "ours", entries[0]), 1
    for new in (2, 5, 8, 9, 31, 64, 65, 100, 119, 120):
        proof = merkle.consistency_proof(size, new, node)
        checkpoint = hashlib.sha256(b"%d" % new).digest()
        chain.send(archive.functions.anchor(origin, new, root(new), checkpoint, proof), actor("publisher"))
        size = new
    for index in (0, 1, 63, 64, 118, 119):
        proof = merkle.inclusion_proof(index, size, node)
        call = archive.functions.verifyInclusion(origin, index, entries[index], proof)
        assert chain.refusal(call, RELAYER) == ACCEPTED
