"""The ledger on an EVM chain: `connect` to any JSON-RPC endpoint, or `connect_quorum` and `connect_all` to several.

    ledger = connect(read_deployment(path), "http://127.0.0.1:8545", TxSigner.from_file(key))

web3 is imported when the first transaction is sent (over a second). Nothing is asked before the first call; then
the endpoint must show the deployment's chain id and block.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

from chain.deployment import Deployment
from chain.endpoint import ANSWER_TIMEOUT_S, Endpoint
from chain.ethereum_reads import EthereumReads, check_chain
from chain.ethereum_writes import EthereumLedger, QuorumLedger
from chain.failover import Failover
from chain.fees import FeePolicy
from chain.journal import Journal
from chain.ledger import Ledger, LedgerReads
from chain.node import Node
from chain.quorum import QuorumReads
from chain.sender import INCLUSION_TIMEOUT_S, Sender
from chain.signer import TxSigner
from chain.witnesses import Witnesses

__all__ = ["EthereumLedger", "EthereumReads", "QuorumLedger", "connect", "connect_all", "connect_quorum"]


@overload
def connect(
    deployment: Deployment,
    url: str,
    signer: None = None,
    *,
    answer_timeout_s: float = ANSWER_TIMEOUT_S,
    inclusion_timeout_s: float = INCLUSION_TIMEOUT_S,
) -> EthereumReads: ...


@overload
def connect(
    deployment: Deployment,
    url: str,
    signer: TxSigner,
    *,
    answer_timeout_s: float = ANSWER_TIMEOUT_S,
    inclusion_timeout_s: float = INCLUSION_TIMEOUT_S,
) -> EthereumLedger: ...


def connect(
    deployment: Deployment,
    url: str,
    signer: TxSigner | None = None,
    *,
    answer_timeout_s: float = ANSWER_TIMEOUT_S,
    inclusion_timeout_s: float = INCLUSION_TIMEOUT_S,
) -> EthereumReads | EthereumLedger:
    """The ledger of `deployment` at `url`: to read only, or with a signer to write from its account."""
    node = Node.at(url, timeout_s=answer_timeout_s)
    if signer is None:
        return EthereumReads(node, deployment)
    sender = Sender(node, signer, deployment.chain_id, inclusion_timeout_s=inclusion_timeout_s)
    return EthereumLedger(node, deployment, sender)


def connect_all(
    deployment: Deployment,
    urls: Sequence[str],
    quorum: int,
    signer: TxSigner,
    *,
    journal: Journal | None = None,
    policy: FeePolicy | None = None,
    answer_timeout_s: float = ANSWER_TIMEOUT_S,
    inclusion_timeout_s: float = INCLUSION_TIMEOUT_S,
) -> EthereumLedger | QuorumLedger:
    """A ledger to read and to write over all these endpoints: `quorum` of them must agree on what is read, also on
    whether a transaction is in a block; what is written goes to one of them, and to the next when it fails."""
    nodes = [Node.at(url, timeout_s=answer_timeout_s) for url in urls]
    if len(nodes) == 1 and quorum == 1:
        sender = Sender(
            nodes[0],
            signer,
            deployment.chain_id,
            journal=journal,
            policy=policy,
            inclusion_timeout_s=inclusion_timeout_s,
        )
        return EthereumLedger(nodes[0], deployment, sender)
    endpoints = [Endpoint(url, timeout_s=answer_timeout_s) for url in urls]
    writes = Failover(endpoints, lambda node: check_chain(node, deployment))
    sender = Sender(
        Node(writes),
        signer,
        deployment.chain_id,
        journal=journal,
        policy=policy,
        receipt=Witnesses(nodes, quorum).receipt,
        inclusion_timeout_s=inclusion_timeout_s,
    )
    return QuorumLedger([EthereumReads(node, deployment) for node in nodes], quorum, writes, sender)


def connect_quorum(
    deployment: Deployment, urls: Sequence[str], quorum: int, *, answer_timeout_s: float = ANSWER_TIMEOUT_S
) -> EthereumReads | QuorumReads:
    """A ledger to read, on which `quorum` of the endpoints must agree (`chain.quorum`); one endpoint stands alone."""
    if len(urls) == 1 and quorum == 1:
        return connect(deployment, urls[0], answer_timeout_s=answer_timeout_s)
    ledgers = [connect(deployment, url, answer_timeout_s=answer_timeout_s) for url in urls]
    return QuorumReads(ledgers, quorum)


if TYPE_CHECKING:
    _READS: type[LedgerReads] = EthereumReads
    _PORT: type[Ledger] = EthereumLedger
    _MANY: type[Ledger] = QuorumLedger
