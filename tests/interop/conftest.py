"""The contracts on a chain of their own, for strangers to ask."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from web3.contract import Contract

from chain.compile import load_artifact
from protocol.eip712 import Domain
from protocol.encoding import unhex0x
from tests.contracts.evm import Chain, actor, running_anvil

REGISTRIES = ("AgencyRegistry", "DossierRegistry", "GrantRegistry")


@dataclass(frozen=True)
class Deployed:
    """The three registries."""

    chain: Chain
    contracts: dict[str, Contract]

    def domain(self, name: str) -> Domain:
        return Domain(self.chain.w3.eth.chain_id, unhex0x(self.contracts[name].address.lower(), length=20))


@pytest.fixture(scope="module")
def deployed() -> Iterator[Deployed]:
    with running_anvil() as chain:
        for name in ("deployer", "governor", "relayer"):
            chain.rpc("anvil_setBalance", actor(name).address, hex(10**24))
        governor = {"AgencyRegistry": (actor("governor").address,)}
        artifacts = [load_artifact(name) for name in REGISTRIES]
        contracts = {a.name: chain.deploy(a.abi, a.creation, *governor.get(a.name, ())) for a in artifacts}
        yield Deployed(chain, contracts)
