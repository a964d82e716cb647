from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from web3.contract import Contract

from chain.compile import compile_contracts, compile_sources, load_artifact
from tests.contracts.evm import PROJECT, Chain, actor, running_anvil
from tests.contracts.logs import CHECKPOINT, ENTRIES, OWNER, PUBLISHER, TREE, origin_hash, vkey
from tests.contracts.messages import Signing

ACTORS = ("deployer", "governor", "owner", "controller", "agency", "publisher", "log owner", "stranger", "relayer")


@pytest.fixture(scope="session")
def chain() -> Iterator[Chain]:
    with running_anvil() as running:
        for name in ACTORS:
            running.rpc("anvil_setBalance", actor(name).address, hex(10**24))
        yield running


@pytest.fixture(scope="session")
def _deployed(chain: Chain) -> dict[str, Contract]:
    governor = {"AgencyRegistry": (actor("governor").address,)}
    artifacts = [load_artifact(name) for name in ("AgencyRegistry", "DossierRegistry", "GrantRegistry", "ArchiveLog")]
    return {a.name: chain.deploy(a.abi, a.creation, *governor.get(a.name, ())) for a in artifacts}


@pytest.fixture
def _fresh(chain: Chain, _deployed: dict[str, Contract]) -> Iterator[dict[str, Contract]]:
    """The deployed contracts as they were, whatever the last test did to them."""
    snapshot = chain.rpc("evm_snapshot")
    yield _deployed
    assert chain.rpc("evm_revert", snapshot)


@pytest.fixture
def agencies(_fresh: dict[str, Contract]) -> Contract:
    return _fresh["AgencyRegistry"]


@pytest.fixture
def dossiers(_fresh: dict[str, Contract]) -> Contract:
    return _fresh["DossierRegistry"]


@pytest.fixture
def grants(_fresh: dict[str, Contract]) -> Contract:
    return _fresh["GrantRegistry"]


@pytest.fixture
def archive(_fresh: dict[str, Contract]) -> Contract:
    return _fresh["ArchiveLog"]


@pytest.fixture
def signing(chain: Chain, dossiers: Contract, agencies: Contract) -> Signing:
    return Signing(chain.w3.eth.chain_id, dossiers.address, agencies.address)


@pytest.fixture(scope="session")
def helpers() -> dict[str, Any]:
    """The compiled contracts of tests/contracts/solidity, by name."""
    output = compile_sources(PROJECT, PROJECT / "tests/contracts/solidity")
    return {name: found for contracts in output.values() for name, found in contracts.items()}


@pytest.fixture(scope="session")
def recompiled() -> dict[str, Any]:
    return dict(compile_contracts())


@pytest.fixture(scope="session")
def harness(chain: Chain, helpers: dict[str, Any]) -> Contract:
    """The proof library by itself. Deployed before any snapshot is taken (session scope)."""
    found = helpers["ProofHarness"]
    return chain.deploy(found["abi"], bytes.fromhex(found["evm"]["bytecode"]["object"]))


@pytest.fixture
def deploy(chain: Chain, helpers: dict[str, Any], _fresh: dict[str, Contract]) -> Callable[..., Contract]:
    """Deploy one of the test accounts of tests/contracts/solidity/Accounts.sol."""

    def deploy_one(name: str, *args: Any) -> Contract:
        found = helpers[name]
        return chain.deploy(found["abi"], bytes.fromhex(found["evm"]["bytecode"]["object"]), *args)

    return deploy_one


@pytest.fixture
def origin(chain: Chain, archive: Contract) -> bytes:
    """An open log "main" over ENTRIES[0]."""
    chain.send(archive.functions.open("main", ENTRIES[0], vkey(archive), PUBLISHER.address), OWNER)
    return origin_hash(archive)


@pytest.fixture
def to(archive: Contract, origin: bytes) -> Callable[..., Any]:
    """The call that anchors size n of TREE from size m."""

    def call(m: int, n: int) -> Any:
        return archive.functions.anchor(origin, n, TREE.root(n), CHECKPOINT, TREE.consistency(m, n))

    return call
