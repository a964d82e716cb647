"""The session's local chain, for programs that want one, and the `chain` program in this process."""

from __future__ import annotations

from tests.chain_fixture import local_chain
from tests.e2e.chain_runs import home, run

__all__ = ["home", "local_chain", "run"]
