"""Every EIP-712 message on a real EVM: the contracts' own digests are ours, and they take what strangers signed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from eth_utils import to_checksum_address

from protocol.dossier_messages import (
    BumpEpoch,
    FreezeDossier,
    OpenDossier,
    RecoverDossier,
    RotateDossier,
    SetGuardians,
    VetoRecovery,
)
from protocol.eip712 import Typed, typed_data
from protocol.encoding import hex0x, unhex0x
from protocol.grant import AccessGrant, ScopeItem
from protocol.guardians import GuardianSet
from protocol.hashing import ZERO32
from protocol.identifiers import agency_subject, dossier_id
from protocol.keycard import KeyCard
from protocol.mandate import Mandate
from tests.contracts.evm import GENESIS, Refusal, actor
from tests.grant_samples import ALICE, BANK, BOB, a_grant, b32
from tests.interop.conftest import Deployed
from tests.interop.eip712_programs import abi_tuple, cast_sign, cast_value, metamask, struct
from tests.interop.programs import cast
from tests.interop.typed_samples import MANDATE, NAMES, SAMPLES, classes

# Which contract hashes a type: a new type has no row, and fails here until somebody has thought of it.
PLACES: dict[type[Typed], tuple[str, ...]] = {
    OpenDossier: ("DossierRegistry",),
    RotateDossier: ("DossierRegistry",),
    BumpEpoch: ("DossierRegistry",),
    SetGuardians: ("DossierRegistry",),
    FreezeDossier: ("DossierRegistry",),
    RecoverDossier: ("DossierRegistry",),
    VetoRecovery: ("DossierRegistry",),
    KeyCard: ("DossierRegistry", "AgencyRegistry"),
    AccessGrant: ("GrantRegistry",),
    Mandate: ("GrantRegistry",),
    ScopeItem: ("GrantRegistry",),
}
NOW = GENESIS + 10_000
GUARDIANS = GuardianSet.of(b32(14), [BANK.address])
RELAYER = actor("relayer")


def test_every_message_that_protocol_defines_has_a_contract_that_hashes_it() -> None:
    assert set(PLACES) == classes()


def refused_digest(deployed: Deployed, call: Any) -> bytes:
    """The digest that a contract says nobody signed: the one that it made itself."""
    refusal: Refusal = deployed.chain.refusal(call, RELAYER, NOW)
    assert refusal.name == "SignatureInvalid", refusal
    digest: bytes = refusal.args[0]
    return digest


def of_guardians(deployed: Deployed, message: Typed, guarded: bytes, recovering: bytes) -> tuple[Typed, bytes]:
    """A message of guardians or about them, and the contract's digest of it."""
    functions, wrong = deployed.contracts["DossierRegistry"].functions, ALICE.sign(bytes(32))
    asked: Typed
    if isinstance(message, FreezeDossier):
        asked = replace(message, dossier=guarded, guardian=BANK.address, nonce=0)
        call = functions.freeze(struct(asked), GUARDIANS.salt, [to_checksum_address(BANK.address)], wrong)
    elif isinstance(message, RecoverDossier):
        asked = replace(message, dossier=guarded, nonce=0)
        call = functions.proposeRecovery(struct(asked), GUARDIANS.salt, [to_checksum_address(BANK.address)], [wrong])
    else:
        assert isinstance(message, VetoRecovery)
        asked = replace(message, dossier=recovering, recovery=0, nonce=1)
        call = functions.vetoRecovery(struct(asked), wrong)
    return asked, refused_digest(deployed, call)


def on_chain(deployed: Deployed, contract: str, message: Typed, dossier: bytes) -> tuple[Typed, bytes]:
    """The message that was asked about (a dossier's must be of one that is there), and the contract's digest of it."""
    functions = deployed.contracts[contract].functions
    if isinstance(message, KeyCard):
        return message, functions.hashKeyCard(struct(message)).call()
    if isinstance(message, AccessGrant):
        return message, functions.hashGrant(struct(message)).call()
    if isinstance(message, Mandate):
        return message, functions.hashMandate(struct(message)).call()
    if isinstance(message, ScopeItem):  # has no digest of its own on chain
        message = a_grant(scope=(message,))
        return message, functions.hashGrant(struct(message)).call()
    wrong = ALICE.sign(bytes(32))
    if isinstance(message, OpenDossier):
        domain = deployed.domain(contract)
        subject = dossier_id(domain.chain_id, domain.verifying_contract, message.owner, message.salt)
        card = KeyCard(subject, 1, b32(6), b32(7), NOW, 0, ZERO32)
        return message, refused_digest(deployed, functions.open(struct(message), wrong, struct(card), wrong))
    assert isinstance(message, RotateDossier | BumpEpoch | SetGuardians)
    message = replace(message, dossier=dossier, nonce=0)
    calls = {RotateDossier: functions.rotate, BumpEpoch: functions.bumpEpoch, SetGuardians: functions.setGuardians}
    return message, refused_digest(deployed, calls[type(message)](struct(message), wrong))


def opened(deployed: Deployed, salt: bytes) -> bytes:
    """A dossier opened by signatures that MetaMask's and eth-account's code made from our JSON."""
    domain = deployed.domain("DossierRegistry")
    opening = OpenDossier(ALICE.address, BOB.address, salt, NOW + 99)
    ident = dossier_id(domain.chain_id, domain.verifying_contract, ALICE.address, salt)
    card = KeyCard(ident, 1, b32(6), b32(7), NOW, 0, ZERO32)
    by_metamask = unhex0x(metamask([(opening, domain, ALICE)])[0]["metamask"]["signature"])
    call = deployed.contracts["DossierRegistry"].functions.open
    deployed.chain.send(call(struct(opening), by_metamask, struct(card), cast_sign(card, domain, BOB)), RELAYER, NOW)
    return ident


@pytest.fixture(scope="module")
def dossier(deployed: Deployed) -> bytes:
    return opened(deployed, b32(5))


def with_guardians(deployed: Deployed, salt: bytes) -> bytes:
    """A dossier whose one guardian is the bank, named by a signature of MetaMask's code."""
    domain, ident = deployed.domain("DossierRegistry"), opened(deployed, salt)
    naming = SetGuardians(ident, GUARDIANS.hash, 1, 86_400, 0, NOW + 99)
    by_metamask = unhex0x(metamask([(naming, domain, ALICE)])[0]["metamask"]["signature"])
    call = deployed.contracts["DossierRegistry"].functions.setGuardians
    deployed.chain.send(call(struct(naming), by_metamask), RELAYER, NOW)
    return ident


@pytest.fixture(scope="module")
def guarded(deployed: Deployed) -> bytes:
    return with_guardians(deployed, b32(15))


@pytest.fixture(scope="module")
def recovering(deployed: Deployed) -> bytes:
    """A dossier with a recovery that waits, carried by a signature that cast made."""
    ident = with_guardians(deployed, b32(16))
    message = RecoverDossier(ident, BOB.address, BOB.address, by_all=False, nonce=0, deadline=NOW + 99)
    signature = cast_sign(message, deployed.domain("DossierRegistry"), BANK)
    call = deployed.contracts["DossierRegistry"].functions.proposeRecovery
    accounts = [to_checksum_address(BANK.address)]
    deployed.chain.send(call(struct(message), GUARDIANS.salt, accounts, [signature]), RELAYER, NOW)
    return ident


@pytest.mark.parametrize("number", range(len(SAMPLES)), ids=NAMES)
def test_the_contracts_come_to_our_digest(
    deployed: Deployed, dossier: bytes, guarded: bytes, recovering: bytes, number: int
) -> None:
    for contract in PLACES[type(SAMPLES[number])]:
        if isinstance(SAMPLES[number], FreezeDossier | RecoverDossier | VetoRecovery):
            message, digest = of_guardians(deployed, SAMPLES[number], guarded, recovering)
        else:
            message, digest = on_chain(deployed, contract, SAMPLES[number], dossier)
        assert digest == message.digest(deployed.domain(contract))


@pytest.mark.parametrize("contract", sorted({name for names in PLACES.values() for name in names}))
def test_a_contract_says_the_domain_that_we_hash_for_it(deployed: Deployed, contract: str) -> None:
    _, name, version, chain_id, at, salt, extensions = deployed.contracts[contract].functions.eip712Domain().call()
    said = {"name": name, "version": version, "chainId": chain_id, "verifyingContract": at.lower()}
    assert said == deployed.domain(contract).to_json()
    assert (salt, extensions) == (ZERO32, [])


def test_cast_reads_our_digest_from_the_contract(deployed: Deployed) -> None:
    card = KeyCard(b32(1), 2, b32(2), b32(3), 1_800_000_000, 1, b32(4))
    for contract, function, message in (
        ("AgencyRegistry", "hashKeyCard", card), ("DossierRegistry", "hashKeyCard", card),
        ("GrantRegistry", "hashMandate", MANDATE), ("GrantRegistry", "hashGrant", a_grant()),
    ):  # fmt: skip
        signature = f"{function}({abi_tuple(type(message))})(bytes32)"
        at, url = deployed.contracts[contract].address, deployed.chain.w3.provider.endpoint_uri
        digest = cast("call", "--rpc-url", url, at, signature, cast_value(message))
        assert digest == hex0x(message.digest(deployed.domain(contract)))


def test_a_dossier_and_an_agency_live_through_messages_that_strangers_signed(
    deployed: Deployed, dossier: bytes
) -> None:
    from eth_account import Account as EthAccount

    chain, domain = deployed.chain, deployed.domain("DossierRegistry")
    functions = deployed.contracts["DossierRegistry"].functions
    bump = BumpEpoch(dossier, 0, NOW + 99)
    chain.send(functions.bumpEpoch(struct(bump), cast_sign(bump, domain, BOB)), RELAYER, NOW + 1)
    rotate = RotateDossier(dossier, BANK.address, ALICE.address, 1, NOW + 99)
    theirs = EthAccount.sign_typed_data(ALICE.key.secret, full_message=typed_data(rotate, domain))
    chain.send(functions.rotate(struct(rotate), bytes(theirs.signature)), RELAYER, NOW + 2)
    grant = a_grant(grantor=ALICE.address)
    grants = deployed.domain("GrantRegistry")
    by_metamask = unhex0x(metamask([(grant, grants, ALICE)])[0]["metamask"]["signature"])
    chain.send(functions.attest(dossier, grant.digest(grants), by_metamask), RELAYER, NOW + 3)
    state = functions.getDossier(dossier).call()
    assert (state[0].lower(), state[2].lower()) == (hex0x(BANK.address), hex0x(ALICE.address))
    assert functions.attestedAt(dossier, grant.digest(grants)).call() == NOW + 3

    agencies, place = deployed.contracts["AgencyRegistry"].functions, deployed.domain("AgencyRegistry")
    account = to_checksum_address(BANK.address)
    chain.send(agencies.admit(account, "bank", "bank"), actor("governor"), NOW + 4)
    card = KeyCard(agency_subject(BANK.address), 1, b32(6), b32(7), NOW, 0, ZERO32)
    signed = EthAccount.sign_typed_data(BANK.key.secret, full_message=typed_data(card, place))
    chain.send(agencies.publishCard(struct(card), bytes(signed.signature)), RELAYER, NOW + 5)
    assert agencies.getAgency(account).call()
