"""The ledger on an EVM chain: `connect` to any JSON-RPC endpoint, or `connect_quorum` to several.

    ledger = connect(read_deployment(path), "http://127.0.0.1:8545", TxSigner.from_file(key))

web3 is imported when the first transaction is sent (over a second). Nothing is asked before the first call; then
the endpoint must show the deployment's chain id and block.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

from chain.deployment import Deployment
from chain.endpoint import ANSWER_TIMEOUT_S
from chain.ethereum_reads import EthereumReads
from chain.ethereum_writes import EthereumLedger
from chain.ledger import Ledger, LedgerReads
from chain.node import Node
from chain.quorum import QuorumReads
from chain.sender import INCLUSION_TIMEOUT_S, Sender
from chain.signer import TxSigner

__all__ = ["EthereumLedger", "EthereumReads", "connect", "connect_quorum"]


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
