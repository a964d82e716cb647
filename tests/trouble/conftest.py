"""The session's local chain."""

from __future__ import annotations

from tests.chain_fixture import local_chain

__all__ = ["local_chain"]
