"""One local chain for a whole test session, with as many fresh deployments on it as tests want.

A test folder uses it by a conftest.py of two lines:

    from tests.chain_fixture import local_chain
    __all__ = ["local_chain"]

The chain's clock may run ahead of the machine's, since tests advance it: take times from `head().time`.
"""

from __future__ import annotations

import hashlib
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

import pytest

from chain.deploy import deploy
from chain.deployment import Deployment
from chain.devnet import Devnet, find_anvil, fresh_state_folder
from chain.ethereum import EthereumLedger, connect
from chain.signer import TxSigner
from protocol.errors import Unavailable
from tests.strangers import need_path

_shared: list[LocalChain] = []


def signer(name: str) -> TxSigner:
    """The account of that name: the same in every run."""
    return TxSigner(hashlib.sha256(b"onefile chain test account " + name.encode()).digest())


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class LocalChain:
    """A running anvil and a folder that goes with it."""

    devnet: Devnet
    folder: Path

    @property
    def url(self) -> str:
        return self.devnet.url

    def deployed(self, governor: str = "governor") -> tuple[Deployment, Path]:
        """Our contracts, deployed anew by an account of that name; and the record of it."""
        path = fresh_state_folder() / "deployment.json"
        self._folders.append(path.parent)
        return deploy(self.url, self.funded(governor), path)[0], path

    def funded(self, name: str) -> TxSigner:
        """The account of that name, with ether."""
        one = signer(name)
        self.devnet.fund(one.account, 1_000)
        return one

    def ledger(self, deployment: Deployment, name: str, *, inclusion_timeout_s: float = 10.0) -> EthereumLedger:
        """The deployment for whoever sends from the account of that name."""
        return connect(deployment, self.url, self.funded(name), inclusion_timeout_s=inclusion_timeout_s)

    def advance(self, seconds: int) -> None:
        """Let blocks be later from now on."""
        self.devnet.rpc("evm_increaseTime", [seconds])
        self.devnet.mine()

    def __post_init__(self) -> None:
        self._folders = [self.folder]

    def end(self) -> None:
        """Nothing of it is kept."""
        self.devnet.kill()
        self.devnet.stop()
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)


def start_chain() -> LocalChain:
    """A chain of its own; the caller ends it."""
    try:
        find_anvil()
    except Unavailable:
        need_path(Path("node_modules/.bin/anvil"), "anvil")
    folder = fresh_state_folder()
    devnet = Devnet(folder, port=free_port())
    devnet.start()
    return LocalChain(devnet, folder)


@pytest.fixture(scope="session")
def local_chain(request: pytest.FixtureRequest) -> LocalChain:
    """The session's chain. Started at first use, ended with the session, whichever folder asks."""
    if not _shared:
        _shared.append(start_chain())
        request.config.add_cleanup(lambda: _shared.pop().end())
    return _shared[0]
