"""A chain of our own for one run: Anvil on a free port, our contracts on it, and web3.py to it."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_account import Account
from web3 import HTTPProvider, Web3
from web3.contract import Contract
from web3.middleware import SignAndSendRawMiddlewareBuilder

from bench.node import contracts
from chain.deploy import deploy
from chain.deployment import Deployment
from chain.devnet import HISTORY, find_anvil, fund
from chain.ethereum import EthereumLedger, connect
from chain.signer import TxSigner
from scripts.processes import Children, free_port, listening

ETHER = 100_000
HARDFORK = "prague"  # the calldata floor of EIP-7623 counts


@dataclass(slots=True)
class LocalChain:
    """``folder`` is a temporary folder that ends with the chain."""

    url: str
    folder: Path
    children: Children
    governor: TxSigner
    deployment: Deployment

    def signer(self) -> TxSigner:
        """A fresh account with ether."""
        signer = TxSigner(secrets.token_bytes(32))
        fund(self.url, signer.account, ETHER)
        return signer

    def ledger(self, signer: TxSigner) -> EthereumLedger:
        """Our contracts, written to from ``signer``'s account."""
        return connect(self.deployment, self.url, signer)

    def web3(self) -> Web3:
        """web3.py with a funded account of its own, which signs here."""
        key = secrets.token_bytes(32)
        account = Account.from_key(key)
        fund(self.url, bytes.fromhex(account.address[2:]), ETHER)
        w3 = Web3(HTTPProvider(self.url, request_kwargs={"timeout": 60}))
        w3.middleware_onion.inject(SignAndSendRawMiddlewareBuilder.build(account), layer=0)
        w3.eth.default_account = account.address
        return w3


@contextmanager
def local_chain(*anvil_options: str) -> Iterator[LocalChain]:
    """Anvil that makes a block for each transaction, with our contracts deployed."""
    with tempfile.TemporaryDirectory(prefix="onefile-bench-") as name:
        folder, port = Path(name), free_port()
        with Children(folder / "logs") as children:
            command = [str(find_anvil()), "--port", str(port), "--hardfork", HARDFORK, "--chain-id", "31337"]
            command += [
                "--accounts",
                "0",
                "--no-request-size-limit",
                "--prune-history",
                str(HISTORY),
                "--quiet",
                *anvil_options,
            ]
            child = children.start("anvil", command, dict(os.environ))
            child.wait_ready(lambda: listening(port))
            url = f"http://127.0.0.1:{port}"
            governor = TxSigner(secrets.token_bytes(32))
            fund(url, governor.account, ETHER)
            deployment, _ = deploy(url, governor, folder / "deployment.json")
            yield LocalChain(url, folder, children, governor, deployment)


def deployed(w3: Web3, name: str, *arguments: Any) -> Contract:
    """One of the contracts of others, deployed by web3.py as its package ships it."""
    found = contracts()["contracts"][name]
    maker = w3.eth.contract(abi=found["abi"], bytecode=found["bytecode"])
    receipt = w3.eth.wait_for_transaction_receipt(maker.constructor(*arguments).transact(), poll_latency=0.01)
    address = receipt["contractAddress"]
    assert address is not None
    return w3.eth.contract(address=address, abi=found["abi"])
