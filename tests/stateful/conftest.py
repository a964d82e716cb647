"""The session's local chain, for machines that compare it with the ledger in memory."""

from __future__ import annotations

from tests.chain_fixture import local_chain

__all__ = ["local_chain"]
