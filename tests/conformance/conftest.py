"""The ledgers that the conformance suite runs over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chain_fixture import LocalChain, local_chain
from tests.chain_stage import EvmStage, MemoryStage, Stage

__all__ = ["local_chain"]


@pytest.fixture(params=["memory", "ethereum"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """A fresh deployment on each kind of ledger."""
    if request.param == "memory":
        yield MemoryStage()
        return
    chain: LocalChain = request.getfixturevalue("local_chain")
    evm = EvmStage(chain)
    yield evm
    evm.close()
