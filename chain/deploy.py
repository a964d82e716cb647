"""Puts the four contracts on a chain and records where; opens a log when somebody has its first entry."""

from __future__ import annotations

from pathlib import Path

from chain.codec import encode
from chain.compile import CONTRACTS, load_artifact
from chain.deployment import Deployment
from chain.files import read_deployment, write_deployment
from chain.ledger import Ledger
from chain.node import Node
from chain.sender import Sender
from chain.signer import TxSigner
from chain.values import Contracts
from protocol.encoding import hex0x
from protocol.entries import origin, origin_hash
from protocol.errors import Conflict


def deploy(url: str, governor: TxSigner, path: Path, *, renew: bool = False) -> tuple[Deployment, bool]:
    """The deployment recorded at `path`, made now if there is none; and whether it was made now.

    `governor` pays, and becomes the owner of the AgencyRegistry. `Conflict("deployment_elsewhere")` if the record
    is of contracts that are not on the chain at `url`, unless `renew` replaces it.
    """
    node = Node.at(url)
    try:
        if path.exists() and not renew:
            known = read_deployment(path)
            check_code(node, known)
            return known, False
        made = _deploy(node, governor)
    finally:
        node.close()
    write_deployment(path, made)
    return made, True


def check_code(node: Node, deployment: Deployment) -> None:
    """`Conflict("deployment_elsewhere")` unless the chain has our contracts where the deployment says."""
    chain_id = node.chain_id()
    block = node.block(deployment.deploy_block)
    same = chain_id == deployment.chain_id and block is not None and block.hash == deployment.deploy_block_hash
    for name, address in _by_name(deployment.contracts).items():
        if not same or not load_artifact(name).is_code_of(node.code(address)):
            raise Conflict(
                "deployment_elsewhere",
                "the recorded {contract} at {address} is not on this chain (id {chain}): is it another one?",
                contract=name,
                address=hex0x(address),
                chain=chain_id,
            )


def open_log(ledger: Ledger, path: Path, name: str, entry0: bytes, vkey: str, publisher: bytes) -> Deployment:
    """Open the log `name` and add it to the deployment recorded at `path`.

    May be repeated after a crash: a log that is open with the same verifier key is taken as it is.
    `Conflict("log_exists")` if it is open with another.
    """
    deployment = ledger.deployment
    text = origin(deployment.chain_id, deployment.contracts.archive_log, name)
    state = ledger.log_state(origin_hash(text))
    if state is None:
        ledger.open_log(name, entry0, vkey, publisher)
    elif state.vkey != vkey:
        raise Conflict("log_exists", "a log of this name is open already")
    recorded = deployment.with_log(text, vkey)
    write_deployment(path, recorded)
    return recorded


def _deploy(node: Node, governor: TxSigner) -> Deployment:
    chain_id = node.chain_id()
    sender = Sender(node, governor, chain_id)
    made = {}
    for name in CONTRACTS:
        arguments = encode(["address"], [governor.account]) if name == "AgencyRegistry" else b""
        made[name], ref = sender.create(load_artifact(name).creation + arguments)
        if name == CONTRACTS[0]:
            first = ref.block
    contracts = Contracts(
        agency_registry=made["AgencyRegistry"],
        dossier_registry=made["DossierRegistry"],
        grant_registry=made["GrantRegistry"],
        archive_log=made["ArchiveLog"],
    )
    return Deployment(chain_id, contracts, first.number, first.hash)


def _by_name(contracts: Contracts) -> dict[str, bytes]:
    return {
        "AgencyRegistry": contracts.agency_registry,
        "DossierRegistry": contracts.dossier_registry,
        "GrantRegistry": contracts.grant_registry,
        "ArchiveLog": contracts.archive_log,
    }
