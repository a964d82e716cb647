"""Puts the four contracts on a chain and records where. Who keeps a log opens it (`LedgerWrites.open_log`)."""

from __future__ import annotations

from pathlib import Path

from chain.codec import encode
from chain.compile import CONTRACTS, load_artifact
from chain.deployment import Contracts, Deployment
from chain.files import read_deployment, write_deployment
from chain.node import Node
from chain.sender import Sender
from chain.signer import TxSigner
from protocol.encoding import hex0x
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
